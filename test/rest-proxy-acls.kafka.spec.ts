import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runService, type RunningService } from '../apps/server/testing/running-service.js';

/** An answer of the REST Proxy's paths. */
interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly body: {
    readonly kind?: string;
    readonly error_code?: number;
    readonly message?: string;
    readonly data?: readonly Readonly<Record<string, unknown>>[];
  };
}

describe('access rules over the REST Proxy paths, on brokers with an authorizer', () => {
  /** Of an attempt of a test alone: a rule for a principal of its own, and a search for all that it was given. */
  const ruleOf = (run: string) => ({
    resource_type: 'TOPIC',
    resource_name: `acl-${run}`,
    pattern_type: 'LITERAL',
    principal: `User:rest-${run}`,
    host: '*',
    operation: 'READ',
    permission: 'ALLOW',
  });
  const everyOf = (principal: string) => ({
    ...{ resource_type: 'any', pattern_type: 'ANY', operation: 'ANY', permission: 'ANY' },
    principal,
  });
  let rule: ReturnType<typeof ruleOf>;
  let every: ReturnType<typeof everyOf>;
  let running: RunningService;
  let acls: string;

  async function call(method: string, url: string, body?: unknown): Promise<Answer> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(url, { method, headers, ...sent });
    const text = await response.text();
    return {
      status: response.status,
      location: response.headers.get('location'),
      body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    };
  }
  const search = (members: Readonly<Record<string, string>>): string =>
    `${acls}?${new URLSearchParams(members).toString()}`;
  const listed = async (members: Readonly<Record<string, string>> = { principal: rule.principal }) =>
    (await call('GET', search(members))).body.data;
  /** A broker comes to know of a change a moment after the controller has answered. */
  const expectListed = () => expect.poll(() => listed(), { timeout: 60_000, interval: 20 });

  beforeAll(async () => {
    const kafka = { bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(',') };
    running = await runService({ WEIR_LOG_ENABLED: 'false', WEIR_CLUSTERS: JSON.stringify({ kafka }) });
    const { body } = await call('GET', `${running.url}/v3/clusters`);
    acls = `${running.url}/v3/clusters/${String(body.data![0]!['cluster_id'])}/acls`;
  });
  afterAll(() => running?.stop());
  beforeEach(() => {
    rule = ruleOf(randomBytes(4).toString('hex'));
    every = everyOf(rule.principal);
  });
  afterEach(async () => {
    if (process.env['WEIR_TEST_KAFKA_SASL'] !== undefined) await call('DELETE', search(every));
  });

  if (process.env['WEIR_TEST_KAFKA_SASL'] === undefined) {
    it('are refused where the broker of WEIR_TEST_KAFKA has no authorizer (WEIR_TEST_KAFKA_SASL says that it has one)', async () => {
      for (const answer of [await call('POST', acls, rule), await call('DELETE', search(every))]) {
        expect([answer.status, answer.body.error_code]).toEqual([400, 40_002]);
      }
    });
    return;
  }

  it('a rule is created without a body in the answer, found where Location says, and created again without harm', async () => {
    const created = await call('POST', acls, rule);
    expect([created.status, created.body]).toEqual([201, {}]);
    await expectListed().toHaveLength(1);
    const found = await call('GET', created.location!);
    const self = created.location!;
    const cluster_id = acls.split('/').at(-2);
    expect(found.body).toMatchObject({
      kind: 'KafkaAclList',
      data: [{ kind: 'KafkaAcl', metadata: { self }, cluster_id, ...rule }],
    });
    expect((await call('POST', acls, rule)).status).toBe(201);
    expect(await listed()).toHaveLength(1);
    const { resource_name } = rule;
    expect(await listed({ resource_name, resource_type: 'topic', pattern_type: 'match' })).toMatchObject([rule]);
  });

  it('a batch is kept as a whole, an empty one is nothing, and what lacks its list is refused', async () => {
    const data = [
      { ...rule, operation: 'WRITE' },
      { ...rule, pattern_type: 'PREFIXED', operation: 'DESCRIBE', permission: 'DENY' },
      { ...rule, resource_type: 'GROUP', resource_name: '*' },
    ];
    expect(await call('POST', `${acls}:batch`, { data })).toMatchObject({ status: 204, body: {} });
    await expectListed().toEqual(expect.arrayContaining(data.map((one) => expect.objectContaining(one) as unknown)));
    expect((await call('POST', `${acls}:batch`, { data: [] })).status).toBe(204);
    for (const missing of [{}, undefined]) {
      const refused = await call('POST', `${acls}:batch`, missing);
      expect([refused.status, refused.body.error_code]).toEqual([422, 42_206]);
    }
    const one = await call('POST', `${acls}:batch`, { data: [{ ...rule, permission: 'ANY' }] });
    expect([one.status, one.body.error_code]).toEqual([400, 400]);
    expect(await listed()).toHaveLength(data.length);
  });

  it('what is no single rule is refused: words for several, missing and unknown members, what the brokers refuse', async () => {
    expect((await call('POST', acls, rule)).status).toBe(201);
    await expectListed().toHaveLength(1);
    const before = await listed();
    for (const [changed, status, code] of [
      [{ resource_type: 'ANY' }, 400, 400],
      [{ pattern_type: 'MATCH' }, 400, 400],
      [{ operation: 'UNKNOWN' }, 400, 400],
      [{ host: undefined }, 400, 400],
      [{ colour: 'red' }, 422, 422],
      [{ principal: 'nobody' }, 400, 40_002],
      [{ resource_type: 'CLUSTER' }, 400, 40_002],
    ] as const) {
      const refused = await call('POST', acls, { ...rule, ...changed });
      expect([refused.status, refused.body.error_code], JSON.stringify(changed)).toEqual([status, code]);
    }
    const without = await call('POST', acls);
    expect([without.status, without.body.error_code]).toEqual([422, 42_206]);
    expect(await listed()).toEqual(before);
  });

  it('a deletion says four words, answers what it deleted, and nothing the second time', async () => {
    const data = [rule, { ...rule, operation: 'WRITE' }, { ...rule, resource_type: 'GROUP', resource_name: '*' }];
    expect((await call('POST', `${acls}:batch`, { data })).status).toBe(204);
    await expectListed().toHaveLength(data.length);
    const { pattern_type, operation, permission, principal } = every;
    expect(await call('DELETE', search({ pattern_type, operation, permission, principal }))).toMatchObject({
      status: 400,
      body: { error_code: 400 },
    });
    expect(await call('DELETE', search({ ...every, operation: 'XX' }))).toMatchObject({
      status: 404,
      body: { message: "The valid values for Operation do not include 'XX'" },
    });
    const before = await listed();
    const writes = { ...every, operation: 'write' };
    const deleted = await call('DELETE', search(writes));
    expect(deleted.status).toBe(200);
    expect(Object.keys(deleted.body)).toEqual(['data']);
    expect(deleted.body.data).toMatchObject([{ kind: 'KafkaAcl', ...rule, operation: 'WRITE' }]);
    const left = before!.filter((one) => one['operation'] !== 'WRITE');
    await expectListed().toEqual(left);
    expect((await call('DELETE', search(writes))).body).toEqual({ data: [] });
    expect((await call('DELETE', search(every))).body.data).toEqual(left);
    await expectListed().toEqual([]);
  });
});
