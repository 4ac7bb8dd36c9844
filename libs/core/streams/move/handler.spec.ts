import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { batchesIn, encodeBatch, type LogEngine, TopicReader, UNKNOWN_OPENING } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import {
  ANY_TIMESTAMP,
  anyContent,
  appendContent,
  drive,
  fingerprint,
  MoveWorld,
  readTopic,
  runOf,
  type StoredOperation,
  textOf,
} from '../testing/index.js';
import type { MoveHandler } from './handler.js';

const clock = new WallClock();

/** A topic of numbered records in cluster a. */
async function filled(partitions = 2, records = 30, world = new MoveWorld()): Promise<MoveWorld> {
  await world.a.createTopic({ name: 'orders', partitions });
  for (let n = 0; n < records; n++) await world.write(`k${n % 7}`, n % 9 === 5 ? null : `v${n}`);
  return world;
}

const texts = async (log: LogEngine, topic = 'orders'): Promise<string[][]> =>
  (await readTopic(log, topic)).map((records) => records.map(fingerprint));

/** Writes numbered values of a few keys until told to stop; answers what was acknowledged per key, in order. */
function startWriter(world: MoveWorld, name: string) {
  let going = true;
  const acknowledged = new Map<string, string[]>();
  const writing = (async () => {
    for (let n = 0; going; n++) {
      const key = `${name}-${n % 7}`;
      await world.write(key, `${key}:${n}`);
      acknowledged.set(key, [...(acknowledged.get(key) ?? []), `${key}:${n}`]);
      if (n % 5 === 0) await clock.sleep(0);
    }
  })();
  const stop = async (): Promise<void> => {
    going = false;
    await writing;
  };
  return { acknowledged, stop };
}

/** What was acknowledged to a writer is there once, in order. */
async function expectWritten(world: MoveWorld, acknowledged: ReadonlyMap<string, string[]>): Promise<void> {
  const found = new Map<string, string[]>();
  for (const { key, value } of (await world.read()).flat())
    found.set(textOf(key), [...(found.get(textOf(key)) ?? []), textOf(value)]);
  for (const [key, values] of acknowledged) expect(found.get(key), key).toEqual(values);
}

/** Lets the phase SWITCHED work until the copy left behind has everything. */
async function untilCurrent(world: MoveWorld, handler: MoveHandler, operation: StoredOperation): Promise<void> {
  const stop = new AbortController();
  const current = handler.phases.SWITCHED!(runOf(operation, { signal: stop.signal }));
  const failed = current.catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  const same = async (): Promise<boolean> =>
    JSON.stringify(await texts(world.a)) === JSON.stringify(await texts(world.b));
  await Promise.race([expect.poll(same, { interval: 2, timeout: 20_000 }).toBe(true), failed]);
  stop.abort(new Error('seen'));
  await failed;
}

