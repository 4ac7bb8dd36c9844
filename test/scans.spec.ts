import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OperationView } from '#libs/features/operations';
import type { CensusView, ReplayView, UsageView } from '#libs/features/scans';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';

let directory: TemporaryDirectory;
let server: ServerProcess;
beforeEach(async () => {
  directory = await temporaryDirectory();
  server = await start();
});
afterEach(async () => {
  await server.kill();
  await directory.remove();
});

function start(env: Record<string, string> = {}): Promise<ServerProcess> {
  return ServerProcess.start({ cwd: directory.path, env });
}

const { records: calls, operations } = new ServiceCalls(() => server.url);

async function produce(topic: string, values: readonly unknown[], more: object = {}): Promise<void> {
  const records = values.map((value) => ({ value }));
  expect((await calls.produce(topic, records, more)).status).toBe(200);
}

async function begin(path: string, body: object): Promise<string> {
  const plan = await operations.plan(path, body);
  expect(plan.blockers).toEqual([]);
  return operations.start(plan);
}

async function ended(operation: string): Promise<OperationView> {
  const last = await operations.settled(operation);
  expect([last.state, last.lastError]).toEqual(['FINISHED', null]);
  return last;
}

describe('a schema tried on retained records', () => {
  async function replay(body: object): Promise<ReplayView> {
    const operation = await begin('/v1/schema-replays/plans', body);
    await ended(operation);
    // The same question is the same operation.
    expect(await begin('/v1/schema-replays/plans', body)).toBe(operation);
    return calls.demand('GET', `/v1/schema-replays/${operation}`);
  }

  it.each([
    [
      'AVRO',
      '{"type":"record","name":"R","fields":[{"name":"n","type":["null","int"]}]}',
      '{"type":"record","name":"R","fields":[{"name":"n","type":["null","long"]}]}',
      '{"type":"record","name":"R","fields":[{"name":"n","type":"int"}]}',
      [{ n: 1 }, { n: null }, { n: 3 }],
      { path: '/n', reason: 'written as null, which is not read as int' },
    ],
    [
      'JSON',
      '{"type":"object"}',
      '{"type":"object","additionalProperties":true}',
      '{"type":"object","properties":{"n":{"type":"integer"}}}',
      [{ n: 1 }, { n: 'x' }, {}],
      { path: '/n', reason: expect.any(String) as string },
    ],
    [
      'PROTOBUF',
      'syntax = "proto3"; message R { int64 n = 1; }',
      'syntax = "proto3"; message R { int64 m = 1; string s = 2; }',
      'syntax = "proto3"; message R { int32 n = 1; }',
      [{ n: 1 }, { n: '4294967296' }, {}],
      { path: '/n', reason: 'is a number that int32 does not hold' },
    ],
  ])(
    'says what a candidate in %s would read, what not, and why',
    async (schemaType, writer, fine, breaking, values, failure) => {
      await calls.topic('tried');
      const schemaId = await calls.register('tried-value', schemaType, writer);
      await produce('tried', values);
      await produce('tried', values.slice(0, 1), { schemaIn: 'header' });
      expect(await replay({ topic: 'tried', schemaType, schema: fine })).toMatchObject({
        verdict: 'reads-all',
        complete: true,
        read: 4,
        failed: 0,
        writers: [{ schemaId, read: 4 }],
        failures: [],
      });
      expect(await replay({ topic: 'tried', schemaType, schema: breaking })).toMatchObject({
        verdict: 'fails',
        read: 3,
        failed: 1,
        partitions: [{ partition: 0, from: '0', position: '4', to: '4', records: 4, trouble: null }],
        failures: [{ partition: 0, offset: '1', schemaId, by: 'candidate', ...failure }],
      });
    },
  );
});

