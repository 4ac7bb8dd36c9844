import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Clusters,
  type ClusterDescription,
  type ElectionOutcome,
  logErrors,
  type PartitionOutcome,
  type PartitionRef,
  type PartitionReplicas,
  type Reassignment,
  type ReassignmentTarget,
  SingleBrokerAdministration,
} from '#libs/core/log';
import { MemoryLogEngine, OneCluster } from '#libs/core/log/testing';
import { Authenticator, type Principal } from '#libs/platform/auth';
import { startTestApp, type TestApp } from '#libs/platform/testing';
import { ClustersModule } from './index.js';

class As extends Authenticator {
  override readonly challenge = undefined;
  principal: Principal = { id: 'ada', roles: ['admin'] };
  override authenticate(): Principal {
    return this.principal;
  }
}

/** A cluster of three brokers that keeps two copies and notes what is asked of it. */
class ThreeBrokers extends SingleBrokerAdministration {
  readonly asked: unknown[] = [];
  replicas: PartitionReplicas[] = [0, 1, 2].map((partition) => ({
    topic: 'orders',
    partition,
    leader: partition === 1 ? 3 : 1,
    leaderEpoch: 4,
    replicas: partition === 1 ? [2, 3] : [1, 2],
    inSync: partition === 1 ? [2, 3] : [1],
    offline: partition === 2 ? [2] : [],
  }));
  moving: Reassignment[] = [];

  override async describeCluster(): Promise<ClusterDescription> {
    const brokers = [1, 2, 3].map((id) => ({ id, host: `b${id}`, port: 9092, rack: null }));
    return {
      id: 'abc',
      controller: 2,
      brokers,
      exactlyOnce: { basis: 'epoch-ended-when-unknown', transactionVersion: 2 },
    };
  }
  override async describeReplicas(topics?: readonly string[]): Promise<readonly PartitionReplicas[]> {
    for (const topic of topics ?? []) if (topic !== 'orders') throw logErrors.topicNotFound(topic);
    return this.replicas;
  }
  override async listReassignments(): Promise<readonly Reassignment[]> {
    return this.moving;
  }
  override async reassign(targets: readonly ReassignmentTarget[]): Promise<readonly PartitionOutcome[]> {
    this.asked.push(targets);
    return targets.map(({ topic, partition }) =>
      partition === 0
        ? { topic, partition }
        : { topic, partition, error: logErrors.invalidReassignment('the controller says no') },
    );
  }
  override async electPreferredLeaders(partitions: readonly PartitionRef[]): Promise<readonly ElectionOutcome[]> {
    this.asked.push(partitions.map((one) => one.partition));
    return partitions.map(({ topic, partition }) => ({ topic, partition, outcome: 'elected' }));
  }
}

