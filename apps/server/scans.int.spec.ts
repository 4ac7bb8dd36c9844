import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CensusView, IdUsageView, ScanPlanView, UsageView } from '#libs/features/scans';
import { runService, writeTokens, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

const avro = (...fields: object[]) =>
  JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'n', type: 'int' }, ...fields] });

describe('the use of schemas over REST', () => {
  let running: RunningService;
  const { records: client, operations } = new ServiceCalls(() => running.url);
  let run = 0;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  const usage = (subject: string, version: number | string = 1, query = '') =>
    client.demand<UsageView>('GET', `/v1/subjects/${encodeURIComponent(subject)}/versions/${version}/usage${query}`);
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ value: { n } }));

  /** Plans a scan, starts it and waits for its end. @returns its id. */
  async function scan(path: string, body: object): Promise<string> {
    const plan = await operations.plan(path, body);
    expect(plan.blockers).toEqual([]);
    const id = await operations.start(plan);
    expect((await operations.settled(id)).state).toBe('FINISHED');
    expect(await operations.start(plan)).toBe(id);
    return id;
  }

  it.each([
    ['AVRO', avro()],
    ['JSON', '{"type":"object","properties":{"n":{"type":"integer"}}}'],
    ['PROTOBUF', 'syntax = "proto3"; message Order { int32 n = 1; }'],
  ])(
    'counts what was written with a schema of %s, by id and by GUID, at once and by an operation',
    async (type, schema) => {
      const topic = `orders${++run}`;
      await client.topic(topic);
      const id = await client.register(`${topic}-value`, type, schema);
      expect((await client.produce(topic, numbers(5))).status).toBe(200);
      expect((await client.produce(topic, numbers(2), { schemaIn: 'header' })).status).toBe(200);
      const told = await usage(`${topic}-value`);
      expect(told).toMatchObject({
        schemaId: id,
        verdict: 'in-use',
        records: {
          total: 7,
          exact: true,
          topics: [{ topic, partitions: [{ partition: 0, keys: 0, values: 7, lastOffset: '6' }] }],
          hidden: 0,
        },
        topics: [{ topic, part: 'value', strategy: 'topic-name' }],
        coverage: { scan: null, complete: true },
      });
      expect(told.coverage.partitions).toContainEqual({
        ...{ cluster: 'local', topic, generation: 1, partition: 0 },
        ...{ from: '0', upTo: '7', end: '7', state: 'counted', reason: null },
      });
      const counted = await scan('/v1/schema-usage/plans', {});
      await client.produce(topic, numbers(1));
      expect(await usage(`${topic}-value`, 'latest', `?scan=${counted}`)).toMatchObject({
        records: { total: 8 },
        coverage: { scan: counted, complete: true },
      });
      const list = await client.demand<CensusView>('GET', `/v1/schema-usage/scans/${counted}?limit=1000`);
      expect(list).toMatchObject({ complete: true, next: null });
      expect(list.items).toContainEqual(expect.objectContaining({ schemaId: id, values: 5 }));
      expect(list.items.filter((one) => one.topics.some((at) => at.topic === topic))).toHaveLength(2);
    },
  );

  it('calls a version safe when nothing needs it, and says why another is not', async () => {
    const topic = `safe${++run}`;
    await client.topic(topic);
    const alone = avro().replace('Order', `Order${run}`);
    await client.register(`${topic}-value`, 'AVRO', alone);
    await client.register(`${topic}-value`, 'AVRO', alone.replace(']', ',{"name":"vat","type":"int","default":0}]'));
    expect(await usage(`${topic}-value`, 1)).toMatchObject({
      verdict: 'safe',
      reasons: [],
      records: { total: 0, topics: [] },
    });
    const latest = await usage(`${topic}-value`, 2);
    expect([latest.verdict, latest.reasons.map((one) => one.code)]).toEqual(['in-use', ['latest-of-topic']]);
    await client.put(`/v1/views/${topic}`, { source: { topic }, columns: { n: 'value.n' } });
    await client.post('/v1/derivations', {
      kind: 'latest',
      name: `${topic}-latest`,
      source: topic,
      orderBy: { by: 'offset' },
    });
    expect((await usage(`${topic}-value`, 2)).consumers).toEqual([
      { kind: 'view', name: topic, cluster: 'local', topic },
      { kind: 'derivation', name: `${topic}-latest`, cluster: 'local', topic },
    ]);
    expect(await usage(`${topic}-value`, 1)).toMatchObject({ verdict: 'safe' });
  });

  it('pages what a scan counted', async () => {
    const topic = `paged${++run}`;
    await client.topic(topic);
    for (const name of ['A', 'B', 'C']) {
      const id = await client.register(`${topic}.${name}`, 'AVRO', `{"type":"record","name":"${name}","fields":[]}`);
      await client.produce(topic, [{ value: {} }], { valueSchemaId: id });
    }
    const counted = await scan('/v1/schema-usage/plans', { topics: [topic] });
    const ids: (number | null)[] = [];
    for (let cursor = ''; ;) {
      const page = await client.demand<CensusView>('GET', `/v1/schema-usage/scans/${counted}?limit=2${cursor}`);
      ids.push(...page.items.map((one) => one.schemaId));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    expect(ids).toHaveLength(3);
    expect(ids).toEqual([...ids].sort((a, b) => a! - b!));
  });

  it('is told of an id too, for every version and context that goes by it', async () => {
    const topic = `shared${++run}`;
    await client.topic(topic);
    const schema = avro().replace('Order', `Shared${run}`);
    const id = await client.register(`${topic}-value`, 'AVRO', schema);
    expect(await client.register(`${topic}.copy`, 'AVRO', schema)).toBe(id);
    await client.produce(topic, numbers(3));
    const told = await client.demand<IdUsageView>('GET', `/v1/schemas/ids/${id}/usage`);
    expect(told).toMatchObject({
      schemaId: id,
      verdict: 'in-use',
      reasons: [{ code: 'records-retained' }],
      records: { total: 3, topics: [{ topic }], hidden: 0 },
      schemas: [{ context: '.', schemaType: 'AVRO' }],
      versions: [
        {
          subject: `${topic}-value`,
          version: 1,
          deleted: false,
          verdict: 'in-use',
          reasons: [{ code: 'latest-of-topic' }],
        },
        { subject: `${topic}.copy`, version: 1, deleted: false, verdict: 'safe', reasons: [] },
      ],
      hiddenVersions: 0,
      topics: [{ topic, part: 'value' }],
      coverage: { complete: true },
    });
    const one = await usage(`${topic}-value`);
    expect([one.records, one.topics, one.coverage]).toEqual([told.records, told.topics, told.coverage]);
    expect((await client.get(`/v1/schemas/ids/999999/usage`)).problem.code).toBe('schema-not-found');
    for (const none of ['0', '2147483648', 'x']) {
      expect((await client.get(`/v1/schemas/ids/${none}/usage`)).status).toBe(400);
    }
  });

  it('refuses what is not there', async () => {
    const status = async (path: string) => (await client.get(path)).status;
    await client.register('there', 'AVRO', '"string"');
    expect(await status('/v1/subjects/nobody/versions/1/usage')).toBe(404);
    expect(await status('/v1/subjects/there/versions/7/usage')).toBe(404);
    expect(await status('/v1/subjects/there/versions/x/usage')).toBe(422);
    expect(await status('/v1/subjects/there/versions/1/usage?scan=nobody')).toBe(404);
    expect(await status('/v1/schema-usage/scans/op_00000000000000000000000000')).toBe(404);
    expect((await client.post('/v1/schema-usage/plans', { cluster: 'nowhere' })).status).toBe(404);
    expect((await client.post('/v1/schema-usage/plans', { topic: 'x' })).status).toBe(400);
  });
});