describe('moving a topic to another cluster', () => {
  it('takes every record along byte for byte, in its partition and order, and every position of every group', async () => {
    const scenario = fc.integer({ min: 1, max: 5 }).chain((partitions) =>
      fc.record({
        content: anyContent(partitions, { maxBatches: 4, maxRecords: 8 }),
        dense: fc.record({ a: fc.boolean(), b: fc.boolean() }),
        verification: fc.constantFrom('readback', 'full'),
        read: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: partitions, maxLength: partitions }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenario, async ({ content, dense, verification, read }) => {
        const world = new MoveWorld(dense);
        await world.a.createTopic({ name: 'orders', partitions: content.length, config: ANY_TIMESTAMP });
        await appendContent(world.a, 'orders', content);
        const { partitions } = await world.a.describeTopic('orders');
        const positions = partitions.map(({ partition, endOffset }) => {
          return { topic: 'orders', partition, offset: Math.round(endOffset * read[partition]!) };
        });
        await world.a.commitPositions('readers', positions);
        const [before, unread] = [await texts(world.a), await world.unread('readers')];
        const operation = await world.planned({ verification });
        expect(operation.plan.blockers).toEqual([]);
        await drive(world.process(), operation, { until: 'SWITCHED' });
        expect(await world.home()).toBe('b');
        expect(await texts(world.b)).toEqual(before);
        expect(await world.unread('readers')).toEqual(unread);
        expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: before.flat().length });
        expect(operation.notes['groups']).toMatchObject([{ group: 'readers', translation: 'exact' }]);
        await world.process().finish(runOf(operation));
        expect(await world.topics()).toEqual({ a: [], b: ['orders:ACTIVE'] });
        expect([await world.a.listRetentionHolds(), await world.b.listRetentionHolds()]).toEqual([[], []]);
      }),
      { numRuns: 60 },
    );
  });

  it('passes compressed batches on as they are', async () => {
    const world = new MoveWorld();
    await world.a.createTopic({ name: 'orders', partitions: 1 });
    const records = Array.from({ length: 40 }, (_, n) => {
      return { key: Buffer.from(`k${n}`), value: Buffer.from('v'.repeat(30)), headers: [], timestamp: n };
    });
    await world.a.append({ topic: 'orders', partition: 0 }, encodeBatch(records, { compression: 'gzip' }));
    const stored = async (log: LogEngine): Promise<Buffer[]> => {
      const positions = [{ topic: 'orders', partition: 0, offset: 0 }];
      const [fetched] = await log.fetch({ positions, maxBytes: 1 << 20 });
      return fetched!.batches.flatMap((bytes) => [...batchesIn(bytes)].map((one) => Buffer.from(one.bytes)));
    };
    const operation = await world.planned();
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await stored(world.b)).toEqual(await stored(world.a));
  });

  it('loses, repeats and reorders nothing under writers, and comes back with what was written on the far side', async () => {
    const world = await filled();
    const writer = startWriter(world, 'w');
    const operation = await world.planned();
    const handler = world.process({ readyRecords: 50 });
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(await world.home()).toBe('b');
    for (let n = 0; n < 1_000; n++) await world.write(`new-${n % 5}`, `new ${n}`);
    await writer.stop();
    await world.b.commitPositions('late', [{ topic: 'orders', partition: 0, offset: 11 }]);
    const unread = await world.unread('late');
    const before = await texts(world.b);
    await untilCurrent(world, handler, operation);
    const again = startWriter(world, 'again');
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'ROLLED_BACK' });
    await again.stop();
    expect(await world.home()).toBe('a');
    await expectWritten(world, writer.acknowledged);
    await expectWritten(world, again.acknowledged);
    // Everything that was there before, in the same order and once; what came since lies behind it.
    for (const [partition, records] of (await texts(world.a)).entries())
      expect(records.slice(0, before[partition]!.length)).toEqual(before[partition]);
    const left = await world.unread('late');
    for (const [partition, values] of unread.entries())
      expect(left[partition]!.slice(0, values.length)).toEqual(values);
    expect(await world.topics()).toEqual({ a: ['orders:ACTIVE'], b: [] });
  });

  it('can be moved again after it came back, and back and forth for good', async () => {
    const world = await filled();
    const before = await texts(world.a);
    const first = await world.planned();
    const handler = world.process();
    await drive(handler, first, { until: 'SWITCHED' });
    first.phase = 'ROLLING_BACK';
    await drive(handler, first, { until: 'ROLLED_BACK' });
    const second = await world.planned({}, 'op-2');
    await drive(world.process(), second, { until: 'SWITCHED' });
    await world.process().finish(runOf(second));
    expect(await texts(world.b)).toEqual(before);
    const third = await world.planned({ cluster: 'b', to: 'a' }, 'op-3');
    expect(third.plan.blockers).toEqual([]);
    await drive(world.process(), third, { until: 'READY' });
    expect(await world.home()).toBe('b');
    await drive(world.process(), third, { until: 'SWITCHED' });
    expect(await world.home()).toBe('a');
    await world.process().finish(runOf(third));
    expect(await world.topics()).toEqual({ a: ['orders:ACTIVE'], b: [] });
    expect(await texts(world.a)).toEqual(before);
  });

  it('takes settings, protection and how keys are made along, but nothing that could drop records before the switch', async () => {
    const world = new MoveWorld();
    const config = { 'retention.ms': '1000', 'cleanup.policy': 'compact', 'segment.bytes': '2000000' };
    await world.a.createTopic({ name: 'orders', partitions: 1, config });
    await world.write('k', 'v');
    const placing = { keyExpression: 'value.a', partitioner: 'crc32' } as const;
    await world.tableOfNames.compareAndSet(world.a.logId, 'orders', 0, 1, { ...UNKNOWN_OPENING, ...placing });
    await world.tableOfNames.setGuard(world.a.logId, 'orders', 0, {
      protected: true,
      frozen: false,
      deletion: null,
    });
    const operation = await world.planned();
    const handler = world.process();
    await drive(handler, operation, { until: 'READY' });
    const copying = (await world.b.describeTopic('orders')).config;
    expect(copying).toMatchObject({ 'retention.ms': '-1', 'cleanup.policy': 'delete', 'segment.bytes': '2000000' });
    await drive(handler, operation, { until: 'SWITCHED' });
    const there = await world.directories.of('b').resolve('orders');
    expect(there.description.config).toEqual({ ...config, 'max.message.bytes': '1048588' });
    expect(there.guard.protected).toBe(true);
    expect(there).toMatchObject(placing);
    // What is written there must not go before it was copied back.
    expect(await world.b.listRetentionHolds()).toMatchObject([{ id: 'move-op-1' }]);
  });
});

