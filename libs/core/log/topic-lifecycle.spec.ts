import { beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { encodeBatch } from './batch-encoder.js';
import type { LogEngine } from './engine.js';
import { MemoryLogEngine, MemoryTopicNames, OneCluster } from './testing/index.js';
import { TopicDirectories } from './topic-directories.js';
import { UNGUARDED } from './topic-guard.js';
import type { TopicUser } from './topic-change-rules.js';
import { TopicLifecycle } from './topic-lifecycle.js';
import { TopicProducer } from './topic-producer.js';
import { StickyPartitions } from './partitioner.js';

const DAY = 86_400_000;
const batch = (): Buffer => encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 0 }]);

/** What is said of a topic of one record of which nothing is left. */
const GONE = { oldNameOf: null, records: 1, purgeAtMs: null };

/** Ends a task where a process would have died. */
class Killed extends Error {}

class World {
  readonly clock = new ManualClock();
  readonly engine: LogEngine = new MemoryLogEngine();
  readonly names = new MemoryTopicNames();
  readonly directories = new TopicDirectories(new OneCluster(this.engine), this.names, this.clock);
  readonly directory = this.directories.of();
  users: TopicUser[] = [];
  operation: { id: string; kind: string } | undefined;
  failPoint: (name: string) => void | Promise<void> = () => undefined;
  operationOn = (): Promise<{ id: string; kind: string } | undefined> => Promise.resolve(this.operation);

  /** What a new process would have. */
  lifecycle(deletedRetentionMs = 7 * DAY): TopicLifecycle {
    return new TopicLifecycle({
      directories: this.directories,
      names: this.names,
      clock: this.clock,
      deletedRetentionMs,
      use: {
        usersOf: () => Promise.resolve(this.users),
        operationOn: () => this.operationOn(),
      },
      failPoint: (name) => this.failPoint(name),
    });
  }

  /** A topic of two generations, the second present, with a record and a group in each. */
  async topic(name: string): Promise<void> {
    await this.engine.createTopic({ name, partitions: 1 });
    await this.engine.append({ topic: name, partition: 0 }, batch());
    await this.engine.setTopicState(name, 'RETIRED');
    await this.engine.createTopic({ name: `${name}--g2`, partitions: 2 });
    await this.engine.append({ topic: `${name}--g2`, partition: 1 }, batch());
    await this.engine.commitPositions('readers', [{ topic: `${name}--g2`, partition: 1, offset: 1 }]);
    await this.names.compareAndSet(this.engine.logId, name, 0, 2);
  }

  async physical(): Promise<Record<string, string>> {
    return Object.fromEntries((await this.engine.listTopics()).map((one) => [one.name, one.state]));
  }

  write(name: string): Promise<unknown> {
    const producer = new TopicProducer(this.directory, new StickyPartitions(() => 0));
    return producer.produce(name, [{ key: null, value: Buffer.from('v'), headers: [], timestamp: 0 }], {
      maxHoldMs: 0,
    });
  }
}

const GENTLY = { permanent: false, force: false };

