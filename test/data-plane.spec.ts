import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

interface Answer {
  readonly status: number;
  readonly body: Record<string, never>;
}

interface ReadRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly valueFormat: string;
}

describe('the data plane over HTTP', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await ServerProcess.start({ cwd: directory.path });
  });
  afterAll(async () => {
    await server.stop();
    await directory.remove();
  });

  async function call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(server.url + path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] };
  }

  const topic = (name: string, partitions = 1) => call('POST', '/v1/topics', { name, partitions });
  const produce = (name: string, records: readonly unknown[], more: object = {}) =>
    call('POST', `/v1/topics/${name}/records`, { records, ...more });
  const read = async (name: string, query: string) =>
    (await call('GET', `/v1/topics/${name}/records?${query}`)).body as unknown as {
      records: ReadRecord[];
      next: string;
      atEnd: boolean;
    };

  it('gives each record its place, and gives back what was written: JSON, text, binary, tombstones, headers', async () => {
    await topic('forms');
    const headers = [
      { key: 'h', value: 'x' },
      { key: 'h', value: null },
      { key: 'b', value: { base64: '/w==' } },
    ];
    const written = await produce('forms', [
      { key: 'a', value: { n: 1 }, headers, timestamp: 5 },
      { key: 'a', value: null },
      { value: 'plain' },
    ]);
    expect(written).toMatchObject({
      status: 200,
      body: {
        failed: 0,
        durability: 'durable',
        results: [{ partition: 0, offset: '0' }, { offset: '1' }, { offset: '2' }],
      },
    });
    await produce('forms', [{ key: 'AAH/', value: '/w==' }], { keyFormat: 'binary', valueFormat: 'binary' });
    const { records } = await read('forms', 'from=start');
    expect(records).toMatchObject([
      { offset: '0', key: 'a', keyFormat: 'text', value: { n: 1 }, valueFormat: 'json', timestamp: 5, headers },
      { offset: '1', key: 'a', value: null, valueFormat: 'none' },
      { offset: '2', key: null, value: 'plain', valueFormat: 'json' },
      { offset: '3', key: 'AAH/', keyFormat: 'binary', value: '/w==', valueFormat: 'binary' },
    ]);
  });

  it('encodes by the registered schema, and names every field that does not fit, writing nothing', async () => {
    await topic('typed');
    const schema = JSON.stringify({
      type: 'record',
      name: 'T',
      fields: [
        { name: 'n', type: 'int' },
        { name: 's', type: ['null', 'string'], default: null },
      ],
    });
    await call('POST', '/subjects/typed-value/versions', { schema });
    expect((await produce('typed', [{ value: { n: 7 } }])).status).toBe(200);
    const refused = await produce('typed', [{ value: { n: 1 } }, { value: { n: 'x', t: 1 } }]);
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'invalid-record', errors: [{ path: '/records/1/value/n' }, { path: '/records/1/value/t' }] },
    });
    expect((await read('typed', 'from=start')).records).toMatchObject([
      { value: { n: 7, s: null }, valueFormat: 'schema' },
    ]);
  });

  it('reads from an offset, a time, the last N and the end, and pages put together are the log', async () => {
    await topic('log', 2);
    await produce(
      'log',
      Array.from({ length: 50 }, (_, n) => ({ key: `k${n % 5}`, value: n, timestamp: 1_000 * n })),
    );
    const values = async (query: string) => (await read('log', query)).records.map((one) => one.value);
    expect(await values('from=@30000&partition=0')).toEqual(
      (await values('from=start&partition=0')).filter((n) => Number(n) >= 30),
    );
    expect(await values('from=-3&partition=1')).toEqual((await values('from=start&partition=1')).slice(-3));
    expect(await values('from=2&partition=1&limit=1')).toEqual((await values('from=start&partition=1')).slice(2, 3));
    expect(await values('from=end')).toEqual([]);
    const seen: unknown[] = [];
    for (
      let page = await read('log', 'from=start&limit=7');
      ;
      page = await read('log', `cursor=${page.next}&limit=7`)
    ) {
      seen.push(...page.records.map((one) => one.value));
      if (page.atEnd) break;
    }
    expect([...seen].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  it('lets a read wait for a record that comes', async () => {
    await topic('waiting');
    const waiting = read('waiting', 'from=end&wait=10000');
    await produce('waiting', [{ value: 'now' }]);
    expect((await waiting).records).toMatchObject([{ value: 'now' }]);
  });

  it('keeps positions of groups as text, with their lag, and refuses those beyond the end', async () => {
    await topic('grouped', 2);
    await produce('grouped', [
      { partition: 0, value: 1 },
      { partition: 0, value: 2 },
    ]);
    const stored = await call('PUT', '/v1/groups/g/positions', {
      positions: [{ topic: 'grouped', partition: 0, offset: '1', metadata: 'note' }],
    });
    expect(stored).toMatchObject({
      status: 200,
      body: {
        positions: [{ topic: 'grouped', partition: 0, offset: '1', endOffset: '2', lag: '1', metadata: 'note' }],
      },
    });
    const beyond = await call('PUT', '/v1/groups/g/positions', {
      positions: [{ topic: 'grouped', partition: 0, offset: '3' }],
    });
    expect(beyond).toMatchObject({ status: 400, body: { code: 'position-out-of-range' } });
    expect((await call('DELETE', '/v1/groups/g')).status).toBe(204);
    expect((await call('GET', '/v1/groups/g')).status).toBe(404);
  });

  it('lets a derivation alone write its topic, and says so at once', async () => {
    await topic('source');
    await call('POST', '/v1/derivations', { kind: 'latest', source: 'source', name: 'derived' });
    expect(await produce('derived', [{ key: 'a', value: 1 }])).toMatchObject({
      status: 409,
      body: { code: 'topic-is-derived' },
    });
  });

  it('refuses a view column that is named like a parameter of its queries', async () => {
    await topic('facts');
    const declared = await call('PUT', '/v1/views/v', {
      source: { topic: 'facts', mode: 'events' },
      key: { k: { from: 'value.k', type: 'text' } },
      columns: { count: { aggregate: 'count' } },
    });
    expect(declared).toMatchObject({
      status: 422,
      body: { code: 'invalid-view', errors: [{ path: '/columns/count' }] },
    });
  });

  it('answers a topic that is deleted as one that never was, and lets its name be used again', async () => {
    await topic('gone');
    await produce('gone', [{ value: 1 }]);
    expect((await call('DELETE', '/v1/topics/gone')).status).toBe(204);
    expect(await call('GET', '/v1/topics/gone')).toMatchObject({ status: 404, body: { code: 'topic-not-found' } });
    expect((await produce('gone', [{ value: 1 }])).status).toBe(404);
    await topic('gone');
    expect((await read('gone', 'from=start')).records).toEqual([]);
  });
});
