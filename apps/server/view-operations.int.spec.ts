import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import type { RowsView } from '#libs/features/views';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly commands: readonly string[];
  readonly progress: { readonly records: { readonly done: number } } | null;
  readonly verification: object | null;
}

const REVENUE = {
  source: { topic: 'orders', mode: 'events' },
  key: { country: { from: 'value.country', type: 'text' } },
  columns: { orders: { aggregate: 'count' }, cents: { aggregate: 'sum', of: 'value.cents', type: 'integer' } },
};

/** Longest wait for work that goes on beside a test. */
const SOON = { timeout: 20_000, interval: 10 };

describe('operations on views over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));

  beforeAll(async () => {
    running = await runService();
    await client.topic('orders', 2);
    const orders = Array.from({ length: 60 }, (_, n) => ({
      key: `o${n}`,
      value: { country: n % 3 === 0 ? 'NO' : 'IT', cents: n },
    }));
    await client.produce('orders', orders);
    await client.demand('PUT', '/v1/views/revenue', REVENUE);
  });
  afterAll(() => running.stop());

  const begun = async (path: string, body: object): Promise<Operation> => {
    const { hash } = await client.demand<{ hash: string }>('POST', path, body);
    return client.demand<Operation>('POST', '/v1/operations', { planHash: hash });
  };
  const comes = (id: string, state: string) =>
    expect.poll(async () => (await client.get<Operation>(`/v1/operations/${id}`)).json.state, SOON).toBe(state);
  const rows = async (): Promise<unknown> =>
    (await client.get<RowsView>('/v1/views/revenue/rows?order=country')).json.rows;

  it('build, pause, activate, roll back and finish a version', async () => {
    await expect.poll(async () => (await client.get('/v1/views/revenue')).json, SOON).toMatchObject({ lag: 0 });
    const wider = {
      ...REVENUE,
      columns: { ...REVENUE.columns, most: { aggregate: 'max', of: 'value.cents', type: 'integer' } },
    };
    const { id, kind } = await begun('/v1/views/revenue/versions/plans', { declaration: wider });
    expect(kind).toBe('view-version');
    await comes(id, 'READY');
    expect(await client.post(`/v1/operations/${id}:pause`, {})).toMatchObject({ json: { state: 'PAUSED' } });
    expect(await client.post(`/v1/operations/${id}:resume`, {})).toMatchObject({ json: { phase: 'READY' } });
    expect(await client.post(`/v1/operations/${id}:throttle`, { recordsPerSecond: 1000 })).toMatchObject({
      status: 200,
    });
    // One operation at a time changes a view, which is not deleted under it.
    const { hash } = await client.demand<{ hash: string }>('POST', '/v1/views/revenue/rebuilds/plans', {
      scope: { keys: ['NO'] },
    });
    expect(await client.post('/v1/operations', { planHash: hash })).toMatchObject({
      status: 409,
      json: { code: 'subject-busy' },
    });
    expect(await client.delete('/v1/views/revenue')).toMatchObject({ status: 409, json: { code: 'view-operated' } });
    expect(await client.delete('/v1/views/revenue/versions/2')).toMatchObject({
      status: 409,
      json: { code: 'view-operated' },
    });
    expect(await client.post('/v1/views/revenue/versions/2/activate', {})).toMatchObject({
      status: 409,
      json: { code: 'view-version-operated' },
    });
    expect(await rows()).toEqual([
      { country: 'IT', orders: 40, cents: 1200 },
      { country: 'NO', orders: 20, cents: 570 },
    ]);
    await client.post(`/v1/operations/${id}:cutover`, {});
    await comes(id, 'SWITCHED');
    expect((await client.get<Operation>(`/v1/operations/${id}`)).json).toMatchObject({
      progress: { records: { done: 60 } },
      verification: { level: 'digests', state: 'passed', mismatches: 0 },
    });
    expect(await rows()).toEqual([
      { country: 'IT', orders: 40, cents: 1200, most: 59 },
      { country: 'NO', orders: 20, cents: 570, most: 57 },
    ]);
    await client.post(`/v1/operations/${id}:rollback`, {});
    await comes(id, 'ROLLED_BACK');
    expect(await rows()).toEqual([
      { country: 'IT', orders: 40, cents: 1200 },
      { country: 'NO', orders: 20, cents: 570 },
    ]);
    const again = await begun('/v1/views/revenue/versions/plans', { declaration: wider, cutover: { mode: 'auto' } });
    await comes(again.id, 'SWITCHED');
    await client.post(`/v1/operations/${again.id}:finish`, {});
    await comes(again.id, 'FINISHED');
    expect((await client.get<{ items: object[] }>('/v1/views/revenue/versions')).json.items).toMatchObject([
      { version: 2, role: 'ACTIVE' },
    ]);
    const history = (await client.get<{ items: { type: string }[] }>(`/v1/operations/${id}/history`)).json.items.map(
      (event) => event.type,
    );
    for (const type of ['created', 'paused', 'resumed', 'throttle-changed', 'cutover-requested'])
      expect(history).toContain(type);
  });

  it('compute rows of keys, partitions and ranges anew', async () => {
    const before = await rows();
    for (const scope of [
      { keys: ['NO', 'never'] },
      { partitions: [0, 1] },
      { range: { since: '2020-01-01T00:00:00Z' } },
    ]) {
      const { id } = await begun('/v1/views/revenue/rebuilds/plans', { scope });
      await comes(id, 'FINISHED');
      // It has read them again, and not left all as it was.
      const { progress } = (await client.get<Operation>(`/v1/operations/${id}`)).json;
      expect(progress?.records.done).toBeGreaterThan(0);
      expect(await rows()).toEqual(before);
    }
  });

  it('tell whether rows could be made again', async () => {
    await client.topic('short', 1);
    await client.produce('short', [
      { key: 'a', value: {} },
      { key: 'b', value: {} },
    ]);
    const view = { source: { topic: 'short' }, columns: { id: { from: 'key', type: 'text' } } };
    await client.demand('PUT', '/v1/views/short_rows', view);
    expect((await client.get('/v1/views/short_rows')).json).toMatchObject({ regenerable: true });
    await client.demand('POST', '/v1/topics/short:delete-records', { positions: [{ partition: 0, offset: '1' }] });
    expect((await client.get('/v1/views/short_rows')).json).toMatchObject({ regenerable: false });
    const plan = await client.post('/v1/views/short_rows/rebuilds/plans', { scope: { keys: ['b'] } });
    expect(plan).toMatchObject({ json: { blockers: [expect.stringMatching(/older records of short are gone/)] } });
  });

  it('name what is wrong with a plan', async () => {
    expect(await client.post('/v1/views/revenue/rebuilds/plans', { scope: {} })).toMatchObject({
      status: 400,
      json: { code: 'invalid-view-rebuild-request', errors: [{ path: 'scope' }] },
    });
    expect(await client.post('/v1/views/none/rebuilds/plans', { scope: { keys: ['a'] } })).toMatchObject({
      status: 404,
      json: { code: 'view-not-found' },
    });
    expect(
      await client.post('/v1/views/revenue/versions/plans', { declaration: { source: { topic: 'orders' } } }),
    ).toMatchObject({ status: 422, json: { code: 'invalid-view' } });
    expect(await client.post('/v1/views/revenue/versions/plans', { cutover: { mode: 'soon' } })).toMatchObject({
      status: 400,
    });
  });
});