describe('where a topic is', () => {
  it('is told to whoever names another cluster, at every moment; nobody sees the copy before the switch', async () => {
    const world = await filled();
    const { a, b } = { a: world.directories.of('a'), b: world.directories.of('b') };
    const operation = await world.planned();
    const handler = world.process();
    await drive(handler, operation, { until: 'READY' });
    await expect(b.resolve('orders')).rejects.toMatchObject({ code: 'topic-moved', details: { cluster: 'a' } });
    await expect(b.create({ name: 'orders', partitions: 1 })).rejects.toMatchObject({ code: 'topic-moved' });
    expect((await b.list()).map((one) => one.logical)).toEqual([]);
    await drive(handler, operation, { until: 'SWITCHED' });
    await expect(a.resolve('orders')).rejects.toMatchObject({ code: 'topic-moved', details: { cluster: 'b' } });
    expect((await a.list()).map((one) => one.logical)).toEqual([]);
    expect((await b.list()).map((one) => one.logical)).toEqual(['orders']);
    await handler.finish(runOf(operation));
    await expect(a.create({ name: 'orders', partitions: 1 })).rejects.toMatchObject({ code: 'topic-moved' });
    // Deleted where it is, its name is free again.
    await b.delete('orders');
    await a.create({ name: 'orders', partitions: 1 });
    expect(await world.home()).toBe('a');
  });

  it('a reader that follows it reads every record once, there and back', async () => {
    for (const bytes of [1, 400, 100_000]) {
      const world = await filled();
      const seen: string[] = [];
      const stop = new AbortController();
      let at = 'a';
      const reading = (async () => {
        let vector = await new TopicReader(world.directories.of(at)).start('orders', undefined, { kind: 'start' });
        while (!stop.signal.aborted) {
          const reader = new TopicReader(world.directories.of(at));
          const limits = { records: 20, maxBytes: bytes, waitMs: 3 };
          const page = await reader.read('orders', vector, limits).catch((error: { code?: string }) => {
            // Between the two moments of a way back nobody knows yet where to go on.
            if (error.code === 'topic-moved') return undefined;
            throw error;
          });
          if (page === undefined) continue;
          seen.push(...page.records.map((record) => textOf(record.value)));
          vector = page.next;
          at = page.movedTo === undefined ? at : world.directories.clusterOf(page.movedTo)!;
        }
      })();
      const writer = startWriter(world, 'w');
      const operation = await world.planned();
      const handler = world.process({ readyRecords: 50 });
      await drive(handler, operation, { until: 'SWITCHED' });
      await clock.sleep(10);
      await writer.stop();
      const written = [...writer.acknowledged.values()].flat();
      await expect.poll(() => seen.length, { interval: 5, timeout: 20_000 }).toBe(30 + written.length);
      expect(at).toBe('b');
      await untilCurrent(world, handler, operation);
      operation.phase = 'ROLLING_BACK';
      await drive(handler, operation, { until: 'ROLLED_BACK' });
      await world.write('after', 'after');
      await expect.poll(() => seen.at(-1), { interval: 5, timeout: 20_000 }).toBe('after');
      stop.abort();
      await reading;
      expect(seen).toHaveLength(30 + written.length + 1);
    }
  });
});

/** The operation as another worker has it, who is in a phase of his own and writes the same notes. */
function sharing(operation: StoredOperation): StoredOperation {
  const notes = {
    get: () => operation.notes,
    set: (value: StoredOperation['notes']) => void (operation.notes = value),
  };
  return Object.defineProperty({ ...operation }, 'notes', notes);
}

