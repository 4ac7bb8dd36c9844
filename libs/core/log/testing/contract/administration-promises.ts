import { expect } from 'vitest';
import type { NewAccessRule } from '../../index.js';
import { type LogPromise, refusal } from './contract-context.js';

const RULE: NewAccessRule = {
  resourceType: 'TOPIC',
  resourceName: 'ct-access',
  patternType: 'LITERAL',
  principal: 'User:ct-access',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
};

/** Brokers, settings, copies and leaders. */
export const administrationPromises: readonly LogPromise[] = [
  {
    title: 'the cluster names its brokers by id, one of them as controller, and is the same after a restart',
    async holds(context) {
      const cluster = await context.engine.administration.describeCluster();
      expect(cluster.id).not.toBe('');
      const ids = cluster.brokers.map((one) => one.id);
      expect(ids.length).toBeGreaterThan(0);
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
      expect(ids).toContain(cluster.controller);
      for (const { host, port } of cluster.brokers) expect(host === null).toBe(port === null);
      const again = await (await context.reopen()).administration.describeCluster();
      // Who acts as controller is not promised to stay.
      expect({ ...again, controller: null }).toEqual({ ...cluster, controller: null });
    },
  },
  {
    title: 'every partition has a leader among its copies, which is in sync, and copies are on brokers of the cluster',
    async holds(context) {
      const { administration } = context.engine;
      const [topic, other] = [await context.topic(3), await context.topic(1)];
      const { brokers } = await administration.describeCluster();
      const replicas = await administration.describeReplicas([topic, other, topic]);
      const places = [...[0, 1, 2].map((partition) => [topic, partition] as const), [other, 0] as const];
      places.sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1));
      expect(replicas.map((one) => [one.topic, one.partition])).toEqual(places);
      for (const one of replicas) {
        expect(one.replicas).toContain(one.leader);
        expect(one.inSync).toContain(one.leader);
        expect(brokers.map((broker) => broker.id)).toEqual(expect.arrayContaining([...one.replicas]));
        expect(one.offline).toEqual([]);
      }
      const all = await administration.describeReplicas();
      expect(all.filter((one) => one.topic === topic)).toHaveLength(3);
      expect(await administration.describeReplicas([])).toEqual([]);
    },
  },
  {
    title: 'log directories hold each copy once, with sizes that grow with what is appended',
    async holds(context) {
      const { administration } = context.engine;
      const ref = { topic: await context.topic(2), partition: 1 };
      const sizes = async () =>
        (await administration.describeLogDirectories()).flatMap(({ broker, replicas }) =>
          replicas.filter((one) => one.topic === ref.topic).map((one) => ({ broker, ...one })),
        );
      const copies = (await administration.describeReplicas([ref.topic])).flatMap((one) =>
        one.replicas.map((broker) => [broker, one.partition] as const),
      );
      const byPlace = (a: readonly [number, number], b: readonly [number, number]) => a[0] - b[0] || a[1] - b[1];
      copies.sort(byPlace);
      // Other brokers make their copies when they have heard of the topic.
      await context.eventually(async () => {
        expect((await sizes()).map((one) => [one.broker, one.partition])).toEqual(copies);
      });
      await context.append(ref, 'x'.repeat(20_000));
      await context.eventually(async () => {
        for (const one of await sizes()) {
          if (one.partition === 1) expect(one.sizeBytes).toBeGreaterThan(20_000);
          else expect(one.sizeBytes).toBe(0);
        }
      });
      const [first] = await administration.describeLogDirectories();
      const mine = await administration.describeLogDirectories([first!.broker]);
      expect(mine.map((one) => [one.broker, one.path])).toContainEqual([first!.broker, first!.path]);
      expect(await administration.describeLogDirectories([])).toEqual([]);
    },
  },
  {
    title: 'settings of a topic are described by name: value, default, where it comes from, and what it means',
    async holds(context) {
      const { administration, capabilities } = context.engine;
      const set = await context.topic(1, { config: { 'max.message.bytes': '60000' } });
      const unset = await context.topic(1);
      const asked = [set, unset, set].map((topic) => ({ kind: 'topic', topic }) as const);
      const described = await administration.describeConfigs(asked);
      expect(described.map((one) => one.resource)).toEqual(asked);
      for (const { entries } of described) {
        const names = entries.map((one) => one.name);
        expect(names).toEqual([...names].sort());
        expect(new Set(names).size).toBe(names.length);
        // A broker of an older release need not know each of them.
        expect(capabilities.topicConfigs.filter((name) => names.includes(name)).length).toBeGreaterThan(0);
      }
      const [own, other] = described.map(({ entries }) => entries.find((one) => one.name === 'max.message.bytes')!);
      expect(own).toMatchObject({
        value: '60000',
        source: 'DYNAMIC_TOPIC_CONFIG',
        isDefault: false,
        readOnly: false,
        sensitive: false,
      });
      expect(own!.synonyms[0]).toEqual({ name: 'max.message.bytes', value: '60000', source: 'DYNAMIC_TOPIC_CONFIG' });
      expect(own!.default).toBe(other!.default);
      expect(own!.documentation).toMatch(/batch/);
      expect(other).toMatchObject({ value: other!.default, source: 'DEFAULT_CONFIG', isDefault: true });
      expect(other!.synonyms[0]).toMatchObject({ value: other!.default, source: 'DEFAULT_CONFIG' });
    },
  },
  {
    title: 'a change of settings that is only to be validated is judged and changes nothing; made, it is seen at once',
    async holds(context) {
      const { administration } = context.engine;
      const topic = await context.topic(1);
      const resource = { kind: 'topic', topic } as const;
      const own = async () => (await context.engine.describeTopic(topic)).config;
      await administration.alterConfig(resource, { 'max.message.bytes': '60000' }, { validateOnly: true });
      expect(await own()).toEqual({});
      for (const validateOnly of [true, false]) {
        const bad = { 'max.message.bytes': '60000', 'no.such.setting': '1' };
        await refusal(administration.alterConfig(resource, bad, { validateOnly }), 'invalid-topic-config');
        const wrong = { 'max.message.bytes': 'many' };
        await refusal(administration.alterConfig(resource, wrong, { validateOnly }), 'invalid-topic-config');
      }
      expect(await own()).toEqual({});
      await administration.alterConfig(resource, { 'max.message.bytes': '60000' });
      expect(await own()).toEqual({ 'max.message.bytes': '60000' });
      await administration.alterConfig(resource, { 'max.message.bytes': null });
      expect(await own()).toEqual({});
    },
  },
  {
    title: 'settings of brokers are described and changed where the engine has them, and a wrong name is refused',
    async holds(context) {
      const { administration, capabilities } = context.engine;
      const broker = (await administration.describeCluster()).brokers[0]!.id;
      const resource = { kind: 'broker', broker } as const;
      const name = 'log.cleaner.threads';
      const described = async () => {
        const [found] = await administration.describeConfigs([resource]);
        return found!.entries;
      };
      const wrong = { 'log.cleaner.thread': '2' };
      await refusal(administration.alterConfig(resource, wrong), 'invalid-broker-config');
      await refusal(administration.alterConfig({ kind: 'all-brokers' }, wrong), 'invalid-broker-config');
      expect((await described()).length > 0).toBe(capabilities.administration.brokerConfigs);
      if (!capabilities.administration.brokerConfigs) return;
      const valueOf = async () => (await described()).find((one) => one.name === name);
      const before = await valueOf();
      await administration.alterConfig(resource, { [name]: '2' }, { validateOnly: true });
      expect(await valueOf()).toEqual(before);
      await refusal(administration.alterConfig(resource, { [name]: 'many' }), 'invalid-broker-config');
      await refusal(administration.alterConfig(resource, { 'node.id': '7' }), 'invalid-broker-config');
      await administration.alterConfig(resource, { [name]: '2' });
      expect(await valueOf()).toMatchObject({ value: '2', source: 'DYNAMIC_BROKER_CONFIG', default: before!.default });
      await administration.alterConfig(resource, { [name]: null });
      expect(await valueOf()).toEqual(before);
      await administration.alterConfig({ kind: 'all-brokers' }, { [name]: '2' });
      expect(await valueOf()).toMatchObject({ value: '2', source: 'DYNAMIC_DEFAULT_BROKER_CONFIG' });
      await administration.alterConfig({ kind: 'all-brokers' }, { [name]: null });
      expect(await valueOf()).toEqual(before);
      const sensitive = (await described()).find((one) => one.sensitive);
      expect(sensitive).toMatchObject({ value: null, default: null });
    },
  },
  {
    title: 'a plan that moves copies where they are changes nothing, and one that cannot be is refused as a whole',
    async holds(context) {
      const { administration } = context.engine;
      const topic = await context.topic(2);
      const [first, second] = await administration.describeReplicas([topic]);
      const same = [first!, second!].map(({ partition, replicas }) => ({ topic, partition, replicas }));
      expect(await administration.reassign(same)).toEqual([
        { topic, partition: 0 },
        { topic, partition: 1 },
      ]);
      expect(await administration.reassign([])).toEqual([]);
      const target = (replicas: readonly number[], partition = 0) => [{ topic, partition, replicas }];
      await refusal(administration.reassign(target([...first!.replicas.slice(1), 999])), 'broker-not-found');
      await refusal(administration.reassign(target([])), 'invalid-reassignment');
      await refusal(administration.reassign(target([first!.replicas[0]!, ...first!.replicas])), 'invalid-reassignment');
      await refusal(administration.reassign([...same, same[0]!]), 'invalid-reassignment');
      await refusal(administration.reassign(target(first!.replicas, 9)), 'partition-not-found');
      expect(await administration.listReassignments([{ topic, partition: 0 }])).toEqual([]);
      expect((await administration.listReassignments()).filter((one) => one.topic === topic)).toEqual([]);
      expect(await administration.describeReplicas([topic])).toEqual([first, second]);
      const [cancelled] = await administration.cancelReassignments([{ topic, partition: 1 }]);
      expect(cancelled).toMatchObject({ topic, partition: 1, error: { code: 'no-reassignment' } });
    },
  },
  {
    title: 'an election where the preferred broker leads is not needed',
    async holds(context) {
      const { administration } = context.engine;
      const topic = await context.topic(2);
      const asked = [1, 0].map((partition) => ({ topic, partition }));
      expect(await administration.electPreferredLeaders(asked)).toEqual(
        asked.map((one) => ({ ...one, outcome: 'not-needed' })),
      );
      await refusal(administration.electPreferredLeaders([{ topic, partition: 2 }]), 'partition-not-found');
    },
  },
  {
    title: 'access rules are listed where the engine keeps any, and otherwise it says that it keeps none',
    async holds({ engine: { administration, capabilities } }) {
      const listed = await administration.listAccessRules().catch((error: unknown) => Promise.resolve(error));
      if (Array.isArray(listed)) expect(capabilities.administration.accessRules).toBe(true);
      else {
        await refusal(Promise.reject(listed as Error), 'access-rules-not-kept');
        await refusal(administration.createAccessRules([RULE]), 'access-rules-not-kept');
        await refusal(administration.deleteAccessRules({}), 'access-rules-not-kept');
      }
    },
  },
  {
    title:
      'access rules that are stored are listed, a second time too, and gone once they are deleted, which answers them',
    async holds(context) {
      const { administration } = context.engine;
      const principal = `User:${context.name('rules')}`;
      const rules = [
        { ...RULE, principal },
        { ...RULE, principal, patternType: 'PREFIXED', resourceName: 'ct-', operation: 'WRITE', permission: 'DENY' },
      ] as const;
      const kept = await administration.listAccessRules().then(
        () => true,
        () => false,
      );
      if (!kept) return;
      await administration.createAccessRules(rules);
      await administration.createAccessRules([rules[0]]);
      const listed = await administration.listAccessRules({ principal });
      expect(listed).toHaveLength(2);
      expect(listed).toEqual(expect.arrayContaining(rules as never));
      await refusal(administration.createAccessRules([{ ...RULE, principal: 'nobody' }]), 'invalid-access-rule');
      expect(await administration.deleteAccessRules({ principal, operation: 'WRITE' })).toEqual([rules[1]]);
      expect(await administration.listAccessRules({ principal })).toEqual([rules[0]]);
      expect(await administration.deleteAccessRules({ principal })).toEqual([rules[0]]);
      expect(await administration.deleteAccessRules({ principal })).toEqual([]);
      expect(await administration.listAccessRules({ principal })).toEqual([]);
    },
  },
  {
    title: 'every verb of the administration says which topic or broker does not exist',
    async holds({ engine: { administration } }) {
      for (const topic of ['ct-no-such-topic', 'constructor', '__proto__', '']) {
        const ref = { topic, partition: 0 };
        const resource = { kind: 'topic', topic } as const;
        const change = { 'max.message.bytes': '1000' };
        for (const call of [
          () => administration.describeReplicas([topic]),
          () => administration.describeConfigs([resource]),
          () => administration.alterConfig(resource, change),
          () => administration.alterConfig(resource, change, { validateOnly: true }),
          () => administration.listReassignments([ref]),
          () => administration.reassign([{ ...ref, replicas: [1] }]),
          () => administration.cancelReassignments([ref]),
          () => administration.electPreferredLeaders([ref]),
        ]) {
          await refusal(call(), 'topic-not-found');
        }
      }
      const resource = { kind: 'broker', broker: 999 } as const;
      await refusal(administration.describeConfigs([resource]), 'broker-not-found');
      await refusal(administration.alterConfig(resource, { 'log.cleaner.threads': '2' }), 'broker-not-found');
      await refusal(administration.describeLogDirectories([999]), 'broker-not-found');
    },
  },
  {
    title: 'a closed log is not administered',
    async holds(context) {
      const { engine, dispose } = await context.open();
      await engine.close();
      await refusal(engine.administration.describeCluster(), 'log-closed');
      await refusal(engine.administration.describeReplicas(), 'log-closed');
      await dispose();
    },
  },
];
