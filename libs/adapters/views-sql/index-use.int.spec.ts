import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRowQuery, parseViewQuery, type ViewDefinition } from '#libs/core/streams';
import { record, ViewFeeder } from '#libs/core/streams/testing';
import { QuerySql, type Statement } from './query-sql.js';
import { SQLITE } from './sqlite-dialect.js';
import { SqliteViewTables } from './sqlite-view-tables.js';

const VERSION = { id: 'a', version: 1 };

describe('queries on SQLite use indexes', () => {
  let directory: string;
  let tables: SqliteViewTables;
  let database: Database.Database;
  let view: ViewDefinition;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    const path = join(directory, 'views.sqlite');
    tables = new SqliteViewTables(path);
    const feeder = new ViewFeeder(() => tables);
    const made = await feeder.make('a', {
      source: { topic: 't' },
      joins: [{ as: 'who', topic: 'people', on: 'value.who' }],
      key: { id: 'key' },
      columns: { n: 'value.n', tag: 'value.tag', city: 'who.value.city' },
      indexes: ['n', ['tag', 'n']],
    });
    ({ view } = made);
    await feeder.feed(
      made,
      0,
      Array.from({ length: 100 }, (_, n) => record(n, `k${n}`, { n: n % 10 === 0 ? null : n, tag: `t${n % 3}` })),
    );
    await tables.index('a', view);
    database = new Database(path, { readonly: true });
  });
  afterAll(async () => {
    database.close();
    await tables.close();
    await rm(directory, { recursive: true, force: true });
  });

  const planOf = ({ sql, values }: Statement): string[] =>
    (database.prepare(`explain query plan ${sql}`).all(...values) as { detail: string }[]).map((row) => row.detail);
  const queryOf = (query: Record<string, string>) =>
    parseViewQuery(view, VERSION, new Map(Object.entries(query).map(([name, value]) => [name, [value]])));

  it.each<[string, Record<string, string>]>([
    ['a key', { id: 'eq.k7' }],
    ['a range in its order', { n: 'gte.20', order: 'n', limit: '5' }],
    ['an order', { order: 'n' }],
    ['an order backwards, nulls last', { order: 'n.desc', limit: '10' }],
    ['an order that begins with nulls', { order: 'n.nullsfirst' }],
    ['a filter and the order of the same index', { tag: 'eq.t1', order: 'n.desc' }],
    ['everything', {}],
  ])('for %s, without a look at all rows or a sort', (_what, query) => {
    for (const part of new QuerySql('a', view, SQLITE).page(queryOf(query))) {
      const plan = planOf(part).join('\n');
      // All rows in the order of their identity are read from the table itself, which is sorted so.
      if (Object.keys(query).length > 0) expect(plan).toMatch(/SEARCH t0 USING/);
      expect(plan).not.toMatch(/TEMP B-TREE FOR ORDER BY/);
    }
  });

  it.each<[string, Record<string, string>]>([
    ['values of a list', { n: 'in.(1,2,3)' }],
    ['two columns of an index', { tag: 'eq.t1', n: 'gt.5' }],
  ])('for %s, whose rows are then put in order', (_what, query) => {
    const [part] = new QuerySql('a', view, SQLITE).page(queryOf(query));
    expect(planOf(part!).join('\n')).toMatch(/SEARCH t0 USING INDEX v_a_0_k[12]/);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['look at all rows for a column that is in none', { city: 'eq.x' }, /SCAN t0/],
    ['sort them for an order that is that of none', { order: 'n,tag' }, /TEMP B-TREE FOR .*ORDER BY/],
  ])('and would %s', (_what, query, plan) => {
    const parts = new QuerySql('a', view, SQLITE).page(queryOf(query));
    expect(parts.flatMap(planOf).join('\n')).toMatch(plan);
  });

  it('for every page from the cursor on', async () => {
    for (const order of ['n', 'n.desc', 'n.nullsfirst']) {
      let cursor: string | null | undefined;
      for (let page = 0; cursor !== null; page++) {
        const query = queryOf({ order, limit: '15', ...(cursor === undefined ? {} : { cursor }) });
        for (const part of new QuerySql('a', view, SQLITE).page(query)) {
          expect(planOf(part).join('\n')).toMatch(/SEARCH t0 USING (COVERING )?INDEX v_a_0_/);
          expect(planOf(part).join('\n')).not.toMatch(/TEMP B-TREE FOR ORDER BY/);
        }
        cursor = (await tables.query('a', view, query)).next;
        expect(page).toBeLessThan(10);
      }
    }
  });

  it('for one row, and for the rows it is joined with', () => {
    const [one] = new QuerySql('a', view, SQLITE).page(parseRowQuery(view, VERSION, 'k7', undefined));
    const plan = planOf(one!);
    expect(plan.every((line) => /^(SEARCH|USE)/.test(line))).toBe(true);
    expect(plan.join('\n')).toMatch(/SEARCH t1 USING (PRIMARY KEY|INDEX)/);
  });
});
