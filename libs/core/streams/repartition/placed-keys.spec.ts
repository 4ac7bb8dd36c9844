import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, KeyPlacement, type LogRecord, type PartitionerSpec, TopicProducer } from '#libs/core/log';
import {
  ANY_TIMESTAMP,
  anyContent,
  appendContent,
  drive,
  expectPlaced,
  fingerprint,
  Mortality,
  RepartitionWorld,
  runOf,
  startWriter,
  valuesByKey,
} from '../testing/index.js';
import { keylessTarget } from './routers.js';

const heavy: PartitionerSpec = { kind: 'salted', base: 'murmur2', keys: ['a', 'order-1'], salts: 3 };
const placed: PartitionerSpec = {
  kind: 'custom',
  base: 'crc32',
  keys: [
    { key: 'a', partition: 2 },
    { key: '', partition: 0 },
  ],
  ranges: [{ from: 'b', until: 'e', partitions: [1, 2] }],
};
const asRequest = (partitioner: PartitionerSpec, partitions: number): JsonObject => ({
  topic: 'orders',
  target: { partitions, partitioner: JSON.parse(JSON.stringify(partitioner)) as JsonObject },
});

const shapes = fc.record({
  sources: fc.integer({ min: 1, max: 6 }),
  targets: fc.integer({ min: 3, max: 9 }),
  partitioner: fc.constantFrom(heavy, placed),
});

