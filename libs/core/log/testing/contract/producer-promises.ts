import { expect } from 'vitest';
import { encodeBatch, type PartitionRef, type ProducerIdentity } from '../../index.js';
import { type ContractContext, type LogPromise, recordOf, refusal } from './contract-context.js';

const LAST_SEQUENCE = 2_147_483_647;

/** A batch of a producer that begins at a sequence. */
function batchAt({ producerId: id, epoch }: ProducerIdentity, baseSequence: number, ...values: string[]): Buffer {
  const records = values.map((value) => recordOf(value));
  return encodeBatch(records, { producer: { id, epoch, baseSequence } });
}

async function place(context: ContractContext): Promise<PartitionRef> {
  return { topic: await context.topic(1), partition: 0 };
}

/** Producers whose batches may be repeated: identities, repetitions, what comes out of turn, who is replaced. */
export const producerPromises: readonly LogPromise[] = [
  {
    title: 'a repeated batch of a producer is stored once and answered with its first place, also after a restart',
    async holds(context) {
      const ref = await place(context);
      const producer = await context.engine.openProducer();
      const first = await context.engine.append(ref, batchAt(producer, 0, 'a', 'b'));
      const second = await context.engine.append(ref, batchAt(producer, 2, 'c'));
      const { baseOffset, lastOffset } = first;
      expect(await context.engine.append(ref, batchAt(producer, 0, 'a', 'b'))).toMatchObject({
        baseOffset,
        lastOffset,
      });
      expect((await context.engine.append(ref, batchAt(producer, 2, 'c'))).baseOffset).toBe(second.baseOffset);
      await context.reopen();
      expect((await context.engine.append(ref, batchAt(producer, 2, 'c'))).baseOffset).toBe(second.baseOffset);
      expect((await context.engine.append(ref, batchAt(producer, 0, 'a', 'b'))).baseOffset).toBe(baseOffset);
      await context.engine.append(ref, batchAt(producer, 3, 'd'));
      expect(await context.values(ref, 4)).toEqual(['a', 'b', 'c', 'd']);
    },
  },
  {
    title: 'each of the last five batches of a producer is recognised, and none before them is appended again',
    async holds(context) {
      const ref = await place(context);
      const producer = await context.engine.openProducer();
      const places: number[] = [];
      for (let i = 0; i < 7; i++)
        places.push((await context.engine.append(ref, batchAt(producer, i, `${i}`))).baseOffset);
      for (let i = 2; i < 7; i++) {
        expect((await context.engine.append(ref, batchAt(producer, i, `${i}`))).baseOffset).toBe(places[i]);
      }
      await refusal(context.engine.append(ref, batchAt(producer, 1, '1')), 'out-of-order-sequence');
      expect(await context.values(ref, 7)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    },
  },
  {
    title:
      'batches of a producer sent without waiting, and repeated before the first answer came, are stored once and in order',
    async holds(context) {
      const ref = await place(context);
      const producer = await context.engine.openProducer();
      const batches = [0, 1, 2, 3, 4].map((i) => batchAt(producer, i, `${i}`));
      const sent = [...batches, ...batches].map(async (batch) => (await context.engine.append(ref, batch)).baseOffset);
      const places = await Promise.all(sent);
      expect(places.slice(5)).toEqual(places.slice(0, 5));
      expect(await context.values(ref, 5)).toEqual(['0', '1', '2', '3', '4']);
    },
  },
  {
    title: 'a batch out of turn is refused and leaves nothing, and the producer goes on where it was',
    async holds(context) {
      const ref = await place(context);
      const producer = await context.engine.openProducer();
      await context.engine.append(ref, batchAt(producer, 0, 'a', 'b'));
      for (const sequence of [1, 3, 7]) {
        await refusal(context.engine.append(ref, batchAt(producer, sequence, 'x')), 'out-of-order-sequence');
      }
      await context.engine.append(ref, batchAt(producer, 2, 'c'));
      expect(await context.values(ref, 3)).toEqual(['a', 'b', 'c']);
    },
  },
  {
    title: 'sequences go on at 0 after 2147483647, also within a batch',
    async holds(context) {
      const ref = await place(context);
      const producer = await context.engine.openProducer();
      await context.engine.append(ref, batchAt(producer, LAST_SEQUENCE - 3, 'a'));
      const round = await context.engine.append(ref, batchAt(producer, LAST_SEQUENCE - 2, 'b', 'c', 'd', 'e'));
      await refusal(context.engine.append(ref, batchAt(producer, 2, 'x')), 'out-of-order-sequence');
      await context.engine.append(ref, batchAt(producer, 1, 'f'));
      const again = await context.engine.append(ref, batchAt(producer, LAST_SEQUENCE - 2, 'b', 'c', 'd', 'e'));
      expect(again.baseOffset).toBe(round.baseOffset);
      expect(await context.values(ref, 6)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    },
  },
  {
    title: 'sequences count in each partition apart',
    async holds(context) {
      const topic = await context.topic(2);
      const producer = await context.engine.openProducer();
      for (const partition of [0, 1]) await context.engine.append({ topic, partition }, batchAt(producer, 0, 'a'));
      await context.engine.append({ topic, partition: 1 }, batchAt(producer, 1, 'b'));
      await refusal(context.engine.append({ topic, partition: 0 }, batchAt(producer, 2, 'x')), 'out-of-order-sequence');
      expect(await context.values({ topic, partition: 0 }, 1)).toEqual(['a']);
      expect(await context.values({ topic, partition: 1 }, 2)).toEqual(['a', 'b']);
    },
  },
  {
    title: 'no two producers get the same id, at the same time or after a restart',
    async holds(context) {
      const open = async (): Promise<number> => (await context.engine.openProducer()).producerId;
      const ids = await Promise.all(Array.from({ length: 20 }, open));
      await context.reopen();
      ids.push(...(await Promise.all([open(), open()])));
      expect(new Set(ids).size).toBe(ids.length);
    },
  },
  {
    title: 'a producer opened under a name replaces the one before it, also over a restart',
    async holds(context) {
      const ref = await place(context);
      const name = context.name('producer');
      const first = await context.engine.openProducer(name);
      await context.engine.append(ref, batchAt(first, 0, 'a'));
      await context.reopen();
      const second = await context.engine.openProducer(name);
      expect(second.producerId).toBe(first.producerId);
      expect(second.epoch).toBeGreaterThan(first.epoch);
      await context.engine.append(ref, batchAt(second, 0, 'b'));
      await refusal(context.engine.append(ref, batchAt(first, 1, 'x')), 'stale-producer-epoch');
      await refusal(context.engine.append(ref, batchAt(first, 0, 'a')), 'stale-producer-epoch');
      expect(await context.values(ref, 2)).toEqual(['a', 'b']);
      await refusal(context.engine.openProducer('no/name'), 'invalid-producer-name');
    },
  },
  {
    title: 'a commit takes no batches of producers: its session stands for it',
    async holds(context) {
      const ref = await place(context);
      const producer = await context.engine.openProducer();
      const writer = await context.engine.openWriter(context.name('writer'));
      await refusal(writer.commit({ appends: [{ ...ref, batch: batchAt(producer, 0, 'x') }] }), 'invalid-batch');
      await writer.close();
      expect(await context.endsOf(ref.topic)).toEqual([0]);
    },
  },
];
