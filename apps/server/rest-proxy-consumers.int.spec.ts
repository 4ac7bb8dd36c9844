import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, overHttp } from '#libs/platform/testing';
import { runService, writeTokens, type RunningService } from './testing/running-service.js';

const TYPE = 'application/vnd.kafka.v2+json';
const JSON_TYPE = 'application/vnd.kafka.json.v2+json';

interface Read {
  readonly topic: string;
  readonly value: unknown;
  readonly partition: number;
  readonly offset: number;
}

/** Formats with a schema: its text, and values of it. */
const SCHEMA_FORMATS: readonly (readonly [format: string, schema: string, valueOf: (n: number) => object])[] = [
  [
    'avro',
    '{"type":"record","name":"Moved","fields":[{"name":"n","type":"int"},{"name":"note","type":["null","string"]}]}',
    (n) => ({ n, note: n % 2 === 0 ? null : { string: `note ${n}` } }),
  ],
  [
    'jsonschema',
    '{"type":"object","properties":{"n":{"type":"integer"},"note":{"type":"string"}},"required":["n"]}',
    (n) => ({ n, note: `note ${n}` }),
  ],
  ['protobuf', 'syntax = "proto3"; message Moved { int32 n = 1; string note = 2; }', (n) => ({ n, note: `note ${n}` })],
];

