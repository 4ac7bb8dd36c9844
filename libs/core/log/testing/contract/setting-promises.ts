import { expect } from 'vitest';
import {
  compressionName,
  COMPRESSIONS,
  encodeBatch,
  NO_TIMESTAMP,
  type PartitionRef,
  readBatchHeader,
} from '../../index.js';
import { type ContractContext, type LogPromise, recordOf, refusal } from './contract-context.js';

const HOUR_MS = 3_600_000;

async function place(context: ContractContext, config: Record<string, string>): Promise<PartitionRef> {
  return { topic: await context.topic(1, { config }), partition: 0 };
}

/** The compressions of the stored batches, in order. */
async function stored(context: ContractContext, ref: PartitionRef): Promise<(string | undefined)[]> {
  const { batches } = await context.fetch(ref, 0);
  return batches.map((one) => compressionName(readBatchHeader(one).compression));
}

/** What the settings of a topic do to batches. */
export const settingPromises: readonly LogPromise[] = [
  {
    title: 'a topic keeps batches in the compression it wants, with the same records',
    async holds(context) {
      const records = Array.from({ length: 40 }, (_, i) => recordOf(`value ${i}`, { key: Buffer.from(`${i % 3}`) }));
      const values = records.map((_, i) => `value ${i}`);
      for (const wanted of [...COMPRESSIONS.slice(1), 'uncompressed', 'producer'] as const) {
        const ref = await place(context, { 'compression.type': wanted });
        for (const compression of COMPRESSIONS) await context.engine.append(ref, encodeBatch(records, { compression }));
        expect(await context.values(ref, 5 * values.length)).toEqual(COMPRESSIONS.flatMap(() => values));
        const kept =
          wanted === 'producer' ? COMPRESSIONS : COMPRESSIONS.map(() => (wanted === 'uncompressed' ? 'none' : wanted));
        expect(await stored(context, ref), wanted).toEqual(kept);
      }
    },
  },
  {
    title: 'a batch of a producer is recognised although it is stored in another compression',
    async holds(context) {
      const ref = await place(context, { 'compression.type': 'lz4' });
      const { producerId: id, epoch } = await context.engine.openProducer();
      const batch = encodeBatch([recordOf('once')], { compression: 'gzip', producer: { id, epoch, baseSequence: 0 } });
      const { baseOffset } = await context.engine.append(ref, batch);
      expect((await context.engine.append(ref, batch)).baseOffset).toBe(baseOffset);
      expect(await context.values(ref, 1)).toEqual(['once']);
    },
  },
  {
    title: 'with LogAppendTime records get the time of their append, whatever they brought',
    async holds(context) {
      const ref = await place(context, { 'message.timestamp.type': 'LogAppendTime' });
      const records = [1, NO_TIMESTAMP, 9_000_000_000_000].map((timestamp) => recordOf('v', { timestamp }));
      await context.engine.append(ref, encodeBatch(records));
      await context.engine.append(ref, encodeBatch(records, { compression: 'snappy' }));
      const times = (await context.read(ref, 6)).map((one) => one.timestamp);
      for (const time of times) expect(Math.abs(time - Date.now())).toBeLessThan(HOUR_MS);
      expect(await context.engine.offsetForTimestamp(ref, times[0]!)).toBe(0);
      expect(await context.engine.offsetForTimestamp(ref, times.at(-1)! + HOUR_MS)).toBeNull();
    },
  },
  {
    title:
      'an acknowledgement names the level of its topic, or a stronger one that was asked for, and commits are durable',
    async holds(context) {
      const { topicConfigs } = context.engine.capabilities;
      for (const level of ['durable', 'buffered', 'none'] as const) {
        const known = topicConfigs.includes('weir.durability');
        const ref = await place(context, known ? { 'weir.durability': level } : {});
        const reached = known ? level : 'durable';
        const batch = (): Buffer => encodeBatch([recordOf('v')]);
        expect((await context.engine.append(ref, batch())).durability).toBe(reached);
        expect(await context.values(ref, 1), 'it is shown at once').toEqual(['v']);
        expect((await context.engine.append(ref, batch(), { durability: 'none' })).durability).toBe(reached);
        expect((await context.engine.append(ref, batch(), { durability: 'durable' })).durability).toBe('durable');
        const writer = await context.engine.openWriter(context.name('writer'));
        const [committed] = await writer.commit({ appends: [{ ...ref, batch: batch() }] });
        expect(committed!.durability).toBe('durable');
        await writer.close();
        await context.reopen();
        expect(await context.values(ref, 4)).toEqual(['v', 'v', 'v', 'v']);
      }
    },
  },
  {
    title: 'timestamps too far from the clock are refused and leave nothing, and none at all is taken',
    async holds(context) {
      const limits = {
        'message.timestamp.after.max.ms': `${HOUR_MS}`,
        'message.timestamp.before.max.ms': `${2 * HOUR_MS}`,
      };
      const ref = await place(context, limits);
      const at = (...timestamps: number[]): Buffer =>
        encodeBatch(timestamps.map((timestamp) => recordOf('v', { timestamp })));
      const now = Date.now();
      await refusal(context.engine.append(ref, at(now, now + 1.5 * HOUR_MS)), 'invalid-timestamp');
      await refusal(context.engine.append(ref, at(now - 2.5 * HOUR_MS)), 'invalid-timestamp');
      await context.engine.append(ref, at(now + 0.5 * HOUR_MS, NO_TIMESTAMP, now - 1.5 * HOUR_MS));
      await context.engine.alterTopicConfig(ref.topic, { 'message.timestamp.before.max.ms': null });
      await context.engine.append(ref, at(5));
      expect((await context.read(ref, 4)).map((one) => one.timestamp)).toEqual([
        now + 0.5 * HOUR_MS,
        NO_TIMESTAMP,
        now - 1.5 * HOUR_MS,
        5,
      ]);
    },
  },
];
