import { describe, expect, it } from 'vitest';
import { deferred, type JsonObject } from '#libs/core/kernel';
import { encodeBatch, UNGUARDED } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { SourceReader } from '../source-reader.js';
import { drive, expectPlaced, RepartitionWorld, runOf, startWriter, textOf, valuesByKey } from '../testing/index.js';

const clock = new WallClock();

/** A topic of numbered records, and what is in it. */
async function filled(partitions: number, records: number): Promise<RepartitionWorld> {
  const world = new RepartitionWorld();
  await world.engine.createTopic({ name: 'orders', partitions });
  for (let n = 0; n < records; n++) await world.write('orders', `k${n % 7}`, `v${n}`);
  return world;
}

const request = (partitions: number, more: JsonObject = {}): JsonObject => ({
  topic: 'orders',
  target: { partitions },
  ...more,
});

const stray = (value: string): Buffer =>
  encodeBatch([{ key: Buffer.from('stray'), value: Buffer.from(value), headers: [], timestamp: -1 }]);

describe('the cutover', () => {
  it('is undone when it takes too long: writers go on where they were, the reason is kept, the next attempt succeeds', async () => {
    const world = await filled(2, 30);
    const operation = await world.planned(request(3, { cutover: { maxPauseMs: 1_000 } }));
    let slow = true;
    const handler = world.process({
      failPoint: async (name) => {
        if (slow && name === 'repartition:switch:drained') await clock.sleep(1_100);
      },
    });
    const writer = startWriter(world, 'orders', 'w');
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain('longer than the pause of 1000 ms');
    expect(await world.topics()).toEqual(['__map-op-1:ACTIVE', 'orders:ACTIVE', 'orders--g2:FENCED']);
    slow = false;
    await drive(handler, operation, { until: 'SWITCHED' });
    await writer.stop();
    const found = valuesByKey(await world.read('orders'));
    for (const [key, values] of writer.acknowledged) expect(found.get(key)).toEqual(values);
    expect(found.get('k0')).toHaveLength(5);
  });

  it('never opens what users froze: not by a cutover, not by undoing one, not by cancelling', async () => {
    const world = await filled(2, 10);
    const operation = await world.planned(request(3));
    const handler = world.process();
    await drive(handler, operation, { until: 'READY' });
    // Past everything that keeps a freeze and an operation apart.
    await world.tableOfNames.setGuard(world.engine.logId, 'orders', 0, { ...UNGUARDED, frozen: true });
    await world.engine.setTopicState('orders', 'FENCED');
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain('frozen by a user');
    await handler.cancel(runOf(operation));
    expect(await world.topics()).toEqual(['orders:FENCED']);
    await expect(world.planned(request(3), 'op-2')).resolves.toMatchObject({
      plan: { blockers: [expect.stringContaining('frozen')] },
    });
  });

  it('is undone when somebody cancels it', async () => {
    const world = await filled(2, 10);
    const operation = await world.planned(request(3));
    const handler = world.process();
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await world.engine.setTopicState('orders', 'FENCED');
    await drive(handler, operation, { until: 'READY', cutoverCancelled: true });
    await world.write('orders', 'k', 'v');
    expect((await world.directory.resolve('orders')).generation).toBe(1);
    expect(operation.notes['retryCutover']).toBeUndefined();
  });

  it('never switches to a copy that does not agree with its source', async () => {
    const world = await filled(2, 40);
    const operation = await world.planned(request(3));
    const handler = world.process();
    await drive(handler, operation, { until: 'VERIFYING' });
    await world.engine.append({ topic: 'orders--g2', partition: 1 }, stray('before'), { intoFenced: true });
    await expect(drive(handler, operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'verification-failed',
    });
    expect(operation.notes['verification']).toMatchObject({ state: 'failed' });
    expect((await world.directory.resolve('orders')).description.state).toBe('ACTIVE');
    await handler.cancel(runOf(operation));
    expect(await world.topics()).toEqual(['orders:ACTIVE']);
  });

  it('reads the copy back before it switches also when nothing was read back while it was copied', async () => {
    const world = await filled(2, 40);
    const operation = await world.planned(request(3, { verification: 'write-side' }));
    expect(operation.plan.steps[2]).toContain('when the cutover is asked for');
    const handler = world.process();
    await drive(handler, operation, { until: 'READY' });
    await world.engine.append({ topic: 'orders--g2', partition: 1 }, stray('before'), { intoFenced: true });
    await expect(drive(handler, operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'verification-failed',
    });
    expect(operation.notes['verification']).toMatchObject({ level: 'readback', state: 'failed' });
    expect((await world.directory.resolve('orders')).generation).toBe(1);

    const untouched = await filled(2, 40);
    const other = await untouched.planned(request(3, { verification: 'write-side' }));
    await drive(untouched.process(), other, { until: 'SWITCHED' });
    expect(other.notes['verification']).toMatchObject({ level: 'readback', state: 'passed', checked: 40 });
  });

  it('finds what went wrong after the verification too, and is undone', async () => {
    const world = await filled(2, 40);
    const operation = await world.planned(request(3));
    const handler = world.process({
      failPoint: async (name) => {
        if (name !== 'repartition:switch:fenced') return;
        await world.engine.append({ topic: 'orders--g2', partition: 1 }, stray('late'), { intoFenced: true });
      },
    });
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain('does not agree');
    expect(operation.notes['verification']).toMatchObject({ state: 'failed', mismatches: [{}] });
    expect((await world.directory.resolve('orders')).description.state).toBe('ACTIVE');
  });

  for (const step of ['before-fence', 'fenced', 'drained', 'translated', 'kept', 'name-moved', 'activated']) {
    it(`leaves one world when a second worker takes over at ${step}, whenever the first one wakes up`, async () => {
      for (const wakes of ['at once', 'after the second cutover']) {
        const world = await filled(2, 30);
        const operation = await world.planned(request(3));
        const asleep = deferred<void>();
        const reached = deferred<void>();
        const first = world.process({
          failPoint: async (name) => {
            if (name !== `repartition:switch:${step}`) return;
            reached.resolve();
            await asleep.promise;
          },
        });
        await drive(first, operation, { until: 'CUTTING_OVER' });
        const running = drive(first, { ...operation }, { until: 'SWITCHED', maxPhases: 1 }).catch(() => undefined);
        await reached.promise;
        const writer = startWriter(world, 'orders', 'w');
        const second = world.process();
        if (wakes === 'at once') asleep.resolve();
        await drive(second, operation, { until: 'SWITCHED' });
        await clock.sleep(2);
        asleep.resolve();
        await running;
        await clock.sleep(2);
        // Whatever the first worker still did to the states of the topics, the second one's phase mends.
        const stop = new AbortController();
        const current = second.phases.SWITCHED!(runOf(operation, { signal: stop.signal })).catch(() => undefined);
        await clock.sleep(10);
        await writer.stop();
        stop.abort();
        await current;
        const found = valuesByKey(await world.read('orders'));
        for (const [key, values] of writer.acknowledged) expect(found.get(key), `${step} ${key}`).toEqual(values);
        for (let k = 0; k < 7; k++) expect(found.get(`k${k}`)?.length, `${step} k${k}`).toBe(k < 2 ? 5 : 4);
        expect((await world.directory.resolve('orders')).generation).toBe(2);
      }
    });
  }

  it('carries over what reached the old side after the fence, and says so', async () => {
    const world = await filled(2, 20);
    const operation = await world.planned(request(3, { reverseTail: false }));
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    // A writer no fence could hold back.
    await world.engine.setTopicState('orders', 'ACTIVE');
    await world.engine.append({ topic: 'orders', partition: 0 }, stray('missed the cutover'));
    const stop = new AbortController();
    const current = handler.phases.SWITCHED!(runOf(operation, { signal: stop.signal })).catch(() => undefined);
    await expect
      .poll(async () => valuesByKey(await world.read('orders')).get('stray'), { interval: 2 })
      .toEqual(['missed the cutover']);
    stop.abort();
    await current;
    expect(operation.events).toMatchObject([{ type: 'straggler-found', data: { records: 1 } }]);
    expect(operation.notes['rollback']).toMatchObject({ dataLoss: expect.stringContaining('1 record') as string });
  });
});

