import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readingStatement, type ViewDefinition } from '#libs/core/streams';
import { record, ViewFeeder } from '#libs/core/streams/testing';
import { readableSqliteViews } from './sqlite-readable.js';
import { runSqlJob } from './sqlite-sql-job.js';
import type { SqlReply } from './sqlite-sql-protocol.js';
import { SqliteViewTables } from './sqlite-view-tables.js';

describe('a statement of a user on SQLite', () => {
  let directory: string;
  let path: string;
  let tables: SqliteViewTables;
  let view: ViewDefinition;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    path = join(directory, 'views.sqlite');
    tables = new SqliteViewTables(path);
    const feeder = new ViewFeeder(() => tables);
    const made = await feeder.make('a', {
      source: { topic: 't' },
      key: { id: 'key' },
      columns: { n: 'value.n', at: 'value.at', price: 'value.price', 'the tag': 'value.tag' },
      explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item.sku', type: 'text' } } } },
    });
    ({ view } = made);
    await feeder.feed(made, 0, [
      record(0, 'k', { n: 2, at: 1_500, price: '2.50', tag: "x'y", lines: [{ sku: 'a' }, { sku: 'b' }] }),
      record(1, 'l', { n: 1 }),
    ]);
  });
  afterEach(async () => {
    await tables.close();
    await rm(directory, { recursive: true, force: true });
  });

  const ask = (statement: string, bounds: { limit?: number; bytes?: number } = {}): SqlReply =>
    runSqlJob({
      path,
      names: readableSqliteViews([{ id: 'a', view }]),
      statement: readingStatement(statement),
      limit: 100,
      bytes: 10_000,
      ...bounds,
    });

  it('finds views under their names, and the lists in them', () => {
    expect(ask(`select id, n, at, price, "the tag" from v order by n desc;`)).toEqual({
      columns: ['id', 'n', 'at', 'price', 'the tag'],
      rows: [
        ['k', 2, '1970-01-01T00:00:01.500Z', 2.5, "x'y"],
        ['l', 1, null, null, null],
      ],
      truncated: false,
    });
    expect(ask('select id, place, sku from v_lines order by place')).toMatchObject({
      rows: [
        ['k', 0, 'a'],
        ['k', 1, 'b'],
      ],
    });
  });

  it('is shown times of before 1970 and parts of a second as they are', async () => {
    const feeder = new ViewFeeder(() => tables);
    const made = await feeder.make('b', {
      source: { topic: 't' },
      columns: {
        id: 'key',
        fine: { from: 'value.fine', type: 'timestamp_us' },
        at: 'value.at',
        clock: { from: 'value.clock', type: 'time' },
      },
    });
    ({ view } = made);
    await feeder.feed(made, 0, [
      record(0, 'a', { fine: -1, at: -1, clock: '23:59:59.000001' }),
      record(1, 'b', { fine: -1_500_000, at: 0, clock: '00:00:01' }),
    ]);
    const names = readableSqliteViews([{ id: 'b', view }]);
    const statement = readingStatement('select id, fine, at, clock from v order by id');
    expect(runSqlJob({ path, names, statement, limit: 10, bytes: 10_000 })).toMatchObject({
      rows: [
        ['a', '1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999Z', '23:59:59.000001'],
        ['b', '1969-12-31T23:59:58.500000Z', '1970-01-01T00:00:00.000Z', '00:00:01'],
      ],
    });
  });

  it('gets so many rows and bytes and no more', () => {
    const many = 'with recursive c(x) as (select 1 union all select x + 1 from c where x < 1000) select x from c';
    const reply = ask(many, { limit: 3 });
    expect(reply).toEqual({ columns: ['x'], rows: [[1], [2], [3]], truncated: true });
    expect(ask(`select '${'x'.repeat(60)}' from v, v b, v c`, { bytes: 100 })).toMatchObject({ truncated: true });
    expect(ask("select 9007199254740993, 1.5, x'ff', null")).toMatchObject({
      rows: [['9007199254740993', 1.5, '/w==', null]],
    });
  });

  it.each([
    "attach database '/tmp/x.db' as x",
    'pragma writable_schema = on',
    'delete from v_a_0',
    'create table x (a)',
    "vacuum into '/tmp/x.db'",
    '-- select\n drop table v_a_0',
  ])('cannot be %s', (statement) => {
    expect(() => ask(statement)).toThrow(/must begin with select, with or values/);
  });

  it.each([
    ['with x as (select 1) delete from v_a_0', /readonly|only read/],
    ["with x as (select 1) insert into v_a_0 (identity) values ('x')", /readonly|only read/],
    ['select 1; delete from v_a_0', /more than one statement/],
    ["select load_extension('/tmp/x')", /no such function|not authorized/],
    ['select * from nowhere', /no such table/],
    ['select file from pragma_database_list', /where files are/],
    ['select file from main."PRAGMA_DATABASE_LIST"', /where files are/],
    ['select', /incomplete|syntax/],
  ])('is refused for %s', (statement, why) => {
    expect(ask(statement)).toEqual({ refused: expect.stringMatching(why) as string });
    expect(ask('select count(*) from v')).toMatchObject({ rows: [[2]] });
  });

  it('would change rows, and tell where files are, if it were asked by who may write', async () => {
    await tables.close();
    const database = new Database(path);
    try {
      database.exec('with x as (select 1) delete from v_a_0');
      expect(database.prepare('select file from pragma_database_list').all()).toEqual([{ file: path }]);
    } finally {
      database.close();
    }
    expect(ask('select count(*) from v')).toMatchObject({ rows: [[0]] });
  });
});
