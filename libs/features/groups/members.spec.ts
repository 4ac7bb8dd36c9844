import { describe, expect, it } from 'vitest';
import { Leases } from '#libs/core/groups';
import { encodeBatch, type GroupMember, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, SkippingClock } from '#libs/core/log/testing';
import { type AccessObject, Authorizer, type Principal } from '#libs/platform/auth';
import { GroupsService } from './groups.service.js';
import { TopicGroupsService } from './topic-groups.service.js';

/** Everything may be read but what is called secret. */
class NoSecrets extends Authorizer {
  allows(_principal: Principal, _action: string, object: AccessObject): boolean {
    return object.name !== 'secret';
  }
  demand(): void {}
}

const READER: Principal = { id: 'p', roles: [] };

async function agreed(member: GroupMember): Promise<void> {
  while ((await member.poll(50)).phase !== 'stable');
}

describe('a group with members, over REST', () => {
  it('shows state, generation, strategy and who reads what, by logical names and as far as it may be seen', async () => {
    const clock = new SkippingClock();
    const engine = new MemoryLogEngine({ clock });
    const directories = new TopicDirectories(new OneCluster(engine), new MemoryTopicNames(), clock);
    const leases = new Leases({ directories, clock, nonce: () => 'n' });
    const groups = new GroupsService(directories, new NoSecrets(), clock, leases);
    for (const name of ['orders', 'secret']) await engine.createTopic({ name, partitions: 1 });
    await engine.createTopic({ name: 'moved--g2', partitions: 1 });
    const topics = ['orders', 'secret', 'moved--g2'];
    const options = { topics, strategies: ['range' as const], startAt: 'earliest' as const };
    const member = await engine.joinGroup('g', { ...options, clientId: 'shop', host: '10.0.0.7' });
    await agreed(member);
    expect(await groups.describe(undefined, 'g', READER)).toMatchObject({
      state: 'STABLE',
      generation: 1,
      strategy: 'range',
      members: [
        {
          memberId: member.memberId,
          instanceId: null,
          clientId: 'shop',
          host: '10.0.0.7',
          assignment: [
            { topic: 'moved', generation: 2, partition: 0 },
            { topic: 'orders', generation: 1, partition: 0 },
          ],
        },
      ],
    });
    await engine.commitPositions('other', [{ topic: 'orders', partition: 0, offset: 0 }]);
    const list = async (state?: 'STABLE' | 'EMPTY') =>
      (await groups.list(undefined, { limit: 10, ...(state === undefined ? {} : { state }) }, READER)).items;
    expect(await list()).toEqual([
      { group: 'g', state: 'STABLE' },
      { group: 'other', state: 'EMPTY' },
    ]);
    expect(await list('STABLE')).toEqual([{ group: 'g', state: 'STABLE' }]);
    await member.leave();
    await expect(groups.describe(undefined, 'g', READER)).rejects.toMatchObject({ code: 'group-not-found' });
    await engine.close();
  });
});

describe('the groups of a topic, over REST', () => {
  it('are those that keep positions in it and may be read, with what they have not read, page by page', async () => {
    const clock = new SkippingClock();
    const engine = new MemoryLogEngine({ clock });
    const directories = new TopicDirectories(new OneCluster(engine), new MemoryTopicNames(), clock);
    const groups = new TopicGroupsService(directories, new NoSecrets(), clock);
    for (const name of ['orders', 'other']) await engine.createTopic({ name, partitions: 1 });
    const record = { key: null, value: Buffer.from('v'), headers: [], timestamp: clock.now() - 60_000 };
    for (let n = 0; n < 3; n++) await engine.append({ topic: 'orders', partition: 0 }, encodeBatch([record]));
    for (const [group, topic, offset] of [
      ['behind', 'orders', 1],
      ['done', 'orders', 3],
      ['elsewhere', 'other', 0],
      ['secret', 'orders', 0],
    ] as const)
      await engine.commitPositions(group, [{ topic, partition: 0, offset }]);
    const first = await groups.list(undefined, 'orders', { limit: 1 }, READER);
    expect(first.items).toMatchObject([{ group: 'behind', state: 'EMPTY', members: 0, lag: '2' }]);
    expect(first.items[0]!.lagSeconds).toBeGreaterThanOrEqual(60);
    const second = await groups.list(undefined, 'orders', { limit: 5, cursor: first.next! }, READER);
    expect(second).toEqual({
      items: [{ group: 'done', state: 'EMPTY', members: 0, lag: '0', lagSeconds: 0 }],
      next: null,
    });
    await expect(groups.list(undefined, 'none', { limit: 1 }, READER)).rejects.toMatchObject({
      code: 'topic-not-found',
    });
    await engine.close();
  });
});
