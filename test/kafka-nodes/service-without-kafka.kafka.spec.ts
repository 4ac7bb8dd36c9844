import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';
import { type KafkaNode, type KafkaService, startKafka } from '../../scripts/services/kafka.mjs';

/** Longest waits, which are for a hang alone: on a busy machine everything takes many times as long. */
const SOON = { timeout: 120_000, interval: 100 };
/** Registrations and reads that are made while something else is the case. */
const ROUNDS = 40;
const RECORDS = 400;

const schemaOf = (n: number): string =>
  JSON.stringify({ type: 'record', name: `R${n}`, fields: [{ name: 'id', type: 'string' }] });

interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

describe('a service whose Kafka cluster is away', () => {
  let kafka: KafkaService;
  let broker: KafkaNode;
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  let run: string;
  let schemas = 0;
  const { registry, records } = new ServiceCalls(() => server.url);

  beforeAll(async () => {
    kafka = await startKafka();
    [broker] = kafka.nodes as [KafkaNode];
  });
  afterAll(() => kafka?.stop());
  beforeEach(async () => {
    directory = await temporaryDirectory();
    run = randomBytes(4).toString('hex');
    schemas = 0;
  });
  afterEach(async () => {
    await server?.kill();
    await directory.remove();
  });

  const present = async (): Promise<void> => {
    if (broker.running) return;
    broker.start();
    await broker.untilServing(1);
  };
  const launch = (cluster: object = {}, more: object = {}) => ({
    cwd: directory.path,
    env: {
      WEIR_CLUSTERS: JSON.stringify({
        kafka: { bootstrapServers: kafka.bootstrapServers.split(','), ...cluster },
        ...more,
      }),
      WEIR_DEFAULT_CLUSTER: 'kafka',
    },
  });
  const start = async (): Promise<void> => void (server = await ServerProcess.start(launch()));
  const clusterCheck = async () => {
    const { json, status } = await records.get<Readiness>('/readyz');
    return { status, ...json.checks['cluster-kafka'] };
  };

  /** Registers schemas and reads them, and what was registered before: whole conversations, one after another. */
  async function converse(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const subject = `s${run}-${++schemas}`;
      const { id } = await registry.registered(subject, schemaOf(schemas));
      expect(JSON.parse((await registry.get<{ schema: string }>(`/schemas/ids/${id}`)).json.schema)).toMatchObject({
        name: `R${schemas}`,
      });
      const earlier = 1 + (round % schemas);
      const latest = await registry.get<{ version: number }>(`/subjects/s${run}-${earlier}/versions/latest`);
      expect(latest).toMatchObject({ status: 200, json: { version: 1 } });
    }
  }

  /** That what needs the cluster is refused at once, by name, with when to come again. */
  async function expectRefusals(): Promise<void> {
    const asked = [
      records.get('/v1/topics'),
      records.get('/v1/clusters/kafka'),
      records.get(`/v1/clusters/kafka/topics/t-${run}`),
      records.post('/v1/topics', { name: `t-${run}` }),
      records.post(`/v1/topics/t-${run}/records`, { records: [{ value: 1 }] }),
      records.get(`/v1/topics/t-${run}/records?from=start`),
      records.get('/v1/groups'),
      records.post('/v1/derivations', { kind: 'latest', source: `t-${run}`, name: `latest-${run}` }),
      records.post('/v1/repartitions/plans', { topic: `t-${run}`, target: { partitions: 2 } }),
    ];
    for (const { status, problem, headers } of await Promise.all(asked)) {
      expect({ status, code: problem.code }).toEqual({ status: 503, code: 'cluster-unavailable' });
      expect(problem).toMatchObject({ details: { cluster: 'kafka' } });
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    // The stock REST API has the reference's words for it.
    expect(await records.get('/kafka/v3/clusters')).toMatchObject({ status: 500, json: { error_code: 50_003 } });
  }

  const write = async (topic: string, from: number): Promise<string> => {
    const written = Array.from({ length: RECORDS }, (_, i) => ({
      key: `k${(from + i) % 40}`,
      value: { n: from + i, all: 'all' },
    }));
    const { token } = await records.demand<{ token: string }>('POST', `/v1/topics/${topic}/records`, {
      records: written,
    });
    return token;
  };
  const rowsAt = async (token: string): Promise<unknown> =>
    (await records.demand<{ rows: unknown }>('GET', `/v1/views/v${run}/rows?wait=30s&at-least=${token}`)).rows;
  const derived = async (): Promise<number> => {
    const page = await records.page(`latest-${run}`, 'from=start&limit=1000');
    return new Set(page.records.map(({ key }) => key)).size;
  };

  it('starts without it: the registry and other logs serve; the cluster joins when it comes, and what was under way in it goes on, once', async () => {
    await broker.stop();
    await start();
    expect(await clusterCheck()).toEqual({
      status: 'degraded',
      detail: expect.stringContaining('not reached') as string,
    });
    expect((await records.get<Readiness>('/readyz')).json.ready).toBe(true);
    await converse();
    await expectRefusals();
    const { json: clusters } = await records.get<{ items: { name: string }[]; away: object[] }>('/v1/clusters');
    expect(clusters.items.map(({ name }) => name)).toEqual(['local']);
    expect(clusters.away).toEqual([
      { name: 'kafka', default: true, code: 'cluster-unavailable', message: expect.any(String) as string },
    ]);
    // What is in another log works whole: made, written, read, deleted.
    const here = '/v1/clusters/local/topics';
    await records.demand('POST', here, { name: 'near', partitions: 1 });
    await records.demand('POST', `${here}/near/records`, { records: [{ key: 'a', value: 1 }] });
    expect((await records.get<{ records: unknown[] }>(`${here}/near/records?from=start`)).json.records).toHaveLength(1);
    expect((await records.ask('DELETE', `${here}/near`)).status).toBe(200);

    await present();
    await expect.poll(clusterCheck, SOON).toMatchObject({ status: 'ok' });
    const topic = `t-${run}`;
    await records.demand('POST', '/v1/topics', { name: topic, partitions: 2 });
    await records.demand('PUT', `/v1/views/v${run}`, {
      source: { topic, mode: 'events' },
      key: { all: { from: 'value.all', type: 'text' } },
      columns: { records: { aggregate: 'count' }, sum: { aggregate: 'sum', of: 'value.n', type: 'integer' } },
    });
    await records.demand('POST', '/v1/derivations', { kind: 'latest', source: topic, name: `latest-${run}` });
    await write(topic, 0);
    const plan = await records.demand<{ hash: string }>('POST', '/v1/repartitions/plans', {
      topic,
      target: { partitions: 3 },
      cutover: { mode: 'auto', maxPauseMs: 60_000 },
    });
    // Slow, so that it is under way when everything ends.
    const { id } = await records.demand<{ id: string }>('POST', '/v1/operations', {
      planHash: plan.hash,
      throttle: { recordsPerSecond: 20 },
    });
    const progress = async (): Promise<number> =>
      (await records.demand<{ progress: { records: { done: number } } | null }>('GET', `/v1/operations/${id}`)).progress
        ?.records.done ?? 0;
    const stateOf = async (): Promise<string> =>
      (await records.demand<{ state: string }>('GET', `/v1/operations/${id}`)).state;
    await expect.poll(progress, SOON).toBeGreaterThan(0);
    await server.kill();
    await broker.kill();

    await start();
    expect(await clusterCheck()).toMatchObject({ status: 'degraded' });
    await converse();
    expect(await stateOf()).not.toBe('FAILED');
    expect((await records.get<{ worker: string }>(`/v1/views/v${run}`)).json.worker).toBe('absent');
    await present();
    await expect.poll(clusterCheck, SOON).toMatchObject({ status: 'ok' });
    await records.demand('POST', `/v1/operations/${id}:throttle`, { recordsPerSecond: null });
    await expect.poll(stateOf, SOON).toBe('SWITCHED');
    const token = await write(topic, RECORDS);
    const total = 2 * RECORDS;
    expect(await rowsAt(token)).toEqual([{ all: 'all', records: total, sum: (total * (total - 1)) / 2 }]);
    await expect.poll(derived, SOON).toBe(40);
    await converse();
  }, 400_000);

  it('goes on without it when it goes away later: no conversation with the registry waits for it, and what needs it works when it is back', async () => {
    await present();
    await start();
    await expect.poll(clusterCheck, SOON).toMatchObject({ status: 'ok' });
    const topic = `t-${run}`;
    await records.demand('POST', '/v1/topics', { name: topic, partitions: 1 });
    // The control: with the cluster there both are answered.
    await converse();
    await write(topic, 0);
    await broker.kill();
    const refused = records.post(`/v1/topics/${topic}/records`, { records: [{ value: 1 }] });
    await converse();
    await expect.poll(clusterCheck, SOON).toEqual({ status: 'degraded', detail: 'does not answer' });
    await converse();
    const { status, problem } = await refused;
    expect({ status, code: problem.code }).toEqual({ status: 503, code: 'cluster-unavailable' });
    await present();
    await expect.poll(clusterCheck, SOON).toMatchObject({ status: 'ok' });
    await write(topic, RECORDS);
    await converse();
  }, 400_000);

  it('does not start where it is told that the configuration is wrong, and says so', async () => {
    await present();
    /** On a machine so busy that the cluster does not answer in time the service starts, and is asked again. */
    const refusalOf = async (options: ReturnType<typeof launch>) => {
      for (;;) {
        const { child, exited, output } = ServerProcess.launch(options);
        const watching = setInterval(() => {
          if (output().includes('the service is ready')) child.kill('SIGKILL');
        }, 100);
        const { code } = await exited.finally(() => clearInterval(watching));
        if (code !== null) return { code, output: output() };
      }
    };
    const twice = { again: { bootstrapServers: kafka.bootstrapServers.split(',') } };
    const doubled = await refusalOf(launch({}, twice));
    expect(doubled.code).toBe(78);
    expect(doubled.output).toMatch(/Clusters '(kafka|again)' and '(kafka|again)' are one and the same/);
    const unnamed = await refusalOf(launch({ bootstrapServers: ['no port'] }));
    expect(unnamed).toMatchObject({ code: 78, output: expect.stringContaining('must be host:port') as string });
    const secured = process.env['WEIR_TEST_KAFKA_SASL'];
    if (secured === undefined) return;
    const sasl = { mechanism: 'SCRAM-SHA-256', username: 'weir', password: 'a guess' };
    const guessed = await refusalOf(launch({ bootstrapServers: [secured], sasl }));
    expect(guessed).toMatchObject({ code: 78, output: expect.stringContaining('cluster-access-denied') as string });
    expect(guessed.output).not.toContain('a guess');
  }, 400_000);
});
