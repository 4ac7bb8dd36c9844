import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

interface SqlAnswer {
  readonly columns: string[];
  readonly rows: unknown[][];
  readonly truncated: boolean;
}

/** Reads rows that nobody could count. */
const ENDLESS =
  'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c a, c b, c d where a.x + b.x < d.x';

describe('SQL over the views of a running service', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  const client = new DataPlaneCalls(overHttp(() => server.url));
  const sql = (statement: string, more: object = {}) =>
    client.post<SqlAnswer>('/v1/views:sql', { sql: statement, ...more });

  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await ServerProcess.start({ cwd: directory.path });
    await client.topic('orders', 1);
    await client.demand('PUT', '/v1/views/order rows', {
      source: { topic: 'orders' },
      key: { id: { from: 'key', type: 'text' } },
      columns: { cents: { from: 'value.cents', type: 'integer' } },
    });
    const { json } = await client.produce(
      'orders',
      [1, 2, 3].map((n) => ({ key: `o${n}`, value: { cents: n * 100 } })),
    );
    await client.demand('GET', `/v1/views/order%20rows/rows?at-least=${json.token}&wait=30s`);
  });
  afterAll(async () => {
    await server.stop();
    await directory.remove();
  });

  it('answers what was asked, under the names that views and columns have', async () => {
    const answer = await sql('select max(cents) as most, count(*) as n from "order rows" where cents > 100');
    expect(answer).toMatchObject({ status: 200, json: { columns: ['most', 'n'], rows: [[300, 2]], truncated: false } });
  });

  it('refuses what does not read, and says what is wrong with a statement', async () => {
    expect(await sql('drop table weir_views')).toMatchObject({ status: 400, json: { code: 'sql-not-allowed' } });
    const wrong = await sql('select missing from "order rows"');
    expect(wrong).toMatchObject({
      status: 400,
      json: { code: 'sql-refused', detail: expect.stringMatching(/no such column: missing/) as string },
    });
  });

  it('answers other requests while a statement runs that has no end, ends it at its limit, and takes so many at a time', async () => {
    let ended = 0;
    const endless = [1, 2].map(async () => {
      const answer = await sql(ENDLESS, { timeoutMs: 10_000 });
      ended++;
      return answer;
    });
    // Both run by now or are refused for it: a third one tells.
    await expect.poll(async () => (await sql('select 1')).status, { timeout: 20_000, interval: 5 }).toBe(429);
    const others = await Promise.all([
      client.get('/v1/views/order%20rows/rows/o1'),
      client.produce('orders', [{ key: 'o4', value: { cents: 4 } }]),
      client.get('/v1/topics'),
    ]);
    expect(others.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(ended).toBe(0);
    for (const answer of await Promise.all(endless))
      expect(answer).toMatchObject({ status: 504, json: { code: 'sql-too-slow' } });
    expect((await sql('select 1 as one')).json.rows).toEqual([[1]]);
  });

  it('ends a statement that takes more memory than it may', async () => {
    const hungry = await sql(
      'select length(group_concat(x.b)) from (select hex(zeroblob(200000000)) as b union all select hex(zeroblob(200000000))) x',
      { timeoutMs: 30_000 },
    );
    expect(hungry).toMatchObject({ status: 400, json: { code: 'sql-refused' } });
  });
});