/** Trying takes threads, which the process suite has: `test/scans.spec.ts`. */
describe('a schema tried on retained records over REST', () => {
  let running: RunningService;
  const { records: client, operations } = new ServiceCalls(() => running.url);
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  const plan = (body: object) => client.post<ScanPlanView>('/v1/schema-replays/plans', body);

  it('refuses a candidate that is no schema, and a request that makes no sense', async () => {
    await client.topic('refused');
    const code = async (body: object) => {
      const { status, problem } = await plan({ topic: 'refused', schema: '"int"', ...body });
      return [status, problem.code];
    };
    expect(await code({ schema: '{"type":"nonsense"}' })).toEqual([422, 'schema-invalid']);
    expect(await code({ topic: 'nowhere' })).toEqual([404, 'topic-not-found']);
    expect(await code({ last: 1, from: { offset: '1' } })).toEqual([400, 'scan-invalid']);
    expect(await code({ references: [{ name: 'X', subject: 'nobody', version: 1 }] })).toEqual([
      422,
      'reference-not-found',
    ]);
    expect((await code({ failures: 1_000 }))[0]).toBe(400);
    expect((await code({ from: { offset: -1 } }))[0]).toBe(400);
    expect((await client.get('/v1/schema-replays/nobody')).status).toBe(404);
    const other = await operations.begin('/v1/schema-usage/plans', {});
    expect((await client.get(`/v1/schema-replays/${other}`)).problem.code).toBe('scan-not-found');
  });

  it('plans what is to be tried, offset by offset', async () => {
    await client.topic('listed');
    await client.register('listed-value', 'AVRO', '"int"');
    await client.produce('listed', [{ value: 1 }, { value: 2 }]);
    const { status, json } = await plan({ topic: 'listed', schema: '"long"', last: 1 });
    expect([status, json]).toMatchObject([
      201,
      {
        kind: 'schema-replay',
        subject: expect.stringMatching(/^replay:local:[0-9a-f]{16}\/listed$/) as string,
        impact: { partitions: 1, records: 1 },
        parameters: { topic: 'listed', part: 'value', ranges: [{ topic: 'listed', partitions: [[0, 1, 2]] }] },
        blockers: [],
      },
    ]);
    expect((await plan({ topic: 'listed', schema: '"long"', last: 1 })).json.hash).toBe(json.hash);
  });
});

