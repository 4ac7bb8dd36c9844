import { expect } from 'vitest';
import { encodeBatch, recordsFrom } from '../../index.js';
import { type LogPromise, recordOf, textOf } from './contract-context.js';

/** Deleting records before an offset. */
export const deletionPromises: readonly LogPromise[] = [
  {
    title: 'what is deleted is out of range for every reader, the rest reads as before, and offsets go on rising',
    async holds(context) {
      const ref = { topic: await context.topic(2), partition: 1 };
      const first = await context.append(ref, 'a', 'b', 'c');
      const second = await context.append(ref, 'd', 'e');
      await context.read(ref, 5);
      const [deleted] = await context.engine.deleteRecords([{ ...ref, offset: first + 1 }]);
      expect(deleted).toEqual({ ...ref, startOffset: first + 1 });
      expect(await context.startOf(ref)).toBe(first + 1);
      expect(await context.values(ref, 4)).toEqual(['b', 'c', 'd', 'e']);
      const gone = await context.fetch(ref, first);
      expect(gone).toMatchObject({ startOffset: first + 1, batches: [], error: { code: 'offset-out-of-range' } });
      await context.engine.deleteRecords([{ ...ref, offset: second }]);
      expect(await context.values(ref, 2)).toEqual(['d', 'e']);
      expect(await context.append(ref, 'f')).toBeGreaterThan(second + 1);
      expect(await context.values(ref, 3)).toEqual(['d', 'e', 'f']);
    },
  },
  {
    title: 'up to the end everything goes, the end offset stays, and the next record gets the next place',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      for (const value of ['a', 'b', 'c']) await context.append(ref, value);
      await context.read(ref, 3);
      const [end] = await context.endsOf(ref.topic);
      const [deleted] = await context.engine.deleteRecords([{ ...ref, offset: 'end' }]);
      expect(deleted).toEqual({ ...ref, startOffset: end });
      expect(await context.endsOf(ref.topic)).toEqual([end]);
      expect(await context.startOf(ref)).toBe(end);
      expect(await context.fetch(ref, end!)).toMatchObject({ batches: [], nextOffset: end, startOffset: end });
      expect(await context.engine.offsetForTimestamp(ref, 0)).toBeNull();
      expect(await context.append(ref, 'd')).toBeGreaterThanOrEqual(end!);
      expect(await context.values(ref, 1)).toEqual(['d']);
    },
  },
  {
    title: 'a deletion outlives a restart, and may be repeated without harm',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      for (const value of ['a', 'b', 'c', 'd']) await context.append(ref, value);
      const [{ offset } = { offset: 0 }] = (await context.read(ref, 4)).slice(2);
      for (let i = 0; i < 2; i++) {
        const [deleted] = await context.engine.deleteRecords([{ ...ref, offset }]);
        expect(deleted!.startOffset).toBe(offset);
      }
      await context.reopen();
      expect(await context.startOf(ref)).toBe(offset);
      expect(await context.values(ref, 2)).toEqual(['c', 'd']);
      const [lower] = await context.engine.deleteRecords([{ ...ref, offset: 0 }]);
      expect(lower, 'the start never goes back').toEqual({ ...ref, startOffset: offset });
      expect(await context.values(ref, 2)).toEqual(['c', 'd']);
    },
  },
  {
    title: 'positions to delete before are answered in their order, and the trouble of one spoils no other',
    async holds(context) {
      const topic = await context.topic(2);
      const config = { 'cleanup.policy': 'compact' };
      const compacts = context.engine.capabilities.topicConfigs.includes('cleanup.policy');
      const compacted = compacts ? await context.topic(1, { config }) : await context.topic(1, { state: 'RETIRED' });
      const missing = context.name('missing');
      await context.append({ topic, partition: 1 }, 'a', 'b');
      await context.read({ topic, partition: 1 }, 2);
      const kept = { topic: compacted, partition: 0 };
      if (compacts) await context.engine.append(kept, encodeBatch([recordOf('kept', { key: Buffer.from('k') })]));
      const answers = await context.engine.deleteRecords([
        { topic: missing, partition: 0, offset: 0 },
        { topic, partition: 7, offset: 'end' },
        { topic, partition: 0, offset: 99 },
        { ...kept, offset: 'end' },
        { topic, partition: 0, offset: -3 },
        { topic, partition: 1, offset: 1 },
      ]);
      expect(answers.map((one) => [one.topic, one.partition, one.error?.code, one.startOffset])).toEqual([
        [missing, 0, 'topic-not-found', 0],
        [topic, 7, 'partition-not-found', 0],
        [topic, 0, 'offset-out-of-range', 0],
        [compacted, 0, 'records-kept', 0],
        [topic, 0, 'invalid-position', 0],
        [topic, 1, undefined, 1],
      ]);
      if (compacts) expect(await context.values(kept, 1)).toEqual(['kept']);
      expect(await context.values({ topic, partition: 1 }, 1)).toEqual(['b']);
    },
  },
  {
    title:
      'what a deletion would come to is said without deleting: the same answers, those of holds and policy included',
    async holds(context) {
      const { engine } = context;
      const { topicConfigs, retentionHolds } = engine.capabilities;
      const topic = await context.topic(3);
      for (const partition of [0, 1, 2]) await context.append({ topic, partition }, 'a', 'b', 'c');
      for (const partition of [0, 1, 2]) await context.read({ topic, partition }, 3);
      const compacts = topicConfigs.includes('cleanup.policy');
      const kept = await context.topic(
        1,
        compacts ? { config: { 'cleanup.policy': 'compact' } } : { state: 'RETIRED' },
      );
      const one = { topic: kept, partition: 0 };
      if (compacts) {
        await engine.append(one, encodeBatch([recordOf('kept', { key: Buffer.from('k') })]));
        await context.values(one, 1);
      }
      const hold = context.name('hold');
      await engine.holdRetention(hold, [{ topic, partition: 1, offset: 1 }]);
      const asked = [
        { topic, partition: 0, offset: 2 },
        { topic, partition: 1, offset: 2 },
        { topic, partition: 2, offset: 'end' as const },
        { topic, partition: 0, offset: 99 },
        { topic, partition: 7, offset: 'end' as const },
        ...(compacts ? [{ ...one, offset: 'end' as const }] : []),
      ];
      const said = await engine.deleteRecords(asked, { validateOnly: true });
      expect(said.map((answer) => answer.error?.code)).toEqual([
        undefined,
        retentionHolds ? 'records-kept' : undefined,
        undefined,
        'offset-out-of-range',
        'partition-not-found',
        ...(compacts ? ['records-kept'] : []),
      ]);
      for (const partition of [0, 1, 2]) {
        expect(await context.values({ topic, partition }, 3), 'nothing went').toEqual(['a', 'b', 'c']);
      }
      const done = await engine.deleteRecords(asked);
      // The second position of a partition is judged when the first has been carried out.
      const placeOf = (answer: (typeof done)[number]): unknown => [answer.startOffset, answer.error?.code];
      const others = (answers: typeof done): unknown[] => answers.filter((_, at) => at !== 3).map(placeOf);
      expect(others(done)).toEqual(others(said));
      await engine.holdRetention(hold, null);
    },
  },
  {
    title: 'a topic that is out of service keeps its records',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      await context.append(ref, 'a');
      for (const [state, code] of [
        ['RETIRED', 'records-kept'],
        ['BROWNED_OUT', 'topic-browned-out'],
      ] as const) {
        await context.engine.setTopicState(ref.topic, state);
        const [answer] = await context.engine.deleteRecords([{ ...ref, offset: 'end' }]);
        expect(answer!.error).toMatchObject({ code });
      }
      await context.engine.setTopicState(ref.topic, 'ACTIVE');
      expect(await context.values(ref, 1)).toEqual(['a']);
    },
  },
  {
    title: 'what is deleted under a reader is told to it, and one that reads on misses nothing that stays',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      for (let i = 0; i < 30; i++) await context.append(ref, `v${i}`, 'x'.repeat(300));
      const all = await context.read(ref, 60);
      const cut = all[30]!.offset;
      const seen: (string | null)[] = [];
      let fell = false;
      for (let offset = all[0]!.offset, deleted = false; ;) {
        const fetched = await context.fetch(ref, offset, 700);
        if (fetched.error !== undefined) {
          expect(fetched).toMatchObject({ startOffset: cut, error: { code: 'offset-out-of-range' } });
          fell = true;
          offset = fetched.startOffset;
          continue;
        }
        for (const record of recordsFrom(fetched, offset)) seen.push(textOf(record.value));
        if (fetched.nextOffset >= fetched.endOffset) break;
        offset = fetched.nextOffset;
        if (!deleted) await context.engine.deleteRecords([{ ...ref, offset: cut }]);
        deleted = true;
      }
      expect(fell).toBe(true);
      expect(seen.slice(-30)).toEqual(all.slice(30).map((one) => textOf(one.value)));
    },
  },
];
