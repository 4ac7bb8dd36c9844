import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportPlanView, UploadsView } from '#libs/features/registry-moves';
import type { ShownSchema, ShownVersion } from '#libs/features/registry/testing';
import { runService, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

const record = (name: string, fields: unknown[]) => JSON.stringify({ type: 'record', name, fields });

const PLANS = '/v1/registry-imports/plans';

/** Plans, starts and waits for the end. */
async function imported({ operations }: ServiceCalls, request: unknown) {
  const plan = await operations.plan<ImportPlanView>(PLANS, request);
  expect(plan.blockers).toEqual([]);
  return { plan, operation: await operations.settled(await operations.start(plan)) };
}

/** A registry with everything that can move: references, contexts, deleted versions, purged ids, contracts, settings. */
async function fill({ registry }: ServiceCalls): Promise<void> {
  await registry.put('/config', { compatibility: 'NONE' });
  await registry.registered('purged', '"bytes"');
  await registry.registered('address', record('Address', [{ name: 'city', type: 'string' }]));
  await registry.registered('order-value', record('Order', [{ name: 'to', type: 'Address' }]), {
    references: [{ name: 'Address', subject: 'address', version: 1 }],
    metadata: { properties: { owner: 'team-a' }, tags: { 'Order.to': ['PII'] } },
    ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', type: 'CEL', mode: 'WRITE', expr: 'true' }] },
  });
  await registry.registered('order-value', record('Order', [{ name: 'id', type: 'long' }]));
  await registry.registered('gone', '"string"');
  await registry.registered('json', '{"type":"object","properties":{"a":{"type":"string"}}}', { schemaType: 'JSON' });
  await registry.registered(':.other:order-value', '"int"');
  await registry.delete('/subjects/order-value/versions/1');
  await registry.delete('/subjects/gone');
  await registry.delete('/subjects/purged');
  await registry.delete('/subjects/purged?permanent=true');
  await registry.put('/config/order-value', { compatibility: 'FULL', normalize: true });
  await registry.put('/mode/json', { mode: 'READONLY' });
}

describe('a registry moves', () => {
  const running: RunningService[] = [];
  const start = async (env: Record<string, string> = {}) => {
    const service = await runService(env);
    running.push(service);
    return new ServiceCalls(() => service.url);
  };
  let source: ServiceCalls;
  beforeAll(async () => {
    source = await start();
    await fill(source);
  });
  afterAll(async () => {
    for (const service of running) await service.stop();
  });

  it('as a file into an empty one, which then gives the same file, ids and GUIDs', async () => {
    const file = await source.moves.exported();
    expect(await source.moves.exported()).toBe(file);
    const lines = file
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({
      format: 'weir-registry',
      version: 1,
      counts: { version: 6, context: 2, retired: 1 },
    });
    expect(lines.at(-1)).toMatchObject({ kind: 'end', lines: lines.length - 1 });
    const target = await start();
    const posted = await target.moves.upload(file);
    expect([posted.status, posted.json.format]).toEqual([201, 'weir-registry']);
    const { plan, operation } = await imported(target, { source: { upload: posted.json.id } });
    expect(plan.impact).toMatchObject({ new: 6, same: 0, conflicts: { count: 0 } });
    expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed', mismatches: [] } });
    expect(await target.moves.exported()).toBe(file);
    const fresh = await target.registry.registered('new', '"double"');
    const next = await source.registry.registered('new', '"double"');
    expect(fresh.id).toBe(next.id);
    await source.registry.delete('/subjects/new');
    await source.registry.delete('/subjects/new?permanent=true');
  });

  it('from a running one, and a second import finds everything there', async () => {
    const registries = JSON.stringify({ old: { url: source.url(), allowedAddresses: ['127.0.0.0/8'] } });
    const target = await start({ WEIR_REGISTRIES: registries });
    expect((await target.registry.get('/v1/registry-imports/sources')).json).toEqual({
      items: [{ name: 'old', url: source.url() }],
    });
    const { operation } = await imported(target, { source: { registry: 'old' } });
    expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed' } });
    const kept = (text: string) =>
      text
        .split('\n')
        .filter(
          (line) =>
            line.includes('"kind":"version"') || line.includes('"kind":"config"') || line.includes('"kind":"mode"'),
        );
    expect(kept(await target.moves.exported())).toEqual(kept(await source.moves.exported()));
    const again = await target.registry.post<ImportPlanView>(PLANS, {
      source: { registry: 'old' },
      modes: false,
    });
    expect(again.json.impact).toMatchObject({ new: 0, same: 6, conflicts: { count: 0 } });
  });

  it('into a context of its own, with its ids', async () => {
    const registries = JSON.stringify({ old: { url: source.url(), allowedAddresses: ['127.0.0.0/8'] } });
    const target = await start({ WEIR_REGISTRIES: registries });
    await target.registry.post('/subjects/mine/versions', { schema: '"float"' });
    await target.registry.post('/subjects/mine2/versions', { schema: '"boolean"' });
    const plain = await target.registry.post<ImportPlanView>(PLANS, { source: { registry: 'old' } });
    expect(plain.json.impact).toMatchObject({ conflicts: { byCode: { 'id-taken': 1 } } });
    expect(plain.json.blockers[0]).toMatch(/has id 2, which stands for another schema/);
    expect((await target.registry.post('/v1/operations', { planHash: plain.json.hash })).status).toBe(409);
    const { operation } = await imported(target, { source: { registry: 'old' }, from: '.', into: '.moved' });
    expect(operation.state).toBe('FINISHED');
    const moved = await target.registry.get<ShownVersion>('/contexts/.moved/subjects/order-value/versions/2');
    const original = await source.registry.get<ShownVersion>('/subjects/order-value/versions/2');
    expect([moved.json.id, moved.json.guid]).toEqual([original.json.id, original.json.guid]);
  });

  it('as records of its topic, printed as tools print them, the last of a key counting', async () => {
    const dump = await source.moves.exported('?format=topic');
    const [first] = dump.split('\n');
    expect(first).toMatch(/^\{"keytype":"(CONTEXT|SCHEMA)"/);
    const target = await start();
    const lines = dump.trim().split('\n');
    const mixed = lines.map((line, i) => {
      const [key, value] = line.split('\t') as [string, string];
      const base64 = (text: string) => Buffer.from(text).toString('base64');
      if (i % 3 === 0) return line;
      return i % 3 === 1 ? JSON.stringify({ key, payload: value }) : `${base64(key)}\t${base64(value)}`;
    });
    const noise = [
      '{"keytype":"NOOP","magic":0}\tnull',
      '{"keytype":"SCHEMA","subject":"never","version":1,"magic":1}\t{"subject":"never","version":1,"id":900,"schema":"\\"long\\"","deleted":false}',
      '{"keytype":"SCHEMA","subject":"never","version":1,"magic":1}\tnull',
      '{"keytype":"SCHEMA","subject":"late","version":1,"magic":1}\t{"subject":"late","version":1,"id":800,"schema":"\\"long\\"","deleted":false}',
      '{"keytype":"DELETE_SUBJECT","subject":"late","magic":0}\t{"subject":"late","version":1}',
    ];
    const posted = await target.moves.upload([...mixed, ...noise].join('\n'));
    expect(posted.json).toMatchObject({
      format: 'topic-dump',
      invalid: { count: 0 },
      records: { NOOP: 1, DELETE_SUBJECT: 1 },
    });
    const { operation } = await imported(target, { source: { upload: posted.json.id } });
    expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed' } });
    expect((await target.registry.get('/subjects/late/versions?deleted=true')).json).toEqual([1]);
    expect((await target.registry.get('/subjects/late/versions')).code).toBe(40401);
    expect((await target.registry.get('/subjects/never/versions?deleted=true')).code).toBe(40401);
    const second = ({ registry }: ServiceCalls) =>
      registry.demand<ShownVersion>('GET', '/subjects/order-value/versions/2');
    expect((await second(target)).id).toBe((await second(source)).id);
  });

  it('leaves nothing staged behind, and keeps few uploads', async () => {
    const target = await start();
    const uploads = async () => (await target.registry.get<UploadsView>('/v1/registry-imports/uploads')).json.items;
    const { json } = await target.moves.upload(await source.moves.exported());
    expect(await uploads()).toMatchObject([{ id: json.id, complete: true, held: false, sha256: json.sha256 }]);
    await imported(target, { source: { upload: json.id } });
    expect(await uploads()).toEqual([]);
    const dump = await source.moves.exported('?format=topic');
    const posted = [];
    for (let n = 0; n < 6; n++) posted.push(await target.moves.upload(dump));
    expect(posted.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 429]);
    expect(posted[5]!.problem.code).toBe('import-uploads-full');
    const [first] = posted;
    for (let n = 0; n < 2; n++)
      expect((await target.registry.delete(`/v1/registry-imports/uploads/${first!.json.id}`)).status).toBe(204);
    expect((await uploads()).map(({ id }) => id)).toEqual(posted.slice(1, 5).map(({ json: { id } }) => id));
  });

  it('not when the file is cut, changed, or something else', async () => {
    const file = await source.moves.exported();
    const target = await start();
    const lines = file.trimEnd().split('\n');
    const refused = async (text: string) => (await target.moves.upload(text)).problem.code;
    expect(await refused(lines.slice(0, -1).join('\n'))).toBe('import-damaged');
    expect(await refused(file.replace('team-a', 'team-b'))).toBe('import-damaged');
    expect(await refused([lines[0], ...lines.slice(2)].join('\n'))).toBe('import-damaged');
    expect(await refused(file.replace('"version":1', '"version":9'))).toBe('import-format-unknown');
    expect(await refused('hello')).toBe('import-damaged');
    expect(await refused('')).toBe('import-damaged');
    expect(await refused(`{"keytype":${'['.repeat(100_000)}`)).toBe('import-damaged');
    expect(await refused(`x${'y'.repeat(11 * 1024 * 1024)}`)).toBe('import-too-large');
    expect((await target.registry.get('/subjects?deleted=true')).json).toEqual([]);
  });
});

describe('a registry that answers oddly', () => {
  let server: Server;
  let url: string;
  let target: RunningService;
  let calls: ServiceCalls;
  const answers = new Map<string, { status?: number; body: string; headers?: Record<string, string> }>();
  beforeAll(async () => {
    server = createServer((request, response) => {
      const answer = answers.get(request.url!) ?? { status: 404, body: '{"error_code":404,"message":"x"}' };
      response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const registries = {
      odd: { url, allowedAddresses: ['127.0.0.1'], username: 'u', password: 'secret-word' },
      inside: { url },
    };
    target = await runService({ WEIR_REGISTRIES: JSON.stringify(registries) });
    calls = new ServiceCalls(() => target.url);
  });
  afterAll(async () => {
    await target.stop();
    server.close();
  });
  const plan = (registry = 'odd', more: object = {}) =>
    calls.registry.post<ImportPlanView>(PLANS, { source: { registry }, ...more });

  it('is followed as far as it makes sense; what does not is named and keeps the rest out', async () => {
    answers.clear();
    answers.set('/subjects?deleted=true', { body: '["fine","alias","broken",7,"bad\\u0001name","orders--g2-value"]' });
    for (const name of ['fine', 'alias', 'broken']) {
      answers.set(`/subjects/${name}/versions`, { body: '[1,"x",1.5,-3]' });
      answers.set(`/subjects/${name}/versions?deleted=true`, { body: '[2,1,1]' });
    }
    answers.set('/subjects/fine/versions/1?deleted=true', {
      body: '{"subject":"fine","version":1,"id":5,"schema":"\\"string\\"","__proto__":{"x":1}}',
    });
    answers.set('/subjects/fine/versions/2?deleted=true', {
      body: '{"subject":"fine","version":2,"id":6,"schema":"\\"int\\""}',
    });
    answers.set('/subjects/alias/versions/1?deleted=true', {
      body: '{"subject":"fine","version":1,"id":5,"schema":"\\"string\\""}',
    });
    answers.set('/subjects/broken/versions/1?deleted=true', {
      body: '{"subject":"broken","version":1,"id":9,"schema":"{nonsense"}',
    });
    const { status, json } = await plan();
    expect(status).toBe(201);
    expect(json.impact).toMatchObject({
      new: 2,
      conflicts: { byCode: { unreadable: 1 } },
      source: { invalid: { count: 6 } },
    });
    expect(json.blockers.length).toBeGreaterThan(3);
    const { operation } = await imported(calls, {
      source: { registry: 'odd' },
      conflicts: 'skip',
      unreadable: 'keep',
    });
    expect(operation.state).toBe('FINISHED');
    expect((await calls.registry.get('/subjects/fine/versions?deleted=true')).json).toEqual([1, 2]);
    expect((await calls.registry.get('/subjects/fine/versions')).json).toEqual([1]);
    expect((await calls.registry.get<ShownSchema>('/schemas/ids/9')).json.schema).toBe('{nonsense');
  });

  it.each([
    [
      'a redirect',
      { status: 302, body: '', headers: { location: 'http://127.0.0.1:1/' } },
      'source-registry-redirects',
    ],
    ['a refusal', { status: 401, body: '{}' }, 'source-registry-refused'],
    ['a page of HTML', { body: '<html>' }, 'source-registry-invalid'],
    ['brackets without end', { body: '['.repeat(100_000) }, 'source-registry-invalid'],
    ['an object in the place of a list', { body: '{}' }, 'import-entry-invalid'],
    ['trouble', { status: 503, body: '{}' }, 'source-registry-busy'],
  ])('%s is an error of the source, without its secrets', async (_what, answer, code) => {
    answers.clear();
    answers.set('/subjects?deleted=true', answer);
    const { problem, text } = await plan();
    expect(problem.code).toBe(code);
    expect(text).not.toContain('secret-word');
  });

  it('is not connected to where the configuration does not allow its network', async () => {
    expect((await plan('inside')).json).toMatchObject({ code: 'source-registry-not-allowed' });
    expect((await plan('unknown')).json).toMatchObject({ code: 'source-registry-not-found' });
  });
});
