import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { Clusters, type LogEngine } from '#libs/core/log';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { SystemClock } from '#libs/platform/observability';
import { overHttp, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Plans {
  readonly plans: { readonly hash: string; readonly topic: string; readonly blockers: string[] }[];
}

/** The service over its own log `local`, the default cluster, and a second embedded one, `far`. */
describe('moving a topic to another cluster, over REST', () => {
  let running: RunningService;
  let directory: TemporaryDirectory;
  let far: LogEngine;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  const operations = new OperationCalls(overHttp(() => running.url));

  beforeAll(async () => {
    running = await runService();
    directory = await temporaryDirectory();
    far = await openEmbeddedLog({ directory: directory.path, clock: new SystemClock() });
    const clusters = running.service.app.nest.get(Clusters);
    const get = clusters.get.bind(clusters);
    clusters.get = (name) => (name === 'far' ? far : get(name));
    clusters.names = () => ['local', 'far'];
    clusters.present = clusters.names;
  });
  afterAll(async () => {
    await running.stop();
    await far.close();
    await directory.remove();
  });

  /** What a reader gets that begins with this page and reads on to the end. */
  async function valuesFrom(topic: string, query: string): Promise<unknown[]> {
    const seen: unknown[] = [];
    for (let at = query; ;) {
      const { records, next, atEnd } = await client.page(topic, `${at}&limit=700`);
      seen.push(...records.map((one) => one.value));
      if (atEnd) return seen;
      at = `cursor=${next}`;
    }
  }
  const values = (topic: string): Promise<unknown[]> => valuesFrom(topic, 'from=start');

  async function phaseOf(id: string, phase: string): Promise<void> {
    await expect
      .poll(async () => (await operations.operation(id)).phase, { interval: 10, timeout: 30_000 })
      .toBe(phase);
  }

  /** Writes numbered records, one request after another, until told to stop. */
  function startWriter(topic: string) {
    let going = true;
    const written: string[] = [];
    const writing = (async () => {
      for (let n = 0; going; n++) {
        const { status } = await client.produce(topic, [{ key: `k${n % 5}`, value: `w${n}` }]);
        expect(status).toBe(200);
        written.push(`w${n}`);
      }
    })();
    const stop = async (): Promise<readonly string[]> => {
      going = false;
      await writing;
      return written;
    };
    return stop;
  }

  it('takes several topics along in one step, and back', async () => {
    for (const topic of ['orders', 'payments']) {
      await client.topic(topic, topic === 'orders' ? 3 : 2);
      await client.produce(topic, [{ key: 'k', value: topic }]);
    }
    interface Joined {
      readonly together: { readonly hash: string; readonly blockers: string[] };
    }
    const request = { topics: ['orders', 'payments'], to: 'far', together: true, cutover: { mode: 'auto' } };
    const { together, ...answer } = await client.demand<Joined>('POST', '/v1/moves/plans', request);
    expect(answer).toMatchObject({ plans: [{ topic: 'orders' }, { topic: 'payments' }] });
    expect(together).toMatchObject({ topics: ['orders', 'payments'], blockers: [], alsoOn: ['topic:local/payments'] });
    const id = await operations.start(together);
    await phaseOf(id, 'SWITCHED');
    for (const topic of ['orders', 'payments']) {
      expect((await client.get(`/v1/topics/${topic}`)).json).toMatchObject({ cluster: 'far', state: 'ACTIVE' });
      await client.produce(topic, [{ key: 'k', value: 'since' }]);
    }
    // One that is part of an operation cannot be frozen beside it, wherever it is by now.
    expect((await client.post('/v1/topics/payments:freeze')).status).toBe(409);
    await client.post(`/v1/operations/${id}:rollback`);
    await phaseOf(id, 'ROLLED_BACK');
    for (const topic of ['orders', 'payments']) {
      expect((await client.get(`/v1/topics/${topic}`)).json).toMatchObject({ cluster: 'local', state: 'ACTIVE' });
      expect(await values(topic)).toEqual([topic, 'since']);
      await client.delete(`/v1/topics/${topic}`);
    }
    const alone = await client.post('/v1/moves/plans', { topics: ['orders'], to: 'far', together: true });
    expect(alone.status).toBeGreaterThanOrEqual(400);
  });

  it('takes records, groups and whoever names no cluster along, and all of it back with 1,000 new records', async () => {
    await client.topic('flights', 3);
    await client.produce(
      'flights',
      Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 5}`, value: `v${n}` })),
    );
    const first = await client.page('flights', 'from=start&limit=25');
    const once = { 'idempotency-key': 'once' };
    const body = { records: [{ key: 'once', value: 'once' }] };
    await client.post('/v1/topics/flights/records', body, undefined, once);
    const offsets = [3, 0, 2].map((offset, partition) => ({ topic: 'flights', partition, offset: String(offset) }));
    expect((await client.put('/v1/groups/readers/positions', { positions: offsets })).status).toBeLessThan(300);
    const before = await values('flights');

    const stop = startWriter('flights');
    const { plans } = await client.demand<Plans>('POST', '/v1/moves/plans', {
      topics: ['flights'],
      to: 'far',
      cutover: { mode: 'auto' },
    });
    expect(plans).toMatchObject([
      { topic: 'flights', blockers: [], from: { cluster: 'local' }, to: { cluster: 'far' } },
    ]);
    const id = await operations.start(plans[0]!);
    await phaseOf(id, 'SWITCHED');
    const written = await stop();

    // Whoever names no cluster finds it, whoever names the one it left is told.
    expect((await client.get('/v1/topics/flights')).json).toMatchObject({ cluster: 'far', state: 'ACTIVE' });
    expect((await client.get('/v1/clusters/local/topics/flights')).problem).toMatchObject({
      status: 409,
      code: 'topic-moved',
      details: { cluster: 'far' },
    });
    expect(await client.demand('GET', '/v1/topics')).toMatchObject({ items: [] });
    expect([...(await values('flights'))].sort()).toEqual([...before, ...written].sort());
    // A cursor from before goes on over the move.
    const rest = await valuesFrom('flights', `cursor=${first.next}`);
    const seen = [...first.records.map((one) => one.value), ...rest];
    expect([...seen].sort()).toEqual([...before, ...written].sort());
    // A request that is repeated is not written a second time.
    const again = await client.post('/v1/topics/flights/records', body, undefined, once);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(await values('flights')).toHaveLength(before.length + written.length);
    expect(await client.demand('GET', '/v1/clusters/far/groups/readers')).toMatchObject({ positions: offsets });
    // While it can go back, nothing else may be done with it.
    const partitions = { partitions: 6, keyPlacement: 'may-change' };
    expect((await client.post('/v1/topics/flights:add-partitions', partitions)).problem.code).toBe(
      'topic-in-operation',
    );
    expect((await client.delete('/v1/topics/flights')).problem.code).toBe('topic-in-operation');
    const other = await client.demand<{ blockers: string[] }>('POST', '/v1/clusters/far/repartitions/plans', {
      topic: 'flights',
      target: { partitions: 6 },
    });
    expect(other.blockers).toEqual([expect.stringContaining("came from cluster 'local'")]);

    await client.produce(
      'flights',
      Array.from({ length: 1_000 }, (_, n) => ({ key: `k${n % 5}`, value: `new${n}` })),
    );
    const there = await values('flights');
    expect(there).toHaveLength(before.length + written.length + 1_000);
    await client.put('/v1/clusters/far/groups/readers/positions', {
      positions: [{ topic: 'flights', partition: 0, offset: '5' }],
    });
    await operations.demand('POST', `/v1/operations/${id}:rollback`, {});
    await phaseOf(id, 'ROLLED_BACK');
    expect((await client.get('/v1/topics/flights')).json).toMatchObject({ cluster: 'local', state: 'ACTIVE' });
    expect(await values('flights')).toEqual(there);
    const [position] = (await client.demand<{ positions: unknown[] }>('GET', '/v1/clusters/local/groups/readers'))
      .positions;
    expect(position).toMatchObject({ topic: 'flights', partition: 0, offset: '5' });
    expect((await far.listTopics()).map((one) => one.name).filter((name) => !name.startsWith('__weir'))).toEqual([]);
  });

  it('moves several topics, one operation each, and ends with nothing left behind', async () => {
    const topics = ['arrivals', 'departures'];
    for (const topic of topics) {
      await client.topic(topic, 2);
      await client.produce(topic, [{ key: 'k', value: topic }]);
    }
    const request = { topics, to: 'far', cutover: { mode: 'auto' } };
    const { plans } = await client.demand<Plans>('POST', '/v1/clusters/local/moves/plans', request);
    expect(plans.map((one) => one.topic)).toEqual(topics);
    for (const plan of plans) {
      const id = await operations.start(plan);
      await phaseOf(id, 'SWITCHED');
      await operations.demand('POST', `/v1/operations/${id}:finish`, {});
      await phaseOf(id, 'FINISHED');
    }
    expect((await client.demand<{ items: { name: string }[] }>('GET', '/v1/clusters/far/topics')).items).toMatchObject([
      { name: 'arrivals' },
      { name: 'departures' },
    ]);
    for (const topic of topics) expect(await values(topic)).toEqual([topic]);
    const made = await client.post('/v1/clusters/local/topics', { name: 'arrivals', partitions: 1 });
    expect(made.problem).toMatchObject({ status: 409, code: 'topic-moved' });
  });

  it('ends a stream of a named cluster where the topic left, and goes on with one that names none', async () => {
    await client.topic('followed', 1);
    const follow = async (path: string): Promise<string[]> => {
      const response = await fetch(`${running.url}${path}/stream?from=start`);
      const events: string[] = [];
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        for (const [, data] of chunk.matchAll(/^data: (.*)$/gm)) {
          const { value, code } = JSON.parse(data!) as { value?: string; code?: string };
          events.push(String(value ?? code));
        }
        if (events.some((one) => one === 'after' || one === 'topic-moved')) return events;
      }
      return events;
    };
    const streams = Promise.all([follow('/v1/topics/followed'), follow('/v1/clusters/local/topics/followed')]);
    await client.produce('followed', [{ value: 'before' }]);
    const { plans } = await client.demand<Plans>('POST', '/v1/moves/plans', {
      topics: ['followed'],
      to: 'far',
      cutover: { mode: 'auto' },
    });
    await phaseOf(await operations.start(plans[0]!), 'SWITCHED');
    await delay(50);
    await client.produce('followed', [{ value: 'after' }]);
    expect(await streams).toEqual([
      ['before', 'after'],
      ['before', 'topic-moved'],
    ]);
  });

  it('tells a consumer instance that its topic has left, after the last record of it', async () => {
    await client.topic('consumed', 1);
    await client.produce('consumed', [{ key: 'k', value: 'v' }]);
    const v2 = { 'content-type': 'application/vnd.kafka.v2+json' };
    const made = await client.post<{ base_uri: string }>(
      '/consumers/proxied',
      { name: 'one', format: 'binary', 'auto.offset.reset': 'earliest' },
      undefined,
      v2,
    );
    const path = new URL(made.json.base_uri).pathname;
    await client.post(`${path}/subscription`, { topics: ['consumed'] }, undefined, v2);
    const records = () =>
      client.get<unknown[]>(`${path}/records?timeout=200`, undefined, {
        accept: 'application/vnd.kafka.binary.v2+json',
      });
    await expect.poll(async () => (await records()).json.length, { interval: 10, timeout: 20_000 }).toBe(1);
    const { plans } = await client.demand<Plans>('POST', '/v1/moves/plans', {
      topics: ['consumed'],
      to: 'far',
      cutover: { mode: 'auto' },
    });
    await phaseOf(await operations.start(plans[0]!), 'SWITCHED');
    await client.produce('consumed', [{ key: 'k', value: 'written there' }]);
    const refused = await records();
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("Topic 'consumed' is in cluster 'far'");
    // What it had read was stored before its positions were carried over.
    expect(await client.demand('GET', '/v1/clusters/far/groups/proxied')).toMatchObject({
      positions: [{ topic: 'consumed', partition: 0, offset: '1' }],
    });
  });

  it('takes a group that works under leases along; a lease is told where its topic went', async () => {
    await client.topic('worked', 1);
    await client.produce(
      'worked',
      Array.from({ length: 5 }, (_, n) => ({ value: `w${n}` })),
    );
    interface Given {
      readonly records: readonly { readonly value: unknown; readonly offset: string }[];
    }
    const request = { topics: ['worked'], visibilityMs: 60_000, maxRecords: 2, waitMs: 5_000 };
    const {
      lease: { id },
    } = await client.demand<{ lease: { id: string } }>('POST', '/v1/groups/workers/leases', request);
    const given = await client.demand<Given>('GET', `/v1/leases/${id}/records?wait=1000`);
    expect(given.records.map((one) => one.value)).toEqual(['w0', 'w1']);
    const records = given.records.map(({ offset }) => ({ topic: 'worked', partition: 0, offset }));
    await client.demand('POST', `/v1/leases/${id}:ack`, { records });
    const { plans } = await client.demand<Plans>('POST', '/v1/moves/plans', {
      topics: ['worked'],
      to: 'far',
      cutover: { mode: 'auto' },
    });
    await phaseOf(await operations.start(plans[0]!), 'SWITCHED');
    const refused = await client.post('/v1/groups/workers/leases', request);
    expect(refused.problem).toMatchObject({ status: 409, code: 'topic-moved', details: { cluster: 'far' } });
    expect(await client.demand('GET', '/v1/groups/workers')).toMatchObject({ positions: [] });
    const there = await client.demand<{ lease: { id: string } }>(
      'POST',
      '/v1/clusters/far/groups/workers/leases',
      request,
    );
    const next = await client.demand<Given>('GET', `/v1/clusters/far/leases/${there.lease.id}/records?wait=1000`);
    expect(next.records.map((one) => one.value)).toEqual(['w2', 'w3']);
  });

  it('refuses what makes no sense, naming it', async () => {
    expect((await client.post('/v1/moves/plans', { topics: [], to: 'far' })).status).toBe(400);
    expect((await client.post('/v1/moves/plans', { topics: ['x', 'x'], to: 'far' })).status).toBe(400);
    expect((await client.post('/v1/moves/plans', { topics: ['nothing'], to: 'far' })).problem.code).toBe(
      'topic-not-found',
    );
    await client.topic('staying', 1);
    expect((await client.post('/v1/moves/plans', { topics: ['staying'], to: 'none' })).problem.code).toBe(
      'cluster-not-found',
    );
    const { plans } = await client.demand<Plans>('POST', '/v1/moves/plans', { topics: ['staying'], to: 'local' });
    expect(plans[0]!.blockers).toEqual(["topic 'staying' is in cluster 'local' already"]);
  });
});
