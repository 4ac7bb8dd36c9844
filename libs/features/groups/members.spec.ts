import { describe, expect, it } from 'vitest';
import { Leases } from '#libs/core/groups';
import { type GroupMember, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, SkippingClock } from '#libs/core/log/testing';
import { type AccessObject, Authorizer, type Principal } from '#libs/platform/auth';
import { GroupsService } from './groups.service.js';

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