describe('a cutover to another cluster', () => {
  it('is undone when it takes too long: writers go on where they were, and the next attempt succeeds', async () => {
    const world = await filled();
    const operation = await world.planned({ cutover: { maxPauseMs: 1_000 } });
    let slow = true;
    const handler = world.process({
      failPoint: async (name) => {
        if (slow && name === 'move:switch:drained') await clock.sleep(1_100);
      },
    });
    const writer = startWriter(world, 'w');
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain('longer than the pause of 1000 ms');
    expect(await world.home()).toBe('a');
    slow = false;
    await drive(handler, operation, { until: 'SWITCHED' });
    await writer.stop();
    await expectWritten(world, writer.acknowledged);
  });

  it('never switches to a copy that was tampered with', async () => {
    const world = await filled();
    const operation = await world.planned();
    const handler = world.process();
    await drive(handler, operation, { until: 'VERIFYING' });
    const stray = encodeBatch([{ key: null, value: Buffer.from('stray'), headers: [], timestamp: -1 }]);
    await world.b.append({ topic: 'orders', partition: 0 }, stray, { intoFenced: true });
    await expect(drive(handler, operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'verification-failed',
    });
    await handler.cancel(runOf(operation));
    expect(await world.topics()).toEqual({ a: ['orders:ACTIVE'], b: [] });
    expect(await world.tableOfNames.find(world.b.logId, 'orders')).toBeUndefined();
  });

  it('carries a group with live members, who store nothing where it left any more', async () => {
    const world = await filled();
    const member = await world.a.joinGroup('readers', {
      topics: ['orders'],
      strategies: ['range'],
      clientId: 'reader',
      startAt: 'earliest',
    });
    await expect.poll(async () => (await member.poll(5)).assignment.length, { interval: 2, timeout: 10_000 }).toBe(2);
    await member.commit([{ topic: 'orders', partition: 0, offset: 7 }]);
    const unread = await world.unread('readers');
    const operation = await world.planned();
    const polling = new AbortController();
    const going = (async () => {
      while (!polling.signal.aborted) await member.poll(2).catch(() => undefined);
    })();
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await world.unread('readers'))[0]).toEqual(unread[0]);
    await expect(member.commit([{ topic: 'orders', partition: 0, offset: 9 }])).rejects.toBeDefined();
    polling.abort();
    await going;
    await member.leave();
  });

  for (const step of ['before-fence', 'fenced', 'drained', 'closed', 'translated', 'kept', 'name-moved', 'activated']) {
    it(`leaves one world when a second worker takes over at ${step}, whenever the first one wakes up`, async () => {
      for (const wakes of ['at once', 'after the second cutover']) {
        const world = await filled();
        const operation = await world.planned();
        const asleep = deferred<void>();
        const reached = deferred<void>();
        const first = world.process({
          failPoint: async (name) => {
            if (name !== `move:switch:${step}`) return;
            reached.resolve();
            await asleep.promise;
          },
        });
        await drive(first, operation, { until: 'CUTTING_OVER' });
        const running = drive(first, sharing(operation), { until: 'SWITCHED', maxPhases: 1 }).catch(() => undefined);
        await reached.promise;
        const writer = startWriter(world, 'w');
        const second = world.process();
        if (wakes === 'at once') asleep.resolve();
        await drive(second, operation, { until: 'SWITCHED' });
        await clock.sleep(2);
        asleep.resolve();
        await running;
        await writer.stop();
        await untilCurrent(world, second, operation);
        expect(await world.home(), step).toBe('b');
        await expectWritten(world, writer.acknowledged);
      }
    });
  }
});

describe('a plan of a move', () => {
  it('names what keeps it from being started', async () => {
    const world = await filled();
    await world.b.createTopic({ name: 'orders', partitions: 3 });
    expect((await world.planned()).plan.blockers).toEqual([expect.stringContaining("cluster 'b' has orders already")]);
    expect((await world.planned({ to: 'a' })).plan.blockers).toEqual([
      expect.stringContaining("in cluster 'a' already"),
    ]);
    await expect(world.planned({ to: 'nowhere' })).rejects.toMatchObject({ code: 'cluster-not-found' });
    await expect(world.planned({ to: null, topics: [] })).rejects.toMatchObject({
      code: 'invalid-move-request',
      items: [{ path: 'topics' }, { path: 'to' }],
    });
  });
});