describe('consumers of v2', () => {
  let running: RunningService;
  let calls: HttpClient;
  let topics: string;
  beforeAll(async () => {
    running = await runService();
    calls = new HttpClient(
      overHttp(() => running.url),
      (url) => (url.startsWith('/v3') ? 'application/json' : TYPE),
    );
    const { data } = await calls.demand<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters');
    topics = `/v3/clusters/${data[0]!.cluster_id}/topics`;
  });
  afterAll(() => running.stop());

  const topic = async (name: string, values: readonly unknown[], partitions = 1): Promise<void> => {
    await calls.demand('POST', topics, { topic_name: name, partitions_count: partitions });
    if (values.length > 0) await produce(name, values);
  };
  const produce = (name: string, values: readonly unknown[], type = JSON_TYPE) =>
    calls.post(`/topics/${name}`, { records: values.map((value) => ({ value, partition: 0 })) }, undefined, {
      'content-type': type,
    });
  const instance = async (group: string, name: string, options: object = {}): Promise<string> => {
    const body = { name, format: 'json', 'auto.offset.reset': 'earliest', 'auto.commit.enable': 'false', ...options };
    await calls.demand('POST', `/consumers/${group}`, body);
    return `/consumers/${group}/instances/${name}`;
  };
  const assign = (at: string, name: string) =>
    calls.demand('POST', `${at}/assignments`, { partitions: [{ topic: name, partition: 0 }] });
  const read = (at: string, query = '', type = JSON_TYPE) =>
    calls.get<Read[]>(`${at}/records${query}`, undefined, { accept: type });
  const values = async (at: string, query = '') => (await read(at, query)).json.map(({ value }) => value);

  it('are found at the address that they are told, whatever they are called', async () => {
    for (const [group, name] of [
      ['team a/b', 'one two?#'],
      ['100%', 'ü/ö'],
    ] as const) {
      const made = await calls.demand<{ instance_id: string; base_uri: string }>(
        'POST',
        `/consumers/${encodeURIComponent(group)}`,
        { name },
      );
      expect(made.instance_id).toBe(name);
      expect((await fetch(`${made.base_uri}/assignments`, { headers: { accept: TYPE } })).status).toBe(200);
    }
  });

  it('get a record that is larger than max_bytes, and no more than fit beside others', async () => {
    await topic('sized', ['x'.repeat(100), 1, 2, 'y'.repeat(50)]);
    const at = await instance('sized', 'i');
    await assign(at, 'sized');
    expect(await values(at, '?max_bytes=10')).toEqual(['x'.repeat(100)]);
    expect(await values(at, '?max_bytes=10')).toEqual([1, 2]);
    expect(await values(at, '?max_bytes=1000')).toEqual(['y'.repeat(50)]);
  });

  it('commit what was delivered when they name no offsets, and nothing beyond', async () => {
    await topic('delivered', [0, 1, 2, 3, 4, 5]);
    const at = await instance('delivered', 'i');
    await assign(at, 'delivered');
    expect(await values(at, '?max_bytes=2')).toEqual([0, 1]);
    expect((await calls.post(`${at}/offsets`)).json).toEqual([]);
    await calls.demand('DELETE', at);
    const next = await instance('delivered', 'j');
    await assign(next, 'delivered');
    expect(await values(next)).toEqual([2, 3, 4, 5]);
  });

  it('get good records before one that cannot be read, are told which it is, and go on behind it', async () => {
    await topic('mixed', [1]);
    await produce('mixed', ['bm8ganNvbg=='], 'application/vnd.kafka.binary.v2+json');
    await produce('mixed', [3]);
    const at = await instance('mixed', 'i');
    await assign(at, 'mixed');
    expect(await values(at)).toEqual([1]);
    for (const refused of [await read(at), await read(at)]) {
      expect([refused.status, refused.code]).toEqual([408, 40_801]);
      expect(refused.text).toContain('Record 1 of mixed-0');
    }
    await calls.demand('POST', `${at}/positions`, { offsets: [{ topic: 'mixed', partition: 0, offset: 2 }] });
    expect(await values(at)).toEqual([3]);
  });

  it('see after a seek what is there, and nothing twice', async () => {
    await topic('sought', [0, 1, 2, 3]);
    const at = await instance('sought', 'i');
    await assign(at, 'sought');
    expect(await values(at, '?max_bytes=1')).toEqual([0]);
    await calls.demand('POST', `${at}/positions`, { offsets: [{ topic: 'sought', partition: 0, offset: 3 }] });
    expect(await values(at)).toEqual([3]);
    const late = { timestamps: [{ topic: 'sought', partition: 0, timestamp: '2100-01-01T00:00:00Z' }] };
    expect((await calls.post(`${at}/positions`, late)).code).toBe(500);
    const early = { timestamps: [{ topic: 'sought', partition: 0, timestamp: '2001-01-01T00:00:00Z' }] };
    await calls.demand('POST', `${at}/positions`, early);
    expect(await values(at)).toEqual([0, 1, 2, 3]);
  });

  it('share the partitions of a pattern, and leave them to the others', async () => {
    await topic('shared.a', [], 2);
    await topic('shared.b', [], 2);
    const [one, two] = [await instance('shared', 'one'), await instance('shared', 'two')];
    for (const at of [one, two]) await calls.demand('POST', `${at}/subscription`, { topic_pattern: 'shared\\.[ab]' });
    const assigned = async (at: string) =>
      (await calls.demand<{ partitions: { topic: string }[] }>('GET', `${at}/assignments`)).partitions.length;
    const settled = async (wanted: readonly number[]) => {
      for (let tries = 0; tries < 30; tries++) {
        await Promise.all(wanted.map((_count, i) => read([one, two][i]!, '?timeout=1000')));
        if ((await Promise.all(wanted.map((_count, i) => assigned([one, two][i]!)))).join() === wanted.join())
          return true;
      }
      return false;
    };
    expect(await settled([2, 2])).toBe(true);
    expect((await calls.get<{ topics: string[] }>(`${one}/subscription`)).json.topics).toEqual([
      'shared.a',
      'shared.b',
    ]);
    await calls.demand('DELETE', two);
    expect(await settled([4])).toBe(true);
  }, 90_000);

  it('cannot read internal topics or generations, and patterns run in linear time or not at all', async () => {
    await topic('plain', [1]);
    const at = await instance('hidden', 'i');
    await calls.demand('POST', `${at}/assignments`, {
      partitions: [
        { topic: '__weir_x', partition: 0 },
        { topic: 'plain--g2', partition: 0 },
      ],
    });
    expect(await values(at, '?timeout=10')).toEqual([]);
    const other = await instance('hidden', 'j');
    for (const pattern of ['(a+)+\\1', '(?=a)', '[']) {
      expect((await calls.post(`${other}/subscription`, { topic_pattern: pattern })).code).toBe(400);
    }
  });

  for (const [format, schema, valueOf] of SCHEMA_FORMATS) {
    it(`get every record once, in order and as it was written, as ${format}`, async () => {
      const name = `moved.${format}`;
      const type = `application/vnd.kafka.${format}.v2+json`;
      await calls.demand('POST', topics, { topic_name: name, partitions_count: 2 });
      let written = 0;
      const write = async (count: number, partitions: number): Promise<void> => {
        const records = Array.from({ length: count }, () => ({
          value: valueOf(written),
          partition: written++ % partitions,
        }));
        const body = { value_schema: schema, records };
        const answer = await calls.post<{ offsets: { error: string | null }[] }>(`/topics/${name}`, body, undefined, {
          'content-type': type,
        });
        expect(answer.json.offsets.map(({ error }) => error)).toEqual(records.map(() => null));
      };
      await write(12, 2);
      const at = await instance(name, 'i', { format, 'auto.commit.enable': 'true', 'fetch.min.bytes': '1' });
      await calls.demand('POST', `${at}/subscription`, { topics: [name] });
      const seen: Read[] = [];
      const look = async (query: string): Promise<void> => {
        const answer = await read(at, query, type);
        expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
        seen.push(...answer.json);
      };
      for (let tries = 0; tries < 50 && seen.length === 0; tries++) await look('?max_bytes=1&timeout=200');
      const wrong = await read(at, '', format === 'avro' ? JSON_TYPE : 'application/vnd.kafka.avro.v2+json');
      expect(wrong.code).toBe(40_601);
      await write(8, 2);
      for (let tries = 0; tries < 100 && seen.length < written; tries++) await look('?timeout=200');
      await look('?timeout=300');
      const numbers = seen.map(({ value }) => (value as { n: number }).n);
      expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, n) => n));
      for (const { value } of seen) expect(value).toEqual(valueOf((value as { n: number }).n));
      for (const partition of [0, 1]) {
        const own = numbers.filter((n) => n % 2 === partition);
        expect(own).toEqual([...own].sort((a, b) => a - b));
      }
    }, 90_000);
  }

  it('are answered 500 before any subscription, and 40801 never takes their place', async () => {
    const at = await instance('nothing', 'i');
    expect((await read(at)).code).toBe(500);
    expect((await calls.post(`${at}/assignments`, {})).code).toBe(500);
    expect((await calls.get(`${at}/offsets`)).code).toBe(40_402);
  });
});