describe('a repartition that gives keys places of their own', () => {
  it('moves any topic byte for byte, in order between each two partitions, every record where it may lie', async () => {
    const scenario = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        content: anyContent(shape.sources, { maxBatches: 3, maxRecords: 8 }),
        verification: fc.constantFrom('readback', 'full'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenario, async ({ shape: { sources, targets, partitioner }, content, verification }) => {
        const world = new RepartitionWorld();
        await world.engine.createTopic({ name: 'orders', partitions: sources, config: ANY_TIMESTAMP });
        await appendContent(world.engine, 'orders', content);
        const before = await world.read('orders');
        const operation = await world.planned({
          ...asRequest(partitioner, targets),
          verification,
          reverseTail: false,
        });
        await drive(world.process(), operation, { until: 'SWITCHED' });
        const after = await world.read('orders');
        expectPlaced(after, partitioner);
        // Every source partition, dealt out by the rule, is a subsequence of what lies in each target partition; together they are all of it.
        const placement = new KeyPlacement(partitioner, targets);
        const dealt: string[][][] = after.map(() => before.map(() => []));
        before.forEach((records, s) => {
          for (const one of records) {
            const at = placement.of(one.key ?? new Uint8Array(), 0, one.key?.length ?? -1, s, one.offset);
            const t = at < 0 ? keylessTarget(s, one.offset, sources, targets) : at;
            dealt[t]![s]!.push(fingerprint(one));
          }
        });
        after.forEach((records, t) => {
          const there = records.map(fingerprint);
          expect([...there].sort()).toEqual(dealt[t]!.flat().sort());
          for (const list of dealt[t]!) {
            let at = 0;
            for (const one of there) if (one === list[at]) at++;
            expect(at).toBe(list.length);
          }
        });
        expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: before.flat().length });
        await world.process().finish(runOf(operation));
        expect((await world.directory.resolve('orders')).partitioner).toEqual(partitioner);
      }),
      { numRuns: 50 },
    );
  });

  it('has new records placed by the same rule from the switch on, and by the former one after a rollback', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ({ sources, targets, partitioner }) => {
        const world = new RepartitionWorld();
        await world.engine.createTopic({ name: 'orders', partitions: sources });
        const writer = startWriter(world, 'orders', 'w');
        for (let n = 0; n < 12; n++) await world.write('orders', 'a', `a:${n}`);
        const operation = await world.planned(asRequest(partitioner, targets));
        await drive(world.process({ readyRecords: 20 }), operation, { until: 'SWITCHED' });
        for (let n = 12; n < 60; n++) await world.write('orders', 'a', `a:${n}`);
        await writer.stop();
        const there = await world.read('orders');
        expectPlaced(there, partitioner);
        const values = valuesByKey(there);
        for (const [key, acknowledged] of writer.acknowledged) expect(values.get(key)).toEqual(acknowledged);
        const all = Array.from({ length: 60 }, (_, n) => `a:${n}`).sort();
        expect([...values.get('a')!].sort()).toEqual(all);

        operation.phase = 'ROLLING_BACK';
        await drive(world.process(), operation, { until: 'ROLLED_BACK' });
        for (let n = 60; n < 70; n++) await world.write('orders', 'a', `a:${n}`);
        const back = await world.read('orders');
        expectPlaced(back);
        for (const [key, acknowledged] of writer.acknowledged) expect(valuesByKey(back).get(key)).toEqual(acknowledged);
        const again = valuesByKey(back).get('a')!;
        expect(again).toHaveLength(70);
        expect(new Set(again).size).toBe(70);
        expect((await world.directory.resolve('orders')).partitioner).toBeNull();
      }),
      { numRuns: 15 },
    );
  });

  it('spreads what is written under a salted key over its partitions', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    const operation = await world.planned(asRequest(heavy, 6));
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const records = Array.from({ length: 300 }, (_, n) => ({
      key: Buffer.from('a'),
      value: Buffer.from(String(n)),
      headers: [],
      timestamp: 1,
    }));
    let turn = 0;
    const keyless = { next: () => 0, among: (list: readonly number[]) => list[turn++ % list.length]! };
    await new TopicProducer(world.directory, keyless).produce('orders', records, { maxHoldMs: 1_000 });
    const counts = (await world.read('orders')).map((partition) => partition.length);
    expect(counts.filter((one) => one > 0)).toEqual([100, 100, 100]);
    expectPlaced(await world.read('orders'), heavy);
  });

  it('stays what it was for a topic that is repartitioned again without naming one', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    for (let n = 0; n < 40; n++) await world.write('orders', n % 2 === 0 ? 'a' : `k${n}`, `v${n}`);
    const first = await world.planned(asRequest(heavy, 6));
    await drive(world.process(), first, { until: 'SWITCHED' });
    await world.process().finish(runOf(first));
    const again = await world.planned({ topic: 'orders', target: { partitions: 4 } }, 'op-2');
    expect(again.plan.impact['profile']).toMatchObject({ partitioner: heavy, misPartitioned: 0 });
    expect(again.plan.parameters['partitioner']).toEqual(heavy);
    await drive(world.process(), again, { until: 'SWITCHED' });
    expectPlaced(await world.read('orders'), heavy);
    const same = await world.planned({ topic: 'orders', target: { partitions: 4 } }, 'op-3');
    expect(same.plan.blockers).toEqual([expect.stringContaining('nothing would change')]);
    const plain = await world.planned({ topic: 'orders', target: { partitions: 4, partitioner: 'murmur2' } }, 'op-4');
    expect(plain.plan.blockers).toEqual([]);
    await drive(world.process(), plain, { until: 'SWITCHED' });
    expectPlaced(await world.read('orders'));
  });

  it('ends as if nothing had happened when it is killed before or after any effect', async () => {
    const prepared = async (): Promise<RepartitionWorld> => {
      const world = new RepartitionWorld();
      await world.engine.createTopic({ name: 'orders', partitions: 2 });
      for (let n = 0; n < 16; n++) {
        const record = { key: Buffer.from(n % 2 === 0 ? 'a' : `k${n % 6}`), value: Buffer.from(`v${n}`) };
        const batch = encodeBatch([{ ...record, headers: [], timestamp: 1 }]);
        await world.engine.append({ topic: 'orders', partition: n % 2 }, batch);
      }
      return world;
    };
    const clean = await prepared();
    const calm = new Mortality();
    const request = asRequest(heavy, 5);
    const effectOf = (mortality: Mortality) => ({
      effect: async <T>(name: string, perform: () => T) => await mortality.effect(name, perform),
    });
    await drive(clean.process({ mortality: calm }), await clean.planned(request), {
      until: 'SWITCHED',
      ...effectOf(calm),
    });
    const expected = (await clean.read('orders')).map((records) => records.map(fingerprint).sort());
    expect(calm.effects).toBeGreaterThan(15);
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
        const found = await world.read('orders');
        expect(
          found.map((records) => records.map(fingerprint).sort()),
          name,
        ).toEqual(expected);
        expectPlaced(found, heavy);
        expect((await world.directory.resolve('orders')).partitioner, name).toEqual(heavy);
      }
    }
  });
});