describe('a schema proposed from what a topic retains', () => {
  it('is proposed on the log of the service, from what was written with schemas and without, to whoever may read the topic', async () => {
    let tokens: Record<string, string> = {};
    const running = await runService({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' }, async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'admin', roles: ['admin'] },
        { id: 'narrow', roles: ['viewer'], scope: { topic: ['mine'], subject: ['*'] } },
      ]);
    });
    const { registry } = new ServiceCalls(() => running.url);
    const { admin, narrow } = tokens;
    try {
      for (const topic of ['mine', 'secret']) await registry.post('/v1/topics', { name: topic, partitions: 2 }, admin);
      const plain = Array.from({ length: 10 }, (_, n) => ({ value: { n, plain: true }, partition: n % 2 }));
      expect((await registry.post('/v1/topics/mine/records', { records: plain }, admin)).status).toBe(200);
      const { id } = await registry.registered('mine-value', avro(), {}, admin);
      const named = [
        { value: { n: 10 }, partition: 0 },
        { value: null, partition: 1 },
      ];
      expect((await registry.post('/v1/topics/mine/records', { records: named }, admin)).status).toBe(200);
      const { status, json } = await registry.post<{ schema: string }>(
        '/v1/topics/mine/schemas:infer',
        { records: 8, name: 'Mine' },
        narrow,
      );
      expect([status, json]).toMatchObject([
        200,
        {
          accepted: 7,
          sampled: {
            ...{ records: 8, used: 7, absent: 1, undecodable: 0 },
            writers: [
              { schemaId: null, records: 6 },
              { schemaId: id, records: 1 },
            ],
            partitions: [
              { partition: 0, from: '2', to: '6', records: 4 },
              { partition: 1, from: '2', to: '6', records: 4 },
            ],
          },
        },
      ]);
      expect(JSON.parse(json.schema)).toMatchObject({
        name: 'Mine',
        fields: [
          { name: 'n', type: 'long' },
          { name: 'plain', type: ['null', 'boolean'] },
        ],
      });
      expect((await registry.post('/v1/topics/secret/schemas:infer', {}, narrow)).status).toBe(404);
    } finally {
      await running.stop();
    }
  });
});

describe('the use of schemas for somebody who may not read everything', () => {
  it('is counted whole, and told without names', async () => {
    let tokens: Record<string, string> = {};
    const running = await runService({ WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 'tokens.yaml' }, async (cwd) => {
      tokens = await writeTokens(cwd, [
        { id: 'admin', roles: ['admin'] },
        { id: 'narrow', roles: ['admin'], scope: { topic: ['mine'], subject: ['shared'] } },
      ]);
    });
    const calls = new ServiceCalls(() => running.url).registry;
    const { admin, narrow } = tokens;
    try {
      const { id } = await calls.registered('shared', avro(), {}, admin);
      const user = '{"type":"record","name":"U","fields":[{"name":"o","type":"Order"}]}';
      const references = [{ name: 'Order', subject: 'shared', version: 1 }];
      await calls.registered('secret-user', user, { references }, admin);
      for (const topic of ['mine', 'secret']) {
        await calls.post('/v1/topics', { name: topic, partitions: 1 }, admin);
        const records = [{ value: { n: 1 } }];
        const made = await calls.post(`/v1/topics/${topic}/records`, { records, valueSchemaId: id }, admin);
        expect(made.status).toBe(200);
      }
      const told = await calls.get<UsageView>('/v1/subjects/shared/versions/1/usage', narrow);
      expect(told.json).toMatchObject({
        verdict: 'in-use',
        records: { total: 2, topics: [{ topic: 'mine' }], hidden: 1 },
        references: { versions: [], hidden: 1 },
        coverage: { complete: true, hiddenPartitions: 1 },
      });
      expect(told.text).not.toContain('secret');
      // Another subject carries the id, which may not be known of.
      const secret = await calls.post<{ id: number }>('/subjects/secret-copy/versions', { schema: avro() }, admin);
      expect(secret.json.id).toBe(id);
      const byId = await calls.get<IdUsageView>(`/v1/schemas/ids/${id}/usage`, narrow);
      expect(byId.json).toMatchObject({
        ...{ verdict: 'in-use', hiddenVersions: 1, records: { total: 2, hidden: 1 } },
        versions: [{ subject: 'shared', verdict: 'in-use' }],
        references: { versions: [], hidden: 1 },
      });
      expect(byId.text).not.toContain('secret');
      const hidden = await calls.post<{ id: number }>('/subjects/secret/versions', { schema: '"bytes"' }, admin);
      const unseen = await calls.get(`/v1/schemas/ids/${hidden.json.id}/usage`, narrow);
      expect([unseen.status, unseen.problem.code]).toEqual([404, 'schema-not-found']);
      expect((await calls.post('/v1/schema-usage/plans', {}, narrow)).status).toBe(403);
    } finally {
      await running.stop();
    }
  });
});
