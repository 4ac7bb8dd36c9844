import { expect } from 'vitest';
import { batchOf, type LogPromise, refusal, within } from './contract-context.js';

/** The log as a whole, its end and its restart. */
export const lifetimePromises: readonly LogPromise[] = [
  {
    title: 'a log has an identity that outlives restarts',
    async holds(context) {
      const { logId } = context.engine;
      expect(logId).not.toBe('');
      expect((await context.reopen()).logId).toBe(logId);
    },
  },
  {
    title: 'a closed log refuses every call, and closing again does no harm',
    async holds(context) {
      const log = await context.open();
      try {
        const { engine } = log;
        const topic = context.name('closing');
        const ref = { topic, partition: 0 };
        await engine.createTopic({ name: topic, partitions: 1 });
        const writer = await engine.openWriter(context.name('writer'));
        await engine.close();
        await engine.close();
        const calls: (() => Promise<unknown>)[] = [
          () => engine.createTopic({ name: context.name('late'), partitions: 1 }),
          () => engine.describeTopic(topic),
          () => engine.listTopics(),
          () => engine.alterTopicConfig(topic, { 'max.message.bytes': '1000' }),
          () => engine.addPartitions(topic, 2),
          () => engine.setTopicState(topic, 'FENCED'),
          () => engine.deleteTopic(topic),
          () => engine.append(ref, batchOf('late')),
          () => engine.fetch({ positions: [{ ...ref, offset: 0 }], maxBytes: 1000 }),
          () => engine.offsetForTimestamp(ref, 0),
          () => engine.deleteRecords([{ ...ref, offset: 'end' }]),
          () => engine.holdRetention('h', null),
          () => engine.listRetentionHolds(),
          () => engine.listGroups(),
          () => engine.describeGroup('g'),
          () => engine.commitPositions('g', [{ ...ref, offset: 1 }]),
          () => engine.deleteGroup('g'),
          () => engine.openWriter('w'),
          () => writer.commit({ appends: [{ ...ref, batch: batchOf('late') }] }),
        ];
        for (const call of calls) await refusal(call(), ['log-closed', 'writer-closed']);
        const again = await log.reopen();
        expect((await again.describeTopic(topic)).partitions[0]!.endOffset).toBe(0);
      } finally {
        await log.dispose();
      }
    },
  },
  {
    title: 'closing ends fetches that wait',
    async holds(context) {
      const log = await context.open();
      try {
        const topic = context.name('waiting');
        await log.engine.createTopic({ name: topic, partitions: 1 });
        const positions = [{ topic, partition: 0, offset: 0 }];
        const waiting = Promise.allSettled([log.engine.fetch({ positions, maxBytes: 1000, maxWaitMs: 25_000 })]);
        await within(15_000, 'closing', log.engine.close());
        await within(10_000, 'the waiting fetch', waiting);
      } finally {
        await log.dispose();
      }
    },
  },
  {
    title: 'appends under way when the log is closed are acknowledged and kept, or refused and absent',
    async holds(context) {
      const log = await context.open();
      try {
        const topic = context.name('closing');
        const ref = { topic, partition: 0 };
        await log.engine.createTopic({ name: topic, partitions: 1 });
        const calls = Array.from({ length: 30 }, (_, i) => log.engine.append(ref, batchOf(`v${i}`)));
        const settled = Promise.allSettled(calls);
        await log.engine.close();
        const outcomes = await settled;
        const engine = await log.reopen();
        const acknowledged = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.lastOffset] : []));
        const unknown = outcomes.filter(
          (one) => one.status === 'rejected' && (one.reason as { code?: unknown }).code === 'outcome-unknown',
        ).length;
        const end = (await engine.describeTopic(topic)).partitions[0]!.endOffset;
        for (const offset of acknowledged) expect(offset).toBeLessThan(end);
        expect(end).toBeGreaterThanOrEqual(acknowledged.length);
        expect(end).toBeLessThanOrEqual(acknowledged.length + unknown);
      } finally {
        await log.dispose();
      }
    },
  },
];
