import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { WallClock } from '#libs/core/log/testing';
import {
  ANY_TIMESTAMP,
  anyContent,
  appendContent,
  drive,
  expectPlaced,
  fingerprint,
  pairsOf,
  readTopic,
  RepartitionWorld,
  runOf,
  startWriter,
  textOf,
  valuesByKey,
} from '../testing/index.js';

const clock = new WallClock();

const counts = fc.record({ sources: fc.integer({ min: 1, max: 12 }), targets: fc.integer({ min: 1, max: 12 }) });

describe('repartitioning', () => {
  it('moves any topic to any partition count byte for byte, in order, every record where its key belongs', async () => {
    const scenario = counts.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        content: anyContent(shape.sources, { maxBatches: 3, maxRecords: 8 }),
        dense: fc.boolean(),
        verification: fc.constantFrom('readback', 'full'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenario, async ({ shape, content, dense, verification }) => {
        const world = new RepartitionWorld(dense);
        await world.engine.createTopic({ name: 'orders', partitions: shape.sources, config: ANY_TIMESTAMP });
        await appendContent(world.engine, 'orders', content);
        const before = await world.read('orders');
        const operation = await world.planned({
          topic: 'orders',
          target: { partitions: shape.targets },
          verification,
          reverseTail: false,
        });
        await drive(world.process(), operation, { until: 'SWITCHED' });
        const topic = await world.directory.resolve('orders');
        expect(topic).toMatchObject({ generation: 2, physical: 'orders--g2', description: { state: 'ACTIVE' } });
        expect(topic.description.partitions).toHaveLength(shape.targets);
        const after = await world.read('orders');
        expectPlaced(after);
        const expected = [...pairsOf(before, shape.targets)];
        after.forEach((records, t) => {
          const there = expected.filter(([pair]) => pair.endsWith(`>${t}`)).flatMap(([, list]) => list);
          expect(records.map(fingerprint).sort()).toEqual(there.sort());
        });
        expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: before.flat().length });
        await world.process().finish(runOf(operation));
        expect(await world.topics()).toEqual(['orders--g2:ACTIVE']);
      }),
      { numRuns: 60 },
    );
  });

  it('tells while it verifies how far that is, and at the end how much of all was there', async () => {
    /** Each look at it is some time after the one before. */
    class HurriedClock extends WallClock {
      #at = 0;
      override monotonic(): number {
        return (this.#at += 400);
      }
    }
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    for (let n = 0; n < 60; n++) await world.write('orders', `k${n}`, `v${n}`);
    const request = { topic: 'orders', target: { partitions: 3 }, verification: 'write-side' };
    const operation = await world.planned(request);
    const handler = world.process({ clock: new HurriedClock() });
    await drive(handler, operation, { until: 'VERIFYING' });
    const told: JsonObject[] = [];
    const run = runOf(operation, {
      effect: async (name, perform) => {
        const done = perform();
        if (name === 'note') told.push(operation.notes['verification'] as JsonObject);
        return done;
      },
    });
    expect(await handler.phases.VERIFYING!(run)).toMatchObject({
      next: 'CUTTING_OVER',
      notes: { verification: { state: 'passed', checked: 60, total: 60, mismatchCount: 0, mismatches: [] } },
    });
    const running = told.filter(({ state }) => state === 'running');
    expect(running.length).toBeGreaterThan(2);
    for (const one of running) expect(one).toMatchObject({ level: 'readback', total: 60, mismatches: [] });
    const checked = running.map((one) => Number(one['checked']));
    expect(checked).toEqual([...checked].sort((a, b) => a - b));
    expect(checked.at(-1)).toBeGreaterThan(0);
    expect(checked.at(-1)).toBeLessThan(60);
  });

  it('keeps what writers of the topic were acknowledged, once and in order, while it copies and cuts over', async () => {
    await fc.assert(
      fc.asyncProperty(counts, fc.boolean(), async ({ sources, targets }, dense) => {
        const world = new RepartitionWorld(dense);
        await world.engine.createTopic({ name: 'orders', partitions: sources });
        const writers = ['a', 'b'].map((name) => startWriter(world, 'orders', name));
        await clock.sleep(2);
        const operation = await world.planned({
          topic: 'orders',
          target: { partitions: targets === sources ? 13 : targets },
        });
        await drive(world.process({ readyRecords: 20 }), operation, { until: 'SWITCHED' });
        await clock.sleep(2);
        for (const writer of writers) await writer.stop();
        const after = await world.read('orders');
        expectPlaced(after);
        const found = valuesByKey(after);
        const expected = new Map(writers.flatMap((writer) => [...writer.acknowledged]));
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
        expect((await world.directory.resolve('orders')).generation).toBe(2);
      }),
      { numRuns: 25 },
    );
  });

  it('restores the sequence of every key when it goes there and back again', async () => {
    await fc.assert(
      fc.asyncProperty(counts, async ({ sources, targets }) => {
        const world = new RepartitionWorld();
        await world.engine.createTopic({ name: 'orders', partitions: sources });
        for (let n = 0; n < 60; n++) await world.write('orders', `k${n % 9}`, `v${n}`);
        const before = valuesByKey(await world.read('orders'));
        const there = targets === sources ? sources + 1 : targets;
        for (const [i, partitions] of [there, sources].entries()) {
          const operation = await world.planned({ topic: 'orders', target: { partitions } }, `op-${i}`);
          await drive(world.process(), operation, { until: 'SWITCHED' });
          await world.process().finish(runOf(operation));
        }
        const topic = await world.directory.resolve('orders');
        expect(topic).toMatchObject({ generation: 3, physical: 'orders--g3' });
        expect(topic.description.partitions).toHaveLength(sources);
        expect(valuesByKey(await world.read('orders'))).toEqual(before);
        expect(await world.topics()).toEqual(['orders--g3:ACTIVE']);
      }),
      { numRuns: 25 },
    );
  });

  it('gives records a new key and tells where keys of new records come from', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'flights', partitions: 3 });
    for (let n = 0; n < 40; n++) {
      await world.write('flights', `flight-${n}`, JSON.stringify({ n, origin: ['JFK', 'LAX', 'SFO'][n % 3] }));
    }
    const tombstone = { key: Buffer.from('flight-1'), value: null, headers: [], timestamp: 5 };
    await world.producer.produce('flights', [tombstone], { maxHoldMs: 10 });
    const operation = await world.planned({
      topic: 'flights',
      target: { partitions: 5, key: { expr: 'value.origin' } },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const topic = await world.directory.resolve('flights');
    expect(topic.keyExpression).toBe('value.origin');
    const after = await world.read('flights');
    expectPlaced(after);
    const byKey = valuesByKey(after);
    expect([...byKey.keys()].sort()).toEqual(['JFK', 'LAX', 'SFO', 'flight-1']);
    expect(byKey.get('flight-1')).toEqual(['(null)']);
    expect(byKey.get('LAX')!.map((value) => (JSON.parse(value) as { origin: string }).origin)).toEqual(
      Array.from({ length: 13 }, () => 'LAX'),
    );
  });

  it('leaves records out by rule, counts them, and keeps them in the dead letter topic with where they were', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    await world.write('orders', 'a', '{"zip":"1"}');
    await world.write('orders', 'b', 'not json');
    await world.write('orders', 'c', '{}');
    const operation = await world.planned({
      topic: 'orders',
      target: { partitions: 3, key: { expr: 'value.zip', onMissing: 'dlq' } },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await world.read('orders')).flat().map((record) => textOf(record.key))).toEqual(['1']);
    expect(operation.notes['errors']).toMatchObject({
      poison: 2,
      dlq: 2,
      byClass: { 'key-undecodable': 1, 'key-missing-field': 1 },
    });
    const letters = (await world.read('orders.dlq')).flat();
    expect(letters.map((record) => textOf(record.value)).sort()).toEqual(['not json', '{}']);
    expect(letters[0]!.headers.map((one) => one.key)).toEqual([
      'weir.source.partition',
      'weir.source.offset',
      'weir.rule',
    ]);
  });

  it('waits in READY until the cutover is asked for, following the writers', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    const operation = await world.planned({ topic: 'orders', target: { partitions: 4 } });
    const handler = world.process();
    await drive(handler, operation, { until: 'READY' });
    const abort = new AbortController();
    const waiting = drive(handler, operation, { until: 'VERIFYING', requested: false, signal: abort.signal });
    for (let n = 0; n < 20; n++) await world.write('orders', `k${n}`, `v${n}`);
    await expect
      .poll(async () => (await readTopic(world.engine, 'orders--g2')).flat().length, { interval: 2 })
      .toBe(20);
    expect((await world.directory.resolve('orders')).generation).toBe(1);
    abort.abort(new Error('pause'));
    await expect(waiting).rejects.toThrow('pause');
    expect(operation.phase).toBe('READY');
    await drive(handler, operation, { until: 'SWITCHED' });
    expect((await world.read('orders')).flat()).toHaveLength(20);
  });
});
