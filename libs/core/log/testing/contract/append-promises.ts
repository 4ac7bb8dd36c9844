import { expect } from 'vitest';
import {
  COMPRESSIONS,
  encodeBatch,
  type LogRecord,
  MOST_HEADER_BYTES,
  NO_TIMESTAMP,
  recordsFrom,
} from '../../index.js';
import { breachesOf, type HistoryRead, type HistoryWrite } from '../log-history.js';
import { batchOf, type LogPromise, recordOf, refusal, textOf } from './contract-context.js';
import { brokenBatches } from './broken-batches.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Records of every shape that must come back as they were. */
const SHAPES: readonly LogRecord[] = [
  { key: null, value: null, headers: [], timestamp: NO_TIMESTAMP },
  { key: bytes(''), value: bytes(''), headers: [], timestamp: 0 },
  { key: bytes('k'), value: null, headers: [], timestamp: 1 },
  { key: null, value: Buffer.from([0, 255, 128, 10, 13]), headers: [], timestamp: 1_700_000_000_123 },
  {
    key: bytes('订单'),
    value: bytes('🦉'),
    timestamp: 1_600_000_000_000,
    headers: [
      { key: 'trace', value: bytes('1') },
      { key: 'trace', value: null },
      { key: 'trace', value: bytes('') },
      { key: '', value: bytes('no key') },
      { key: 'ключ', value: Buffer.from([0xff, 0xfe]) },
      { key: '__proto__', value: bytes('data') },
    ],
  },
  { key: bytes('large'), value: Buffer.alloc(100_000, 7), headers: [], timestamp: 1_500_000_000_000 },
];

