import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { AppError, deferred } from '#libs/core/kernel';
import { encodeBatch } from './batch-encoder.js';
import { recordsFrom } from './batch-decoder.js';
import { physicalName } from './generation.js';
import type { PartitionerSpec } from './key-placement.js';
import { partitionerOf, RoundRobinPartitions } from './partitioner.js';
import type { StoredRecord } from './record.js';
import { TopicDirectory } from './topic-directory.js';
import type { ProducedRecord } from './partition-groups.js';
import { TopicProducer } from './topic-producer.js';
import { TopicReader } from './topic-reader.js';
import { MemoryLogEngine, MemoryTopicNames, WallClock } from './testing/index.js';

const record = (key: string | null, value: string, partition?: number): ProducedRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(value),
  headers: [],
  timestamp: 1,
  partition,
});

async function setUp(partitions: number, config: Record<string, string> = {}) {
  const engine = new MemoryLogEngine();
  const names = new MemoryTopicNames();
  const directory = new TopicDirectory(engine, names, new WallClock());
  await directory.create({ name: 't', partitions, config });
  return { engine, names, directory, producer: new TopicProducer(directory, new RoundRobinPartitions(() => 0)) };
}

async function recordsOf(engine: MemoryLogEngine, topic: string, partition: number): Promise<StoredRecord[]> {
  const [fetched] = await engine.fetch({ positions: [{ topic, partition, offset: 0 }], maxBytes: 1 << 30 });
  return [...recordsFrom(fetched!, 0)];
}

/** What a repartition does at its cutover, reduced to the bone: fence, copy, move the name, open the new generation. */
async function cutOver(
  engine: MemoryLogEngine,
  names: MemoryTopicNames,
  from: number,
  partitions: number,
): Promise<void> {
  const [old, next] = [physicalName('t', from), physicalName('t', from + 1)];
  await engine.createTopic({ name: next, partitions, state: 'FENCED' });
  const fenced = await engine.setTopicState(old, 'FENCED');
  for (const { partition } of fenced.partitions) {
    for (const one of await recordsOf(engine, old, partition)) {
      const target = partitionerOf()(one.key, partitions)!;
      await engine.append({ topic: next, partition: target }, encodeBatch([one]), { intoFenced: true });
    }
  }
  await names.compareAndSet(engine.logId, 't', from - 1, from + 1);
  await engine.setTopicState(next, 'ACTIVE');
}

const HOLD = { maxHoldMs: 5_000 };

