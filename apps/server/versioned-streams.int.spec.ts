import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Body {
  readonly code?: string;
  readonly items?: readonly Record<string, unknown>[];
  readonly next?: string | null;
  readonly records?: readonly Record<string, unknown>[];
  readonly counts?: { readonly read: number };
}

describe('derived streams over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> => {
    const response = await fetch(`${running.url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: response.status, body: JSON.parse(await response.text()) as Body };
  };
  const hasRead = (name: string, records: number) =>
    expect
      .poll(async () => (await call('GET', `/v1/derivations/${name}`)).body.counts?.read, { timeout: 10_000 })
      .toBe(records);

  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  it('keep every state of a key, by number and by time, and tell what changed', async () => {
    await client.topic('orders', 2);
    const at = (minute: number): number => Date.UTC(2026, 0, 1, 12, minute);
    await client.produce('orders', [
      { key: 'o1', value: { state: 'placed', lines: [1, 2] }, timestamp: at(0) },
      { key: 'o1', value: { state: 'paid', lines: [1] }, timestamp: at(5) },
      { key: 'o1', value: null, timestamp: at(9) },
    ]);
    expect(
      await call('POST', '/v1/derivations', { kind: 'versioned', source: 'orders', name: 'order-versions' }),
    ).toMatchObject({ status: 201, body: { kind: 'versioned', late: 'drop', deletes: null, merge: null } });
    await hasRead('order-versions', 3);
    const key = '/v1/derivations/order-versions/keys/o1';
    expect((await call('GET', `${key}?asOf=2026-01-01T12:04:59.999Z`)).body).toMatchObject({
      version: 1,
      change: 'create',
      validFrom: '2026-01-01T12:00:00.000Z',
      validTo: '2026-01-01T12:05:00.000Z',
      value: { state: 'placed' },
    });
    expect((await call('GET', `${key}?asOf=${at(5)}`)).body).toMatchObject({ version: 2, change: 'update' });
    expect((await call('GET', key)).body).toMatchObject({ version: 3, change: 'delete', value: null, validTo: null });
    expect((await call('GET', `${key}/diff?from=1&to=2`)).body).toEqual({
      key: 'o1',
      from: 1,
      to: 2,
      changes: [
        { path: '/state', op: 'replace', before: 'placed', after: 'paid' },
        { path: '/lines/1', op: 'remove', before: 2 },
      ],
    });
    const first = (await call('GET', `${key}/versions?limit=2`)).body;
    expect(first.items).toMatchObject([{ version: 1 }, { version: 2 }]);
    const second = (await call('GET', `${key}/versions?limit=2&cursor=${first.next}`)).body;
    expect(second).toMatchObject({ items: [{ version: 3 }], next: null });
    expect((await call('GET', '/v1/derivations/order-versions')).body).toMatchObject({
      history: { missing: 0, complete: true, completeSince: null },
    });
  });

  it('are made as an operation, too, whose plan says what it makes and what is in the way', async () => {
    await client.topic('parcels', 2);
    await client.produce('parcels', [
      { key: 'p1', value: { at: 'Oslo' } },
      { key: 'p2', value: { at: 'Bergen' } },
    ]);
    const body = { kind: 'latest', source: 'parcels', name: 'parcels-now', late: 'topic' };
    const plan = await call('POST', '/v1/derivations/plans', body);
    expect(plan).toMatchObject({
      status: 201,
      body: {
        kind: 'derive',
        blockers: [],
        impact: { topics: ['parcels-now', 'parcels-now.late'] },
        estimates: { records: 2 },
      },
    });
    const { hash } = plan.body as { hash?: string };
    const started = await call('POST', '/v1/operations', { planHash: hash });
    expect(started.status).toBe(202);
    await hasRead('parcels-now', 2);
    expect((await call('GET', '/v1/topics/parcels-now/latest/p1')).body).toMatchObject({ value: { at: 'Oslo' } });
    expect((await call('POST', '/v1/derivations/plans', body)).body).toMatchObject({
      blockers: [expect.stringContaining("'parcels-now' exists already")],
    });
    expect(await call('POST', '/v1/derivations/plans', { ...body, source: 'nowhere' })).toMatchObject({
      status: 404,
      body: { code: 'topic-not-found' },
    });
  });

  it('refuse what does not exist and what cannot be, by name', async () => {
    const key = '/v1/derivations/order-versions/keys/o1';
    expect(await call('GET', `${key}?version=9`)).toMatchObject({ status: 404, body: { code: 'version-not-found' } });
    expect(await call('GET', `${key}?asOf=1999-01-01`)).toMatchObject({
      status: 404,
      body: { code: 'version-not-found' },
    });
    expect(await call('GET', '/v1/derivations/order-versions/keys/none')).toMatchObject({
      status: 404,
      body: { code: 'key-not-found' },
    });
    expect(await call('GET', `${key}?asOf=yesterday`)).toMatchObject({
      status: 400,
      body: { code: 'invalid-request' },
    });
    expect(await call('GET', `${key}?asOf=1&version=1`)).toMatchObject({
      status: 400,
      body: { code: 'invalid-request' },
    });
    expect(await call('GET', '/v1/derivations/orders/keys/o1')).toMatchObject({
      status: 409,
      body: { code: 'not-a-versioned-stream' },
    });
    expect(
      await call('POST', '/v1/derivations', { kind: 'versioned', source: 'orders', name: 'x', merge: {} }),
    ).toMatchObject({ status: 400, body: { code: 'invalid-derivation' } });
  });

  it('are read as a whole at one position, and followed from there, nothing left out and nothing twice', async () => {
    await client.topic('stock', 3);
    await client.produce('stock', [
      { key: 's1', value: 1 },
      { key: 's2', value: 2 },
      { key: 's3', value: 3 },
      { key: 's2', value: null },
    ]);
    await call('POST', '/v1/derivations', { kind: 'latest', source: 'stock', name: 'stock-latest' });
    await hasRead('stock-latest', 4);
    const lines = (await (await fetch(`${running.url}/v1/topics/stock-latest/snapshot`)).text()).trim().split('\n');
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.slice(0, -1)).toMatchObject([
      { key: 's1', value: 1 },
      { key: 's3', value: 3 },
    ]);
    const { end } = told.at(-1) as { end: { keys: number; cursor: string } };
    expect(end.keys).toBe(2);
    await client.produce('stock', [
      { key: 's1', value: 10 },
      { key: 's4', value: 4 },
    ]);
    await hasRead('stock-latest', 6);
    const next = await call('GET', `/v1/topics/stock-latest/records?cursor=${encodeURIComponent(end.cursor)}`);
    expect(next.body.records).toHaveLength(2);
    expect(next.body.records).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: 's1', value: 10 }),
        expect.objectContaining({ key: 's4', value: 4 }),
      ]),
    );
    expect(await call('GET', '/v1/topics/stock/snapshot')).toMatchObject({
      status: 409,
      body: { code: 'not-a-latest-stream' },
    });
  });

  it('add partial values up in the schema that wrote them, numbers beyond doubles whole', async () => {
    const schema = JSON.stringify({
      type: 'record',
      name: 'Account',
      fields: [
        { name: 'balance', type: ['null', 'long'], default: null },
        { name: 'owner', type: ['null', 'string'], default: null },
      ],
    });
    await call('POST', '/subjects/accounts-value/versions', { schema });
    await client.topic('accounts', 1);
    await call('POST', '/v1/derivations', {
      kind: 'latest',
      source: 'accounts',
      name: 'accounts-now',
      merge: { nulls: 'keep' },
    });
    const text =
      '{"records": [{"key": "a", "value": {"balance": 9007199254740993}}, {"key": "a", "value": {"owner": "x"}}]}';
    const sent = await fetch(`${running.url}/v1/topics/accounts/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: text,
    });
    expect(await sent.json()).toMatchObject({ failed: 0 });
    await hasRead('accounts-now', 2);
    expect((await call('GET', '/v1/topics/accounts-now/latest/a')).body).toMatchObject({
      value: { balance: '9007199254740993', owner: 'x' },
    });
  });
});