describe('the plan of a repartition that gives keys places of their own', () => {
  const many = async (key: (n: number) => string, config: Record<string, string> = {}): Promise<RepartitionWorld> => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2, config });
    const records = Array.from({ length: 400 }, (_, n): LogRecord => ({
      key: Buffer.from(key(n)),
      value: Buffer.from('v'),
      headers: [],
      timestamp: 1,
    }));
    await world.producer.produce('orders', records, { maxHoldMs: 1_000 });
    return world;
  };
  const giant = (n: number): string => (n % 2 === 0 ? 'giant' : `k${n}`);

  it('suggests salts for a key that is too heavy, and forecasts what they do', async () => {
    const world = await many(giant);
    const before = (await world.planned({ topic: 'orders', target: { partitions: 8 } })).plan;
    expect(before.impact['skew']).toMatchObject({ lowerBound: 4 });
    const suggestion = before.impact['suggestion'] as JsonObject;
    expect(suggestion).toEqual({ partitioner: { kind: 'salted', base: 'murmur2', keys: ['giant'], salts: 4 } });
    expect(before.risks).toEqual(
      expect.arrayContaining([expect.stringContaining('4 salts, or another key, spread it')]),
    );

    const target = { partitions: 8, ...suggestion };
    const operation = await world.planned({ topic: 'orders', target });
    const { impact, risks, blockers } = operation.plan;
    expect(blockers).toEqual([]);
    expect(impact['skew']).toMatchObject({ lowerBound: 1 });
    expect((impact['skew'] as { after: number }).after).toBeLessThan(2);
    expect(impact['suggestion']).toBeNull();
    expect(impact['order']).toContain('a salted key has no order between its 4 partitions');
    expect(risks.join()).not.toContain('heavy key');
    expect(risks).toEqual(expect.arrayContaining([expect.stringMatching(/^writers: .* murmur2 with 1 key over 4/)]));
    const { perPartition } = impact['profile'] as unknown as { perPartition: { after: number[] } };
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await world.read('orders')).map((records) => records.length)).toEqual(perPartition.after);
  });

  it('blocks what cannot be: more salts than partitions, partitions that are not there, a compacted topic', async () => {
    const world = await many(giant);
    const salts = await world.planned({
      topic: 'orders',
      target: { partitions: 4, partitioner: { kind: 'salted', keys: ['giant'], salts: 5 } },
    });
    expect(salts.plan.blockers).toEqual([expect.stringContaining('5 salts need as many partitions')]);
    const beyond = await world.planned({
      topic: 'orders',
      target: { partitions: 4, partitioner: { kind: 'custom', keys: [{ key: 'giant', partition: 4 }] } },
    });
    expect(beyond.plan.blockers).toEqual([expect.stringContaining("key 'giant' is to lie in partition 4")]);
    const compacted = await many(giant, { 'cleanup.policy': 'compact' });
    const kept = await compacted.planned({
      topic: 'orders',
      target: { partitions: 4, partitioner: { kind: 'salted', keys: ['giant'], salts: 2 } },
    });
    expect(kept.plan.blockers).toEqual([expect.stringContaining('no one could tell which is the last')]);
    expect(
      (await compacted.planned({ topic: 'orders', target: { partitions: 8 } })).plan.impact['suggestion'],
    ).toBeNull();
  });

  it('promises no group an exact translation that it cannot have', async () => {
    const world = await many(giant);
    await world.engine.commitPositions('readers', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const plan = async (partitioner: JsonObject | string) =>
      (await world.planned({ topic: 'orders', target: { partitions: 4, partitioner }, groups: { mode: 'exact' } }))
        .plan;
    expect((await plan('murmur2')).blockers).toEqual([]);
    const salted = await plan({ kind: 'salted', keys: ['giant'], salts: 2 });
    expect(salted.blockers).toEqual([expect.stringContaining("group 'readers'")]);
  });

  it('names everything that is wrong with a partitioner', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 1 });
    const problems = async (partitioner: JsonObject | string) =>
      await world.planned({ topic: 'orders', target: { partitions: 4, partitioner } }).then(
        () => [],
        (error: unknown) => (error as { items: { path: string }[] }).items.map((one) => one.path),
      );
    const at = (rest: string): string => `target.partitioner${rest}`;
    expect(await problems('murmur')).toEqual([at('')]);
    expect(await problems({ kind: 'random' })).toEqual([at('')]);
    expect(await problems({ kind: 'salted', base: 'explicit', keys: [], salts: 1, ranges: [] })).toEqual([
      at('.ranges'),
      at('.base'),
      at('.salts'),
      at('.keys'),
    ]);
    expect(await problems({ kind: 'salted', keys: ['a', 'base64:YQ=='], salts: 2 })).toEqual([at('.keys')]);
    expect(await problems({ kind: 'salted', keys: ['base64:?', 7], salts: 2 })).toContain(at('.keys[0]'));
    expect(await problems({ kind: 'custom' })).toEqual([at('')]);
    const empty = [{ from: 'm', until: 'm', partitions: [0] }];
    expect(await problems({ kind: 'custom', ranges: empty })).toEqual([at('.ranges[0]')]);
    expect(
      await problems({
        kind: 'custom',
        keys: [{ key: 'a' }],
        ranges: [
          { until: 'm', partitions: [] },
          { from: 'b', partitions: [-1] },
        ],
      }),
    ).toEqual([at('.keys[0].partition'), at('.ranges[0].partitions'), at('.ranges[1].partitions[0]'), at('.ranges')]);
  });
});
