import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import {
  parseRowQuery,
  parseViewQuery,
  WHOLE,
  type ViewDefinition,
  type ViewQuery,
  type ViewRows,
  type ViewStream,
  type ViewTables,
} from '../index.js';
import { oracleRows, type OracleRow } from './query-oracle.js';
import { record, ViewFeeder, type FedView } from './view-feeding.js';
import type { ViewTablesSubject } from './view-tables-contract.js';

const COLUMNS: JsonObject = { n: 'value.n', x: 'value.x', ok: 'value.ok', at: 'value.at', tag: 'value.tag' };
/** A value that is a command wherever it is put into the text of a statement. */
export const NASTY = `'); drop table weir_views; -- " ? $1 %s \\`;

const VERSION = { id: 'a', version: 1 };

type Query = Readonly<Record<string, string | readonly string[]>>;

const parametersOf = (query: Query): Map<string, readonly string[]> =>
  new Map(Object.entries(query).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]));

/** What every {@link ViewTables} answers to a query, whatever the database: filters, order, pages, counts, all rows of one snapshot. */
export function viewQueriesContract(name: string, open: () => Promise<ViewTablesSubject>): void {
  describe(`queries on ${name}`, () => {
    let subject: ViewTablesSubject;
    let tables: ViewTables;
    let view: ViewDefinition;
    let feeder: ViewFeeder;
    let made: FedView;
    let offset: number;

    beforeEach(async () => {
      subject = await open();
      tables = subject.tables;
      feeder = new ViewFeeder(() => tables);
    });
    afterEach(async () => subject.dispose());

    async function declare(columns: JsonObject = COLUMNS, key: JsonObject = { id: 'key' }): Promise<void> {
      const declaration = { source: { topic: 't' }, key, columns };
      made = await feeder.make('a', declaration);
      ({ view } = made);
      offset = 0;
    }

    /** Puts rows into the view, by their keys; undefined takes one away. */
    async function put(rows: readonly (readonly [string, JsonValue | undefined])[]): Promise<void> {
      const records = rows.map(([key, value], index) => record(offset + index, key, value));
      offset += rows.length;
      await feeder.feed(made, 0, records);
    }

    const ask = (query: Query = {}): Promise<ViewRows> =>
      tables.query('a', view, parseViewQuery(view, VERSION, parametersOf(query)));
    const ids = async (query: Query): Promise<JsonValue[]> =>
      (await ask({ ...query, select: 'id' })).rows.map((row) => row['id']!);
    const rowOf = (key: string): Promise<ViewRows> =>
      tables.query('a', view, parseRowQuery(view, VERSION, key, undefined));

    /** All rows, as a stream gives them. */
    async function whole(query: Query, signal?: AbortSignal): Promise<Record<string, JsonValue>[]> {
      const parsed = parseViewQuery(view, VERSION, parametersOf(query), WHOLE);
      const stream = await tables.stream('a', view, parsed, signal);
      const rows: Record<string, JsonValue>[] = [];
      try {
        for await (const chunk of stream.chunks)
          for (const row of chunk)
            rows.push(Object.fromEntries(parsed.select.map((column, index) => [column, row[index]!])));
      } finally {
        await stream.close();
      }
      return rows;
    }

    async function rowsIn({ chunks }: ViewStream): Promise<number> {
      let rows = 0;
      for await (const chunk of chunks) rows += chunk.length;
      return rows;
    }

    it('filters by every operator', async () => {
      await declare();
      const tags = ['Alpha', 'beta', 'a*c', null, 'al"pha, (x)'];
      await put(tags.map((tag, n) => [`o${n}`, { n, tag, ok: n === 1 ? null : n % 2 === 0, at: n * 1_000 }]));
      expect(await ids({ n: 'eq.2' })).toEqual(['o2']);
      expect(await ids({ n: 'neq.2' })).toEqual(['o0', 'o1', 'o3', 'o4']);
      expect(await ids({ n: ['gt.0', 'lte.2'] })).toEqual(['o1', 'o2']);
      expect(await ids({ n: ['gte.3', 'lt.4'] })).toEqual(['o3']);
      expect(await ids({ tag: 'like.A*' })).toEqual(['o0']);
      expect(await ids({ tag: 'like._lph_' })).toEqual(['o0']);
      expect(await ids({ tag: 'like.a\\*c' })).toEqual(['o2']);
      expect(await ids({ tag: 'ilike.a*' })).toEqual(['o0', 'o2', 'o4']);
      expect(await ids({ tag: 'in.(beta,"al\\"pha, (x)")' })).toEqual(['o1', 'o4']);
      expect(await ids({ tag: 'in.()' })).toEqual([]);
      expect(await ids({ tag: 'not.in.(beta)' })).toEqual(['o0', 'o2', 'o4']);
      expect(await ids({ tag: 'is.null' })).toEqual(['o3']);
      expect(await ids({ ok: 'is.true' })).toEqual(['o0', 'o2', 'o4']);
      expect(await ids({ ok: 'not.is.true' })).toEqual(['o1', 'o3']);
      expect(await ids({ at: 'gte.1970-01-01T00:00:03Z' })).toEqual(['o3', 'o4']);
      expect((await ask({ n: 'gt.1', limit: '1', count: 'exact' })).count).toBe(3);
    });

    it('filters by groups, one inside the other, negated or not', async () => {
      await declare();
      await put([0, 1, 2, 3, 4, 5].map((n) => [`o${n}`, { n, tag: n < 2 ? 'a,b' : n < 4 ? 'c)' : null }]));
      expect(await ids({ or: '(n.eq.1,n.eq.4)' })).toEqual(['o1', 'o4']);
      expect(await ids({ or: '(n.lt.1,and(n.gt.2,tag.is.null,not.or(n.eq.4,n.eq.9)))' })).toEqual(['o0', 'o5']);
      expect(await ids({ 'not.and': '(n.gte.1,n.lte.4)' })).toEqual(['o0', 'o5']);
      expect(await ids({ and: '(tag.in.("a,b","c)"),"n".not.in.(0,2))' })).toEqual(['o1', 'o3']);
      expect(await ids({ or: ['(n.eq.1,n.eq.2)', '(tag.eq."c)",n.eq.5)'], n: 'gt.0' })).toEqual(['o2']);
    });

    const cell = fc.record({
      n: fc.option(fc.integer({ min: 0, max: 3 })),
      x: fc.option(fc.constantFrom(-0.5, 0, 2.25)),
      ok: fc.option(fc.boolean()),
      tag: fc.option(fc.constantFrom('a', 'b', 'B', '', 'ä', 'a_b', '\u{1f600}')),
    });
    const condition = fc.oneof(
      fc.tuple(
        fc.constantFrom('n', 'x'),
        fc.constantFrom('eq', 'neq', 'gt', 'gte', 'lt', 'lte'),
        fc.constantFrom('0', '2'),
      ),
      fc.tuple(fc.constant('tag'), fc.constantFrom('eq', 'neq', 'gt', 'lte'), fc.constantFrom('a', 'b')),
      fc.tuple(fc.constant('tag'), fc.constant('like'), fc.constantFrom('a*', '*b', '_', 'a\\_*', '*')),
      fc.tuple(fc.constantFrom('n', 'tag', 'ok'), fc.constant('is'), fc.constant('null')),
      fc.tuple(fc.constant('ok'), fc.constant('is'), fc.constantFrom('true', 'false')),
      fc.tuple(fc.constant('n'), fc.constant('in'), fc.constantFrom('(0,2)', '()', '(3)')),
    );
    const filter = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc
          .tuple(condition, fc.boolean())
          .map(([[column, operator, value], not]) => [column, ...(not ? ['not'] : []), operator, value].join('.')),
        fc
          .tuple(
            fc.constantFrom('and', 'or', 'not.and', 'not.or'),
            fc.array(tie('any'), { minLength: 1, maxLength: 3 }),
          )
          .map(([word, inner]) => `${word}(${inner.join(',')})`),
      ),
    })).any;
    const term = fc
      .tuple(
        fc.constantFrom('n', 'x', 'ok', 'tag'),
        fc.constantFrom('', '.asc', '.desc'),
        fc.constantFrom('', '.nullsfirst', '.nullslast'),
      )
      .map((parts) => parts.join(''));
    const order = fc.uniqueArray(term, { maxLength: 3, selector: (one) => one.split('.')[0] });

    /** What is asked for, and the rows that there are. */
    interface Asked {
      readonly keyed: readonly (readonly [string, JsonObject])[];
      readonly where: string | undefined;
      readonly terms: readonly string[];
      readonly size: number;
    }

    /** Asks page by page until there is no next one, and for everything at once. @throws where that is not what a fold in memory gives. */
    async function agrees({ keyed, where, terms, size }: Asked): Promise<void> {
      const query: Query = {
        ...(where === undefined ? {} : { and: `(${where})` }),
        ...(terms.length === 0 ? {} : { order: terms.join(',') }),
        select: 'id,n,x,ok,tag',
      };
      const expected = oracleRows(
        keyed.map(([id, row]): OracleRow => ({ id, ...row }) as OracleRow),
        where === undefined ? undefined : `and(${where})`,
        terms,
      );
      const paged: ViewRows['rows'][number][] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const more: Query = cursor === undefined ? {} : { cursor };
        const page: ViewRows = await ask({ ...query, limit: String(size), count: 'exact', ...more });
        expect(page.count).toBe(expected.length);
        expect(page.rows.length).toBeLessThanOrEqual(size);
        paged.push(...page.rows);
        expect(paged.length).toBeLessThanOrEqual(expected.length);
        cursor = page.next;
      }
      expect(paged).toEqual(expected);
      expect(await whole(query)).toEqual(expected);
      expect(await whole({ ...query, limit: '3' })).toEqual(expected.slice(0, 3));
    }

    it('gives what a fold in memory gives: in pages put together and as a whole, every row once, in the order asked for', async () => {
      await declare();
      let present: string[] = [];
      await fc.assert(
        fc.asyncProperty(
          fc.array(cell, { maxLength: 25 }),
          fc.option(filter, { nil: undefined }),
          order,
          fc.integer({ min: 1, max: 7 }),
          async (rows, where, terms, size) => {
            await put(present.map((key) => [key, undefined]));
            const keyed = rows.map((row, index): [string, JsonObject] => [`r${String(index).padStart(2, '0')}`, row]);
            present = keyed.map(([key]) => key);
            await put(keyed);
            await agrees({ keyed, where, terms, size });
          },
        ),
        { numRuns: 60 },
      );
    });

    it('would give something else if a filter, an order, a place of nulls, a cursor, a limit or a count were not kept to', async () => {
      await declare();
      const keyed = [3, null, 1, 2, null, 1].map((n, index): [string, JsonObject] => [
        `r0${index}`,
        { n, x: null, ok: null, tag: index % 2 === 0 ? 'a' : 'b' },
      ]);
      await put(keyed);
      const asked: Asked = { keyed, where: 'or(n.is.null,n.neq.3)', terms: ['n.desc.nullsfirst'], size: 2 };
      await agrees(asked);
      const query = tables.query.bind(tables);
      const spoilt: ((given: ViewQuery) => Partial<ViewQuery>)[] = [
        () => ({ where: [] }),
        () => ({ order: [] }),
        ({ order }) => ({ order: order.map((one) => ({ ...one, descending: !one.descending })) }),
        ({ order }) => ({ order: order.map((one) => ({ ...one, nullsFirst: !one.nullsFirst })) }),
        () => ({ after: undefined }),
        ({ limit }) => ({ limit: limit + 1 }),
        ({ select }) => ({ select: select.slice(1) }),
        () => ({ count: false }),
      ];
      try {
        for (const spoil of spoilt) {
          tables.query = (id, of, given) => query(id, of, { ...given, ...spoil(given) });
          await expect(agrees(asked)).rejects.toThrow();
        }
      } finally {
        tables.query = query;
      }
      await agrees(asked);
    });

    it('answers all rows as of one snapshot, whatever is written meanwhile', async () => {
      await declare();
      await put(Array.from({ length: 1_200 }, (_, n) => [`k${n}`, { n }]));
      const stream = await tables.stream('a', view, parseViewQuery(view, VERSION, new Map([['order', ['n']]]), WHOLE));
      const { commit } = await tables.positions('a', view);
      const seen: JsonValue[] = [];
      for await (const chunk of stream.chunks) {
        if (seen.length === 0)
          await put(Array.from({ length: 1_200 }, (_, n) => [`k${n}`, n % 2 ? undefined : { n: 0 }]));
        seen.push(...chunk.map((row) => row[1]!));
      }
      await stream.close();
      expect(stream.positions.commit).toBe(commit);
      expect(seen).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
      expect((await ask({ count: 'exact', limit: '1' })).count).toBe(600);
    });

    it('reads so many streams at a time and no more, and gives their places back however they end', async () => {
      await declare();
      await put(Array.from({ length: 1_200 }, (_, n) => [`k${n}`, { n }]));
      const query = parseViewQuery(view, VERSION, new Map(), WHOLE);
      for (let round = 0; round < 2; round++) {
        const open = await Promise.all([0, 1, 2, 3].map(() => tables.stream('a', view, query)));
        await expect(tables.stream('a', view, query)).rejects.toMatchObject({ code: 'view-streams-busy' });
        // One is never begun, one is left after its first chunk, two are read to their end.
        await open[1]!.chunks[Symbol.asyncIterator]().next();
        for (const one of open.slice(2)) expect(await rowsIn(one)).toBe(1_200);
        for (const one of open) await one.close();
      }
      const stop = new AbortController();
      const read = whole({}, stop.signal);
      stop.abort();
      await expect(read).rejects.toThrow();
      expect(await whole({})).toHaveLength(1_200);
    });

    it('finds a row by its key, by several columns, and by the key of the record', async () => {
      await declare(
        { n: 'value.n', x: 'value.x' },
        { tag: 'value.tag', 'no of it': { from: 'value.no', type: 'integer' } },
      );
      await put([
        ['a', { tag: 'x,y', no: 1, n: 10 }],
        ['b', { tag: 'x,y', no: 2, n: 20 }],
        ['c', { tag: 'z', no: 2, n: 30 }],
      ]);
      expect((await rowOf('"x,y",2')).rows).toMatchObject([{ n: 20 }]);
      expect((await rowOf('z,2')).rows).toMatchObject([{ n: 30 }]);
      expect((await rowOf('z,3')).rows).toEqual([]);
      await tables.drop('a', view);
      made = await feeder.make('a', { source: { topic: 't' }, columns: COLUMNS });
      ({ view } = made);
      offset = 0;
      await put([['x,"y', { n: 1 }]]);
      expect((await rowOf('x,"y')).rows).toMatchObject([{ n: 1 }]);
    });

    it('shows child rows inside of their rows, in the order of the list', async () => {
      const columns = { sku: { from: 'item.sku', type: 'text' }, n: { from: 'item.n', type: 'integer' } };
      made = await feeder.make('a', {
        source: { topic: 't' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
        explode: { lines: { from: 'value.lines', columns } },
      });
      ({ view } = made);
      offset = 0;
      const lines = ['z', 'a'].map((sku, n) => ({ sku, n }));
      await put([
        ['a', { n: 1, lines }],
        ['b', { n: 2 }],
        ['c', { n: 3, lines: [{}] }],
      ]);
      expect((await ask({ select: 'id,lines(sku),n', order: 'n.desc' })).rows).toEqual([
        { id: 'c', n: 3, lines: [{ sku: null }] },
        { id: 'b', n: 2, lines: [] },
        { id: 'a', n: 1, lines: [{ sku: 'z' }, { sku: 'a' }] },
      ]);
      expect((await ask({ select: 'lines(*)', id: 'eq.a' })).rows).toEqual([{ lines }]);
      expect((await ask({ select: 'lines(n)', id: 'eq.nobody' })).rows).toEqual([]);
    });

    it('takes names of every sort for names and values for values', async () => {
      const odd = ['__proto__', 'constructor', 'from', 'identity', 'c0', 'x'.repeat(63), 'ä ö-ü', 'table'];
      await declare(Object.fromEntries(odd.map((column) => [column, { from: 'value.tag', type: 'text' }])));
      await put([
        ['a', { tag: NASTY }],
        ['b', { tag: 'b' }],
      ]);
      for (const column of odd) {
        const { rows } = await ask({ [column]: [`eq.${NASTY}`], order: column, select: column });
        expect(rows.map((row) => Object.entries(row))).toEqual([[[column, NASTY]]]);
        const quoted = JSON.stringify(NASTY);
        expect(await ids({ or: `("${column}".eq.${quoted},"${column}".in.(${quoted}))` })).toEqual(['a']);
      }
      expect((await whole({})).map((row) => Object.keys(row))).toEqual([
        ['id', ...odd],
        ['id', ...odd],
      ]);
    });
  });
}
