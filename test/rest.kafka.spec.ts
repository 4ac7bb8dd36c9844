import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { encodeBatch, type LogEngine, MOST_HEADER_BYTES } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from '../apps/server/testing/running-service.js';

/** What the tests look at of an answer. */
interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

describe('the native API on Apache Kafka', () => {
  /** Of an attempt of a test: part of all names. */
  let run: string;
  const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
  let running: RunningService;
  let engine: LogEngine;
  const client = new DataPlaneCalls(overHttp(() => running.url));

  async function send(
    method: string,
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    more = {},
  ): Promise<Answered> {
    const headers = { 'content-type': type, ...more };
    return await answered(await fetch(`${running.url}${path}`, { method, headers, body }));
  }
  async function call(method: string, path: string, body?: unknown, more = {}): Promise<Answered> {
    if (body !== undefined) return await send(method, path, 'application/json', JSON.stringify(body), more);
    return await answered(await fetch(`${running.url}${path}`, { method, headers: more }));
  }
  async function answered(response: Response): Promise<Answered> {
    const { status, headers } = response;
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(headers.get('content-type') ?? '');
    return { status, headers, text, body: isJson && text !== '' ? (JSON.parse(text) as Answered['body']) : {} };
  }
  const values = async (topic: string, query: string) =>
    (await client.page(topic, query)).records.map(({ value }) => value);
  const topicOf = async (name: string, partitions = 1): Promise<string> => {
    const topic = `${name}-${run}`;
    expect(await call('POST', '/v1/topics', { name: topic, partitions })).toMatchObject({ status: 201 });
    return topic;
  };
  const numbered = (count: number, partitions = 1) =>
    Array.from({ length: count }, (_, n) => ({
      value: n,
      partition: n % partitions,
      timestamp: 1_700_000_000_000 + n,
    }));

  beforeAll(async () => {
    const kafka = { bootstrapServers };
    running = await runService({ WEIR_LOG_ENABLED: 'false', WEIR_CLUSTERS: JSON.stringify({ kafka }) });
    engine = await openKafkaLog({ name: 'beside', bootstrapServers, clock: new WallClock() });
  });
  beforeEach(() => {
    run = randomBytes(4).toString('hex');
  });
  afterAll(async () => {
    await engine?.close();
    await running?.stop();
  });

  it('makes, changes, guards, deletes, restores and removes topics', async () => {
    const topic = await topicOf('life', 2);
    const at = `/v1/topics/${topic}`;
    expect(await call('GET', at)).toMatchObject({ body: { partitionCount: 2, state: 'ACTIVE', generation: 1 } });
    expect((await call('PATCH', `${at}/config`, { 'max.message.bytes': '90000' })).status).toBe(200);
    expect((await call('GET', `${at}/config`)).text).toContain('"90000"');
    expect(await call('PATCH', `${at}/config`, { 'max.message.bytes': 'many' })).toMatchObject({
      status: 400,
      body: { code: 'invalid-topic-config' },
    });
    expect(await call('POST', `${at}:add-partitions`, { partitions: 3, keyPlacement: 'may-change' })).toMatchObject({
      status: 200,
    });
    expect(await call('GET', at)).toMatchObject({ body: { partitionCount: 3 } });
    expect((await client.produce(topic, numbered(6, 3))).status).toBe(200);
    await call('POST', `${at}:protect`);
    expect(await call('DELETE', at)).toMatchObject({ status: 409, body: { code: 'topic-protected' } });
    await call('POST', `${at}:unprotect`);
    await call('POST', `${at}:freeze`);
    expect(await call('POST', `${at}/records`, { records: [{ value: 9 }] })).toMatchObject({
      status: 409,
      body: { code: 'topic-frozen' },
    });
    await call('POST', `${at}:unfreeze`);
    expect((await call('DELETE', at)).status).toBe(200);
    expect((await call('GET', at)).status).toBe(404);
    expect(await call('POST', '/v1/topics', { name: topic })).toMatchObject({ body: { code: 'topic-name-kept' } });
    expect(await call('POST', `${at}:restore`)).toMatchObject({ status: 200, body: { state: 'ACTIVE' } });
    expect((await values(topic, 'from=start')).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await call('DELETE', `${at}?permanent=true`)).status).toBe(200);
    expect((await call('POST', '/v1/topics', { name: topic })).status).toBe(201);
    expect(await values(topic, 'from=start')).toEqual([]);
  });

  it('says that its topics have no weaker level than durable, and reaches that whatever is asked for', async () => {
    const config = { 'weir.durability': 'buffered' };
    const refused = await call('POST', '/v1/topics', { name: `weak-${run}`, config });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-topic-config' } });
    const { body } = await call('GET', '/v1/clusters/kafka');
    expect(JSON.stringify(body['capabilities'])).not.toContain('weir.durability');
    const topic = await topicOf('strong');
    for (const asked of ['none', 'buffered', 'durable']) {
      const written = await call('POST', `/v1/topics/${topic}/records?durability=${asked}`, {
        records: [{ value: 1 }],
      });
      expect(written).toMatchObject({ status: 200, body: { durability: 'durable' } });
    }
  });

  it('takes records as JSON, lines and batches, and reads them by offset, from the end, by time and page by page', async () => {
    const topic = await topicOf('forms');
    const at = `/v1/topics/${topic}/records`;
    expect((await client.produce(topic, numbered(3))).json).toMatchObject({ failed: 0, durability: 'durable' });
    const lines = [3, 4].map((n) => JSON.stringify({ value: n, timestamp: 1_700_000_000_000 + n })).join('\n');
    const told = await send('POST', at, 'application/x-ndjson', `${lines}\n`);
    expect(JSON.parse(told.text.trim().split('\n').at(-1)!)).toMatchObject({ end: { records: 2, failed: 0 } });
    const batch = encodeBatch(
      [5, 6].map((n) => ({ key: null, value: Buffer.from(String(n)), headers: [], timestamp: 1_700_000_000_000 + n })),
    );
    const stored = await send('POST', `${at}?partition=0`, 'application/octet-stream', Uint8Array.from(batch));
    expect(stored.body).toMatchObject({ failed: 0 });
    expect(await values(topic, 'from=start')).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await values(topic, 'from=4')).toEqual([4, 5, 6]);
    expect(await values(topic, 'from=-2')).toEqual([5, 6]);
    expect(await values(topic, 'from=@1700000000003')).toEqual([3, 4, 5, 6]);
    expect((await client.page(topic, 'from=start&format=binary&limit=1')).records[0]!.value).toBe('MA==');
    const first = await client.page(topic, 'limit=4');
    const rest = await client.page(topic, `cursor=${first.next}`);
    expect([...first.records, ...rest.records].map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const streamed = await call('GET', `/v1/topics/${topic}/stream?from=start&until=end`);
    expect(streamed.text.match(/^event: .*$/gm)).toEqual([...Array<string>(7).fill('event: record'), 'event: end']);
  });

  it('bounds the headers of a record in every way to write it, and reads what another program wrote beyond', async () => {
    const topic = await topicOf('headed');
    const at = `/v1/topics/${topic}/records`;
    const halves = (bytes: number) => Array.from({ length: 2 }, () => Buffer.alloc(bytes / 2 - 4, 1));
    const record = (bytes: number) => ({
      value: bytes,
      headers: halves(bytes).map((value) => ({ key: 'half', value: { base64: value.toString('base64') } })),
    });
    const batch = (bytes: number) =>
      encodeBatch([
        {
          key: null,
          value: Buffer.from(String(bytes)),
          headers: halves(bytes).map((value) => ({ key: 'half', value })),
          timestamp: 1_700_000_000_000,
        },
      ]);
    const { data: clusters } = await client.demand<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters');
    const restProxy = `/v3/clusters/${clusters[0]!.cluster_id}/topics/${topic}/records`;
    const ways: Readonly<Record<string, (bytes: number) => Promise<Answered>>> = {
      json: (bytes) => call('POST', at, { records: [record(bytes)] }),
      lines: (bytes) => send('POST', at, 'application/x-ndjson', `${JSON.stringify(record(bytes))}\n`),
      batches: (bytes) => send('POST', `${at}?partition=0`, 'application/octet-stream', Uint8Array.from(batch(bytes))),
      'REST Proxy': (bytes) =>
        call('POST', restProxy, {
          headers: record(bytes).headers.map(({ key, value }) => ({ name: key, value: value.base64 })),
          value: { type: 'JSON', data: bytes },
        }),
    };
    const refusals: Readonly<Record<string, string>> = {
      json: 'take 65538 bytes; 65536 are the limit',
      lines: 'take 65538 bytes; 65536 are the limit',
      // A writer may have added some of its own, for a schema say.
      batches: 'invalid-batch',
      'REST Proxy': 'The headers of a record take 65536 bytes',
    };
    for (const [way, write] of Object.entries(ways)) {
      expect((await write(MOST_HEADER_BYTES)).text, way).toMatch(/"offset"/);
      const refused = await write(MOST_HEADER_BYTES + (way === 'batches' ? 1_024 : 2));
      expect(refused.text, way).toContain(refusals[way]);
      expect(refused.text, way).not.toMatch(/"offset"/);
    }
    // Other programs write what the broker takes.
    const other = await engine.openWriter(`other-${run}`);
    await other.commit({ appends: [{ topic, partition: 0, batch: batch(MOST_HEADER_BYTES + 1_024) }] });
    await other.close();
    expect(await values(topic, 'from=start')).toEqual([
      ...Array<number>(4).fill(MOST_HEADER_BYTES),
      MOST_HEADER_BYTES + 1_024,
    ]);
  });

  it('writes a request with an idempotency key once, and an atomic one whole or not at all', async () => {
    const topic = await topicOf('once', 2);
    const at = `/v1/topics/${topic}/records`;
    const body = { records: numbered(4, 2) };
    const key = { 'idempotency-key': `key-${run}` };
    const first = await call('POST', at, body, key);
    const again = await call('POST', at, body, key);
    expect([first.status, again.status, again.body]).toEqual([200, 200, first.body]);
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(await call('POST', at, { records: numbered(1) }, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency-key-reused' },
    });
    const torn = { records: [...numbered(2, 2), { value: 9, partition: 7 }] };
    expect((await call('POST', `${at}?atomic=true`, torn)).status).toBeGreaterThanOrEqual(400);
    expect((await call('POST', `${at}?atomic=true`, { records: numbered(2, 2) })).status).toBe(200);
    const seen = async () => (await values(topic, 'from=start')).sort();
    await expect.poll(seen, { timeout: 20_000 }).toEqual([0, 0, 1, 1, 2, 3]);
  });

  it('resets a group as its dry run said, and refuses while it has a live member', async () => {
    const topic = await topicOf('reset', 2);
    const group = `reset-${run}`;
    await client.produce(topic, numbered(10, 2));
    const positions = [0, 1].map((partition) => ({ topic, partition, offset: '4' }));
    expect((await call('PUT', `/v1/groups/${group}/positions`, { positions })).status).toBeLessThan(300);
    const reset = (body: unknown) => call('POST', `/v1/groups/${group}:reset`, body);
    const dry = await reset({ to: { offset: '1' }, dryRun: true });
    expect(dry).toMatchObject({ status: 200, body: { repeated: { records: '6' }, skipped: { records: '0' } } });
    const member = await engine.joinGroup(group, {
      topics: [topic],
      strategies: ['range'],
      clientId: 'live',
      startAt: 'earliest',
    });
    await expect.poll(async () => (await member.poll(50)).phase, { timeout: 60_000 }).toBe('stable');
    expect(await reset(dry.body['apply'])).toMatchObject({ status: 409, body: { code: 'group-active' } });
    await member.leave();
    await expect.poll(async () => (await engine.describeGroup(group)).members.length, { timeout: 60_000 }).toBe(0);
    expect(await reset(dry.body['apply'])).toMatchObject({ status: 200, body: { failed: 0 } });
    const { body } = await call('GET', `/v1/groups/${group}`);
    expect(body['positions']).toMatchObject([{ offset: '1' }, { offset: '1' }]);
    expect(await reset(dry.body['apply'])).toMatchObject({ status: 409, body: { code: 'plan-stale' } });
  });

  it('leases work of a group: what is acknowledged is gone, what is given back comes again, with live members there is none', async () => {
    const topic = await topicOf('work');
    const group = `work-${run}`;
    await client.produce(topic, numbered(3));
    const terms = { topics: [topic], maxRecords: 10, visibilityMs: 60_000, waitMs: 5_000 };
    const { body } = await call('POST', `/v1/groups/${group}/leases`, terms);
    const { id } = body['lease'] as { id: string };
    const inHand = async () =>
      ((await call('GET', `/v1/leases/${id}/records?wait=2000`)).body['records'] as { offset: string }[]).map(
        ({ offset }) => offset,
      );
    expect(await inHand()).toEqual(['0', '1', '2']);
    const place = (offset: string) => ({ topic, partition: 0, offset });
    expect((await call('POST', `/v1/leases/${id}:ack`, { records: [place('1')] })).status).toBe(200);
    expect((await call('POST', `/v1/leases/${id}:nack`, { records: [place('0')] })).status).toBe(200);
    expect((await call('POST', `/v1/leases/${id}:extend`, { visibilityMs: 120_000 })).status).toBe(200);
    expect((await inHand()).sort()).toEqual(['0', '2']);
    expect((await call('POST', `/v1/leases/${id}:ack`, { through: [place('2')] })).status).toBe(200);
    expect((await call('POST', `/v1/leases/${id}:release`)).status).toBeLessThan(300);
    expect(await call('POST', `/v1/leases/${id}:ack`, { records: [place('0')] })).toMatchObject({
      status: 409,
      body: { code: 'lease-lost' },
    });
    const member = await engine.joinGroup(group, {
      topics: [topic],
      strategies: ['range'],
      clientId: 'live',
      startAt: 'earliest',
    });
    await expect.poll(async () => (await member.poll(50)).phase, { timeout: 60_000 }).toBe('stable');
    await client.produce(topic, numbered(1));
    expect(await call('POST', `/v1/groups/${group}/leases`, terms)).toMatchObject({
      status: 409,
      body: { code: 'group-active' },
    });
    await member.leave();
  });
});