describe('clusters over REST', () => {
  let log: MemoryLogEngine;
  let brokers: ThreeBrokers;
  let authenticator: As;
  let test: TestApp;
  beforeEach(async () => {
    log = new MemoryLogEngine();
    brokers = new ThreeBrokers(log, { path: '/data', checkOpen: () => undefined });
    authenticator = new As();
    await log.createTopic({ name: 'orders', partitions: 3 });
    test = await startTestApp({
      modules: [ClustersModule],
      providers: [{ provide: Clusters, useValue: new OneCluster(log) }],
      authenticator,
    });
  });
  afterEach(() => test.close());

  const asKafka = (): void => void Object.defineProperty(log, 'administration', { value: brokers });
  const get = async (path: string) => (await test.agent.get(`/v1/clusters${path}`)).body as unknown;

  it('say what an engine of one machine is: one broker, which leads and holds everything', async () => {
    expect(await get('/local')).toMatchObject({
      name: 'local',
      default: true,
      clusterId: log.logId,
      controller: 1,
      brokers: [{ id: 1, host: null, port: null, rack: null }],
      exactlyOnce: { basis: 'one-entry', transactionVersion: null },
      capabilities: { administration: { brokerConfigs: false, replication: false, accessRules: false } },
    });
    expect(await get('/local/brokers')).toEqual({ items: [{ id: 1, host: null, port: null, rack: null }] });
    expect(await get('/local/brokers/1/config')).toEqual({ items: [] });
    expect(await get('/local/replicas?topic=orders&limit=2')).toMatchObject({
      items: [0, 1].map((partition) => ({ topic: 'orders', partition, leader: 1, replicas: [1], inSync: [1] })),
      next: expect.any(String) as string,
    });
    expect(await get('/local/replicas?only=problems')).toEqual({ items: [], next: null });
    expect(await get('/local/log-directories?topic=orders')).toMatchObject({
      items: [{ broker: 1, sizeBytes: 0, topics: [{ topic: 'orders', copies: 3, sizeBytes: 0 }] }],
    });
    expect(await get('/local/access-rules')).toMatchObject({ status: 409, code: 'access-rules-not-kept' });
    for (const broker of ['2', 'one', '-1']) {
      expect(await get(`/local/brokers/${broker}/config`)).toMatchObject({ status: 404, code: 'broker-not-found' });
    }
    const { body } = await test.agent.patch('/v1/clusters/local/config').send({ 'log.cleaner.threads': '2' });
    expect(body).toMatchObject({ status: 400, code: 'invalid-broker-config' });
  });

  it('show partitions somebody should look at', async () => {
    asKafka();
    const page = (await get('/local/replicas?only=problems')) as { items: { partition: number }[] };
    expect(page.items.map((one) => one.partition)).toEqual([0, 1, 2]);
    brokers.replicas[0] = { ...brokers.replicas[0]!, inSync: [1, 2] };
    const left = (await get('/local/replicas?only=problems')) as { items: { partition: number }[] };
    expect(left.items.map((one) => one.partition)).toEqual([1, 2]);
  });

  it('say what a plan of moves means before it is begun, and part by part what became of it', async () => {
    asKafka();
    const plan = async (body: object) => await test.agent.post('/v1/clusters/local/reassignments').send(body);
    const partitions = [
      { topic: 'orders', partition: 0, replicas: [3, 2] },
      { topic: 'orders', partition: 1, replicas: [1, 3] },
    ];
    const moves = [
      { topic: 'orders', partition: 0, from: [1, 2], to: [3, 2], adding: [3], removing: [1] },
      { topic: 'orders', partition: 1, from: [2, 3], to: [1, 3], adding: [1], removing: [2] },
    ];
    expect((await plan({ partitions, dryRun: true })).body).toEqual({ dryRun: true, items: moves });
    expect(brokers.asked).toEqual([]);
    const begun = await plan({ partitions });
    expect(begun.status).toBe(202);
    expect(begun.body).toEqual({
      dryRun: false,
      items: [
        moves[0],
        { ...moves[1], error: { code: 'invalid-reassignment', message: expect.stringContaining('says no') as string } },
      ],
    });
    expect(brokers.asked).toEqual([partitions]);
    for (const replicas of [[9, 2], [1], [1, 1], []]) {
      const { status } = await plan({ partitions: [{ topic: 'orders', partition: 0, replicas }] });
      expect([400, 404]).toContain(status);
    }
    expect(brokers.asked, 'nothing more').toHaveLength(1);
    // While it moves there are three copies; the plan is judged by the two of before.
    brokers.replicas[0] = { ...brokers.replicas[0]!, replicas: [3, 1, 2] };
    brokers.moving = [{ topic: 'orders', partition: 0, replicas: [3, 1, 2], adding: [3], removing: [1] }];
    expect((await plan({ partitions: [partitions[0]], dryRun: true })).status).toBe(202);
    expect(await get('/local/reassignments')).toEqual({ items: brokers.moving });
  });

  it('hand the lead back where another than the preferred broker has it', async () => {
    asKafka();
    const elect = async (body: object) =>
      (await test.agent.post('/v1/clusters/local:elect-leaders').send(body)).body as unknown;
    const needed = { topic: 'orders', partition: 1, leader: 3, preferred: 2 };
    expect(await elect({ dryRun: true })).toEqual({ dryRun: true, items: [{ ...needed, outcome: 'would-elect' }] });
    expect(brokers.asked).toEqual([]);
    expect(await elect({})).toEqual({ dryRun: false, items: [{ ...needed, outcome: 'elected' }] });
    expect(brokers.asked).toEqual([[1]]);
    expect(await elect({ partitions: [{ topic: 'nothing', partition: 0 }] })).toMatchObject({
      code: 'topic-not-found',
    });
  });

  it('are described to everybody who may read; sizes and moves are for operators, settings and rules for admins', async () => {
    asKafka();
    const statuses = async (...roles: string[]) => {
      authenticator.principal = { id: 'somebody', roles };
      const asked = [
        test.agent.get('/v1/clusters/local'),
        test.agent.get('/v1/clusters/local/log-directories'),
        test.agent.post('/v1/clusters/local:elect-leaders').send({ dryRun: true }),
        test.agent.patch('/v1/clusters/local/config').send({ x: '1' }),
        test.agent.get('/v1/clusters/local/access-rules'),
      ];
      return (await Promise.all(asked)).map((one) => one.status);
    };
    expect(await statuses('viewer')).toEqual([200, 403, 403, 403, 403]);
    expect(await statuses('operator')).toEqual([200, 200, 200, 403, 403]);
    expect(await statuses('admin')).toEqual([200, 200, 200, 400, 409]);
  });
});