describe('producing to a logical topic', () => {
  it('puts each key where Kafka would, and answers the offset of each record in the order given', async () => {
    const { engine, producer } = await setUp(6);
    const { outcomes, token, durability } = await producer.produce(
      't',
      [record('abc', '1'), record('foobar', '2'), record('abc', '3')],
      HOLD,
    );
    expect(outcomes).toEqual([
      { partition: 3, offset: 0 },
      { partition: 0, offset: 0 },
      { partition: 3, offset: 1 },
    ]);
    expect(token).toEqual({
      logId: engine.logId,
      topic: 't',
      generation: 1,
      positions: new Map([
        [3, 2],
        [0, 1],
      ]),
    });
    expect(durability).toBeDefined();
  });

  it('splits what is larger than a batch may be, keeping order', async () => {
    const { engine, producer } = await setUp(1, { 'max.message.bytes': '400' });
    const records = Array.from({ length: 20 }, (_, i) => record('k', `${i}`.padStart(50, '0')));
    const { outcomes } = await producer.produce('t', records, HOLD);
    expect(outcomes.map((one) => 'offset' in one && one.offset)).toEqual(records.map((_, i) => i));
    expect((await recordsOf(engine, 't', 0)).map((one) => Number(one.value))).toEqual(records.map((_, i) => i));
  });

  it('writes nothing when one record can never be written', async () => {
    const { engine, producer } = await setUp(2, { 'max.message.bytes': '400' });
    await expect(producer.produce('t', [record('a', 'x'), record('b', 'y'.repeat(500))], HOLD)).rejects.toMatchObject({
      code: 'batch-too-large',
    });
    await expect(producer.produce('t', [record('a', 'x'), record(null, 'y', 7)], HOLD)).rejects.toMatchObject({
      code: 'partition-not-found',
    });
    for (const partition of [0, 1]) expect(await recordsOf(engine, 't', partition)).toEqual([]);
  });

  it('uses the records no longer than until it answers, also where one partition fails at once', async () => {
    const { engine, producer } = await setUp(2, { 'max.message.bytes': '400' });
    const gate = deferred<void>();
    const append = engine.append.bind(engine);
    vi.spyOn(engine, 'append').mockImplementation(async (at, ...rest) => {
      if (at.partition === 0) throw new TypeError('a defect');
      await gate.promise;
      return await append(at, ...rest);
    });
    const records = [record('a', 'x', 0), ...Array.from({ length: 4 }, () => record('b', 'y'.repeat(200), 1))];
    let answered = false;
    const produced = producer.produce('t', records, HOLD).finally(() => (answered = true));
    produced.catch(() => undefined);
    await new Promise(setImmediate);
    expect(answered).toBe(false);
    gate.resolve();
    await expect(produced).rejects.toThrow('a defect');
    // Whoever lent them may overwrite them now: all that is to be written was encoded.
    const written = await recordsOf(engine, 't', 1);
    expect(written).toHaveLength(4);
  });

  it('refuses a fenced topic when the hold is over, saying so', async () => {
    const { engine, producer } = await setUp(1);
    await engine.setTopicState('t', 'FENCED');
    await expect(producer.produce('t', [record('a', 'x')], { maxHoldMs: 20 })).rejects.toMatchObject({
      code: 'topic-fenced',
      retryable: true,
    });
  });

  it('takes the key from where the topic says since its last cutover, and refuses a record that has none', async () => {
    const { engine, names, directory } = await setUp(2);
    await engine.createTopic({ name: physicalName('t', 2), partitions: 5 });
    await names.compareAndSet(engine.logId, 't', 0, 2, {
      opensAt: [0, 0, 0, 0, 0],
      closedAt: [],
      keyExpression: 'value',
      partitioner: null,
    });
    const producer = new TopicProducer(directory, new RoundRobinPartitions(() => 0), (_topic, expression, given) => {
      expect(expression).toBe('value');
      if (given.value?.length === 0)
        throw new AppError({ kind: 'unprocessable', code: 'key-missing', message: 'no key' });
      return given.value as Uint8Array;
    });
    const { outcomes } = await producer.produce(
      't',
      [record('old', 'foobar'), record('old', ''), record(null, 'foobar')],
      HOLD,
    );
    const partition = partitionerOf()(Buffer.from('foobar'), 5);
    expect(outcomes).toEqual([
      { partition, offset: 0 },
      { error: expect.objectContaining({ code: 'key-missing' }) },
      { partition, offset: 1 },
    ]);
    const stored = await recordsOf(engine, physicalName('t', 2), partition!);
    expect(stored.map((one) => String(one.key))).toEqual(['foobar', 'foobar']);
  });

  it('places keys as the topic says since its last cutover: by another partitioner, in a place of their own, or over several', async () => {
    const { engine, names, directory, producer } = await setUp(2);
    await engine.createTopic({ name: physicalName('t', 2), partitions: 6 });
    const moved = async (partitioner: PartitionerSpec): Promise<number[]> => {
      const row = await names.find(engine.logId, 't');
      const opening = { opensAt: [], closedAt: [], keyExpression: null, partitioner };
      await names.compareAndSet(engine.logId, 't', row?.revision ?? 0, 2, opening);
      expect((await directory.resolve('t')).partitioner).toEqual(partitioner);
      const { outcomes } = await producer.produce('t', Array<ProducedRecord>(4).fill(record('foobar', 'x')), HOLD);
      return outcomes.map((one) => ('error' in one ? -1 : one.partition));
    };
    const murmur = partitionerOf()(Buffer.from('foobar'), 6)!;
    const crc = partitionerOf('crc32')(Buffer.from('foobar'), 6)!;
    expect(crc).not.toBe(murmur);
    expect(await moved('crc32')).toEqual([crc, crc, crc, crc]);
    const keys = [{ key: 'foobar', partition: 5 }];
    expect(await moved({ kind: 'custom', base: 'murmur2', keys, ranges: [] })).toEqual([5, 5, 5, 5]);
    const [a, b] = [murmur, (murmur + 3) % 6];
    expect(await moved({ kind: 'salted', base: 'murmur2', keys: ['foobar'], salts: 2 })).toEqual([a, b, a, b]);
  });

  it('loses, repeats and reorders nothing of a key over cutovers to any partition count', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 6 }),
        async (partitions, targets, batch) => {
          const { engine, names, producer } = await setUp(partitions);
          let writing = true;
          const counts = new Map<string, number>();
          const writer = async (name: string): Promise<void> => {
            for (let n = 0; writing || n % batch !== 0; n++) {
              const records = Array.from({ length: batch }, (_, i) => record(`${name}${i % 3}`, `${n * batch + i}`));
              const { outcomes } = await producer.produce('t', records, HOLD);
              expect(outcomes.every((one) => 'offset' in one)).toBe(true);
              for (const one of records) counts.set(String(one.key), (counts.get(String(one.key)) ?? 0) + 1);
            }
          };
          const writers = Promise.all([writer('a'), writer('b')]);
          let generation = 1;
          for (const target of targets) await cutOver(engine, names, generation++, target);
          writing = false;
          await writers;
          const seen = new Map<string, number[]>();
          const last = await engine.describeTopic(physicalName('t', generation));
          for (const { partition } of last.partitions) {
            for (const one of await recordsOf(engine, last.name, partition)) {
              const values = seen.get(String(one.key)) ?? [];
              seen.set(String(one.key), values);
              values.push(Number(one.value));
            }
          }
          for (const [key, values] of seen) {
            expect(values).toEqual([...values].sort((x, y) => x - y));
            expect(new Set(values).size).toBe(values.length);
            expect(values.length).toBe(counts.get(key));
          }
          expect(seen.size).toBe(counts.size);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('reading a logical topic', () => {
  it('gives the log when pages are put together, whatever their size', async () => {
    const { directory, producer } = await setUp(3);
    const written = Array.from({ length: 100 }, (_, i) => record(`k${i % 7}`, `${i}`));
    await producer.produce('t', written, HOLD);
    const reader = new TopicReader(directory);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), async (size) => {
        let at = await reader.start('t', undefined, { kind: 'start' });
        const seen: string[] = [];
        for (;;) {
          const page = await reader.read('t', at, { records: size, maxBytes: 1 << 20, waitMs: 0 });
          seen.push(...page.records.map((one) => `${one.partition}/${one.offset}`));
          at = page.next;
          if (page.atEnd) break;
          expect(page.records.length).toBe(size);
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length).toBe(written.length);
      }),
      { numRuns: 10 },
    );
  });

  it('begins at an offset, a time, the end, or so many records before it', async () => {
    const { directory, producer } = await setUp(1);
    await producer.produce(
      't',
      Array.from({ length: 10 }, (_, i) => ({ ...record('k', `${i}`), timestamp: 100 * i })),
      HOLD,
    );
    const reader = new TopicReader(directory);
    const begin = async (from: Parameters<TopicReader['start']>[2]) =>
      (await reader.start('t', 0, from)).positions.get(0);
    expect(await begin({ kind: 'start' })).toBe(0);
    expect(await begin({ kind: 'end' })).toBe(10);
    expect(await begin({ kind: 'offset', offset: 4 })).toBe(4);
    expect(await begin({ kind: 'time', timestampMs: 450 })).toBe(5);
    expect(await begin({ kind: 'last', count: 3 })).toBe(7);
    expect(await begin({ kind: 'last', count: 30 })).toBe(0);
  });

  it('says that a position is of another generation instead of reading the wrong records', async () => {
    const { engine, names, directory, producer } = await setUp(2);
    await producer.produce('t', [record('a', '1')], HOLD);
    const reader = new TopicReader(directory);
    const vector = await reader.start('t', undefined, { kind: 'start' });
    await cutOver(engine, names, 1, 3);
    await expect(reader.read('t', vector, { records: 1, maxBytes: 1000, waitMs: 0 })).rejects.toMatchObject({
      code: 'generation-gone',
    });
  });
});
