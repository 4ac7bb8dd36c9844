import { describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, serverForSuite } from '#libs/platform/testing';

describe('groups over HTTP', () => {
  const server = serverForSuite();
  const calls = new DataPlaneCalls(overHttp(() => server().url));

  it('shows what a reset does, counted, and does what was shown by sending its `apply`', async () => {
    await calls.topic('reset', 2);
    const records = Array.from({ length: 20 }, (_, n) => ({ partition: n % 2, value: n, timestamp: 1_000 * n }));
    await calls.produce('reset', records);
    await calls.put('/v1/groups/r/positions', {
      positions: [
        { topic: 'reset', partition: 0, offset: '8' },
        { topic: 'reset', partition: 1, offset: '1' },
      ],
    });
    const shown = await calls.post('/v1/groups/r:reset', { to: { timestamp: '1970-01-01T00:00:10Z' }, dryRun: true });
    expect(shown).toMatchObject({
      status: 200,
      json: {
        dryRun: true,
        members: 0,
        partitions: [
          { topic: 'reset', partition: 0, current: '8', target: '5', repeated: { records: '3', basis: 'offsets' } },
          { topic: 'reset', partition: 1, current: '1', target: '5', skipped: { records: '4', basis: 'offsets' } },
        ],
        skipped: { records: '4' },
        repeated: { records: '3' },
      },
    });
    expect((await calls.post('/v1/groups/r:reset', { to: 'latest' })).status).toBe(412);
    const { apply } = shown.json as { apply: object };
    expect(await calls.post('/v1/groups/r:reset', apply)).toMatchObject({
      status: 200,
      json: {
        dryRun: false,
        failed: 0,
        partitions: [
          { stored: '5', ok: true },
          { stored: '5', ok: true },
        ],
      },
    });
    // The group has moved: what was shown then is not what would be done now.
    expect(await calls.post('/v1/groups/r:reset', apply)).toMatchObject({ status: 409, json: { code: 'plan-stale' } });
  });

  it('refuses a target outside what is retained, and a vector that names topics besides', async () => {
    await calls.topic('short');
    const outside = { to: { offset: '5' }, topics: ['short'], dryRun: true };
    expect(await calls.post('/v1/groups/s:reset', outside)).toMatchObject({
      status: 400,
      json: { code: 'position-out-of-range', errors: [{ path: 'short/0' }] },
    });
    const both = { to: { vector: [{ topic: 'short', partition: 0, offset: '0' }] }, topics: ['short'] };
    expect(await calls.post('/v1/groups/s:reset', both)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
    expect((await calls.get('/v1/groups/s')).status).toBe(404);
  });

  it('hands out records under a lease until they are acknowledged, decoded, and moves the position behind them', async () => {
    await calls.topic('jobs');
    await calls.produce('jobs', [{ key: 'a', value: { n: 1 } }, { value: 'two' }, { value: 3 }]);
    const { lease } = (await calls.post('/v1/groups/w/leases', { topics: ['jobs'], maxRecords: 2 })).json as {
      lease: { id: string };
    };
    const path = `/v1/leases/${lease.id}`;
    expect(await calls.get(`${path}/records`)).toMatchObject({
      status: 200,
      json: {
        records: [
          { topic: 'jobs', partition: 0, offset: '0', deliveries: 1, key: 'a', value: { n: 1 } },
          { offset: '1', deliveries: 1, value: 'two' },
        ],
      },
    });
    const record = (offset: number) => ({ topic: 'jobs', partition: 0, offset: String(offset) });
    expect(await calls.post(`${path}:ack`, { records: [record(1)] })).toMatchObject({
      status: 200,
      json: { partitions: [{ position: '0', next: '2', inHand: 1 }] },
    });
    expect(await calls.post(`${path}:nack`, { records: [record(0)] })).toMatchObject({ status: 200 });
    expect((await calls.get(`${path}/records`)).json).toMatchObject({
      records: [
        { offset: '0', deliveries: 2 },
        { offset: '2', deliveries: 1 },
      ],
    });
    expect((await calls.post(`${path}:extend`, { visibilityMs: 60_000 })).status).toBe(200);
    await calls.post(`${path}:ack`, { through: [record(2)] });
    expect((await calls.get('/v1/groups/w')).json).toMatchObject({ positions: [{ offset: '3', lag: '0' }] });
    expect((await calls.post(`${path}:release`)).status).toBe(204);
    expect(await calls.post(`${path}:ack`, { records: [record(2)] })).toMatchObject({
      status: 409,
      json: { code: 'lease-lost' },
    });
    expect((await calls.post('/v1/groups/w/leases', { topics: ['jobs'] })).json).toEqual({
      lease: null,
      reason: 'empty',
    });
  });

  it('lets nobody move or forget a group that is worked on under a lease, but by evicting it', async () => {
    await calls.topic('busy');
    await calls.produce('busy', [{ value: 1 }, { value: 2 }]);
    await calls.post('/v1/groups/b/leases', { topics: ['busy'] });
    const positions = [{ topic: 'busy', partition: 0, offset: '1' }];
    const refused = { status: 409, json: { code: 'group-leased' } };
    expect(await calls.put('/v1/groups/b/positions', { positions })).toMatchObject(refused);
    expect(await calls.delete('/v1/groups/b')).toMatchObject(refused);
    const shown = await calls.post('/v1/groups/b:reset', { to: 'latest', dryRun: true });
    expect(shown.json).toMatchObject({ leases: 1 });
    const { apply } = shown.json as { apply: object };
    expect(await calls.post('/v1/groups/b:reset', apply)).toMatchObject(refused);
    expect(await calls.post('/v1/groups/b:reset', { ...apply, evict: true })).toMatchObject({ status: 200 });
    expect((await calls.get('/v1/groups/b/leases')).json).toEqual({ items: [] });
  });

  it('tells how far a group is behind, in records and in seconds, in its description and in the metrics', async () => {
    await calls.topic('lagging');
    await calls.produce('lagging', [
      { value: 1, timestamp: 0 },
      { value: 2, timestamp: Date.now() - 3_600_000 },
    ]);
    await calls.put('/v1/groups/l/positions', { positions: [{ topic: 'lagging', partition: 0, offset: '1' }] });
    const { json } = await calls.get('/v1/groups/l');
    expect(json).toMatchObject({ positions: [{ lag: '1', lagBasis: 'record-time' }] });
    const [{ lagSeconds }] = (json as { positions: [{ lagSeconds: number }] }).positions;
    expect(lagSeconds).toBeGreaterThanOrEqual(3_600);
    const metrics = await fetch(`${server().url}/metrics`).then((answer) => answer.text());
    expect(metrics).toMatch(/weir_group_lag_records\{cluster="local",group="l",topic="lagging"\} 1/);
    const told = Number(
      /weir_group_lag_seconds\{cluster="local",group="l",topic="lagging"\} ([0-9.]+)/.exec(metrics)?.[1],
    );
    expect(told).toBeGreaterThanOrEqual(lagSeconds);
  });
});