describe('groups at the cutover', () => {
  const positions = (...offsets: number[]) =>
    offsets.map((offset, partition) => ({ topic: 'orders', partition, offset }));

  async function withGroup(offsets: number[]): Promise<RepartitionWorld> {
    const world = await filled(2, 40);
    await world.engine.commitPositions('readers', positions(...offsets));
    return world;
  }

  /** Values of the topic that the group has not read, by where it is now. */
  async function unread(world: RepartitionWorld): Promise<string[]> {
    const { physical } = await world.directory.resolve('orders');
    const group = await world.engine.describeGroup('readers');
    const at = new Map(
      group.positions.filter((one) => one.topic === physical).map((one) => [one.partition, one.offset]),
    );
    const records = await world.read('orders');
    return records
      .flatMap((list, partition) => list.filter((record) => record.offset >= (at.get(partition) ?? 0)))
      .map((record) => textOf(record.value))
      .sort();
  }

  it('are translated exactly, wherever they are, when the count grows by a whole factor', async () => {
    const world = await withGroup([3, 7]);
    const before = await unread(world);
    const operation = await world.planned(request(6, { groups: { mode: 'exact' } }));
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.impact['translation']).toMatchObject([{ group: 'readers', translation: 'exact' }]);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await unread(world)).toEqual(before);
    expect(operation.notes['groups']).toMatchObject([
      { group: 'readers', translation: 'exact', duplicatesExpected: 0 },
    ]);
  });

  it('block the plan by name when they have no exact translation and must have one', async () => {
    const world = await withGroup([3, 7]);
    const operation = await world.planned(request(3, { groups: { mode: 'exact' } }));
    expect(operation.plan.blockers).toEqual([expect.stringContaining("group 'readers'")]);
  });

  it('are waited for, with writers held, until they have read everything', async () => {
    const world = await withGroup([3, 7]);
    const ends = (await world.engine.describeTopic('orders')).partitions.map((one) => one.endOffset);
    const operation = await world.planned(request(3));
    const reading = (async () => {
      await expect.poll(async () => (await world.engine.describeTopic('orders')).state, { interval: 1 }).toBe('FENCED');
      await clock.sleep(20);
      await world.engine.commitPositions('readers', positions(...ends));
    })();
    await drive(world.process(), operation, { until: 'SWITCHED' });
    await reading;
    expect(await unread(world)).toEqual([]);
  });

  it('that never get there undo the cutover, by name', async () => {
    const world = await withGroup([3, 7]);
    const operation = await world.planned(request(3, { cutover: { maxPauseMs: 60 } }));
    const handler = world.process();
    await drive(handler, operation, { until: 'CUTTING_OVER' });
    await drive(handler, operation, { until: 'READY' });
    expect(operation.reason).toContain("group 'readers'");
    expect((await world.directory.resolve('orders')).description.state).toBe('ACTIVE');
  });

  it('come along when they are named; the others stay where they are, are not waited for, and are there after a way back', async () => {
    const world = await withGroup([3, 7]);
    await world.engine.commitPositions('readers', positions(3, 7));
    await world.engine.commitPositions('slow', positions(1, 0));
    const ends = (await world.engine.describeTopic('orders')).partitions.map((one) => one.endOffset);
    await world.engine.commitPositions('readers', positions(...ends));
    // To fewer partitions: the slow group would have to be waited for if it came along.
    const named = { groups: { only: ['readers'] }, cutover: { maxPauseMs: 2_000 } };
    const operation = await world.planned(request(3, named));
    expect(operation.plan.impact['translation']).toMatchObject([
      { group: 'readers', translation: 'exact-after-drain' },
      { group: 'slow', translation: 'stays-behind' },
    ]);
    expect(operation.plan.risks).toEqual(
      expect.arrayContaining([expect.stringContaining('groups: slow do not come along')]),
    );
    const where = async (group: string): Promise<string[]> =>
      (await world.engine.describeGroup(group)).positions.map((one) => `${one.topic}/${one.partition}@${one.offset}`);
    const before = await where('slow');
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.notes['groups']).toMatchObject([{ group: 'readers' }]);
    expect(await where('slow')).toEqual(before);
    expect(await unread(world)).toEqual([]);
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'ROLLED_BACK' });
    expect(await where('slow')).toEqual(before);
  });

  it('block the plan when they are named and keep no position on the topic', async () => {
    const world = await withGroup([3, 7]);
    const operation = await world.planned(request(3, { groups: { only: ['reader'] } }));
    expect(operation.plan.blockers).toEqual([
      "group 'reader' of groups.only keeps no position on the topic; those that do: readers",
    ]);
    await expect(world.planned(request(3, { groups: { only: [7] } }))).rejects.toMatchObject({
      items: [{ path: 'groups.only[0]' }],
    });
  });

  it('may read some records again, as many as announced, and miss none', async () => {
    const world = await withGroup([3, 17]);
    const before = await unread(world);
    const operation = await world.planned(request(3, { groups: { mode: 'duplicates' } }));
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const after = await unread(world);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(operation.notes['groups']).toMatchObject([
      { group: 'readers', translation: 'repeats', duplicatesExpected: after.length - before.length },
    ]);
  });
});