/** Appends: order, fidelity, refusals, durability. */
export const appendPromises: readonly LogPromise[] = [
  {
    title: 'appends in sequence get rising offsets, in one piece where offsets are dense',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      let next = 0;
      for (const size of [1, 3, 1, 50, 2]) {
        const values = Array.from({ length: size }, (_, i) => `${size}:${i}`);
        const appended = await context.engine.append(ref, batchOf(...values));
        expect(appended).toMatchObject(ref);
        expect(appended.lastOffset).toBe(appended.baseOffset + size - 1);
        expect(appended.baseOffset).toBeGreaterThanOrEqual(next);
        if (context.engine.capabilities.denseOffsets) expect(appended.baseOffset).toBe(next);
        next = appended.lastOffset + 1;
      }
      expect((await context.endsOf(ref.topic))[0]).toBeGreaterThanOrEqual(next);
    },
  },
  {
    title: 'records come back byte for byte: null and empty, headers in order, timestamps',
    async holds(context) {
      for (const compression of COMPRESSIONS) {
        const ref = { topic: await context.topic(1), partition: 0 };
        await context.engine.append(ref, encodeBatch(SHAPES, { compression }));
        const read = await context.read(ref, SHAPES.length);
        expect(read.map(plain)).toEqual(SHAPES.map(plain));
        await context.reopen();
        expect((await context.read(ref, SHAPES.length)).map(plain)).toEqual(SHAPES.map(plain));
      }
    },
  },
  {
    title: 'the encoded records of a batch are stored as they are, compressed or not',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const batches = COMPRESSIONS.map((compression) => encodeBatch(SHAPES, { compression }));
      for (const batch of batches) await context.engine.append(ref, batch);
      await context.read(ref, SHAPES.length * batches.length);
      const fetched = await context.fetch(ref, 0);
      const stored = fetched.batches.map((one) => Buffer.from(one).subarray(61).toString('base64'));
      expect(stored).toEqual(batches.map((one) => one.subarray(61).toString('base64')));
    },
  },
  {
    title: 'a batch that is not valid is refused and leaves nothing',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      for (const [why, batch] of brokenBatches()) {
        await refusal(context.engine.append(ref, batch), ['invalid-batch', 'unsupported-compression']).catch(
          (error: unknown) => {
            throw new Error(`a batch with ${why}`, { cause: error });
          },
        );
      }
      expect(await context.endsOf(ref.topic)).toEqual([0]);
      await context.append(ref, 'good');
      expect(await context.values(ref, 1)).toEqual(['good']);
    },
  },
  {
    title:
      'headers of a record beyond 64 KiB are refused to a client; a commit, which may copy what others wrote, takes them',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const headed = (bytes: number, compression: 'none' | 'gzip' = 'none'): Buffer => {
        const headers = [{ key: 'half', value: Buffer.alloc(bytes / 2 - 4) }];
        const record = recordOf('v', { headers: [...headers, ...headers] });
        return encodeBatch([recordOf('before'), record], { compression });
      };
      const tooMany = MOST_HEADER_BYTES + 1_024;
      await context.engine.append(ref, headed(MOST_HEADER_BYTES));
      for (const compression of ['none', 'gzip'] as const) {
        await refusal(context.engine.append(ref, headed(tooMany, compression)), 'invalid-batch');
      }
      const writer = await context.engine.openWriter(context.name('copying'));
      await writer.commit({ appends: [{ ...ref, batch: headed(tooMany) }] });
      const sizes = (await context.read(ref, 4)).map(({ headers }) =>
        headers.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0),
      );
      expect(sizes).toEqual([0, MOST_HEADER_BYTES, 0, tooMany]);
    },
  },
  {
    title: 'a batch over the topic limit is refused, before and after the limit is changed',
    async holds(context) {
      const topic = await context.topic(1, { config: { 'max.message.bytes': '1000' } });
      const ref = { topic, partition: 0 };
      const batch = encodeBatch([recordOf('x'.repeat(1500))]);
      await refusal(context.engine.append(ref, batch), 'batch-too-large');
      await context.engine.alterTopicConfig(topic, { 'max.message.bytes': '2000' });
      await context.engine.append(ref, batch);
      await context.engine.alterTopicConfig(topic, { 'max.message.bytes': '1000' });
      await refusal(context.engine.append(ref, batch), 'batch-too-large');
      expect(await context.read(ref, 1)).toHaveLength(1);
    },
  },
  {
    title: 'an append to a topic or partition that does not exist says so',
    async holds(context) {
      const topic = await context.topic(2);
      await refusal(context.engine.append({ topic, partition: 2 }, batchOf('v')), 'partition-not-found');
      await refusal(context.engine.append({ topic, partition: -1 }, batchOf('v')), 'partition-not-found');
      await refusal(context.engine.append({ topic: context.name(), partition: 0 }, batchOf('v')), 'topic-not-found');
    },
  },
  {
    title: 'the caller may use its buffer again once the append is answered',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const batch = batchOf('mine');
      await context.engine.append(ref, batch);
      batch.fill(0xee);
      expect(await context.values(ref, 1)).toEqual(['mine']);
    },
  },
  {
    title: 'many producers at once: nothing lost, nothing twice, each in its order, at the place acknowledged',
    async holds(context) {
      const topics = [await context.topic(3), await context.topic(2)];
      const refs = topics.flatMap((topic, t) =>
        Array.from({ length: 3 - t }, (_, partition) => ({ topic, partition })),
      );
      const writes: HistoryWrite[] = [];
      await Promise.all(
        Array.from({ length: 12 }, async (_, p) => {
          for (let sequence = 0; sequence < 15; sequence++) {
            const ref = refs[(p + sequence) % refs.length]!;
            const value = `p${p}:${sequence}`;
            const { baseOffset } = await context.engine.append(ref, batchOf(value));
            writes.push({ ...ref, producer: `p${p}`, sequence, value, acknowledged: { offset: baseOffset } });
          }
        }),
      );
      const check = async (): Promise<void> => {
        const reads: HistoryRead[] = [];
        for (const ref of refs) reads.push({ ...ref, records: await context.read(ref) });
        expect(breachesOf(writes, reads)).toEqual([]);
      };
      await check();
      await context.reopen();
      await check();
    },
  },
  {
    title: 'appends to one partition issued without waiting keep the order they were issued in',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const values = Array.from({ length: 40 }, (_, i) => `v${i}`);
      const appended = await Promise.all(values.map((value) => context.engine.append(ref, batchOf(value))));
      const offsets = appended.map((one) => one.baseOffset);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      expect(await context.values(ref, values.length)).toEqual(values);
    },
  },
  {
    title: 'acknowledged records are there after a restart, and offsets go on rising',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      await context.append(ref, 'a', 'b');
      const { lastOffset } = await context.engine.append(ref, batchOf('c'));
      await context.reopen();
      expect(await context.values(ref, 3)).toEqual(['a', 'b', 'c']);
      expect(await context.append(ref, 'd')).toBeGreaterThan(lastOffset);
      expect(await context.values(ref, 4)).toEqual(['a', 'b', 'c', 'd']);
    },
  },
  {
    title: 'stored batches carry their offsets',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const places = [await context.append(ref, 'a', 'b'), await context.append(ref, 'c')];
      await context.read(ref, 3);
      const records = [...recordsFrom(await context.fetch(ref, 0), 0)];
      expect(records.map((one) => [one.offset, textOf(one.value)])).toEqual([
        [places[0], 'a'],
        [places[0]! + 1, 'b'],
        [places[1], 'c'],
      ]);
    },
  },
];

/** A record as plain data, so that a difference is shown as such. */
function plain({ key, value, headers, timestamp }: LogRecord): unknown {
  const hex = (one: Uint8Array | null): string | null => (one === null ? null : Buffer.from(one).toString('hex'));
  return { key: hex(key), value: hex(value), timestamp, headers: headers.map((one) => [one.key, hex(one.value)]) };
}
