import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BrokerProxy } from '#libs/adapters/log-kafka/testing';
import { Clusters, type LogEngine, type PartitionRef } from '#libs/core/log';
import { breachesOf, logEngineContract, OneCluster } from '#libs/core/log/testing';
import { ClustersModule } from '#libs/features/clusters';
import { drawn, startTestApp } from '#libs/platform/testing';
import { beside } from '../beside.js';
import { ThreeNodes, until } from './three-nodes.js';
import { type Account, appending, batchOf, committing, Notes, partialSteps, readAll, stepOf } from './workload.js';

/** Writes to a partition that must be acknowledged before its leader is killed, and after that without the killed broker. */
const BEFORE = 30;
const AFTER = 20;
const KILLS = 2;

interface ClusterAnswer {
  readonly clusterId: string;
  readonly controller: number;
  readonly brokers: readonly { readonly port: number }[];
}

let cluster: ThreeNodes;

beforeAll(async () => {
  cluster = await ThreeNodes.start();
});
afterAll(async () => {
  await cluster?.stop();
});

/** Promises of each area that a run draws; all of them are tried on one node in each run. WEIR_TEST_DRAW=all tries all of them here. */
const OF_AN_AREA = 3;

logEngineContract(
  'Apache Kafka on three nodes',
  async () => {
    let engine = await cluster.open();
    return {
      engine,
      async reopen() {
        await engine.close();
        return (engine = await cluster.open());
      },
      dispose: () => engine.close(),
    };
  },
  (area, promises) => drawn(area, promises, OF_AN_AREA),
);