describe('rolling back', () => {
  it('loses, repeats and reorders nothing for writers, and gives later generations new numbers', async () => {
    for (const targets of [1, 3, 6]) {
      const world = await filled(2, 20);
      const writer = startWriter(world, 'orders', 'w');
      const operation = await world.planned(request(targets));
      const handler = world.process({ readyRecords: 50 });
      await drive(handler, operation, { until: 'SWITCHED' });
      const stop = new AbortController();
      const current = handler.phases.SWITCHED!(runOf(operation, { signal: stop.signal })).catch(() => undefined);
      await clock.sleep(15);
      stop.abort();
      await current;
      operation.phase = 'ROLLING_BACK';
      await drive(handler, operation, { until: 'ROLLED_BACK' });
      await clock.sleep(5);
      await writer.stop();
      const topic = await world.directory.resolve('orders');
      expect(topic).toMatchObject({ generation: 1, physical: 'orders', description: { state: 'ACTIVE' } });
      const records = await world.read('orders');
      expectPlaced(records);
      const found = valuesByKey(records);
      for (const [key, values] of writer.acknowledged) expect(found.get(key)).toEqual(values);
      expect(await world.topics()).toEqual(['orders:ACTIVE']);
      const next = await world.planned(request(5), 'op-2');
      expect(next.plan.parameters['target']).toMatchObject({ physical: 'orders--g3' });
      await drive(world.process(), next, { until: 'SWITCHED' });
      expect(valuesByKey(await world.read('orders'))).toEqual(found);
    }
  });

  it('is refused, and everything stays, when the old side was not kept current and something was written', async () => {
    const world = await filled(2, 20);
    const operation = await world.planned(request(3, { reverseTail: false }));
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    await world.write('orders', 'k1', 'new');
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.reason).toContain('records were written to orders--g2');
    await world.write('orders', 'k1', 'newer');
    expect(
      valuesByKey(await world.read('orders'))
        .get('k1')!
        .slice(-2),
    ).toEqual(['new', 'newer']);
  });

  it('is possible without it while nothing was written', async () => {
    const world = await filled(2, 20);
    const before = valuesByKey(await world.read('orders'));
    const operation = await world.planned(request(3, { reverseTail: false }));
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'ROLLED_BACK' });
    expect(valuesByKey(await world.read('orders'))).toEqual(before);
    expect(await world.topics()).toEqual(['orders:ACTIVE']);
  });
});