describe('a topic that users guard', () => {
  let world: World;
  beforeEach(async () => {
    world = new World();
    await world.topic('orders');
  });

  it('is not deleted while it is protected, by any way that deletes', async () => {
    const lifecycle = world.lifecycle();
    expect((await lifecycle.protect(undefined, 'orders', true)).guard.protected).toBe(true);
    await lifecycle.protect(undefined, 'orders', true);
    for (const how of [GENTLY, { permanent: true, force: true }]) {
      await expect(lifecycle.delete(undefined, 'orders', how)).rejects.toMatchObject({ code: 'topic-protected' });
    }
    await expect(world.directory.delete('orders')).rejects.toMatchObject({ code: 'topic-protected' });
    await expect(world.directory.demandUnprotected('orders', 'x')).rejects.toMatchObject({ code: 'topic-protected' });
    await world.write('orders');
    await lifecycle.protect(undefined, 'orders', false);
    await lifecycle.delete(undefined, 'orders', GENTLY);
    await expect(world.directory.resolve('orders')).rejects.toMatchObject({ code: 'topic-not-found' });
  });

  it('takes no record while it is frozen, at once and in the log itself, and is read as before', async () => {
    const lifecycle = world.lifecycle();
    expect(await lifecycle.freeze(undefined, 'orders')).toMatchObject({
      guard: { frozen: true },
      description: { state: 'FENCED' },
    });
    await lifecycle.freeze(undefined, 'orders');
    await expect(world.write('orders')).rejects.toMatchObject({ code: 'topic-frozen', kind: 'conflict' });
    // A writer that knows nothing of names.
    const past = world.engine.append({ topic: 'orders--g2', partition: 0 }, batch());
    await expect(past).rejects.toMatchObject({ code: 'topic-fenced' });
    expect((await lifecycle.unfreeze(undefined, 'orders')).description.state).toBe('ACTIVE');
    await lifecycle.unfreeze(undefined, 'orders');
    await world.write('orders');
  });

  it('is not frozen where somebody else holds the writers: that fence is not ours to open', async () => {
    await world.engine.setTopicState('orders--g2', 'FENCED');
    const lifecycle = world.lifecycle();
    await expect(lifecycle.freeze(undefined, 'orders')).rejects.toMatchObject({ code: 'topic-not-active' });
    await lifecycle.unfreeze(undefined, 'orders');
    expect((await world.physical())['orders--g2']).toBe('FENCED');
  });

  it('comes back from a deletion with offsets, generations, positions, freeze and protection', async () => {
    const lifecycle = world.lifecycle();
    await lifecycle.freeze(undefined, 'orders');
    const before = await world.directory.resolve('orders');
    const positions = await world.engine.describeGroup('readers');
    const loss = await lifecycle.delete(undefined, 'orders', GENTLY);
    expect(loss).toEqual({ oldNameOf: null, records: 1, purgeAtMs: world.clock.now() + 7 * DAY });
    await expect(world.directory.resolve('orders')).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(world.write('orders')).rejects.toMatchObject({ code: 'topic-not-found' });
    expect((await world.physical())['orders--g2']).toBe('BROWNED_OUT');
    expect(await world.directory.list()).toEqual([]);
    expect((await world.directory.listDeleted()).map((one) => one.logical)).toEqual(['orders']);
    await expect(lifecycle.delete(undefined, 'orders', GENTLY)).rejects.toMatchObject({ code: 'topic-not-found' });
    expect(await lifecycle.restore(undefined, 'orders')).toEqual(before);
    expect(await world.engine.describeGroup('readers')).toEqual(positions);
    expect(await world.physical()).toEqual({ orders: 'RETIRED', 'orders--g2': 'FENCED' });
    await expect(lifecycle.restore(undefined, 'orders')).rejects.toMatchObject({ code: 'topic-not-deleted' });
  });

  it('keeps its name while it is kept, and gives it free when it is gone', async () => {
    const lifecycle = world.lifecycle();
    await lifecycle.delete(undefined, 'orders', GENTLY);
    const create = (): Promise<unknown> => world.directory.create({ name: 'orders', partitions: 3 });
    await expect(create()).rejects.toMatchObject({
      code: 'topic-name-kept',
      hint: expect.stringContaining(':restore'),
    });
    expect(await lifecycle.delete(undefined, 'orders', { permanent: true, force: false })).toEqual(GONE);
    expect(await world.physical()).toEqual({});
    expect(await create()).toMatchObject({ generation: 1, guard: UNGUARDED });
  });

  it('goes for good when its time is over, not before, and not while somebody depends on it', async () => {
    const lifecycle = world.lifecycle();
    await lifecycle.delete(undefined, 'orders', GENTLY);
    world.clock.advance(7 * DAY - 1);
    await lifecycle.sweep('local');
    expect(await world.physical()).toMatchObject({ 'orders--g2': 'BROWNED_OUT' });
    world.clock.advance(1);
    world.users = [{ kind: 'view', name: 'totals' }];
    await lifecycle.sweep('local');
    expect(await world.physical()).toMatchObject({ 'orders--g2': 'BROWNED_OUT' });
    world.users = [];
    await lifecycle.sweep('local');
    expect(await world.physical()).toEqual({});
    expect(await world.names.list(world.engine.logId)).toEqual([]);
  });

  it('goes for good although another one before it in the order of names cannot go', async () => {
    const lifecycle = world.lifecycle();
    await world.topic('orders-before');
    await world.topic('payments');
    for (const name of ['orders', 'orders-before', 'payments']) await lifecycle.delete(undefined, name, GENTLY);
    world.clock.advance(7 * DAY);
    const { engine } = world;
    const deleteTopic = engine.deleteTopic.bind(engine);
    const stuck = new AppError({ kind: 'unavailable', code: 'stuck', message: 'stuck' });
    engine.deleteTopic = (name) => (name.startsWith('orders-before') ? Promise.reject(stuck) : deleteTopic(name));
    await expect(lifecycle.sweep('local')).rejects.toBe(stuck);
    expect(Object.keys(await world.physical()).filter((name) => !name.startsWith('orders-before'))).toEqual([]);
    engine.deleteTopic = deleteTopic;
    await lifecycle.sweep('local');
    expect(await world.physical()).toEqual({});
  });

  it('is deleted at once where nothing is to be kept', async () => {
    expect(await world.lifecycle(0).delete(undefined, 'orders', GENTLY)).toEqual(GONE);
    expect(await world.physical()).toEqual({});
  });

  it.each([
    { how: GENTLY, call: 'setTopicState', phase: 'KEPT', left: { 'orders--g2': 'BROWNED_OUT', orders: 'RETIRED' } },
    { how: { permanent: true, force: false }, call: 'deleteTopic', phase: 'PURGING', left: {} },
  ] as const)(
    'is deleted also where the disk of the log is full, which follows when it has room ($call)',
    async ({ how, call, phase, left }) => {
      const full = new AppError({ kind: 'storage-full', code: 'storage-full', message: 'full' });
      const refusing = vi.spyOn(world.engine, call).mockRejectedValue(full);
      expect(await world.lifecycle().delete(undefined, 'orders', how)).toMatchObject({ records: 1 });
      expect((await world.directory.nameOf('orders'))?.guard.deletion).toMatchObject({ phase });
      expect(refusing).toHaveBeenCalled();
      await expect(world.directory.resolve('orders')).rejects.toMatchObject({ code: 'topic-not-found' });
      expect(Object.keys(await world.physical()).sort()).toEqual(['orders', 'orders--g2']);
      refusing.mockRestore();
      await world.lifecycle().sweep('local');
      expect(await world.physical()).toEqual(left);
    },
  );

  it('is not deleted under what depends on it, which is named, unless by force', async () => {
    const lifecycle = world.lifecycle();
    world.users = [{ kind: 'view', name: 'totals' }];
    const refused = lifecycle.delete(undefined, 'orders', GENTLY);
    await expect(refused).rejects.toMatchObject({ code: 'topic-in-use', message: expect.stringContaining("'totals'") });
    await lifecycle.delete(undefined, 'orders', { permanent: false, force: true });
    await expect(lifecycle.delete(undefined, 'orders', { permanent: true, force: false })).rejects.toMatchObject({
      code: 'topic-in-use',
    });
  });

  it('says what a change would come to, or why it is refused, and changes nothing', async () => {
    const lifecycle = world.lifecycle();
    const before = { physical: await world.physical(), names: await world.names.list(world.engine.logId) };
    for (const [change, guard, state] of [
      ['protect', { protected: true }, 'ACTIVE'],
      ['unprotect', UNGUARDED, 'ACTIVE'],
      ['freeze', { frozen: true }, 'FENCED'],
      ['unfreeze', UNGUARDED, 'ACTIVE'],
    ] as const)
      expect(await lifecycle.tryChange(undefined, 'orders', change)).toMatchObject({ guard, description: { state } });
    expect(await lifecycle.tryDelete(undefined, 'orders', GENTLY)).toMatchObject({ records: 1 });
    const ends = { permanent: true, force: false };
    expect(await lifecycle.tryDelete(undefined, 'orders', ends)).toEqual(GONE);
    for (const name of ['restore', 'freeze'] as const)
      await expect(lifecycle.tryChange(undefined, 'none', name)).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(lifecycle.tryChange(undefined, 'orders', 'restore')).rejects.toMatchObject({
      code: 'topic-not-deleted',
    });
    world.operation = { id: 'o1', kind: 'repartition' };
    for (const refused of [
      lifecycle.tryChange(undefined, 'orders', 'freeze'),
      lifecycle.tryDelete(undefined, 'orders', GENTLY),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'topic-in-operation' });
    world.operation = undefined;
    world.users = [{ kind: 'view', name: 'totals' }];
    await expect(lifecycle.tryDelete(undefined, 'orders', ends)).rejects.toMatchObject({ code: 'topic-in-use' });
    world.users = [];
    expect({ physical: await world.physical(), names: await world.names.list(world.engine.logId) }).toEqual(before);

    await lifecycle.delete(undefined, 'orders', GENTLY);
    const kept = await world.physical();
    expect(await lifecycle.tryChange(undefined, 'orders', 'restore')).toMatchObject({
      guard: { deletion: null },
      description: { state: 'ACTIVE' },
    });
    expect(await lifecycle.tryDelete(undefined, 'orders', ends)).toEqual(GONE);
    expect(await world.physical()).toEqual(kept);
  });

  it('gives way to an operation, also to one that began in the same moment', async () => {
    const lifecycle = world.lifecycle();
    const changes = [
      () => lifecycle.freeze(undefined, 'orders'),
      () => lifecycle.delete(undefined, 'orders', GENTLY),
      () => lifecycle.delete(undefined, 'orders', { permanent: true, force: true }),
    ];
    for (const atPoint of [undefined, 'topic:frozen', 'topic:deleted']) {
      for (const change of changes) {
        world.operation = atPoint === undefined ? { id: 'o1', kind: 'repartition' } : undefined;
        world.failPoint = (name) => {
          if (name === atPoint) world.operation = { id: 'o1', kind: 'repartition' };
        };
        if (atPoint === 'topic:frozen' && change !== changes[0]) continue;
        if (atPoint === 'topic:deleted' && change === changes[0]) continue;
        await expect(change()).rejects.toMatchObject({ code: 'topic-in-operation' });
        expect((await world.directory.resolve('orders')).guard).toMatchObject(UNGUARDED);
        expect((await world.physical())['orders--g2']).toBe('ACTIVE');
      }
    }
  });

  it('negative control: looking for an operation only beforehand, it is frozen beside one that began in the same moment', async () => {
    const beforehand = Promise.resolve(world.operation);
    world.operationOn = () => beforehand;
    world.failPoint = () => void (world.operation = { id: 'o1', kind: 'repartition' });
    await world.lifecycle().freeze(undefined, 'orders');
    expect(world.operation).toBeDefined();
    expect((await world.directory.resolve('orders')).guard.frozen).toBe(true);
  });

  it('ends up where it was going to when it was killed at any step', async () => {
    const cases: { change: (lifecycle: TopicLifecycle) => Promise<unknown>; then: Record<string, string> }[] = [
      { change: (l) => l.freeze(undefined, 'orders'), then: { orders: 'RETIRED', 'orders--g2': 'FENCED' } },
      {
        change: (l) => l.delete(undefined, 'orders', GENTLY),
        then: { orders: 'RETIRED', 'orders--g2': 'BROWNED_OUT' },
      },
      { change: (l) => l.delete(undefined, 'orders', { permanent: true, force: false }), then: {} },
      {
        change: async (l) => {
          await l.delete(undefined, 'orders', GENTLY).catch((error: unknown) => {
            if (error instanceof Killed) throw error;
          });
          await l.restore(undefined, 'orders');
        },
        then: { orders: 'RETIRED', 'orders--g2': 'ACTIVE' },
      },
    ];
    let kills = 0;
    let halves = 0;
    for (const { change, then } of cases) {
      for (let at = 1; ; at++) {
        world = new World();
        await world.topic('orders');
        let passed = 0;
        world.failPoint = () => {
          if (++passed === at) throw new Killed();
        };
        const killed = await change(world.lifecycle()).then(
          () => false,
          (error: unknown) => error instanceof Killed,
        );
        world.failPoint = () => undefined;
        const again = world.lifecycle();
        if (killed && JSON.stringify(await world.physical()) !== JSON.stringify(then)) halves++;
        await again.sweep('local');
        await again.sweep('local');
        // What was cut short before it was decided is done by asking again, as its caller would.
        if (killed) await change(again).catch(() => undefined);
        await again.sweep('local');
        expect(await world.physical(), `killed at ${at}`).toEqual(then);
        if (!killed) break;
        kills++;
      }
    }
    expect(kills).toBeGreaterThan(8);
    // Negative control: what the kills left was not right by itself.
    expect(halves).toBeGreaterThan(4);
  });

  it('is unfrozen or still frozen after a kill, and never fenced by nobody', async () => {
    await world.lifecycle().freeze(undefined, 'orders');
    world.failPoint = () => {
      throw new Killed();
    };
    await expect(world.lifecycle().unfreeze(undefined, 'orders')).rejects.toThrow(Killed);
    world.failPoint = () => undefined;
    await world.lifecycle().sweep('local');
    expect((await world.physical())['orders--g2']).toBe('FENCED');
    await world.lifecycle().unfreeze(undefined, 'orders');
    expect((await world.physical())['orders--g2']).toBe('ACTIVE');
  });

  it('is taken up again from a log whose names were lost', async () => {
    const lifecycle = world.lifecycle();
    await world.engine.createTopic({ name: 'frozen', partitions: 1, state: 'FENCED' });
    await world.engine.createTopic({ name: 'gone', partitions: 1, state: 'BROWNED_OUT' });
    expect(await lifecycle.adopt('local')).toEqual(['frozen', 'gone']);
    expect((await lifecycle.restore(undefined, 'gone')).description.state).toBe('ACTIVE');
    expect((await lifecycle.unfreeze(undefined, 'frozen')).description.state).toBe('ACTIVE');
    expect(await lifecycle.adopt('local')).toEqual([]);
  });

  it('a request that was half written when the topic was frozen says which half', async () => {
    const producer = new TopicProducer(world.directory, new StickyPartitions(() => 0));
    const lifecycle = world.lifecycle();
    const record = { key: null, value: Buffer.alloc(600_000), headers: [], timestamp: 0, partition: 0 };
    const append = world.engine.append.bind(world.engine);
    world.engine.append = async (...call) => {
      const appended = await append(...call);
      await lifecycle.freeze(undefined, 'orders');
      return appended;
    };
    const { outcomes } = await producer.produce('orders', [record, record], { maxHoldMs: 0 });
    expect(outcomes[0]).toMatchObject({ offset: 0 });
    expect(outcomes[1]).toMatchObject({ error: { code: expect.stringMatching(/^topic-(frozen|fenced)$/) } });
  });
});