describe('the REST Proxy paths with scoped tokens', () => {
  let running: RunningService;
  let tokens: Record<string, string>;
  beforeAll(async () => {
    running = await runService({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' }, async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'admin', roles: ['admin'] },
        { id: 'shop', roles: ['operator'], scope: { topic: ['shop.*'], group: ['shop'], cluster: ['*'] } },
      ]);
    });
  });
  afterAll(() => running.stop());

  it('show and let write what the token reaches, in lists and reads too', async () => {
    const calls = new HttpClient(
      overHttp(() => running.url),
      (url) => (url.startsWith('/v3') ? 'application/json' : TYPE),
    );
    const [admin, shop] = [tokens['admin']!, tokens['shop']!];
    const { data } = await calls.demand<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters', undefined, admin);
    const at = `/v3/clusters/${data[0]!.cluster_id}`;
    for (const name of ['shop.orders', 'bank.accounts']) {
      await calls.demand('POST', `${at}/topics`, { topic_name: name }, admin);
      const record = { records: [{ value: 1 }] };
      await calls.post(`/topics/${name}`, record, admin, { 'content-type': JSON_TYPE });
    }
    expect((await calls.get('/v3/clusters')).code).toBe(40_101);
    expect((await calls.get('/topics', shop)).json).toEqual(['shop.orders']);
    const listed = await calls.get<{ data: { topic_name: string }[] }>(`${at}/topics`, shop);
    expect(listed.json.data.map((one) => one.topic_name)).toEqual(['shop.orders']);
    const configs = await calls.get<{ data: { topic_name: string }[] }>(`${at}/topics/-/configs`, shop);
    expect([...new Set(configs.json.data.map((one) => one.topic_name))]).toEqual(['shop.orders']);
    expect((await calls.get(`${at}/topics/bank.accounts`, shop)).code).toBe(40_403);
    expect((await calls.post(`${at}/topics/bank.accounts/records`, {}, shop)).code).toBe(40_301);
    expect((await calls.post(`${at}/topics`, { topic_name: 'bank.more' }, shop)).code).toBe(40_301);
    const body = { name: 'i', format: 'json', 'auto.offset.reset': 'earliest' };
    await calls.demand('POST', '/consumers/shop', body, shop);
    const partitions = ['bank.accounts', 'shop.orders'].map((name) => ({ topic: name, partition: 0 }));
    await calls.demand('POST', '/consumers/shop/instances/i/assignments', { partitions }, shop);
    const read = (as: string) => calls.get<Read[]>('/consumers/shop/instances/i/records', as, { accept: JSON_TYPE });
    expect((await read(shop)).json.map((one) => one.topic)).toEqual(['shop.orders']);
    expect((await read(admin)).json.map((one) => one.topic)).toEqual(['bank.accounts']);
    expect((await calls.post('/consumers/bank', body, shop)).code).toBe(40_301);
  });
});
