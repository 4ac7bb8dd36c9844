import { expect } from 'vitest';
import { batchOf, type LogPromise, refusal } from './contract-context.js';

/** Holding records that an operation has still to read. Where the engine knows no holds, the calls do no harm. */
export const holdPromises: readonly LogPromise[] = [
  {
    title: 'what is held cannot be deleted until the hold moves on or is released',
    async holds(context) {
      const { engine } = context;
      const ref = { topic: await context.topic(2), partition: 0 };
      for (const value of ['a', 'b', 'c', 'd']) await context.append(ref, value);
      const offsets = (await context.read(ref, 4)).map((one) => one.offset);
      const hold = context.name('hold');
      await engine.holdRetention(hold, [{ ...ref, offset: offsets[1]! }]);
      if (engine.capabilities.retentionHolds) {
        for (const offset of ['end', offsets[2]!] as const) {
          const [answer] = await engine.deleteRecords([{ ...ref, offset }]);
          expect(answer).toMatchObject({ startOffset: offsets[0], error: { code: 'records-kept' } });
          expect(answer!.error!.details).toMatchObject({ holds: [hold] });
        }
        expect(await context.values(ref, 4)).toEqual(['a', 'b', 'c', 'd']);
      }
      await engine.deleteRecords([{ ...ref, offset: offsets[1]! }]);
      expect(await context.values(ref, 3), 'what lies before it goes').toEqual(['b', 'c', 'd']);
      await engine.holdRetention(hold, [{ ...ref, offset: offsets[3]! }]);
      await engine.deleteRecords([{ ...ref, offset: offsets[3]! }]);
      expect(await context.values(ref, 1)).toEqual(['d']);
      await engine.holdRetention(hold, null);
      await engine.holdRetention(hold, null);
      await engine.deleteRecords([{ ...ref, offset: 'end' }]);
      expect(await context.values(ref)).toEqual([]);
    },
  },
  {
    title: 'the lowest hold counts, the other partitions are free',
    async holds(context) {
      const { engine } = context;
      const topic = await context.topic(2);
      for (const partition of [0, 1]) await engine.append({ topic, partition }, batchOf('a', 'b', 'c'));
      for (const partition of [0, 1]) await context.read({ topic, partition }, 3);
      const [low, high] = [context.name('low'), context.name('high')];
      await engine.holdRetention(high, [{ topic, partition: 0, offset: 2 }]);
      await engine.holdRetention(low, [{ topic, partition: 0, offset: 1 }]);
      const answers = await engine.deleteRecords([0, 1].map((partition) => ({ topic, partition, offset: 2 })));
      const kept = engine.capabilities.retentionHolds ? 'records-kept' : undefined;
      expect(answers.map((one) => one.error?.code)).toEqual([kept, undefined]);
      await engine.holdRetention(low, null);
      const [again] = await engine.deleteRecords([{ topic, partition: 0, offset: 2 }]);
      expect(again).toEqual({ topic, partition: 0, startOffset: 2 });
      await engine.holdRetention(high, null);
    },
  },
  {
    title: 'a hold outlives a restart, is listed, and ends for a topic with the topic',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const other = { topic: await context.topic(1), partition: 0 };
      await context.append(ref, 'a', 'b');
      await context.append(other, 'a', 'b');
      await context.read(ref, 2);
      const hold = context.name('hold');
      const positions = [
        { ...ref, offset: 0 },
        { ...other, offset: 1 },
      ];
      await context.engine.holdRetention(hold, positions);
      const engine = await context.reopen();
      const held = async (): Promise<unknown> => {
        return (await engine.listRetentionHolds()).find((one) => one.id === hold)?.positions;
      };
      if (engine.capabilities.retentionHolds) {
        expect(await held()).toEqual(positions);
        const [answer] = await engine.deleteRecords([{ ...ref, offset: 1 }]);
        expect(answer!.error).toMatchObject({ code: 'records-kept' });
      }
      await engine.deleteTopic(ref.topic);
      if (engine.capabilities.retentionHolds) expect(await held()).toEqual([{ ...other, offset: 1 }]);
      await engine.holdRetention(hold, null);
      expect(await held()).toBeUndefined();
    },
  },
  {
    title: 'a hold that cannot be is refused and changes nothing',
    async holds(context) {
      const { engine } = context;
      const ref = { topic: await context.topic(1), partition: 0 };
      await context.append(ref, 'a', 'b');
      await context.read(ref, 2);
      const hold = context.name('hold');
      await engine.holdRetention(hold, [{ ...ref, offset: 1 }]);
      const missing = context.name('missing');
      for (const [positions, code] of [
        [[{ topic: missing, partition: 0, offset: 0 }], 'topic-not-found'],
        [[{ ...ref, partition: 4, offset: 0 }], 'partition-not-found'],
        [[{ ...ref, offset: -1 }], 'invalid-position'],
      ] as const) {
        await refusal(engine.holdRetention(hold, positions), code);
      }
      await refusal(engine.holdRetention('not a name', [{ ...ref, offset: 0 }]), 'invalid-writer-id');
      if (engine.capabilities.retentionHolds) {
        const [answer] = await engine.deleteRecords([{ ...ref, offset: 2 }]);
        expect(answer!.error).toMatchObject({ code: 'records-kept' });
      }
      await engine.holdRetention(hold, null);
    },
  },
];
