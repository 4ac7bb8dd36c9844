import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch, NO_TIMESTAMP } from '#libs/core/log';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Result {
  readonly partition?: number;
  readonly offset?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly end?: {
    readonly records: number;
    readonly failed: number;
    readonly replayed: number;
    readonly error?: { readonly code: string };
  };
}

describe('records written as lines and as batches, over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  const newTopic = async (partitions = 1): Promise<string> => {
    const topic = `lines${++topics}`;
    await client.topic(topic, partitions);
    return topic;
  };
  const send = async (
    topic: string,
    body: string | Buffer | ReadableStream,
    query = '',
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`${running.url}/v1/topics/${topic}/records?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', ...headers },
      body,
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    } as RequestInit);
    return { status: response.status, text: await response.text() };
  };
  const results = (text: string): Result[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Result);
  const linesOf = (count: number) =>
    Array.from({ length: count }, (_, n) => `${JSON.stringify({ value: n })}\n`).join('');

  it('that are not read to the end leave their connection to the next request', async () => {
    const topic = await newTopic();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (method: string, path: string, body = '') =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const headers = { 'content-type': 'application/x-ndjson', 'content-length': Buffer.byteLength(body) };
        const request = httpRequest(`${running.url}${path}`, { method, agent, headers }, (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => void (text += chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        });
        request.on('error', reject);
        request.end(body);
      });
    const tooLong = `{"value":"${'x'.repeat(12_000_000)}"}`;
    for (let round = 0; round < 20; round++) {
      const { text } = await ask('POST', `/v1/topics/${topic}/records`, tooLong);
      expect(results(text).at(-1)?.end?.error?.code).toBe('line-too-long');
      expect((await ask('GET', `/v1/topics/${topic}`)).status).toBe(200);
    }
    agent.destroy();
  });

  it('each line is answered by a line, in order; what cannot be read or encoded spoils no other', async () => {
    const topic = await newTopic();
    const lines = [
      '{"value": 1}',
      '',
      'nonsense',
      '{"key": 1}',
      '{"value": 2, "colour": 1}\r',
      '{"value": null}',
      '{"value":3,"partition":9}',
    ];
    const { status, text } = await send(topic, lines.join('\n'));
    expect(status).toBe(200);
    const answers = results(text);
    expect(answers.map(({ offset, error, end }) => offset ?? error?.code ?? end)).toMatchObject([
      '0',
      'body-not-json',
      'invalid-request',
      'invalid-request',
      '1',
      'partition-not-found',
      { records: 6, failed: 4 },
    ]);
    expect(answers[2]!.error!.message).toMatch(/\/value is missing/);
    expect((await client.read(topic)).map(({ value }) => value)).toEqual([1, null]);
  });

  it('are written while more arrive, however many there are', async () => {
    const topic = await newTopic(3);
    const { text } = await send(topic, linesOf(3_210));
    const answers = results(text);
    expect(answers.at(-1)!.end).toMatchObject({ records: 3_210, failed: 0 });
    expect(answers).toHaveLength(3_211);
    const values = new Set<unknown>();
    for (let query = 'from=start&limit=1000'; ;) {
      const page = await client.page(topic, query);
      for (const { value } of page.records) values.add(value);
      if (page.atEnd) break;
      query = `cursor=${page.next}&limit=1000`;
    }
    expect(values.size).toBe(3_210);
  });

  it('are written once with an idempotency key, when the stream is sent again after it broke off, however it is cut into packets', async () => {
    const topic = await newTopic();
    const all = linesOf(1_400);
    const key = { 'idempotency-key': 'stream-1' };
    const cut = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(all.slice(0, 9_000)));
      },
      pull(controller) {
        controller.error(new Error('the client went away'));
      },
    });
    await send(topic, cut, '', key).catch(() => undefined);
    const pieces = new ReadableStream({
      start(controller) {
        for (let at = 0; at < all.length; at += 777) controller.enqueue(Buffer.from(all.slice(at, at + 777)));
        controller.close();
      },
    });
    const first = results((await send(topic, pieces, '', key)).text);
    const again = results((await send(topic, all, '', key)).text);
    expect(again.slice(0, -1)).toEqual(first.slice(0, -1));
    expect(again.at(-1)!.end).toMatchObject({ records: 1_400, replayed: 1_400 });
    expect((await client.page(topic, 'from=start&limit=10000')).records.map(({ value }) => value)).toEqual(
      Array.from({ length: 1_400 }, (_, n) => n),
    );
    const other = results((await send(topic, `${all}{"value":1}\n`, '', key)).text);
    expect(other.at(-1)!.end).toMatchObject({ replayed: 1_000, error: { code: 'idempotency-key-reused' } });
  });

  it('are refused as a request where they cannot be lines', async () => {
    const topic = await newTopic();
    expect((await send('nowhere', '{"value":1}')).status).toBe(404);
    expect((await send(topic, '{"value":1}', 'atomic=true')).status).toBe(400);
    expect((await send(topic, '{"value":1}', 'partition=0')).status).toBe(400);
    const json = await client.post(`/v1/topics/${topic}/records?keyFormat=text`, { records: [{ value: 1 }] });
    expect(json.problem.code).toBe('invalid-request');
  });

  it('end with a line that is longer than any may be', async () => {
    const topic = await newTopic();
    const { text } = await send(topic, `{"value":1}\n"${'x'.repeat(5 * 1024 * 1024)}"\n{"value":2}\n`);
    expect(results(text)).toMatchObject([
      { offset: '0' },
      { error: { code: 'line-too-long' } },
      { end: { error: { code: 'line-too-long' } } },
    ]);
    expect(await client.read(topic)).toHaveLength(1);
  });

  it('batches behind one that is refused are not written, and those before it are told with their places', async () => {
    const topic = await newTopic(1);
    const at = (timestamp: number) => encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp }]);
    const ahead = Date.now() + 7_200_000;
    const type = { 'content-type': 'application/octet-stream' };
    const { status, text } = await send(topic, Buffer.concat([at(1), at(ahead), at(2)]), 'partition=0', type);
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      {
        failed: 2,
        results: [
          { partition: 0, offset: '0' },
          { error: { code: 'invalid-timestamp', retryable: false } },
          { error: { code: 'invalid-timestamp', retryable: false } },
        ],
      },
    ]);
    expect(await client.read(topic)).toHaveLength(1);
    expect((await send(topic, Buffer.concat([at(ahead), at(1)]), 'partition=0', type)).status).toBe(400);
    expect(await client.read(topic)).toHaveLength(1);
  });

  it('R4: batches are stored as they are, byte for byte', async () => {
    const topic = await newTopic(2);
    const records = [
      {
        key: null,
        value: Buffer.alloc(0),
        headers: [
          { key: 'a', value: null },
          { key: 'a', value: Buffer.from([255]) },
        ],
        timestamp: NO_TIMESTAMP,
      },
      { key: Buffer.alloc(0), value: null, headers: [], timestamp: 5 },
      { key: Buffer.from([0, 255]), value: Buffer.from([254]), headers: [], timestamp: 6 },
    ];
    const bytes = Buffer.concat([encodeBatch(records), encodeBatch(records, { compression: 'gzip' })]);
    const type = { 'content-type': 'application/octet-stream' };
    const { status, text } = await send(topic, bytes, 'partition=1', type);
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      { failed: 0, results: Array.from({ length: 6 }, (_, n) => ({ partition: 1, offset: String(n) })) },
    ]);
    const shown = await client.read(topic, '&format=binary');
    expect(shown.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual(
      [...records, ...records].map(({ key, value, timestamp }) => [
        key && key.toString('base64'),
        value && value.toString('base64'),
        timestamp,
      ]),
    );
    for (const [body, query] of [
      [bytes.subarray(0, -1), 'partition=1'],
      [Buffer.from('x'.repeat(100)), 'partition=1'],
      [bytes, ''],
    ] as const) {
      expect((await send(topic, body, query, type)).status).toBe(400);
    }
    const later = Buffer.from(bytes);
    later[later.length - 1]! ^= 1;
    expect((await send(topic, later, 'partition=0', type)).status).toBe(400);
    const damaged = Buffer.from(bytes);
    damaged[70]! ^= 1;
    expect((await send(topic, damaged, 'partition=0', type)).status).toBe(400);
    expect(await client.read(topic)).toHaveLength(6);
  });
});
