import { expect } from 'vitest';
import { type LogPromise, refusal } from './contract-context.js';

/** Life cycle, names, partitions, settings. */
export const topicPromises: readonly LogPromise[] = [
  {
    title: 'a created topic is described and listed as asked for, and is the same after a restart',
    async holds(context) {
      const name = context.name('life');
      const created = await context.engine.createTopic({
        name,
        partitions: 3,
        config: { 'max.message.bytes': '50000' },
      });
      expect(created).toMatchObject({ name, state: 'ACTIVE', config: { 'max.message.bytes': '50000' } });
      expect(created.partitions.map((one) => [one.partition, one.startOffset, one.endOffset, one.health])).toEqual([
        [0, 0, 0, 'ok'],
        [1, 0, 0, 'ok'],
        [2, 0, 0, 'ok'],
      ]);
      expect(created.id).not.toBe('');
      expect(await context.engine.describeTopic(name)).toEqual(created);
      expect((await context.engine.listTopics()).filter((one) => one.name === name)).toEqual([created]);
      const engine = await context.reopen();
      expect(await engine.describeTopic(name)).toEqual(created);
    },
  },
  {
    title: 'topics are listed by name, generations and internal ones among them',
    async holds(context) {
      const name = context.name('list');
      const made = [`${name}--g2`, name, `__${name}`, `${name}-a`];
      for (const one of made) await context.engine.createTopic({ name: one, partitions: 1 });
      const listed = (await context.engine.listTopics()).map((one) => one.name);
      expect(listed).toEqual([...listed].sort());
      expect(listed).toEqual(expect.arrayContaining(made));
    },
  },
  {
    title: 'a name in use is refused and the topic that has it stays as it is',
    async holds(context) {
      const topic = await context.topic(2);
      await context.append({ topic, partition: 1 }, 'kept');
      await refusal(context.engine.createTopic({ name: topic, partitions: 5 }), 'topic-exists');
      expect((await context.engine.describeTopic(topic)).partitions).toHaveLength(2);
      expect(await context.values({ topic, partition: 1 }, 1)).toEqual(['kept']);
    },
  },
  {
    title: 'of creations of one name at the same time exactly one succeeds',
    async holds(context) {
      const name = context.name('race');
      const outcomes = await Promise.allSettled(
        [1, 2, 3, 4].map((partitions) => context.engine.createTopic({ name, partitions })),
      );
      const made = outcomes.filter((one) => one.status === 'fulfilled').map((one) => one.value);
      expect(made).toHaveLength(1);
      for (const one of outcomes)
        if (one.status === 'rejected') await refusal(Promise.reject(one.reason as Error), 'topic-exists');
      expect((await context.engine.describeTopic(name)).partitions).toHaveLength(made[0]!.partitions.length);
    },
  },
  {
    title: 'names that are no topic names are refused',
    async holds(context) {
      const bad = ['', '.', '..', 'a b', 'a/b', '../a', 'ä', 'a\u0000', 'a\n', 'a:b', 'x'.repeat(250)];
      for (const name of bad) await refusal(context.engine.createTopic({ name, partitions: 1 }), 'invalid-topic-name');
    },
  },
  {
    title: 'a name that differs from an existing one by dot and underscore only is refused',
    async holds(context) {
      const name = context.name('twin');
      await context.engine.createTopic({ name: `${name}.a`, partitions: 1 });
      await refusal(context.engine.createTopic({ name: `${name}_a`, partitions: 1 }), 'invalid-topic-name');
    },
  },
  {
    title: 'a name of full length works like any other',
    async holds(context) {
      const name = context.name('long').padEnd(249, 'x');
      await context.engine.createTopic({ name, partitions: 1 });
      await context.append({ topic: name, partition: 0 }, 'v');
      expect(await context.values({ topic: name, partition: 0 }, 1)).toEqual(['v']);
    },
  },
  {
    title: 'impossible partition counts are refused and leave no topic',
    async holds(context) {
      const name = context.name('count');
      for (const partitions of [0, -1, 1.5, NaN]) {
        await refusal(context.engine.createTopic({ name, partitions }), 'invalid-partition-count');
      }
      const max = context.engine.capabilities.maxPartitionsPerTopic;
      if (max !== null) await refusal(context.engine.createTopic({ name, partitions: max + 1 }), 'too-many-partitions');
      await refusal(context.engine.describeTopic(name), 'topic-not-found');
    },
  },
  {
    title: 'copies are where they were asked to be, as many as were asked for, or the topic is refused and not there',
    async holds(context) {
      const { engine } = context;
      const { brokers } = await engine.administration.describeCluster();
      const ids = brokers.map((one) => one.id);
      const placesOf = async (topic: string) =>
        (await engine.administration.describeReplicas([topic])).map(({ replicas }) => replicas);
      for (let factor = 1; factor <= ids.length; factor++) {
        const places = await placesOf(await context.topic(2, { replicationFactor: factor }));
        expect(places.map((replicas) => [replicas.length, new Set(replicas).size])).toEqual([
          [factor, factor],
          [factor, factor],
        ]);
      }
      // The last broker leads the first partition, whom nobody would have chosen by counting.
      const assignments = [[...ids].reverse(), ids];
      expect(await placesOf(await context.topic(2, { assignments }))).toEqual(assignments);
      const name = context.name('copies');
      const nobody = Math.max(...ids) + 1_000;
      for (const copies of [
        ...[0, -1, 1.5, ids.length + 1].map((replicationFactor) => ({ replicationFactor })),
        ...[[[ids[0]!]], [[ids[0]!], [nobody]], [[ids[0]!], [ids[0]!, ids[0]!]], [[ids[0]!], []]].map((places) => ({
          assignments: places,
        })),
      ]) {
        await refusal(engine.createTopic({ name, partitions: 2, ...copies }), 'invalid-replication');
      }
      await refusal(engine.describeTopic(name), 'topic-not-found');
    },
  },
  {
    title: 'settings are set and unset, and a refused change changes nothing',
    async holds(context) {
      const { engine } = context;
      const topic = await context.topic(1, { config: { 'max.message.bytes': '60000' } });
      const changed = await engine.alterTopicConfig(topic, { 'max.message.bytes': '70000' });
      expect(changed.config).toEqual({ 'max.message.bytes': '70000' });
      await refusal(engine.alterTopicConfig(topic, { 'max.message.bytes': 'many' }), 'invalid-topic-config');
      await refusal(
        engine.alterTopicConfig(topic, { 'max.message.bytes': '80000', 'no.such.setting': '1' }),
        'invalid-topic-config',
      );
      await refusal(engine.alterTopicConfig(topic, JSON.parse('{"__proto__":"1"}') as never), 'invalid-topic-config');
      expect((await engine.describeTopic(topic)).config).toEqual({ 'max.message.bytes': '70000' });
      const again = await context.reopen();
      expect((await again.describeTopic(topic)).config).toEqual({ 'max.message.bytes': '70000' });
      expect((await again.alterTopicConfig(topic, { 'max.message.bytes': null })).config).toEqual({});
    },
  },
  {
    title: 'a topic with a wrong setting is not created, and the setting meant is suggested',
    async holds(context) {
      const name = context.name('config');
      const config = { 'max.mesage.bytes': '1000' };
      const error = await refusal(context.engine.createTopic({ name, partitions: 1, config }), 'invalid-topic-config');
      expect(error).toMatchObject({ hint: expect.stringContaining('max.message.bytes') as unknown });
      await refusal(context.engine.describeTopic(name), 'topic-not-found');
    },
  },
  {
    title: 'partitions are added, never taken away, and the records stay',
    async holds(context) {
      const topic = await context.topic(2);
      await context.append({ topic, partition: 0 }, 'first');
      await refusal(context.engine.addPartitions(topic, 2), 'invalid-partition-count');
      await refusal(context.engine.addPartitions(topic, 1), 'invalid-partition-count');
      expect((await context.engine.addPartitions(topic, 5)).partitions).toHaveLength(5);
      await context.append({ topic, partition: 4 }, 'new');
      await context.reopen();
      expect((await context.engine.describeTopic(topic)).partitions).toHaveLength(5);
      expect(await context.values({ topic, partition: 0 }, 1)).toEqual(['first']);
      expect(await context.values({ topic, partition: 4 }, 1)).toEqual(['new']);
    },
  },
  {
    title: 'a deleted topic is gone, stays gone, and its name can be given to an empty one with another identity',
    async holds(context) {
      const topic = await context.topic(1);
      const ref = { topic, partition: 0 };
      await context.append(ref, 'old');
      const { id } = await context.engine.describeTopic(topic);
      await context.engine.deleteTopic(topic);
      await context.eventually(async () => {
        await refusal(context.engine.describeTopic(topic), 'topic-not-found');
        expect((await context.fetch(ref, 0)).error).toMatchObject({ code: 'topic-not-found' });
      });
      await context.reopen();
      await refusal(context.engine.describeTopic(topic), 'topic-not-found');
      await context.eventually(async () => void (await context.engine.createTopic({ name: topic, partitions: 1 })));
      expect((await context.engine.describeTopic(topic)).id).not.toBe(id);
      expect(await context.values(ref)).toEqual([]);
      await context.append(ref, 'new');
      await context.reopen();
      expect(await context.values(ref, 1)).toEqual(['new']);
    },
  },
  {
    title: 'every verb says which topic does not exist',
    async holds({ engine }) {
      for (const topic of ['ct-no-such-topic', 'constructor', '__proto__']) {
        await refusal(engine.describeTopic(topic), 'topic-not-found');
        await refusal(engine.alterTopicConfig(topic, { 'max.message.bytes': '1000' }), 'topic-not-found');
        await refusal(engine.addPartitions(topic, 9), 'topic-not-found');
        await refusal(engine.setTopicState(topic, 'FENCED'), 'topic-not-found');
        const error = await refusal(engine.deleteTopic(topic), 'topic-not-found');
        expect(error).toMatchObject({ details: { topic } });
      }
    },
  },
];
