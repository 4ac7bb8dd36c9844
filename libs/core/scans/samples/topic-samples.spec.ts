import { beforeEach, describe, expect, it } from 'vitest';
import { batchesIn, encodeBatch, type FetchedPartition, type LogEngine, type LogRecord } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { parseSubject } from '#libs/core/registry';
import { exactValue, INFERENCE_LIMITS } from '#libs/core/schema';
import { deferred } from '#libs/core/kernel';
import { namedByGuid, namedById, ScanWorld } from '../testing/index.js';
import type { SampledTopic, SampleRequest } from './topic-samples.js';

const signal = new AbortController().signal;

const plain = (value: string | Uint8Array | null, key: string | null = null): LogRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp: -1,
});
const json = (value: unknown): LogRecord => plain(JSON.stringify(value));

/** A log that lost most batches to compaction, and keeps every so many of them. */
class CompactedLog extends MemoryLogEngine {
  keepEvery = 1;

  override async fetch(request: Parameters<LogEngine['fetch']>[0]): Promise<FetchedPartition[]> {
    const fetched = await super.fetch(request);
    return fetched.map((one) => ({ ...one, batches: one.batches.flatMap((bytes) => this.#left(bytes)) }));
  }

  #left(bytes: Uint8Array): Uint8Array[] {
    return [...batchesIn(bytes)].flatMap(({ header, bytes: batch }) =>
      header.baseOffset % this.keepEvery === 0 ? [batch.subarray(0, header.sizeBytes)] : [],
    );
  }
}

describe('samples of a topic', () => {
  let world: ScanWorld;
  beforeEach(async () => {
    world = new ScanWorld();
    const config = { 'max.message.bytes': String(4 * 1024 * 1024) };
    await world.log.createTopic({ name: 'orders', partitions: 2, config });
  });

  async function register(subject: string, schema: string) {
    const sent = { schema };
    const { schema: made } = await world.registry.register(parseSubject(subject), sent, {
      normalize: false,
      force: false,
    });
    return { id: made.id, guid: made.guid };
  }

  async function sampled(
    request: Partial<SampleRequest> = {},
  ): Promise<{ readonly made: readonly unknown[]; readonly sampled: SampledTopic }> {
    const defaults = {
      cluster: undefined,
      topic: 'orders',
      part: 'value',
      partitions: undefined,
      records: 100,
    } as const;
    return world.samples().sample({ ...defaults, ...request }, signal, async (samples) => {
      const values: unknown[] = [];
      for await (const node of samples) values.push(exactValue(node));
      const again: unknown[] = [];
      for await (const node of samples) again.push(exactValue(node));
      expect(again).toEqual(values);
      return values;
    });
  }

  it('are JSON text and what schemas wrote, by id and by GUID, in the order of partitions and offsets', async () => {
    const { id, guid } = await register('orders-value', '"string"');
    await world.append('orders', 1, [json({ n: 2 })]);
    await world.append('orders', 0, [json({ n: 1 }), namedById(id, '\u0004ab'), namedByGuid(guid, '\u0004cd')]);
    expect(await sampled()).toEqual({
      made: [{ n: 1 }, 'ab', 'cd', { n: 2 }],
      sampled: {
        ...{ cluster: 'local', topic: 'orders', generation: 1, part: 'value' },
        ...{ records: 4, used: 4, absent: 0, undecodable: 0, cutByBytes: false },
        writers: [
          { schemaId: null, records: 2 },
          { schemaId: id, records: 2 },
        ],
        partitions: [
          { partition: 0, from: 0, to: 3, records: 3, used: 3, absent: 0, undecodable: 0, trouble: null },
          { partition: 1, from: 0, to: 1, records: 1, used: 1, absent: 0, undecodable: 0, trouble: null },
        ],
        failures: [],
      },
    });
  });

  it('leave out what is null or cannot be decoded, counted and with the first places', async () => {
    const { id } = await register('orders-value', '"string"');
    const deep = '['.repeat(INFERENCE_LIMITS.depth + 1) + ']'.repeat(INFERENCE_LIMITS.depth + 1);
    const bad = [
      plain('{"n":'),
      plain(Uint8Array.of(0xff, 0xfe)),
      namedById(id, '\u0010ab'),
      namedById(id + 1_000),
      plain(deep),
      json(Array.from({ length: INFERENCE_LIMITS.sampleValues }, () => 1)),
      json('x'.repeat(INFERENCE_LIMITS.sampleLength)),
    ];
    await world.append('orders', 0, [plain(null), ...bad, json({ n: 1 })]);
    const { made, sampled: told } = await sampled();
    expect(made).toEqual([{ n: 1 }]);
    expect(told).toMatchObject({ records: 9, used: 1, absent: 1, undecodable: 7 });
    expect(told.failures.map(({ offset, reason }) => [offset, reason])).toEqual([
      [1, 'names no schema and is not JSON text'],
      [2, 'names no schema and is not UTF-8 text'],
      [3, expect.any(String)],
      [4, expect.any(String)],
      [5, `nests deeper than ${INFERENCE_LIMITS.depth} levels`],
      [6, `holds more than ${INFERENCE_LIMITS.sampleValues} values`],
      [7, `is longer than ${INFERENCE_LIMITS.sampleLength} bytes`],
    ]);
  });

  it('that a few bytes of a schema stand for are bounded as lines of JSON are', async () => {
    const nulls = await register('nulls', '{"type":"array","items":"null"}');
    const nested = '{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}';
    const { id } = await register('nested', nested);
    const many = Buffer.from([0xc0, 0xb8, 0x02, 0]);
    await world.append('orders', 0, [
      namedById(nulls.id, many),
      namedById(id, Buffer.from([...Array<number>(20).fill(2), 0])),
    ]);
    await world.append('orders', 0, [namedById(id, Buffer.from([...Array<number>(19).fill(2), 0]))]);
    const { sampled: told } = await sampled();
    expect(told.failures.map(({ reason }) => reason)).toEqual([
      `holds more than ${INFERENCE_LIMITS.sampleValues} values`,
      `nests deeper than ${INFERENCE_LIMITS.depth} levels`,
    ]);
    expect(told.used).toBe(1);
  });

  it('are the newest, evenly of each partition, and what a short one has not comes from the others', async () => {
    await world.append(
      'orders',
      0,
      Array.from({ length: 50 }, (_, n) => json(n)),
    );
    await world.append(
      'orders',
      1,
      Array.from({ length: 3 }, (_, n) => json(100 + n)),
    );
    const { made, sampled: told } = await sampled({ records: 10 });
    expect(made).toEqual([43, 44, 45, 46, 47, 48, 49, 100, 101, 102]);
    expect(told.partitions).toMatchObject([
      { from: 43, to: 50, records: 7 },
      { from: 0, to: 3, records: 3 },
    ]);
    expect((await sampled({ records: 1_000 })).made).toHaveLength(53);
    expect((await sampled({ records: 1, partitions: [0] })).made).toEqual([49]);
  });

  it.each([1, 7, 50])('are as many as are asked for where one in %i offsets has a record', async (keepEvery) => {
    const log = new CompactedLog();
    world = new ScanWorld({ compacted: log });
    await log.createTopic({ name: 'sparse', partitions: 1 });
    for (let n = 0; n < 1_000; n++) await log.append({ topic: 'sparse', partition: 0 }, encodeBatch([json(n)]));
    log.keepEvery = keepEvery;
    const present = Array.from({ length: 1_000 }, (_, n) => n).filter((n) => n % keepEvery === 0);
    const request = { cluster: 'compacted', topic: 'sparse', records: 15 };
    const { made, sampled: told } = await sampled(request);
    expect(made).toEqual(present.slice(-15));
    expect(told.partitions).toMatchObject([{ to: 1_000, records: 15 }]);
    const { from } = told.partitions[0]!;
    expect(present.filter((n) => n >= from)).toEqual(made);
    const all = await sampled({ ...request, records: 2_000 });
    expect(all.made).toEqual(present);
    expect(all.sampled.partitions).toMatchObject([{ from: 0, to: 1_000 }]);
  });

  it('are fewer where they hold much together, reach to the end all the same, and it is said', async () => {
    const text = 'x'.repeat(900 * 1024);
    for (let n = 0; n < 40; n++) await world.append('orders', n % 2, [json([n, text])]);
    const { made, sampled: told } = await sampled();
    expect(told.cutByBytes).toBe(true);
    expect(told.records).toBeGreaterThan(4);
    expect(told.records * text.length).toBeLessThan(16 * 1024 * 1024);
    const numbers = made.map((one) => (one as [number])[0]);
    for (const [partition, { from, to, records }] of told.partitions.entries()) {
      expect([to, records]).toEqual([20, to - from]);
      expect(numbers.filter((n) => n % 2 === partition)).toEqual(
        Array.from({ length: records }, (_, i) => 2 * (from + i) + partition),
      );
    }
  });

  it('of keys are the text they are, unless they are objects or lists', async () => {
    const { id } = await register('orders-key', '"string"');
    const named = { ...plain('{}'), key: namedById(id, '\u0004ab').value };
    await world.append('orders', 0, [
      plain('{}', 'o-1'),
      plain('{}', '17'),
      plain('{}', '{"id":1}'),
      named,
      plain('{}'),
    ]);
    const { made, sampled: told } = await sampled({ part: 'key' });
    expect(made).toEqual(['o-1', '17', { id: 1 }, 'ab']);
    expect(told).toMatchObject({ part: 'key', used: 4, absent: 1 });
  });

  it('keep numbers as they were written', async () => {
    await world.append('orders', 0, [plain('{"id":9007199254740993}')]);
    const text = await world
      .samples()
      .sample(
        { cluster: undefined, topic: 'orders', part: 'value', partitions: undefined, records: 1 },
        signal,
        async (samples) => {
          for await (const node of samples) if (node.kind === 'object') return node.members.get('id');
          return undefined;
        },
      );
    expect(text.made).toMatchObject({ kind: 'number', text: '9007199254740993' });
  });

  it('are refused where there are none, saying what was found instead', async () => {
    await expect(sampled()).rejects.toMatchObject({ code: 'topic-without-samples', details: { records: 0 } });
    await world.append('orders', 1, [plain(null), plain('no')]);
    await expect(sampled()).rejects.toMatchObject({
      code: 'topic-without-samples',
      details: { records: 2, absent: 1, undecodable: 1, failures: [{ partition: 1, offset: '1' }] },
    });
    await expect(sampled({ topic: 'nowhere' })).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(sampled({ partitions: [2] })).rejects.toMatchObject({ code: 'partition-not-found' });
    await expect(sampled({ cluster: 'nowhere' })).rejects.toMatchObject({ code: 'cluster-not-found' });
  });

  it('are held for few at a time, and let go of whatever becomes of them', async () => {
    await world.append('orders', 0, [json(1)]);
    const samples = world.samples();
    const held = deferred<void>();
    const take = (use: () => Promise<void>) =>
      samples.sample(
        { cluster: undefined, topic: 'orders', part: 'value', partitions: undefined, records: 1 },
        signal,
        use,
      );
    const two = Promise.allSettled([take(() => held.promise), take(() => held.promise)]);
    await expect(take(async () => undefined)).rejects.toMatchObject({ code: 'scans-busy', retryable: true });
    const reason = new Error('used badly');
    held.reject(reason);
    expect(await two).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await take(async () => undefined);
  });
});
