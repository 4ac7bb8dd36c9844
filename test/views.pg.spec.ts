import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import type { RowsView } from '#libs/features/views';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

const VIEW = {
  source: { topic: 'orders', mode: 'events' },
  key: { country: { from: 'value.country', type: 'text' } },
  columns: { orders: { aggregate: 'count' }, cents: { aggregate: 'sum', of: 'value.cents', type: 'integer' } },
};

/** Longest wait for work that goes on beside the test. */
const SOON = { timeout: 110_000, interval: 20 };

describe('views of a service in PostgreSQL', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  const client = new DataPlaneCalls(overHttp(() => server.url));

  beforeEach(async () => {
    database = await freshPostgresDatabase();
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await server?.stop();
    await directory.remove();
    await database.dispose();
  });

  const start = async (env: Readonly<Record<string, string>>): Promise<void> => {
    server = await ServerProcess.start({ cwd: directory.path, env });
  };
  const rows = (view: string, query: string) => client.get<RowsView>(`/v1/views/${view}/rows?${query}`);
  const orders = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      key: `o${from + n}`,
      value: { country: (from + n) % 3 === 0 ? 'NO' : 'IT', cents: from + n },
    }));

  /** What a client of the database sees. */
  async function bySql(sql: string): Promise<unknown[]> {
    const connection = new pg.Client({ connectionString: database.url });
    await connection.connect();
    try {
      return (await connection.query(sql)).rows;
    } finally {
      await connection.end();
    }
  }

  it('lie beside the metadata, where SQL clients find them, and count each record once over kills', async () => {
    const env = { WEIR_DATABASE_URL: database.url };
    await start(env);
    await client.topic('orders', 2);
    await client.demand('PUT', '/v1/views/revenue', VIEW);
    let token = '';
    for (let round = 0; round < 3; round++) {
      const produced = await client.produce('orders', orders(round * 300, 300));
      token = produced.json.token!;
      // Killed while the view takes the records in, or just before or after.
      await server.kill();
      await start(env);
    }
    const answer = await rows('revenue', `order=country&at-least=${token}&wait=30s`);
    const all = orders(0, 900).map((order) => order.value);
    const expected = ['IT', 'NO'].map((country) => {
      const of = all.filter((value) => value.country === country);
      return { country, orders: of.length, cents: of.reduce((sum, value) => sum + value.cents, 0) };
    });
    expect(answer).toMatchObject({ status: 200, json: { rows: expected } });
    const seen = await bySql('select country, orders::int, cents::int from weir_views.revenue order by country');
    expect(seen).toEqual(expected);
    expect((await client.delete('/v1/views/revenue')).status).toBe(204);
    await expect(bySql('select 1 from weir_views.revenue')).rejects.toThrow(/does not exist/);
  });

  it('lie in a target that a declaration names; one that is away keeps only its own views waiting', async () => {
    const targets = {
      reporting: { url: database.url, schema: 'reports' },
      away: { url: 'postgres://nobody@127.0.0.1:1/none' },
    };
    await start({ WEIR_VIEWS_TARGETS: JSON.stringify(targets) });
    await client.topic('orders', 1);
    const produced = await client.produce('orders', orders(0, 30));
    await client.demand('PUT', '/v1/views/here', VIEW);
    await client.demand('PUT', '/v1/views/there', { ...VIEW, target: 'reporting' });
    expect(await client.put('/v1/views/nowhere', { ...VIEW, target: 'reportin' })).toMatchObject({
      status: 422,
      json: { code: 'view-target-not-found', detail: expect.stringMatching(/did you mean 'reporting'/) as string },
    });
    expect(await client.put('/v1/views/gone', { ...VIEW, target: 'away' })).toMatchObject({
      status: 503,
      json: { code: 'views-unavailable' },
    });
    for (const view of ['here', 'there'])
      expect((await rows(view, `at-least=${produced.json.token}&wait=30s`)).json.rows).toHaveLength(2);
    expect(await bySql('select sum(orders)::int as n from reports.there')).toEqual([{ n: 30 }]);
    await server.stop();
    await start({ WEIR_VIEWS_TARGETS: JSON.stringify({ reporting: targets.away }) });
    expect((await rows('here', '')).json.rows).toHaveLength(2);
    expect(await rows('there', '')).toMatchObject({ status: 503, json: { code: 'views-unavailable' } });
    await expect
      .poll(async () => (await client.get('/v1/views/there')).json, SOON)
      .toMatchObject({ worker: 'failing', target: 'reporting', problem: expect.stringMatching(/database/) as string });
  });
});
