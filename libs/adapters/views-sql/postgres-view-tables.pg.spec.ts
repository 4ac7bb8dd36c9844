import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseViewQuery } from '#libs/core/streams';
import {
  NASTY,
  record,
  ViewFeeder,
  viewEvolutionContract,
  viewFoldContract,
  viewQueriesContract,
  viewTablesContract,
  type ViewTablesSubject,
} from '#libs/core/streams/testing';
import { numbered, postgresDialect } from './postgres-dialect.js';
import { PostgresViewTables } from './postgres-view-tables.js';
import { QuerySql } from './query-sql.js';
import { freshDatabase, type FreshDatabase } from './testing/fresh-database.js';

async function open(): Promise<ViewTablesSubject> {
  const database = await freshDatabase();
  const options = { url: database.url, schema: 'weir_views' };
  let tables = await PostgresViewTables.open(options);
  return {
    tables,
    reopen: async () => {
      await tables.close();
      return (tables = await PostgresViewTables.open(options));
    },
    dispose: async () => {
      await tables.close();
      await database.dispose();
    },
  };
}

viewTablesContract('PostgreSQL', open);
viewQueriesContract('PostgreSQL', open);
viewFoldContract('PostgreSQL', open);
viewEvolutionContract('PostgreSQL', open);

describe('view tables in PostgreSQL', () => {
  let database: FreshDatabase;
  let tables: PostgresViewTables;
  let feeder: ViewFeeder;
  const VERSION = { id: 'a', version: 1 };

  beforeEach(async () => {
    database = await freshDatabase();
    tables = await PostgresViewTables.open({ url: database.url, schema: 'views', statementTimeoutMs: 500 });
    feeder = new ViewFeeder(() => tables);
  });
  afterEach(async () => {
    await tables.close();
    await database.dispose();
  });

  it('show SQL clients a view with the names and types its users know', async () => {
    const long = 'ä'.repeat(40);
    const made = await feeder.make('a', {
      source: { topic: 't' },
      key: { id: 'key' },
      columns: {
        ...{ n: 'value.n', at: 'value.at', ok: 'value.ok', price: 'value.price', table: 'value.tag' },
        rest: { from: 'value.rest', type: 'json' },
        [long]: 'value.tag',
      },
    });
    const value = { n: 7, at: 86_400_000, ok: false, price: '12.50', tag: 'x', rest: { a: ['\u0000'] } };
    await feeder.feed(made, 0, [record(0, 'k', value), record(1, 'none', {})]);
    const [row, none] = await database.ask('select id, n, at, ok, price, "table", rest from views.v order by id');
    expect(row).toEqual(['k', '7', new Date(86_400_000), false, '12.50', 'x', value.rest]);
    expect(none).toEqual(['none', null, null, null, null, null, null]);
    const names = await database.ask('select column_name from views_data.weir_names order by column_name collate "C"');
    expect(names.flat()).toEqual(['at', 'id', 'n', 'ok', 'price', 'rest', 'table', long]);
    await tables.drop('a');
    expect(await database.ask("select table_name from information_schema.tables where table_schema = 'views'")).toEqual(
      [],
    );
  });

  it('show SQL clients null for a time that PostgreSQL has no day for, and all other rows', async () => {
    const made = await feeder.make('a', {
      source: { topic: 't' },
      columns: {
        id: 'key',
        at: 'value.at',
        fine: { from: 'value.fine', type: 'timestamp_us' },
        day: { from: 'value.day', type: 'date' },
        clock: { from: 'value.clock', type: 'time' },
      },
    });
    const far = Number.MAX_SAFE_INTEGER;
    await feeder.feed(made, 0, [
      record(0, 'k', { at: 1, fine: 1, day: 1, clock: 1 }),
      record(1, 'l', { at: far, fine: '9223372036854775807', day: far, clock: far }),
      record(2, 'm', { at: -far, fine: '-9223372036854775807', day: -far, clock: -1 }),
    ]);
    const shown = await database.ask(
      'select id, at is null, fine is null, day is null, clock is null from views.v order by id',
    );
    expect(shown).toEqual([
      ['k', false, false, false, false],
      ['l', true, true, true, true],
      ['m', true, true, true, true],
    ]);
    expect(await database.ask("select at::text, day::text, clock::text from views.v where id = 'k'")).toEqual([
      [expect.stringMatching(/^1970-01-01 .*00\.001/), '1970-01-02', '00:00:00.000001'],
    ]);
  });

  it('are read under a role that can read and nothing else', async () => {
    const made = await feeder.make('a', { source: { topic: 't' }, columns: { id: 'key' } });
    await feeder.feed(made, 0, [record(0, 'k', {})]);
    expect(tables.schema).toMatchObject({ reader: 'views_reader', readerProblem: null });
    const asReader = (sql: string) => database.ask(`begin; set local role views_reader; ${sql}; commit`);
    for (const sql of [
      'delete from views_data.v_a_0',
      'create table views.x (a int)',
      'update views_data.weir_views set epoch = 9',
    ])
      await expect(asReader(sql)).rejects.toThrow(/permission denied/);
    await asReader('select * from views.v');
    // Queries are asked as that role: what it may not read they do not see.
    const query = parseViewQuery(made.view, VERSION, new Map());
    expect((await tables.query('a', made.view, query)).rows).toEqual([{ id: 'k' }]);
    await database.ask('revoke select on all tables in schema views_data from views_reader');
    await expect(tables.query('a', made.view, query)).rejects.toThrow(/permission denied/);
    // Who wrote the view may do what the role may not.
    await database.ask('delete from views_data.v_a_0');
    expect(await database.ask('select * from views.v')).toEqual([]);
  });

  it('would take a value for a command if it were put into the text of a statement', async () => {
    await database.ask('create table weir_views (a text); create table named (a text)');
    await database.ask(`insert into named values ('${NASTY}`);
    expect(await database.ask("select tablename from pg_tables where schemaname = 'public'")).toEqual([['named']]);
  });

  it('lose nothing and keep nothing half when the connection is cut in the middle of a step', async () => {
    const made = await feeder.make('a', { source: { topic: 't' }, columns: { id: 'key', n: 'value.n' } });
    await feeder.feed(made, 0, [record(0, 'k', { n: 1 })]);
    const before = await tables.positions('a', made.view);
    // Another session holds a row that the step changes, so that the step waits in the middle of its transaction.
    const gate = 'select pg_advisory_lock(1)';
    await database.ask(
      `create function views_data.wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(1); return new; end $$`,
    );
    await database.ask(
      'create trigger wait before insert or update on views_data.v_a_0 for each row execute function views_data.wait()',
    );
    const holder = await database.session();
    await holder.ask(gate);
    const step = feeder.feed(made, 0, [record(1, 'k', { n: 2 })]);
    const refused = expect(step).rejects.toMatchObject({ code: 'views-unavailable', retryable: true });
    await expect
      .poll(() => database.ask("select 1 from pg_locks where locktype = 'advisory' and not granted"), { interval: 5 })
      .toHaveLength(1);
    await database.disconnect("wait_event_type = 'Lock'");
    await refused;
    await holder.end();
    expect(await tables.positions('a', made.view)).toEqual(before);
    await feeder.feed(made, 0, [record(1, 'k', { n: 3 })]);
    expect((await tables.query('a', made.view, parseViewQuery(made.view, VERSION, new Map()))).rows).toEqual([
      { id: 'k', n: 3 },
    ]);
  });

  it('are written by one instance at a time', async () => {
    const made = await feeder.make('a', { source: { topic: 't' }, columns: { id: 'key' } });
    const other = await PostgresViewTables.open({ url: database.url, schema: 'views' });
    try {
      const steps = { commit: 0, changes: [], refused: [] };
      const both = await Promise.allSettled([1, 2].map(() => tables.apply('a', made.view, made.epoch, steps)));
      expect(both.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      const { epoch } = await other.claim('a', made.view);
      await expect(tables.apply('a', made.view, made.epoch, { ...steps, commit: 1 })).rejects.toMatchObject({
        code: 'view-writer-fenced',
      });
      await other.apply('a', made.view, epoch, { ...steps, commit: 1 });
    } finally {
      await other.close();
    }
  });

  it('say of a row that the database cannot hold that it is the row', async () => {
    const made = await feeder.make('a', { source: { topic: 't' }, columns: { id: 'key', tag: 'value.tag' } });
    await expect(feeder.feed(made, 0, [record(0, 'k', { tag: 'a\0b' })])).rejects.toMatchObject({
      code: 'rows-refused',
    });
    expect((await tables.positions('a', made.view)).commit).toBe(0);
  });

  describe('asked by SQL', () => {
    const ask = (statement: string, limit = 100, timeoutMs = 20_000) =>
      tables.sql('default', { statement, limit, timeoutMs, views: [] });

    beforeEach(async () => {
      const made = await feeder.make('a', { source: { topic: 't' }, key: { id: 'key' }, columns: { n: 'value.n' } });
      await feeder.feed(made, 0, [record(0, 'k', { n: 1 }), record(1, 'l', { n: 2 })]);
      await database.ask('create table secrets (a int); insert into secrets values (42)');
    });

    it('find views under their names, with as many rows as they may and no more', async () => {
      expect(await ask('select id, n from v order by n desc -- of all')).toEqual({
        columns: ['id', 'n'],
        rows: [
          ['l', 2],
          ['k', 1],
        ],
        truncated: false,
      });
      expect(await ask('select x from generate_series(1, 1000) x', 2)).toEqual({
        columns: ['x'],
        rows: [[1], [2]],
        truncated: true,
      });
      const heavy = await ask("select repeat('x', 1000000) from generate_series(1, 100)");
      expect(heavy.truncated).toBe(true);
    });

    it.each([
      'select * from public.secrets',
      'delete from views_data.v_a_0',
      'with gone as (delete from views_data.v_a_0 returning *) select * from gone',
      "select set_config('role', 'none', false)",
      "select set_config('role', 'none', false), query_to_xml('select * from public.secrets', true, true, '')",
      "select query_to_xml('select * from public.secrets', true, true, '')",
      'select 1) asked; delete from views_data.v_a_0; select * from (select 1',
      "select pg_read_file('/etc/passwd')",
      'select 1; select 2',
    ])('refuse %s', async (statement) => {
      await expect(ask(statement)).rejects.toMatchObject({
        code: expect.stringMatching(/^sql-(refused|not-allowed)$/) as string,
      });
      expect((await ask('select count(*) as n from v')).rows).toEqual([[2]]);
    });

    it('end what takes too long, and go on', async () => {
      // With time enough it has an end.
      expect((await ask('select pg_sleep(0.1)', 1)).rows).toHaveLength(1);
      await expect(ask('select pg_sleep(60)', 1, 50)).rejects.toMatchObject({ code: 'sql-too-slow' });
      expect((await ask('select count(*) as n from v')).rows).toEqual([[2]]);
    });
  });

  it('find rows by index: by key, in the order of the key from a cursor on, and all of them in order of identity', async () => {
    const made = await feeder.make('a', {
      source: { topic: 't' },
      key: { n: 'value.n' },
      columns: { tag: 'value.tag' },
    });
    await feeder.feed(
      made,
      0,
      Array.from({ length: 50 }, (_, n) => record(n, `k${n}`, { n })),
    );
    await tables.index('a', made.view);
    const page = (query: Record<string, string>) =>
      parseViewQuery(made.view, VERSION, new Map(Object.entries(query).map(([key, value]) => [key, [value]])));
    const first = await tables.query('a', made.view, page({ order: 'n.desc', limit: '5' }));
    const sql = new QuerySql('a', made.view, postgresDialect('views_data'));
    const session = await database.session();
    for (const off of ['seqscan', 'bitmapscan']) await session.ask(`set enable_${off} = off`);
    const plans = async (query: Record<string, string>): Promise<string[]> => {
      const explained = [];
      for (const { sql: text, values } of sql.page(page(query)))
        explained.push((await session.ask(`explain (costs off) ${numbered(text)}`, values)).flat().join('\n'));
      return explained;
    };
    const queries: Record<string, string>[] = [
      { n: 'eq.7' },
      { n: 'gt.40' },
      { order: 'n' },
      { order: 'n.desc' },
      { order: 'n.desc', cursor: first.next! },
      {},
    ];
    for (const query of queries)
      for (const plan of await plans(query)) {
        expect(plan).toMatch(/Index (Only )?Scan/);
        expect(plan).not.toMatch(/Seq Scan/);
      }
    expect((await plans({ order: 'n.desc' }))[0]).not.toMatch(/Sort/);
    // What no index is of is looked for among all rows, and sorted.
    expect((await plans({ order: 'tag' })).join('\n')).toMatch(/Sort/);
    await session.end();
  });
});
