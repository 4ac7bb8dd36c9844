import { expect } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import type { TopicState } from '../../index.js';
import { batchOf, type LogPromise, refusal } from './contract-context.js';

/** States of a topic, above all the fence. */
export const statePromises: readonly LogPromise[] = [
  {
    title: 'a FENCED topic refuses appends and commits as retryable, and is read as before',
    async holds(context) {
      const topic = await context.topic(1);
      const ref = { topic, partition: 0 };
      await context.append(ref, 'before');
      await context.engine.setTopicState(topic, 'FENCED');
      const error = await refusal(context.engine.append(ref, batchOf('late')), 'topic-fenced');
      expect(error).toMatchObject({ retryable: true });
      const writer = await context.engine.openWriter(context.name('writer'));
      await refusal(writer.commit({ appends: [{ ...ref, batch: batchOf('late') }] }), 'topic-fenced');
      expect(await context.values(ref, 1)).toEqual(['before']);
      await context.engine.setTopicState(topic, 'ACTIVE');
      await context.append(ref, 'after');
      expect(await context.values(ref, 2)).toEqual(['before', 'after']);
    },
  },
  {
    title: 'only appends that say so go into a FENCED topic, with append and with commit',
    async holds(context) {
      const topic = await context.topic(1, { state: 'FENCED' });
      const ref = { topic, partition: 0 };
      await refusal(context.engine.append(ref, batchOf('late')), 'topic-fenced');
      await context.engine.append(ref, batchOf('a'), { intoFenced: true });
      const writer = await context.engine.openWriter(context.name('writer'));
      await writer.commit({ appends: [{ ...ref, batch: batchOf('b'), intoFenced: true }] });
      expect(await context.values(ref, 2)).toEqual(['a', 'b']);
    },
  },
  {
    title:
      'once a topic is FENCED its end offsets are final: all acknowledged lies below, nothing is acknowledged after',
    async holds(context) {
      const topic = await context.topic(2);
      const acknowledged: { partition: number; lastOffset: number }[] = [];
      let fenced = false;
      let late = 0;
      const writers = Array.from({ length: 6 }, async (_, i) => {
        const partition = i % 2;
        for (let n = 0; n < 10_000; n++) {
          const askedAfter = fenced;
          try {
            const { lastOffset } = await context.engine.append({ topic, partition }, batchOf(`${i}:${n}`));
            acknowledged.push({ partition, lastOffset });
            if (askedAfter) late++;
            await new Promise((resolve) => setImmediate(resolve));
          } catch (error) {
            if (isAppError(error, 'topic-fenced')) return;
            throw error;
          }
        }
      });
      while (acknowledged.length < 20) await new Promise((resolve) => setImmediate(resolve));
      const { partitions } = await context.engine.setTopicState(topic, 'FENCED');
      fenced = true;
      const ends = partitions.map((one) => one.endOffset);
      await Promise.all(writers);
      expect(late, 'acknowledged after the fence').toBe(0);
      for (const { partition, lastOffset } of acknowledged) expect(lastOffset).toBeLessThan(ends[partition]!);
      expect(await context.endsOf(topic)).toEqual(ends);
      const read =
        (await context.values({ topic, partition: 0 })).length + (await context.values({ topic, partition: 1 })).length;
      expect(read).toBe(acknowledged.length);
    },
  },
  {
    title: 'fencing again answers the same end offsets',
    async holds(context) {
      const topic = await context.topic(1);
      await context.append({ topic, partition: 0 }, 'a', 'b');
      const first = await context.engine.setTopicState(topic, 'FENCED');
      expect(await context.engine.setTopicState(topic, 'FENCED')).toEqual(first);
    },
  },
  {
    title: 'a state outlives a restart, also the one a topic was created with',
    async holds(context) {
      const created = await context.topic(1, { state: 'FENCED' });
      const moved = await context.topic(1);
      await context.engine.setTopicState(moved, 'RETIRED');
      await context.reopen();
      expect((await context.engine.describeTopic(created)).state).toBe('FENCED');
      expect((await context.engine.describeTopic(moved)).state).toBe('RETIRED');
      await refusal(context.engine.append({ topic: created, partition: 0 }, batchOf('late')), 'topic-fenced');
    },
  },
  {
    title: 'a BROWNED_OUT topic is neither read nor written, and comes back whole',
    async holds(context) {
      const topic = await context.topic(1);
      const ref = { topic, partition: 0 };
      await context.append(ref, 'kept');
      await context.engine.setTopicState(topic, 'BROWNED_OUT');
      await refusal(context.engine.append(ref, batchOf('late')), 'topic-fenced');
      const fetched = await context.fetch(ref, 0);
      expect(fetched.error).toMatchObject({ code: 'topic-browned-out' });
      expect(fetched.batches).toEqual([]);
      await context.engine.setTopicState(topic, 'ACTIVE');
      expect(await context.values(ref, 1)).toEqual(['kept']);
    },
  },
  {
    title: 'a RETIRED topic is read and not written',
    async holds(context) {
      const topic = await context.topic(1);
      const ref = { topic, partition: 0 };
      await context.append(ref, 'kept');
      await context.engine.setTopicState(topic, 'RETIRED');
      await refusal(context.engine.append(ref, batchOf('late')), 'topic-fenced');
      expect(await context.values(ref, 1)).toEqual(['kept']);
    },
  },
  {
    title: 'states show in description and list',
    async holds(context) {
      const topic = await context.topic(1);
      for (const state of ['FENCED', 'BROWNED_OUT', 'RETIRED', 'ACTIVE'] satisfies TopicState[]) {
        expect((await context.engine.setTopicState(topic, state)).state).toBe(state);
        const listed = (await context.engine.listTopics()).find((one) => one.name === topic);
        expect(listed?.state).toBe(state);
      }
    },
  },
];