describe('scans of a process that is killed', () => {
  const PARTITIONS = 4;
  const BATCHES = 24;
  /** Some 100 KB a batch, so that there are a few fetches. */
  const PADDING = 'x'.repeat(1_000);
  const writer =
    '{"type":"record","name":"R","fields":[{"name":"n","type":["null","int"]},{"name":"p","type":"string"}]}';
  const candidate = '{"type":"record","name":"R","fields":[{"name":"n","type":"int"},{"name":"p","type":"string"}]}';
  let total = 0;
  let nulls = 0;

  async function fill(): Promise<number> {
    await calls.topic('filled', PARTITIONS);
    const id = await calls.register('filled-value', 'AVRO', writer);
    [total, nulls] = [0, 0];
    for (let batch = 0; batch < BATCHES; batch++) {
      const values = Array.from({ length: 100 }, (_, i) => ({ n: (batch * 7 + i) % 9 === 0 ? null : i, p: PADDING }));
      total += values.length;
      nulls += values.filter(({ n }) => n === null).length;
      const records = values.map((value) => ({ value, partition: batch % PARTITIONS }));
      expect((await calls.produce('filled', records)).status).toBe(200);
    }
    return id;
  }

  /** Lets every process die after its second fetch: a scan that began anew each time would never end. */
  async function survive(path: string, body: object): Promise<{ operation: string; restarts: number }> {
    let operation = '';
    for (let lives = 0; lives < 30; lives++) {
      await server.kill();
      server = await start({ WEIR_FAIL_POINT: 'scan:read:2' });
      // The process may be gone before it answers; the next one has the operation all the same.
      operation = await begin(path, body).catch(() => operation);
      const over = await Promise.race([server.exited.then(() => undefined), ended(operation).catch(() => undefined)]);
      if (over !== undefined) return { operation, restarts: over.restarts };
      await server.exited;
    }
    throw new Error('the scan does not go on');
  }

  it('go on where they were, and count every record once', async () => {
    const schemaId = await fill();
    const usage = await survive('/v1/schema-usage/plans', { topics: ['filled'] });
    expect(usage.restarts).toBeGreaterThanOrEqual(2);
    const counted = await calls.demand<CensusView>('GET', `/v1/schema-usage/scans/${usage.operation}`);
    expect(counted).toMatchObject({ complete: true, items: [{ schemaId, keys: 0, values: total }] });
    const told = await calls.demand<UsageView>(
      'GET',
      `/v1/subjects/filled-value/versions/1/usage?scan=${usage.operation}`,
    );
    expect(told).toMatchObject({ verdict: 'in-use', records: { total, exact: true }, coverage: { complete: true } });

    const replay = await survive('/v1/schema-replays/plans', { topic: 'filled', schema: candidate, failures: 2 });
    expect(replay.restarts).toBeGreaterThanOrEqual(2);
    const found = await calls.demand<ReplayView>('GET', `/v1/schema-replays/${replay.operation}`);
    expect(found).toMatchObject({
      over: true,
      complete: true,
      verdict: 'fails',
      read: total - nulls,
      failed: nulls,
      writers: [{ schemaId, read: total - nulls, failed: nulls, undecodable: 0 }],
    });
    expect(found.failures).toHaveLength(2 * PARTITIONS);
  });

  it('can be paused and go on, and forget everything when they are cancelled', async () => {
    await fill();
    const throttled = (path: string, body: object) =>
      operations.begin(path, body, { throttle: { recordsPerSecond: 200 } });
    const scan = await throttled('/v1/schema-usage/plans', {});
    const counted = () => calls.demand<CensusView>('GET', `/v1/schema-usage/scans/${scan}`);
    const paused = await calls.post<OperationView>(`/v1/operations/${scan}:pause`);
    expect(paused.json.state).toBe('PAUSED');
    expect((await counted()).complete).toBe(false);
    await calls.post(`/v1/operations/${scan}:throttle`, { recordsPerSecond: null });
    await calls.post(`/v1/operations/${scan}:resume`);
    await ended(scan);
    expect((await counted()).items[0]!.values).toBe(total);

    const replay = await throttled('/v1/schema-replays/plans', { topic: 'filled', schema: candidate });
    await calls.post(`/v1/operations/${replay}:cancel`);
    expect((await operations.settled(replay)).state).toBe('CANCELLED');
    expect((await calls.get(`/v1/schema-replays/${replay}`)).status).toBe(404);
  });
});