describe('three nodes', () => {
  let engine: LogEngine;
  beforeAll(async () => {
    engine = await cluster.open();
  });
  // A test that failed may have left a broker down.
  beforeEach(() => cluster.makeWhole(), 300_000);

  /** A topic of this attempt alone. */
  async function topicOf(name: string, partitions: number, by = engine): Promise<string> {
    const topic = `${name}-${randomBytes(4).toString('hex')}`;
    await by.createTopic({ name: topic, partitions });
    return topic;
  }

  /** Kills the leader of a partition with clients at work, lets them go on without it, and brings it back; so many times. */
  async function killing(ref: PartitionRef, notes: Notes): Promise<void> {
    const more = (count: number): Promise<void> => {
      const goal = notes.acknowledgedIn(ref) + count;
      return until(`${count} writes are acknowledged`, () => notes.acknowledgedIn(ref) >= goal);
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await more(BEFORE);
      const leader = await cluster.leaderOf(ref);
      try {
        await leader.kill();
        await cluster.untilLed(ref, 'another', (now) => now.id !== leader.id);
        await more(AFTER);
      } finally {
        await cluster.makeWhole();
      }
    }
  }

  const ends = (notes: Notes) => (): void => void (notes.stopped = true);

  it('of plain appends nothing acknowledged is lost, and nothing is there twice, when leaders are killed', async () => {
    const topic = await topicOf('appends', 3);
    const notes = new Notes();
    const clients = Array.from({ length: 6 }, (_, n) => appending(engine, { topic, partition: n % 3 }, `p${n}`, notes));
    await beside(clients, ends(notes), () => killing({ topic, partition: 0 }, notes));
    const reads = await readAll(await cluster.open(), topic);
    expect(breachesOf(notes.writes, reads)).toEqual([]);
    expect(notes.acknowledged).toBeGreaterThanOrEqual(KILLS * (BEFORE + AFTER));
  }, 400_000);

  it('of commits nothing is lost, twice or partial when leaders are killed, and what is not known is said and can be read', async () => {
    const topic = await topicOf('commits', 3);
    const accounts = [0, 1, 2, 3].map((n): Account => ({
      writer: `account${n}-${topic}`,
      group: `group${n}-${topic}`,
      refs: [
        { topic, partition: n % 3 },
        { topic, partition: (n + 1) % 3 },
      ],
    }));
    const notes = new Notes();
    const clients = accounts.map((account) => committing(engine, account, notes));
    const steps = await beside(clients, ends(notes), () => killing({ topic, partition: 0 }, notes));
    const fresh = await cluster.open();
    const reads = await readAll(fresh, topic);
    expect(breachesOf(notes.writes, reads)).toEqual([]);
    expect(partialSteps(reads)).toEqual([]);
    for (const [n, { writer, group, refs }] of accounts.entries()) {
      expect(await stepOf(fresh, writer), `checkpoint of ${writer}`).toBe(steps[n]);
      expect((await fresh.describeGroup(group)).positions).toEqual([{ ...refs[0], offset: steps[n] }]);
    }
  }, 400_000);

  describe('of an append that only its leader has', () => {
    /**
     * Pauses the followers, appends, kills the leader, lets the followers go on: whoever answered for the leader alone has lied. So long is the leader given for an
     * answer; meanwhile nobody takes the paused ones for dead, for which most of the three would be needed.
     */
    async function appendedByLeaderAlone(by: LogEngine, topic: string, patienceMs: number): Promise<readonly string[]> {
      const ref = { topic, partition: 0 };
      const notes = new Notes();
      const first = await by.append(ref, batchOf('first'));
      notes.note({ ...ref, producer: 'p', sequence: 0, value: 'first', acknowledged: { offset: first.baseOffset } });
      const leader = await cluster.leaderOf(ref);
      const followers = cluster.service.nodes.filter((one) => one.id !== leader.id);
      let appending: Promise<unknown> | undefined;
      try {
        for (const one of followers) process.kill(one.pid!, 'SIGSTOP');
        let offset: number | undefined;
        appending = by.append(ref, batchOf('second')).then(
          (appended) => (offset = appended.baseOffset),
          () => undefined,
        );
        const patience = new AbortController();
        await Promise.race([appending, delay(patienceMs, undefined, { signal: patience.signal })]);
        patience.abort();
        await leader.kill();
        const write = { ...ref, producer: 'p', sequence: 1, value: 'second' };
        notes.note(offset === undefined ? write : { ...write, acknowledged: { offset } });
        for (const one of followers) process.kill(one.pid!, 'SIGCONT');
        await cluster.untilLed(ref, 'another', (now) => now.id !== leader.id);
      } finally {
        await cluster.makeWhole();
        await appending;
      }
      return breachesOf(notes.writes, await readAll(await cluster.open(), topic));
    }

    // A look at the states of topics must not wait for a paused broker.
    const settings = { stateLeaseMs: 60_000 };

    it('nothing is acknowledged, so nothing is lost with the leader', async () => {
      const by = await cluster.open({ settings });
      // Long enough for a leader to answer alone.
      expect(await appendedByLeaderAlone(by, await topicOf('alone', 1), 1_000)).toEqual([]);
    }, 400_000);

    it('with acknowledgements of the leader alone it is lost: the check can fail', async () => {
      const proxies = new Map<number, BrokerProxy>();
      try {
        for (const { port } of cluster.service.nodes) {
          const proxy = await BrokerProxy.start({ host: '127.0.0.1', port });
          proxy.rewrite = acknowledgedByLeader;
          proxies.set(port, proxy);
        }
        const by = await cluster.open({ settings, addressOf: ({ port }) => proxies.get(port)!.address });
        const breaches = await appendedByLeaderAlone(by, await topicOf('hasty', 1), 60_000);
        expect(breaches).toContain("lost 'second'");
      } finally {
        for (const proxy of proxies.values()) await proxy.stop();
      }
    }, 400_000);
  });

  it('the routes of clusters tell what the brokers tell', async () => {
    const topic = await topicOf('routes', 1);
    await engine.append({ topic, partition: 0 }, batchOf('x'.repeat(10_000)));
    const test = await startTestApp({
      modules: [ClustersModule],
      providers: [{ provide: Clusters, useValue: new OneCluster(engine) }],
    });
    try {
      const get = async (path: string) => (await test.agent.get(`/v1/clusters/local${path}`)).body as never;
      const { brokers, clusterId, controller }: ClusterAnswer = await get('');
      expect(clusterId).toBe(cluster.service.clusterId);
      expect(brokers.map((one) => one.port)).toEqual(cluster.service.nodes.map((one) => one.port));
      expect([1, 2, 3]).toContain(controller);
      const { items: settings }: { items: { name: string }[] } = await get('/brokers/2/config');
      expect(settings.length).toBeGreaterThan(200);
      expect(settings.find((one) => one.name === 'node.id')).toMatchObject({ value: '2', readOnly: true });
      const { items: directories }: { items: { broker: number }[] } = await get(`/log-directories?topic=${topic}`);
      expect(directories.map((one) => one.broker)).toEqual([1, 2, 3]);
      for (const one of directories) {
        expect(one).toMatchObject({
          partitions: [{ partition: 0, moving: false }],
          totalBytes: expect.any(Number) as number,
        });
      }
      const { items: replicas }: { items: { replicas: number[] }[] } = await get(`/replicas?topic=${topic}`);
      const [{ replicas: from }] = replicas as [{ replicas: number[] }];
      const to = [...from].reverse();
      const partitions = [{ topic, partition: 0, replicas: to }];
      const moved = await test.agent.post('/v1/clusters/local/reassignments').send({ partitions });
      expect(moved.body).toMatchObject({ items: [{ from, to, adding: [], removing: [] }] });
      await until('the order is the new one', async () => {
        const page: { items: { replicas: number[] }[] } = await get(`/replicas?topic=${topic}`);
        return page.items[0]!.replicas.join() === to.join();
      });
      const elected = await test.agent
        .post('/v1/clusters/local:elect-leaders')
        .send({ partitions: [{ topic, partition: 0 }] });
      expect(elected.body).toMatchObject({ items: [{ preferred: to[0], outcome: 'elected' }] });
      await cluster.untilLed({ topic, partition: 0 }, 'the elected one', (now) => now.id === to[0]);
      expect(await get('/access-rules')).toMatchObject({ code: 'access-rules-not-kept' });
    } finally {
      await test.close();
    }
  }, 400_000);

  it('the lead goes back to the preferred broker by an election, once that one is back', async () => {
    const ref = { topic: await topicOf('election', 1), partition: 0 };
    const { administration } = engine;
    const preferred = await cluster.leaderOf(ref);
    try {
      await preferred.kill();
      await cluster.untilLed(ref, 'another', (now) => now.id !== preferred.id);
      const [failed] = await administration.electPreferredLeaders([ref]);
      expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'leader-not-available' } });
    } finally {
      await cluster.makeWhole();
    }
    const [elected] = await administration.electPreferredLeaders([ref]);
    expect(elected).toEqual({ ...ref, outcome: 'elected' });
    await cluster.untilLed(ref, 'the preferred one', (now) => now.id === preferred.id);
    const [again] = await administration.electPreferredLeaders([ref]);
    expect(again!.outcome).toBe('not-needed');
  }, 400_000);

  it('copies move to other brokers with what is in them; a move under way is seen, retargeted and cancelled', async () => {
    const by = await cluster.open({ replicationFactor: 2 });
    const topic = await topicOf('moves', 1, by);
    const ref = { topic, partition: 0 };
    for (let i = 0; i < 8; i++) await by.append(ref, batchOf('x'.repeat(500_000)));
    const { administration } = by;
    const [before] = await administration.describeReplicas([topic]);
    const [a, b] = before!.replicas as [number, number];
    const c = [1, 2, 3].find((id) => id !== a && id !== b)!;
    const replicasAre = (...expected: number[]): Promise<void> =>
      until(`the copies are on ${expected.join(', ')}`, async () => {
        const [now] = await administration.describeReplicas([topic]);
        const moving = await administration.listReassignments([ref]);
        return moving.length === 0 && now!.replicas.join() === expected.join() && now!.inSync.length === 2;
      });

    // Throttled, a move stays under way until somebody ends it.
    const throttle = async (rate: string | null, who: string | null): Promise<void> => {
      await administration.alterConfig(
        { kind: 'all-brokers' },
        { 'leader.replication.throttled.rate': rate, 'follower.replication.throttled.rate': rate },
      );
      await administration.alterConfig(
        { kind: 'topic', topic },
        { 'leader.replication.throttled.replicas': who, 'follower.replication.throttled.replicas': who },
      );
    };
    try {
      await throttle('1000', '*');
      expect(await administration.reassign([{ ...ref, replicas: [a, c] }])).toEqual([ref]);
      expect(await administration.listReassignments([ref])).toEqual([
        { ...ref, replicas: expect.arrayContaining([a, b, c]) as number[], adding: [c], removing: [b] },
      ]);
      expect((await administration.listReassignments()).map((one) => one.topic)).toEqual([topic]);
      // The number of copies a plan is judged by is the one before the move.
      expect(await administration.reassign([{ ...ref, replicas: [b, c] }])).toEqual([ref]);
      expect(await administration.listReassignments([ref])).toMatchObject([{ adding: [c], removing: [a] }]);
      expect(await administration.cancelReassignments([ref])).toEqual([ref]);
      // A retargeted move that is cancelled leaves the copies of before in the order of its last plan.
      await replicasAre(b, a);
      const [cancelled] = await administration.cancelReassignments([ref]);
      expect(cancelled).toMatchObject({ error: { code: 'no-reassignment' } });
    } finally {
      await throttle(null, null);
      // Held back no longer, a move that a failed expectation left under way comes to its end.
      await until('no move is under way', async () => (await administration.listReassignments([ref])).length === 0);
    }

    expect(await administration.reassign([{ ...ref, replicas: [c, a] }])).toEqual([ref]);
    await replicasAre(c, a);
    const directories = await administration.describeLogDirectories();
    const sizes = directories.flatMap(({ broker, replicas }) =>
      replicas.filter((one) => one.topic === topic && !one.moving).map((one) => [broker, one.sizeBytes > 4_000_000]),
    );
    expect(sizes.filter(([broker]) => broker !== b)).toEqual(
      expect.arrayContaining([
        [a, true],
        [c, true],
      ]),
    );
    const [read] = await readAll(by, topic);
    expect(read!.records.map((one) => one.value!.length)).toEqual(Array.from({ length: 8 }, () => 500_000));
    await by.append(ref, batchOf('goes on'));
  }, 400_000);
});

/** Changes a Produce request without a transactional id from "all in-sync replicas" to "the leader". */
function acknowledgedByLeader(apiKey: number, frame: Buffer, kind: 'request' | 'answer'): void {
  if (apiKey !== 0 || kind !== 'request') return;
  // Size, api key, version and correlation id; client id with its length; no tags; no transactional id.
  const at = 12 + 2 + frame.readInt16BE(12) + 1 + 1;
  if (frame.readInt16BE(at) === -1) frame.writeInt16BE(1, at);
}
