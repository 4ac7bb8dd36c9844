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
});