describe('a reader that follows the topic', () => {
  it('reads every record once, over a cutover, the copying back and the way back', async () => {
    for (const bytes of [1, 500, 100_000]) {
      const world = await filled(3, 30);
      const reader = new SourceReader(world.directory, world.tableOfNames, 'orders');
      const seen: string[] = [];
      const stop = new AbortController();
      const reading = (async () => {
        let at = await reader.begin();
        while (!stop.signal.aborted) {
          const chunk = await reader.next(at, { maxBytes: bytes, maxWaitMs: 3 });
          for (const record of chunk.records) seen.push(textOf(record.value));
          at = chunk.to;
          // A slow one meets every step of the operation.
          if (bytes < 1000) await clock.sleep(1);
        }
      })();
      const writer = startWriter(world, 'orders', 'w');
      const operation = await world.planned(request(2));
      const handler = world.process({ readyRecords: 50 });
      await drive(handler, operation, { until: 'SWITCHED' });
      const switched = new AbortController();
      const current = handler.phases.SWITCHED!(runOf(operation, { signal: switched.signal })).catch(() => undefined);
      await clock.sleep(20);
      switched.abort();
      await current;
      await writer.stop();
      const written = [...writer.acknowledged.values()].flat();
      await expect.poll(() => seen.length, { interval: 5, timeout: 20_000 }).toBe(30 + written.length);
      operation.phase = 'ROLLING_BACK';
      await drive(handler, operation, { until: 'ROLLED_BACK' });
      await world.write('orders', 'after', 'after');
      await expect.poll(() => seen.at(-1), { interval: 5, timeout: 20_000 }).toBe('after');
      stop.abort();
      await reading;
      const expected = [...Array.from({ length: 30 }, (_, n) => `v${n}`), ...written, 'after'];
      expect([...seen].sort()).toEqual(expected.sort());
    }
  });
});
