import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, SocketClient } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

const LIMIT = 1024 * 1024;
const JSON_TYPE = { 'content-type': 'application/json' };

/** A write that is refused while others hold all there is, and done when they have gone. */
interface Write {
  readonly what: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: () => string | Buffer;
  /** Of the refusal, where the API has a word of its own for it. */
  readonly status?: number;
}

describe('a service whose bytes in flight are all taken', () => {
  let running: RunningService;
  let cluster: string;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  const holders: SocketClient[] = [];
  beforeAll(async () => {
    running = await runService({
      WEIR_LIMITS_BYTES_IN_FLIGHT: String(LIMIT),
      WEIR_LIMITS_BYTES_IN_FLIGHT_PER_CONNECTION: String(LIMIT),
    });
    await client.topic('taken');
    const clusters = await client.demand<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters');
    cluster = clusters.data[0]!.cluster_id;
  });
  const letGo = async (): Promise<void> => {
    for (const { socket } of holders.splice(0)) socket.destroy();
    while (running.service.app.bytesInFlight.held > 0) await new Promise(setImmediate);
  };
  afterEach(letGo);
  afterAll(() => running.stop());

  /** Announces a body of all that may be held, and sends nothing of it. */
  const hold = async (bytes = LIMIT): Promise<void> => {
    const holder = await SocketClient.open(running.url);
    holders.push(holder);
    await holder.announce('POST /v1/topics/taken/records', bytes, JSON_TYPE);
  };

  const value = 'x'.repeat(100);
  const WRITES: readonly Write[] = [
    {
      what: 'JSON with an idempotency key',
      path: '/v1/topics/taken/records',
      headers: { ...JSON_TYPE, 'idempotency-key': 'taken-1' },
      body: () => JSON.stringify({ records: [{ value }] }),
    },
    {
      what: 'batches as bytes',
      path: '/v1/topics/taken/records?partition=0',
      headers: { 'content-type': 'application/octet-stream' },
      body: () => encodeBatch([{ key: null, value: Buffer.from(value), headers: [], timestamp: 1 }]),
    },
    {
      what: 'REST Proxy v2',
      path: '/topics/taken',
      headers: { 'content-type': 'application/vnd.kafka.json.v2+json' },
      status: 429,
      body: () => JSON.stringify({ records: [{ value }] }),
    },
    {
      what: 'a batch of REST Proxy v3',
      path: '/v3/clusters/CLUSTER/topics/taken/records:batch',
      headers: JSON_TYPE,
      body: () => JSON.stringify({ entries: [{ id: '1', value: { type: 'STRING', data: value } }] }),
      status: 429,
    },
    {
      what: 'a topic',
      path: '/v1/topics',
      headers: JSON_TYPE,
      body: () => JSON.stringify({ name: 'made', partitions: 1 }),
    },
  ];
  const send = (write: Write): Promise<Response> =>
    fetch(running.url + write.path.replace('CLUSTER', cluster), {
      method: 'POST',
      headers: write.headers,
      body: write.body(),
    });

  it.each(WRITES)('refuses $what with nothing done, and does it when it is sent again', async (write) => {
    const before = await client.read('taken');
    await hold();
    const refused = await send(write);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([write.status ?? 503, '1']);
    expect(await refused.text()).toContain('limits.bytesInFlight');
    await letGo();
    expect(await client.read('taken')).toEqual(before);
    const [first, second] = [await send(write), 'idempotency-key' in write.headers ? await send(write) : undefined];
    expect(first.ok).toBe(true);
    if (second !== undefined) expect(second.headers.get('idempotency-replayed')).toBe('true');
    const added = write.what === 'a topic' ? 0 : 1;
    expect((await client.read('taken')).length).toBe(before.length + added);
  });

  it('ends a stream of lines with the reason, and what was answered before is all that was written', async () => {
    const before = await client.read('taken');
    const stream = await SocketClient.open(running.url);
    stream.head('POST /v1/topics/taken/records', {
      'Content-Type': 'application/x-ndjson',
      'Transfer-Encoding': 'chunked',
    });
    stream.chunk('{"value":"first"}\n');
    await stream.until('"offset"');
    await hold();
    stream.chunk('{"value":"second"}\n');
    await stream.until('too-many-bytes-in-flight');
    await stream.ended();
    expect(stream.text).toContain('"records":1');
    await letGo();
    expect((await client.read('taken')).slice(before.length).map((record) => record.value)).toEqual(['first']);
  });

  it('ends a stream of REST Proxy v3 likewise', async () => {
    const before = await client.read('taken');
    const stream = await SocketClient.open(running.url);
    stream.head(`POST /v3/clusters/${cluster}/topics/taken/records`, {
      'Content-Type': 'application/json',
      'Transfer-Encoding': 'chunked',
    });
    stream.chunk('{"value":{"type":"STRING","data":"first"}}');
    await stream.until('"error_code":200');
    await hold();
    stream.chunk('{"value":{"type":"STRING","data":"second"}}');
    await stream.until('limits.bytesInFlight');
    expect(stream.text).toContain('"error_code":429');
    await stream.ended();
    await letGo();
    expect((await client.read('taken')).length).toBe(before.length + 1);
  });

  it('refuses samples that are read while they arrive, and a read that would be large, and answers probes and metrics', async () => {
    await client.produce('taken', [{ value: 'x'.repeat(50_000) }]);
    await hold();
    const samples = await fetch(`${running.url}/v1/schemas:infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"a":1}\n',
    });
    expect(samples.status).toBe(503);
    expect((await client.get('/v1/topics/taken/records?from=-1')).status).toBe(503);
    expect((await client.get('/healthz')).status).toBe(200);
    const metrics = (await client.get('/metrics')).text;
    expect(metrics).toMatch(new RegExp(`^weir_http_bytes_in_flight ${LIMIT}$`, 'm'));
    expect(metrics).toMatch(/^weir_http_bytes_in_flight_refused\{bound="total"\} [1-9]\d*$/m);
    expect(metrics).toMatch(/^weir_http_bytes_in_flight_refused\{bound="connection"\} 0$/m);
  });

  it('does not read for a consumer instance what it could not deliver', async () => {
    const type = 'application/vnd.kafka.v2+json';
    const base = '/consumers/taken/instances/one';
    const ask = (path: string, body: object) =>
      client.post(path, body, undefined, { 'content-type': type, accept: type });
    await ask('/consumers/taken', { name: 'one', format: 'binary', 'auto.offset.reset': 'earliest' });
    await ask(`${base}/assignments`, { partitions: [{ topic: 'taken', partition: 0 }] });
    const read = () =>
      client.get<{ offset: number }[]>(`${base}/records`, undefined, {
        accept: 'application/vnd.kafka.binary.v2+json',
      });
    await hold();
    expect((await read()).status).toBe(429);
    await letGo();
    expect((await read()).json[0]!.offset).toBe(0);
  });

  it('takes one half of twice what it may hold, holds never more, and writes the other half when it is sent again', async () => {
    const { bytesInFlight } = running.service.app;
    // Each counts twice: with the batch that is made of it.
    const bytes = LIMIT / 32;
    const body = JSON.stringify({ records: [{ value: 'x'.repeat(bytes - '{"records":[{"value":""}]}'.length) }] });
    const end = async (): Promise<number> => {
      const { json } = await client.get<{ records: { offset: string }[] }>('/v1/topics/taken/records?from=-1');
      return Number(json.records[0]!.offset) + 1;
    };
    const before = await end();
    const refusedBefore = bytesInFlight.refused.total;
    const clients = await Promise.all(Array.from({ length: 32 }, () => SocketClient.open(running.url)));
    holders.push(...clients);
    for (const one of clients) one.head('POST /v1/topics/taken/records', { ...JSON_TYPE, 'Content-Length': bytes });
    const settled = (): number => bytesInFlight.held / (2 * bytes) + bytesInFlight.refused.total - refusedBefore;
    let most = 0;
    while (settled() < clients.length) {
      most = Math.max(most, bytesInFlight.held);
      await new Promise(setImmediate);
    }
    expect([bytesInFlight.held, bytesInFlight.refused.total - refusedBefore]).toEqual([LIMIT, 16]);
    expect(most).toBeLessThanOrEqual(LIMIT);
    const refused = await Promise.all(
      clients.map(async (one) => {
        // Who was refused is told without having sent anything; the others are still to send.
        one.send(body);
        await one.until('\r\n\r\n');
        return one.statuses[0] === 503;
      }),
    );
    expect(refused.filter(Boolean)).toHaveLength(16);
    expect(clients.filter((one) => /retry-after: 1/i.test(one.text))).toHaveLength(16);
    await letGo();
    expect(await end()).toBe(before + 16);
    for (let n = 0; n < 16; n++) {
      const again = await fetch(`${running.url}/v1/topics/taken/records`, { method: 'POST', headers: JSON_TYPE, body });
      expect(again.status).toBe(200);
    }
    expect(await end()).toBe(before + 32);
  });

  it('counts what defaults of a schema make of a few characters, and refuses it with nothing written', async () => {
    await client.topic('filled');
    const schema = JSON.stringify({
      type: 'record',
      name: 'Filled',
      fields: [{ name: 'text', type: 'string', default: 'x'.repeat(LIMIT / 100) }],
    });
    const registered = await client.post('/subjects/filled-value/versions', { schema });
    expect(registered.status).toBe(200);
    const records = (count: number): string =>
      JSON.stringify({ records: Array.from({ length: count }, () => ({ value: {} })) });
    const produce = (count: number): Promise<Response> =>
      fetch(`${running.url}/v1/topics/filled/records`, { method: 'POST', headers: JSON_TYPE, body: records(count) });
    await hold(LIMIT / 4);
    const refused = await produce(60);
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'too-many-bytes-in-flight' }]);
    const lines = await fetch(`${running.url}/v1/topics/filled/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"value":{}}\n'.repeat(60),
    });
    expect(await lines.text()).toMatch(/^{"end":{"records":0,.*"code":"too-many-bytes-in-flight"/);
    expect((await produce(40)).status).toBe(200);
    await letGo();
    expect((await produce(60)).status).toBe(200);
    const never = await produce(120);
    expect([never.status, await never.json()]).toMatchObject([413, { code: 'larger-than-a-connection' }]);
    const { json } = await client.get<{ records: { offset: string }[] }>('/v1/topics/filled/records?from=-1');
    expect(json.records[0]!.offset).toBe('99');
  });

  it('lets memory go with the request that held it: what many write at the same time, and read at the same time, is what each sent', async () => {
    await client.topic('mixed', 3);
    const bytes = LIMIT / 16;
    const text = (round: number, n: number): string => `${round}/${n}/`.padEnd(bytes, 'abcdefgh'[n]);
    for (let round = 0; round < 12; round++) {
      const written = await Promise.all(
        Array.from({ length: 6 }, async (_, n) => {
          // As it is written, and made anew without its white space: values that lie in the body, and values that do not.
          const body = `{"records":[{"key":"k${n}","value":${n % 2 === 0 ? '"' : '{ "a": "'}${text(round, n)}${n % 2 === 0 ? '"' : '" }'}}]}`;
          return (await fetch(`${running.url}/v1/topics/mixed/records`, { method: 'POST', headers: JSON_TYPE, body }))
            .status;
        }),
      );
      expect(written).toEqual(Array.from({ length: 6 }, () => 200));
    }
    const readAll = async (partition: number): Promise<unknown[]> => {
      const values: unknown[] = [];
      for (let [next, atEnd] = [`partition=${partition}&from=start`, false]; !atEnd;) {
        const page = await client.page('mixed', `${next}&limit=4`);
        values.push(...page.records.map(({ value }) => value));
        [next, atEnd] = [`cursor=${page.next}`, page.atEnd];
      }
      return values;
    };
    // One after another, since an answer is counted, too.
    const read: unknown[] = [];
    for (const partition of [0, 1, 2]) read.push(...(await readAll(partition)));
    const sent = Array.from({ length: 12 }, (_, round) =>
      Array.from({ length: 6 }, (_unused, n) => (n % 2 === 0 ? text(round, n) : { a: text(round, n) })),
    ).flat();
    const sorted = (values: readonly unknown[]): string[] => values.map((value) => JSON.stringify(value)).sort();
    expect(sorted(read).map((one) => one.slice(0, 20))).toEqual(sorted(sent).map((one) => one.slice(0, 20)));
    expect(sorted(read).join() === sorted(sent).join()).toBe(true);
  });

  it('negative control: with half of it left, the same write is taken', async () => {
    // It counts twice.
    await hold(LIMIT / 4);
    expect((await send(WRITES[0]!)).status).toBe(200);
  });
});
