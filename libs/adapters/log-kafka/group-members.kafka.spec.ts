import { type ChildProcess, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssignmentStrategy, GroupMember, LogEngine, PartitionRef } from '#libs/core/log';
import { ContractContext, WallClock } from '#libs/core/log/testing';
import * as api from './client.js';
import { CODE } from './error-codes.js';
import { KafkaCluster } from './kafka-cluster.js';
import { openTestLog, testServers } from './testing/index.js';

/** Where `scripts/services/kafka.mjs` keeps Kafka's own programs. */
const CACHE = join(process.cwd(), '.cache/kafka');
/** A Java program takes its time to start on a busy machine. */
const PATIENCE_MS = 100_000;

const JAVA_ASSIGNORS: Readonly<Record<AssignmentStrategy, string>> = {
  range: 'org.apache.kafka.clients.consumer.RangeAssignor',
  roundrobin: 'org.apache.kafka.clients.consumer.RoundRobinAssignor',
  'cooperative-sticky': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor',
};

const placesOf = (refs: readonly PartitionRef[]): string[] => refs.map((one) => `${one.topic}/${one.partition}`).sort();

/** Members of Weir and Kafka's own console consumer, which is a stock client, in one group. */
describe('members beside stock clients', () => {
  let context: ContractContext;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    context = new ContractContext(await openTestLog(), openTestLog);
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await context?.dispose();
  });

  const classic = (strategy: AssignmentStrategy): Readonly<Record<string, string>> => ({
    'partition.assignment.strategy': JAVA_ASSIGNORS[strategy],
    'heartbeat.interval.ms': '500',
    'session.timeout.ms': '6000',
  });

  async function stockConsumer(
    group: string,
    topic: string,
    protocol: Readonly<Record<string, string>>,
  ): Promise<ChildProcess> {
    const versions = (await readdir(CACHE)).filter((name) => /^\d+\.\d+\.\d+$/.test(name)).sort();
    const version = process.env['WEIR_KAFKA_VERSION'] ?? versions.at(-1)!;
    const main = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
    const options = {
      ...protocol,
      'client.id': 'stock',
      'auto.commit.interval.ms': '200',
      'metadata.max.age.ms': '1000',
    };
    const properties = Object.entries(options).flatMap(([key, value]) => ['--consumer-property', `${key}=${value}`]);
    const args = ['--bootstrap-server', testServers()[0]!, '--topic', topic, '--group', group, '--from-beginning'];
    const java = ['-Xmx128m', '-cp', join(CACHE, version, 'libs/*'), main, ...args, ...properties];
    const child = spawn('java', java, { stdio: 'ignore' });
    children.push(child);
    return child;
  }

  function memberOf(group: string, topic: string, strategy: AssignmentStrategy): Promise<GroupMember> {
    const times = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 20_000 };
    const options = { topics: [topic], strategies: [strategy], clientId: 'weir-member', ...times };
    return context.engine.joinGroup(group, { ...options, startAt: 'earliest' });
  }

  /** Polls on, until the check passes in a moment when the member has agreed. */
  async function until(member: GroupMember | undefined, check: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const update = await member?.poll(100);
      try {
        expect(update?.phase ?? 'stable').toBe('stable');
        return await check();
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function sharesOf(engine: LogEngine, group: string): Promise<Map<string, string[]>> {
    const { members } = await engine.describeGroup(group);
    return new Map(members.map((one) => [one.clientId, placesOf(one.assignment)]));
  }

  const halves = (shares: Map<string, string[]>, topic: string, partitions: number): void => {
    expect([...shares.keys()].sort()).toEqual(['stock', 'weir-member']);
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    expect([...shares.values()].flat().sort()).toEqual(placesOf(all));
    for (const share of shares.values()) expect(share).toHaveLength(partitions / 2);
  };

  for (const strategy of ['range', 'cooperative-sticky'] as const) {
    it(`a member leads and a stock consumer follows, each with half; when the member leaves, the other has all: ${strategy}`, async () => {
      const topic = await context.topic(4);
      const group = context.name('stock');
      const member = await memberOf(group, topic, strategy);
      await until(member, async () => expect(member.assignment).toHaveLength(4));
      const child = await stockConsumer(group, topic, classic(strategy));
      await until(member, async () => {
        expect(member.assignment).toHaveLength(2);
        halves(await sharesOf(context.engine, group), topic, 4);
      });
      await member.commit(member.assignment.map((at) => ({ topic, partition: at.partition, offset: 0 })));
      await member.leave();
      await until(undefined, async () => expect((await sharesOf(context.engine, group)).get('stock')).toHaveLength(4));
      child.kill('SIGKILL');
    }, 300_000);

    it(`a stock consumer leads and shares out to a member, which takes over where it committed when it dies: ${strategy}`, async () => {
      const topic = await context.topic(2);
      const group = context.name('stock');
      for (const partition of [0, 1]) await context.append({ topic, partition }, 'a', 'b', 'c');
      const child = await stockConsumer(group, topic, classic(strategy));
      await until(undefined, async () => {
        const { positions } = await context.engine.describeGroup(group);
        expect(positions.map((one) => one.offset)).toEqual([3, 3]);
      });
      const member = await memberOf(group, topic, strategy);
      await until(member, async () => halves(await sharesOf(context.engine, group), topic, 2));
      child.kill('SIGKILL');
      await until(member, async () => expect(member.assignment).toHaveLength(2));
      expect(member.assignment.map((one) => one.offset)).toEqual([3, 3]);
      await member.leave();
    }, 300_000);
  }

  it('a group of the newer protocol is described with its members; on brokers without it nothing else is promised', async () => {
    const cluster = await KafkaCluster.connect({
      name: 'raw',
      bootstrapServers: testServers(),
      clock: new WallClock(),
    });
    // 3.9 names the request and refuses such groups; 4.0 came with its next version.
    const newer = cluster.supports({ key: api.consumerGroupDescribe.key, version: 1 });
    cluster.close();
    if (!newer) return;
    const topic = await context.topic(2);
    const group = context.name('newer');
    const child = await stockConsumer(group, topic, { 'group.protocol': 'consumer' });
    await until(undefined, async () => {
      const found = await context.engine.describeGroup(group);
      expect(found).toMatchObject({ state: 'STABLE', members: [{ clientId: 'stock' }] });
      expect(found.members[0]!.assignment).toHaveLength(2);
      expect(found.generation).toBeGreaterThan(0);
      expect(found.strategy).not.toBeNull();
    });
    expect(await context.engine.listGroups()).toContainEqual({ group, state: 'STABLE' });
    await expect(context.engine.commitPositions(group, [{ topic, partition: 0, offset: 1 }])).rejects.toMatchObject({
      code: 'group-active',
    });
    child.kill('SIGKILL');
  }, 300_000);

  it('a coordinator takes a heartbeat between join and sync as the state machine here does', async () => {
    const cluster = await KafkaCluster.connect({
      name: 'raw',
      bootstrapServers: testServers(),
      clock: new WallClock(),
    });
    const group = context.name('raw');
    const protocols = [{ name: 'range', metadata: Buffer.from('x') }];
    const call = <T>(step: (node: number) => Promise<T>): Promise<T> => cluster.withCoordinator('group', group, step);
    const joinRaw = (id: string) =>
      call((node) =>
        cluster.call(node, 'j', 'join', api.joinGroup, group, 6_000, 6_000, id, null, 'consumer', protocols, null),
      );
    const { memberId, errorCode } = await joinRaw('');
    expect(errorCode).toBe(CODE.MEMBER_ID_REQUIRED);
    const joined = await joinRaw(memberId);
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: memberId });
    const beat = await call((node) => cluster.call(node, 'h', 'beat', api.heartbeat, group, 1, memberId, null));
    expect(beat.errorCode).toBe(0);
    cluster.close();
  });
});
