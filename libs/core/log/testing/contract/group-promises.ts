import { expect } from 'vitest';
import type { LogEngine } from '../../index.js';
import { type LogPromise, refusal } from './contract-context.js';

/** Positions of groups. */
export const groupPromises: readonly LogPromise[] = [
  {
    title: 'positions are kept with their notes, replaced by later ones, and outlive a restart',
    async holds(context) {
      const topic = await context.topic(3);
      const group = context.name('group');
      await context.engine.commitPositions(group, [
        { topic, partition: 2, offset: 7, metadata: 'half way' },
        { topic, partition: 0, offset: 1 },
      ]);
      await context.engine.commitPositions(group, [{ topic, partition: 0, offset: 5 }]);
      const expected = {
        group,
        state: 'EMPTY',
        strategy: null,
        members: [],
        positions: [
          { topic, partition: 0, offset: 5 },
          { topic, partition: 2, offset: 7, metadata: 'half way' },
        ],
      };
      expect(await context.engine.describeGroup(group)).toMatchObject(expected);
      const engine = await context.reopen();
      expect(await engine.describeGroup(group)).toMatchObject(expected);
      expect(await engine.listGroups()).toContainEqual({ group, state: 'EMPTY' });
    },
  },
  {
    title: 'a position may go back, and be beyond the end',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      for (const offset of [10, 0, 2 ** 40]) {
        await context.engine.commitPositions(group, [{ topic, partition: 0, offset }]);
        expect((await context.engine.describeGroup(group)).positions).toEqual([{ topic, partition: 0, offset }]);
      }
    },
  },
  {
    title: 'groups do not see each other, and an unknown one is empty',
    async holds(context) {
      const topic = await context.topic(1);
      const [one, other] = [context.name('group'), `${context.name('group')} ✓ __proto__`];
      await context.engine.commitPositions(one, [{ topic, partition: 0, offset: 1 }]);
      await context.engine.commitPositions(other, [{ topic, partition: 0, offset: 2 }]);
      expect((await context.engine.describeGroup(one)).positions).toEqual([{ topic, partition: 0, offset: 1 }]);
      expect((await context.engine.describeGroup(other)).positions).toEqual([{ topic, partition: 0, offset: 2 }]);
      const unknown = context.name('unknown');
      const nothing = { group: unknown, state: 'DEAD', strategy: null, positions: [], members: [] };
      expect(await context.engine.describeGroup(unknown)).toMatchObject(nothing);
      expect(await namesOf(context.engine)).not.toContain(unknown);
    },
  },
  {
    title: 'a call with a position that cannot be stores none of its positions',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const good = { topic, partition: 0, offset: 3 };
      const { engine } = context;
      await refusal(engine.commitPositions(group, [good, { topic, partition: 1, offset: 0 }]), 'partition-not-found');
      await refusal(
        engine.commitPositions(group, [good, { topic: context.name(), partition: 0, offset: 0 }]),
        'topic-not-found',
      );
      for (const offset of [-1, 1.5, 2 ** 53]) {
        await refusal(engine.commitPositions(group, [good, { topic, partition: 0, offset }]), 'invalid-position');
      }
      const metadata = 'n'.repeat(5_000);
      await refusal(
        engine.commitPositions(group, [good, { topic, partition: 0, offset: 1, metadata }]),
        'invalid-position',
      );
      expect((await engine.describeGroup(group)).positions).toEqual([]);
    },
  },
  {
    title: 'texts that are no group names are refused',
    async holds(context) {
      const topic = await context.topic(1);
      for (const group of ['', 'g\u0000', 'g\n', 'x'.repeat(250)]) {
        await refusal(context.engine.commitPositions(group, [{ topic, partition: 0, offset: 1 }]), 'invalid-group');
      }
    },
  },
  {
    title: 'a deleted group is gone, and cannot be deleted twice',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      await context.engine.commitPositions(group, [{ topic, partition: 0, offset: 1 }]);
      await context.engine.deleteGroup(group);
      await context.reopen();
      expect((await context.engine.describeGroup(group)).positions).toEqual([]);
      expect(await namesOf(context.engine)).not.toContain(group);
      await refusal(context.engine.deleteGroup(group), 'group-not-found');
    },
  },
  {
    title: 'with a topic go the positions on it, and no others',
    async holds(context) {
      const [gone, kept] = [await context.topic(1), await context.topic(1)];
      const group = context.name('group');
      await context.engine.commitPositions(group, [
        { topic: gone, partition: 0, offset: 4 },
        { topic: kept, partition: 0, offset: 5 },
      ]);
      await context.engine.deleteTopic(gone);
      const left = [{ topic: kept, partition: 0, offset: 5 }];
      await context.eventually(async () => expect((await context.engine.describeGroup(group)).positions).toEqual(left));
      await context.reopen();
      expect((await context.engine.describeGroup(group)).positions).toEqual(left);
    },
  },
];

async function namesOf(engine: LogEngine): Promise<string[]> {
  return (await engine.listGroups()).map((one) => one.group);
}
