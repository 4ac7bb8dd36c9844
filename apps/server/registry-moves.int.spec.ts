import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from './testing/running-service.js';

/** Answers are looked at member by member. */
interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

const record = (name: string, fields: unknown[]) => JSON.stringify({ type: 'record', name, fields });

async function call(url: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

const exported = async (url: string, query = '') => (await fetch(`${url}/v1/registry-export${query}`)).text();

async function upload(url: string, text: string) {
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${url}/v1/registry-imports/uploads`, { method: 'POST', headers, body: text });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** Plans, starts and waits for the end. */
async function imported(url: string, body: unknown) {
  const plan = await call(url, 'POST', '/v1/registry-imports/plans', body);
  expect([plan.status, plan.body.blockers]).toEqual([201, []]);
  const started = await call(url, 'POST', '/v1/operations', { planHash: plan.body.hash });
  expect(started.status).toBe(202);
  const state = async () => (await call(url, 'GET', `/v1/operations/${started.body.id}`)).body;
  await expect
    .poll(async () => (await state()).state, { timeout: 20_000, interval: 20 })
    .toMatch(/FINISHED|BLOCKED|FAILED/);
  return { plan: plan.body, operation: await state() };
}

/** A registry with everything that can move: references, contexts, deleted versions, purged ids, contracts, settings. */
async function fill(url: string): Promise<void> {
  const register = async (subject: string, schema: string, more: object = {}) =>
    expect(
      (await call(url, 'POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema, ...more })).status,
    ).toBe(200);
  await call(url, 'PUT', '/config', { compatibility: 'NONE' });
  await register('purged', '"bytes"');
  await register('address', record('Address', [{ name: 'city', type: 'string' }]));
  await register('order-value', record('Order', [{ name: 'to', type: 'Address' }]), {
    references: [{ name: 'Address', subject: 'address', version: 1 }],
    metadata: { properties: { owner: 'team-a' }, tags: { 'Order.to': ['PII'] } },
    ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', type: 'CEL', mode: 'WRITE', expr: 'true' }] },
  });
  await register('order-value', record('Order', [{ name: 'id', type: 'long' }]));
  await register('gone', '"string"');
  await register('json', '{"type":"object","properties":{"a":{"type":"string"}}}', { schemaType: 'JSON' });
  await register(':.other:order-value', '"int"');
  await call(url, 'DELETE', '/subjects/order-value/versions/1');
  await call(url, 'DELETE', '/subjects/gone');
  await call(url, 'DELETE', '/subjects/purged');
  await call(url, 'DELETE', '/subjects/purged?permanent=true');
  await call(url, 'PUT', '/config/order-value', { compatibility: 'FULL', normalize: true });
  await call(url, 'PUT', '/mode/json', { mode: 'READONLY' });
}

describe('a registry moves', () => {
  const running: RunningService[] = [];
  const start = async (env: Record<string, string> = {}) => {
    const service = await runService(env);
    running.push(service);
    return service.url;
  };
  let source: string;
  beforeAll(async () => {
    source = await start();
    await fill(source);
  });
  afterAll(async () => {
    for (const service of running) await service.stop();
  });

  it('as a file into an empty one, which then gives the same file, ids and GUIDs', async () => {
    const file = await exported(source);
    expect(await exported(source)).toBe(file);
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
    const posted = await upload(target, file);
    expect([posted.status, posted.body.format]).toEqual([201, 'weir-registry']);
    const { plan, operation } = await imported(target, { source: { upload: posted.body.id } });
    expect(plan.impact).toMatchObject({ new: 6, same: 0, conflicts: { count: 0 } });
    expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed', mismatches: [] } });
    expect(await exported(target)).toBe(file);
    const fresh = await call(target, 'POST', '/subjects/new/versions', { schema: '"double"' });
    const next = await call(source, 'POST', '/subjects/new/versions', { schema: '"double"' });
    expect(fresh.body.id).toBe(next.body.id);
    await call(source, 'DELETE', '/subjects/new');
    await call(source, 'DELETE', '/subjects/new?permanent=true');
  });

  it('from a running one, and a second import finds everything there', async () => {
    const registries = JSON.stringify({ old: { url: source, allowedAddresses: ['127.0.0.0/8'] } });
    const target = await start({ WEIR_REGISTRIES: registries });
    expect((await call(target, 'GET', '/v1/registry-imports/sources')).body).toEqual({
      items: [{ name: 'old', url: source }],
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
    expect(kept(await exported(target))).toEqual(kept(await exported(source)));
    const again = await call(target, 'POST', '/v1/registry-imports/plans', {
      source: { registry: 'old' },
      modes: false,
    });
    expect(again.body.impact).toMatchObject({ new: 0, same: 6, conflicts: { count: 0 } });
  });

  it('into a context of its own, with its ids', async () => {
    const registries = JSON.stringify({ old: { url: source, allowedAddresses: ['127.0.0.0/8'] } });
    const target = await start({ WEIR_REGISTRIES: registries });
    await call(target, 'POST', '/subjects/mine/versions', { schema: '"float"' });
    await call(target, 'POST', '/subjects/mine2/versions', { schema: '"boolean"' });
    const plain = await call(target, 'POST', '/v1/registry-imports/plans', { source: { registry: 'old' } });
    expect(plain.body.impact.conflicts.byCode).toEqual({ 'id-taken': 1 });
    expect(plain.body.blockers[0]).toMatch(/has id 2, which stands for another schema/);
    expect((await call(target, 'POST', '/v1/operations', { planHash: plain.body.hash })).status).toBe(409);
    const { operation } = await imported(target, { source: { registry: 'old' }, from: '.', into: '.moved' });
    expect(operation.state).toBe('FINISHED');
    const moved = await call(target, 'GET', '/contexts/.moved/subjects/order-value/versions/2');
    const original = await call(source, 'GET', '/subjects/order-value/versions/2');
    expect([moved.body.id, moved.body.guid]).toEqual([original.body.id, original.body.guid]);
  });

  it('as records of its topic, printed as tools print them, the last of a key counting', async () => {
    const dump = await exported(source, '?format=topic');
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
    const posted = await upload(target, [...mixed, ...noise].join('\n'));
    expect(posted.body).toMatchObject({
      format: 'topic-dump',
      invalid: { count: 0 },
      records: { NOOP: 1, DELETE_SUBJECT: 1 },
    });
    const { operation } = await imported(target, { source: { upload: posted.body.id } });
    expect(operation).toMatchObject({ state: 'FINISHED', verification: { state: 'passed' } });
    expect((await call(target, 'GET', '/subjects/late/versions?deleted=true')).body).toEqual([1]);
    expect((await call(target, 'GET', '/subjects/late/versions')).body.error_code).toBe(40401);
    expect((await call(target, 'GET', '/subjects/never/versions?deleted=true')).body.error_code).toBe(40401);
    expect((await call(target, 'GET', '/subjects/order-value/versions/2')).body.id).toBe(
      (await call(source, 'GET', '/subjects/order-value/versions/2')).body.id,
    );
  });

  it('leaves nothing staged behind, and keeps few uploads', async () => {
    const target = await start();
    const uploads = async () => (await call(target, 'GET', '/v1/registry-imports/uploads')).body.items;
    const { body } = await upload(target, await exported(source));
    expect(await uploads()).toMatchObject([{ id: body.id, complete: true, held: false, sha256: body.sha256 }]);
    await imported(target, { source: { upload: body.id } });
    expect(await uploads()).toEqual([]);
    const dump = await exported(source, '?format=topic');
    const posted = [];
    for (let n = 0; n < 6; n++) posted.push(await upload(target, dump));
    expect(posted.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 429]);
    expect(posted[5]!.body.code).toBe('import-uploads-full');
    const [first] = posted;
    for (let n = 0; n < 2; n++)
      expect((await call(target, 'DELETE', `/v1/registry-imports/uploads/${first!.body.id}`)).status).toBe(204);
    expect((await uploads()).map(({ id }: { id: string }) => id)).toEqual(
      posted.slice(1, 5).map(({ body: b }) => b.id),
    );
  });

  it('not when the file is cut, changed, or something else', async () => {
    const file = await exported(source);
    const target = await start();
    const lines = file.trimEnd().split('\n');
    const refused = async (text: string) => (await upload(target, text)).body.code as string;
    expect(await refused(lines.slice(0, -1).join('\n'))).toBe('import-damaged');
    expect(await refused(file.replace('team-a', 'team-b'))).toBe('import-damaged');
    expect(await refused([lines[0], ...lines.slice(2)].join('\n'))).toBe('import-damaged');
    expect(await refused(file.replace('"version":1', '"version":9'))).toBe('import-format-unknown');
    expect(await refused('hello')).toBe('import-damaged');
    expect(await refused('')).toBe('import-damaged');
    expect(await refused(`{"keytype":${'['.repeat(100_000)}`)).toBe('import-damaged');
    expect(await refused(`x${'y'.repeat(5 * 1024 * 1024)}`)).toBe('import-too-large');
    expect((await call(target, 'GET', '/subjects?deleted=true')).body).toEqual([]);
  });
});

describe('a registry that answers oddly', () => {
  let server: Server;
  let url: string;
  let target: RunningService;
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
  });
  afterAll(async () => {
    await target.stop();
    server.close();
  });
  const plan = (registry = 'odd', more: object = {}) =>
    call(target.url, 'POST', '/v1/registry-imports/plans', { source: { registry }, ...more });

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
    const { status, body } = await plan();
    expect(status).toBe(201);
    expect(body.impact).toMatchObject({
      new: 2,
      conflicts: { byCode: { unreadable: 1 } },
      source: { invalid: { count: 6 } },
    });
    expect(body.blockers.length).toBeGreaterThan(3);
    const { operation } = await imported(target.url, {
      source: { registry: 'odd' },
      conflicts: 'skip',
      unreadable: 'keep',
    });
    expect(operation.state).toBe('FINISHED');
    expect((await call(target.url, 'GET', '/subjects/fine/versions?deleted=true')).body).toEqual([1, 2]);
    expect((await call(target.url, 'GET', '/subjects/fine/versions')).body).toEqual([1]);
    expect((await call(target.url, 'GET', '/schemas/ids/9')).body.schema).toBe('{nonsense');
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
    const { body } = await plan();
    expect(body.code).toBe(code);
    expect(JSON.stringify(body)).not.toContain('secret-word');
  });

  it('is not connected to where the configuration does not allow its network', async () => {
    expect((await plan('inside')).body).toMatchObject({ code: 'source-registry-not-allowed' });
    expect((await plan('unknown')).body).toMatchObject({ code: 'source-registry-not-found' });
  });
});
