import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, type LogRecord, partitionerOf } from '#libs/core/log';
import { RepartitionWorld } from '../testing/index.js';
import { HeavyKeys } from './heavy-keys.js';

const record = (key: string | null, value: string | null = 'v', timestamp = 1): LogRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp,
});

async function world(partitions: number, records: readonly LogRecord[], config: Record<string, string> = {}) {
  const made = new RepartitionWorld();
  await made.engine.createTopic({ name: 'orders', partitions, config });
  const partitionOf = partitionerOf();
  for (const [n, one] of records.entries()) {
    const partition = partitionOf(one.key, partitions) ?? n % partitions;
    await made.engine.append({ topic: 'orders', partition }, encodeBatch([one]));
  }
  return made;
}

const many = (count: number, key: (n: number) => string | null = (n) => `k${n}`): LogRecord[] =>
  Array.from({ length: count }, (_, n) => record(key(n)));

const plan = async (made: RepartitionWorld, more: JsonObject = {}) =>
  (await made.planned({ topic: 'orders', target: { partitions: 4 }, ...more })).plan;

describe('the plan of a repartition', () => {
  it('keeps the way back open for as long as was asked for, and refuses what is no time', async () => {
    const made = await world(2, many(4));
    const cutover = { mode: 'auto', maxPauseMs: 500, rollbackWindowMs: 60_000 };
    expect((await plan(made, { cutover })).controls).toEqual({
      cutover: 'automatic',
      maxPauseMs: 500,
      rollbackWindowMs: 60_000,
    });
    expect((await plan(made)).controls).toEqual({ cutover: 'manual', maxPauseMs: 10_000 });
    await expect(plan(made, { cutover: { rollbackWindowMs: -1 } })).rejects.toThrow('cutover.rollbackWindowMs');
  });

  it('counts what it looked at: keys, tombstones, timestamps, the largest record, where things lie', async () => {
    const records = [
      ...many(20),
      record(null),
      record('k1', null),
      record('k2', 'x'.repeat(500)),
      record('k3', 'v', -1),
    ];
    const { impact, estimates, blockers } = await plan(await world(2, records));
    expect(impact['profile']).toMatchObject({
      records: 24,
      sampled: false,
      nullKeys: 1,
      tombstones: 1,
      withoutTimestamp: 1,
      partitioner: 'murmur2',
      misPartitioned: 0,
      distinctKeys: 20,
    });
    const { largestRecordBytes, perPartition } = impact['profile'] as {
      largestRecordBytes: number;
      perPartition: { before: number[]; after: number[] };
    };
    expect(largestRecordBytes).toBeGreaterThan(500);
    expect(perPartition.before.reduce((sum, one) => sum + one, 0)).toBe(24);
    expect(perPartition.after).toHaveLength(4);
    expect(estimates).toMatchObject({ records: 24, pauseMs: 250 });
    expect(blockers).toEqual([]);
  });

  it('forecasts the skew that comes out', async () => {
    const made = await world(
      2,
      many(400, (n) => `k${n % 37}`),
    );
    const { impact, parameters } = await plan(made, { target: { partitions: 5 } });
    const { perPartition } = impact['profile'] as { perPartition: { after: number[] } };
    expect(parameters['target']).toMatchObject({ partitions: 5 });
    const measured = new Array<number>(5).fill(0);
    for (const one of many(400, (n) => `k${n % 37}`)) measured[partitionerOf()(one.key, 5)!]!++;
    expect(perPartition.after).toEqual(measured);
    expect(impact['skew']).toMatchObject({ after: Math.round((Math.max(...measured) / 80) * 1000) / 1000 });
  });

  it('names a key that no partition count can spread', async () => {
    const made = await world(
      2,
      many(100, (n) => (n % 2 === 0 ? 'giant' : `k${n}`)),
    );
    const { risks, impact } = await plan(made, { target: { partitions: 8 } });
    expect(risks).toEqual(expect.arrayContaining([expect.stringMatching(/^heavy key: 'giant' alone is 4\.0 times/)]));
    expect(impact['skew']).toMatchObject({ lowerBound: 4 });
  });

  it('recognises the partitioner, and tells of keys that lie elsewhere', async () => {
    const made = new RepartitionWorld();
    await made.engine.createTopic({ name: 'orders', partitions: 3 });
    const crc = partitionerOf('crc32');
    for (const one of many(60)) {
      await made.engine.append({ topic: 'orders', partition: crc(one.key, 3)! }, encodeBatch([one]));
    }
    const other = await plan(made, { target: { partitions: 6 } });
    expect(other.impact['profile']).toMatchObject({ partitioner: 'crc32', misPartitioned: 0 });
    // Placed by murmur2 from now on, positions of groups have no structural translation any more.
    await made.engine.commitPositions('readers', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const strict = await plan(made, { target: { partitions: 6 }, groups: { mode: 'exact' } });
    expect(strict.blockers).toEqual([expect.stringContaining("group 'readers'")]);

    const mixed = await world(3, many(60));
    for (const n of [1, 2, 3]) {
      const partition = (partitionerOf()(record(`k${n}`).key, 3)! + 1) % 3;
      await mixed.engine.append({ topic: 'orders', partition }, encodeBatch([record(`k${n}`)]));
    }
    const found = await plan(mixed, { target: { partitions: 3 } });
    expect(found.blockers).toEqual([]);
    expect(found.risks).toEqual(expect.arrayContaining([expect.stringContaining('mis-partitioned keys: 3 of 63')]));
    expect(found.impact['order']).toContain('keys that lie in several have no order between those');
  });

  it('looks at an even sample of a large topic, and says so', async () => {
    const made = new RepartitionWorld();
    await made.engine.createTopic({ name: 'orders', partitions: 2 });
    for (let partition = 0; partition < 2; partition++) {
      for (let batch = 0; batch < 110; batch++) {
        const records = Array.from({ length: 1000 }, (_, n) => record(`k${partition}-${batch}-${n}`));
        await made.engine.append({ topic: 'orders', partition }, encodeBatch(records));
      }
    }
    const { impact, estimates } = await plan(made, { target: { partitions: 3 } });
    expect(impact['profile']).toMatchObject({ sampled: true, records: 220_000 });
    expect((impact['profile'] as { lookedAt: number }).lookedAt).toBeLessThan(201_000);
    expect(estimates.records).toBe(220_000);
  });

  it('blocks what cannot work', async () => {
    const compacted = await world(2, many(10), { 'cleanup.policy': 'compact' });
    await compacted.engine.alterTopicConfig('orders', { 'cleanup.policy': null });
    await compacted.engine.append({ topic: 'orders', partition: 0 }, encodeBatch([record(null)]));
    await compacted.engine.alterTopicConfig('orders', { 'cleanup.policy': 'compact' });
    expect((await plan(compacted)).blockers).toEqual([expect.stringContaining('1 records have no key')]);
    expect((await plan(compacted, { nullKeys: 'drop' })).blockers).toEqual([]);

    const large = await world(2, [record('k', 'x'.repeat(2_000))]);
    await large.engine.alterTopicConfig('orders', { 'max.message.bytes': '1000' });
    expect((await plan(large)).blockers).toEqual([expect.stringContaining('max.message.bytes 1000')]);

    const plain = await world(2, many(10));
    expect((await plan(plain, { target: { partitions: 1000 } })).blockers).toEqual([expect.stringContaining('256')]);
    expect((await plan(plain, { target: { partitions: 2 } })).blockers).toEqual([
      expect.stringContaining('nothing would change'),
    ]);
    await plain.engine.setTopicState('orders', 'FENCED');
    expect((await plan(plain)).blockers).toEqual([expect.stringContaining('FENCED')]);
  });

  it('relies on nothing that moves by itself, and on everything that must not', async () => {
    const made = await world(2, many(10));
    const { fingerprint, parameters } = await plan(made);
    const handler = made.process();
    await made.write('orders', 'k', 'more');
    expect(await handler.fingerprint(parameters)).toEqual(fingerprint);
    await made.engine.alterTopicConfig('orders', { 'retention.ms': '1000' });
    expect(await handler.fingerprint(parameters)).not.toEqual(fingerprint);
    await made.engine.alterTopicConfig('orders', { 'retention.ms': null });
    expect(await handler.fingerprint(parameters)).toEqual(fingerprint);
    await made.engine.createTopic({ name: 'orders--g2', partitions: 1 });
    expect(await handler.fingerprint(parameters)).not.toEqual(fingerprint);
  });

  it('names topics whose keys lie alike and that are read together with it, and what to do', async () => {
    const made = await world(2, many(10));
    for (const [name, partitions] of [
      ['payments', 2],
      ['refunds', 2],
      ['wide', 3],
    ] as const) {
      await made.engine.createTopic({ name, partitions });
      await made.engine.append({ topic: name, partition: 0 }, encodeBatch([record('k')]));
    }
    const positions = ['orders', 'payments', 'wide'].map((topic) => ({ topic, partition: 0, offset: 0 }));
    await made.engine.commitPositions('joiner', positions);
    await made.engine.commitPositions('other', [{ topic: 'refunds', partition: 0, offset: 0 }]);
    const { impact, risks, blockers } = await plan(made);
    expect(blockers).toEqual([]);
    expect(impact['coPartitioned']).toEqual([{ topic: 'payments', through: ['group joiner'] }]);
    expect(risks).toEqual(
      expect.arrayContaining([expect.stringMatching(/^co-partitioned: 'payments' .* group joiner; /)]),
    );
    await made.engine.deleteGroup('joiner');
    expect((await plan(made)).impact['coPartitioned']).toEqual([]);
  });

  it('names every problem of a request at once', async () => {
    const made = await world(1, []);
    await expect(
      made.planned({ topik: 'orders', target: { partitions: 0 }, nullKeys: 'maybe', cutover: { maxPauseMs: '1' } }),
    ).rejects.toMatchObject({
      code: 'invalid-repartition-request',
      items: [
        { path: 'topik', message: "is not known; did you mean 'topic'?" },
        { path: 'topic', message: 'is missing' },
        { path: 'target.partitions' },
        { path: 'nullKeys' },
        { path: 'cutover.maxPauseMs' },
      ],
    });
  });
});

describe('heavy keys', () => {
  it('are found, each counted too low by no more than the stated error', () => {
    const heavy = new HeavyKeys(20);
    const truth = new Map<string, number>();
    for (let n = 0; n < 20_000; n++) {
      const key = n % 3 === 0 ? `heavy-${n % 4}` : `light-${(n * 7919) % 5_003}`;
      truth.set(key, (truth.get(key) ?? 0) + 1);
      heavy.add(Buffer.from(key));
    }
    const found = new Map(heavy.top(20).map((one) => [Buffer.from(one.key).toString(), one]));
    for (const [key, count] of truth) {
      if (count <= 20_000 / 21) continue;
      const { count: counted, error } = found.get(key)!;
      expect(counted).toBeLessThanOrEqual(count);
      expect(counted + error).toBeGreaterThanOrEqual(count);
    }
    expect(found.has('heavy-0')).toBe(true);
  });
});
