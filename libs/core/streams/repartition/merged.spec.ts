import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import {
  drive,
  expectPlaced,
  fingerprint,
  Mortality,
  RepartitionWorld,
  runOf,
  startWriter,
  textOf,
} from '../testing/index.js';

const ORIGINS = ['JFK', 'LAX', 'SFO'];
const request: JsonObject = {
  topic: 'flights',
  target: { partitions: 2, key: { expr: 'value.origin' } },
  orderMerge: 'timestamp',
};

/** Flights of few origins over several partitions, their times rising in each partition by these steps. */
async function flights(steps: readonly (readonly number[])[]): Promise<RepartitionWorld> {
  const world = new RepartitionWorld();
  await world.engine.createTopic({ name: 'flights', partitions: steps.length });
  for (const [partition, list] of steps.entries()) {
    let timestamp = 0;
    for (const [n, step] of list.entries()) {
      timestamp += step;
      const origin = ORIGINS[(n + partition) % ORIGINS.length];
      const value = Buffer.from(JSON.stringify({ origin, partition, n, timestamp }));
      const record = { key: Buffer.from(`flight-${partition}-${n}`), value, headers: [], timestamp };
      await world.engine.append({ topic: 'flights', partition }, encodeBatch([record]));
    }
  }
  return world;
}

const timesByKey = async (world: RepartitionWorld): Promise<Map<string, [number, number, number][]>> => {
  const found = new Map<string, [number, number, number][]>();
  for (const { key, value } of (await world.read('flights')).flat()) {
    const { timestamp, partition, n } = JSON.parse(textOf(value)) as Record<'timestamp' | 'partition' | 'n', number>;
    found.set(textOf(key), [...(found.get(textOf(key)) ?? []), [timestamp, partition, n]]);
  }
  return found;
};

const anySteps = fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 15 }), { minLength: 2, maxLength: 4 });

describe('a repartition that merges by time', () => {
  it('brings the records of a new key in the order of time, partition and offset', async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const world = await flights(steps);
        const operation = await world.planned(request);
        expect(operation.plan.blockers).toEqual([]);
        expect(operation.plan.impact['order']).toContain('in the order of their timestamps');
        await drive(world.process(), operation, { until: 'SWITCHED' });
        expectPlaced(await world.read('flights'));
        let records = 0;
        for (const list of (await timesByKey(world)).values()) {
          records += list.length;
          const sorted = [...list].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
          expect(list).toEqual(sorted);
        }
        expect(records).toBe(steps.flat().length);
        expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: records });
        expect(operation.notes['errors']).toMatchObject({ late: 0 });
        await world.process().finish(runOf(operation));
        expect(world.storage.writers.get('op-1-0')?.checkpoints.size ?? 0).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('negative control: without it, records of a new key do not come in the order of time', async () => {
    const world = await flights([
      [1, 1, 1, 1, 1, 1],
      [1, 1, 1, 1, 1, 1],
    ]);
    const operation = await world.planned({ ...request, orderMerge: 'none' });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const lists = [...(await timesByKey(world)).values()];
    expect(lists.some((list) => list.some(([time], i) => i > 0 && time < list[i - 1]![0]))).toBe(true);
  });

  it('ends as if nothing had happened when it is killed before or after any effect', async () => {
    const steps = [
      [1, 2, 3, 1, 0, 4],
      [2, 2, 2, 2],
      [5, 0, 0, 1, 1],
    ];
    const prepared = async (): Promise<RepartitionWorld> => await flights(steps);
    const effectOf = (mortality: Mortality) => ({
      effect: async <T>(name: string, perform: () => T) => await mortality.effect(name, perform),
    });
    const clean = await prepared();
    const calm = new Mortality();
    const first = await clean.planned(request);
    await drive(clean.process({ mortality: calm }), first, { until: 'SWITCHED', ...effectOf(calm) });
    const expected = (await clean.read('flights')).map((records) => records.map(fingerprint));
    for (const after of [false, true]) {
      for (let at = 1; at <= calm.effects; at++) {
        const world = await prepared();
        const operation = await world.planned(request);
        const mortality = new Mortality(at, after);
        const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
        await drive(world.process({ mortality }), operation, { until: 'SWITCHED', ...effectOf(mortality) }).catch(
          (error: unknown) => {
            if (!mortality.dead) throw error;
          },
        );
        await drive(world.process(), operation, { until: 'SWITCHED' });
        const found = (await world.read('flights')).map((records) => records.map(fingerprint));
        expect(found, name).toEqual(expected);
      }
    }
  });

  it('leaves records out by rule, counts them, and keeps them in the dead letter topic', async () => {
    const world = await flights([
      [1, 2, 3],
      [2, 2, 2],
    ]);
    await world.write('flights', 'odd', 'not json');
    await world.write('flights', 'none', '{}');
    const operation = await world.planned({
      ...request,
      target: { partitions: 2, key: { expr: 'value.origin', onMissing: 'dlq' } },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await world.read('flights')).flat()).toHaveLength(6);
    expect(operation.notes['errors']).toMatchObject({
      poison: 2,
      dlq: 2,
      byClass: { 'key-undecodable': 1, 'key-missing-field': 1 },
    });
    const letters = (await world.read('flights.dlq')).flat();
    expect(letters.map((record) => textOf(record.value)).sort()).toEqual(['not json', '{}']);
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: 6 });
  });

  it('loses and repeats nothing of what writers are acknowledged meanwhile, each key in its order', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'flights', partitions: 3 });
    const writers = ['a', 'b'].map((name) => startWriter(world, 'flights', name));
    for (let n = 0; n < 30; n++) await world.write('flights', `k${n % 4}`, `k${n % 4}:${n}`);
    const operation = await world.planned({
      topic: 'flights',
      target: { partitions: 5 },
      orderMerge: 'timestamp',
      mergeIdleMs: 0,
    });
    await drive(world.process({ readyRecords: 20 }), operation, { until: 'SWITCHED' });
    for (const writer of writers) await writer.stop();
    const after = await world.read('flights');
    expectPlaced(after);
    const found = new Map<string, string[]>();
    for (const { key, value } of after.flat())
      found.set(textOf(key), [...(found.get(textOf(key)) ?? []), textOf(value)]);
    for (const writer of writers)
      for (const [key, values] of writer.acknowledged) expect(found.get(key)).toEqual(values);
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect((await world.read('flights')).flat()).toHaveLength(after.flat().length);
  });
});
