import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { parseViewQuery, ROWS, type ViewDefinition, type ViewRows, type ViewTables } from '../index.js';
import { record, ViewFeeder, type FedView } from './view-feeding.js';

/** What the suite is given: empty tables, and what takes them away. `reopen` opens what was stored anew, as after a crash. */
export interface ViewTablesSubject {
  readonly tables: ViewTables;
  reopen(): Promise<ViewTables>;
  dispose(): Promise<void>;
}

const LATEST: JsonObject = {
  source: { topic: 'orders' },
  joins: [{ as: 'who', topic: 'people', on: 'value.who' }],
  key: { id: 'key' },
  columns: { n: 'value.n', x: 'value.x', ok: 'value.ok', at: 'value.at', tag: 'value.tag', city: 'who.value.city' },
};
const EVENTS: JsonObject = {
  source: { topic: 'orders', mode: 'events' },
  key: { tag: 'value.tag' },
  columns: {
    all: { aggregate: 'count' },
    total: { aggregate: 'sum', of: 'value.n' },
    mean: { aggregate: 'avg', of: 'value.n' },
    low: { aggregate: 'min', of: 'value.n' },
    high: { aggregate: 'max', of: 'value.n' },
  },
};

/** What every {@link ViewTables} keeps: conditions V1, V2 and V5 of stream management as far as the tables are concerned, and queries. */
export function viewTablesContract(name: string, open: () => Promise<ViewTablesSubject>): void {
  describe(`${name} as ViewTables`, () => {
    let subject: ViewTablesSubject;
    let tables: ViewTables;
    let feeder: ViewFeeder;

    beforeEach(async () => {
      feeder = new ViewFeeder(() => tables);
      subject = await open();
      tables = subject.tables;
    });
    afterEach(async () => subject.dispose());

    const make = (id: string, declaration: JsonObject): Promise<FedView> => feeder.make(id, declaration);
    const feed = (made: FedView, source: number, records: readonly PartitionRecord[]) =>
      feeder.feed(made, source, records);

    const ask = async (
      made: { id: string; view: ViewDefinition },
      query: Record<string, string | string[]> = {},
    ): Promise<ViewRows> =>
      tables.query(
        made.id,
        made.view,
        parseViewQuery(
          made.view,
          { id: made.id, version: 1 },
          new Map(Object.entries(query).map(([key, value]) => [key, [value].flat()])),
        ),
      );

    it('shows the newest state of each key, and no row after its tombstone', async () => {
      const made = await make('a', LATEST);
      await feed(made, 0, [
        record(0, 'o1', { n: 1, x: 1.5, ok: true, at: 1_000, tag: 'a' }),
        record(1, 'o2', { n: 2 }),
        record(2, 'o1', { n: 3 }),
      ]);
      expect((await ask(made)).rows).toEqual([
        { id: 'o1', n: 3, x: null, ok: null, at: null, tag: null, city: null },
        { id: 'o2', n: 2, x: null, ok: null, at: null, tag: null, city: null },
      ]);
      await feed(made, 0, [
        record(3, 'o1', undefined),
        record(4, 'o2', { n: 9, x: 0.25, ok: false, at: 86_400_000, tag: '' }),
      ]);
      expect((await ask(made)).rows).toEqual([
        { id: 'o2', n: 9, x: 0.25, ok: false, at: '1970-01-02T00:00:00.000Z', tag: '', city: null },
      ]);
    });

    it('joins the present row of the reference topic, whichever came first', async () => {
      const made = await make('a', LATEST);
      await feed(made, 0, [record(0, 'o1', { who: 'ann' }), record(1, 'o2', { who: 'bob' })]);
      await feed(made, 1, [record(0, 'bob', { city: 'Rome' }), record(1, 'ann', { city: 'Oslo' })]);
      expect((await ask(made, { select: 'id,city' })).rows).toEqual([
        { id: 'o1', city: 'Oslo' },
        { id: 'o2', city: 'Rome' },
      ]);
      await feed(made, 1, [record(2, 'ann', { city: 'Lima' }), record(3, 'bob', undefined)]);
      expect((await ask(made, { select: 'id,city', city: 'is.null' })).rows).toEqual([{ id: 'o2', city: null }]);
      expect((await ask(made, { select: 'id', city: 'eq.Lima' })).rows).toEqual([{ id: 'o1' }]);
    });

    it('adds up groups over steps, passing over nulls and tombstones', async () => {
      const made = await make('a', EVENTS);
      await feed(made, 0, [
        record(0, 'k', { tag: 'a', n: 5 }),
        record(1, 'k', { tag: 'a', n: null }),
        record(2, 'k', undefined),
      ]);
      await feed(made, 0, [
        record(3, null, { tag: 'a', n: -1 }),
        record(4, 'k', { tag: 'b' }),
        record(5, 'k', { n: 7 }),
      ]);
      expect((await ask(made, { order: 'tag' })).rows).toEqual([
        { tag: 'a', all: 3, total: 4, mean: 2, low: -1, high: 5 },
        { tag: 'b', all: 1, total: null, mean: null, low: null, high: null },
        { tag: null, all: 1, total: 7, mean: 7, low: 7, high: 7 },
      ]);
    });

    it('stores many new rows at once as they are, with changes of older ones among them', async () => {
      const made = await make('a', LATEST);
      const tags = ['', 'a\tb\nc\rd', '\\N', 'back\\slash', '\\.', '"quoted", {1,2}', "it's", 'ä €\u{1f600}', null];
      const numbers = [0, -1, 2 ** 31, -(2 ** 53) + 1, null];
      const doubles = [0.1, -1e-300, 1e300, 5, null];
      const value = (n: number): JsonObject => ({
        n: n % 6 === 5 ? '9223372036854775807' : numbers[n % numbers.length]!,
        x: doubles[n % doubles.length]!,
        tag: tags[n % tags.length]!,
        ok: n % 2 === 0,
        at: n * 1_000,
      });
      const all = Array.from({ length: 1_100 }, (_, n) => n);
      await feed(
        made,
        0,
        all.slice(0, 600).map((n) => record(n, `k\t${n}`, value(n))),
      );
      // From the middle on again, otherwise; the rest is new.
      await feed(
        made,
        0,
        all.slice(300).map((n) => record(700 + n, `k\t${n}`, value(n + 1))),
      );
      const stored = await tables.rows(
        'a',
        made.view,
        ROWS,
        all.map((n) => `k\t${n}`),
      );
      expect(stored.size).toBe(all.length);
      for (const n of all) {
        const expected = value(n < 300 ? n : n + 1);
        const big = expected['n'] === '9223372036854775807' ? 9_223_372_036_854_775_807n : expected['n'];
        const version = [1, 0, n < 300 ? n : 700 + n, 0];
        expect(stored.get(`k\t${n}`)).toEqual([
          ...version,
          ...[`k\t${n}`, big, expected['x'], Number(expected['ok']), expected['at'], expected['tag'], null],
        ]);
      }
    });

    it('makes the indexes of queries when told to, however often, with rows that are there', async () => {
      const made = await make('a', { ...LATEST, indexes: ['tag', ['n', 'id']] });
      await feed(made, 0, [record(0, 'o1', { n: 1, tag: 'b' }), record(1, 'o2', { n: 2, tag: 'a' })]);
      await tables.index('a', made.view);
      await tables.index('a', made.view);
      await feed(made, 0, [record(2, 'o3', { n: 0, tag: 'c' })]);
      expect((await ask(made, { order: 'tag', select: 'id' })).rows).toEqual([
        { id: 'o2' },
        { id: 'o1' },
        { id: 'o3' },
      ]);
    });

    it('stores rows and position together, and finds both again', async () => {
      const made = await make('a', LATEST);
      const positions = await feed(made, 0, [record(0, 'o1', { n: 1 }), record(0, 'o2', { n: 2 }, 1)]);
      expect(positions).toEqual({
        epoch: 1,
        commit: 1,
        sources: [{ generation: 1, next: [1, 1] }, undefined],
        refused: 0,
      });
      tables = await subject.reopen();
      expect(await tables.positions('a', made.view)).toEqual(positions);
      expect((await ask(made)).positions).toEqual(positions);
      expect((await ask(made)).rows).toHaveLength(2);
    });

    it('refuses a step that does not begin where the view stands, changing nothing', async () => {
      const made = await make('a', LATEST);
      await feed(made, 0, [record(0, 'o1', { n: 1 })]);
      const step = { changes: [{ table: ROWS, puts: [], deletes: ['o1'] }], refused: [] };
      const to = { generation: 1, next: [5, 0] };
      for (const [commit, from] of [
        [1, { generation: 1, next: [0, 0] }],
        [1, { generation: 1, next: [2, 0] }],
        [1, { generation: 2, next: [1, 0] }],
        [0, { generation: 1, next: [1, 0] }],
        [2, { generation: 1, next: [1, 0] }],
      ] as const) {
        await expect(
          tables.apply('a', made.view, made.epoch, { ...step, commit, move: { source: 0, from, to } }),
        ).rejects.toMatchObject({ code: 'view-writer-fenced' });
      }
      expect((await ask(made)).rows).toHaveLength(1);
      expect((await tables.positions('a', made.view)).commit).toBe(1);
    });

    it('refuses a worker once another has claimed the view', async () => {
      const made = await make('a', LATEST);
      const second = await tables.claim('a', made.view);
      expect(second.epoch).toBeGreaterThan(made.epoch);
      await expect(feed(made, 0, [record(0, 'o1', { n: 1 })])).rejects.toMatchObject({ code: 'view-writer-fenced' });
      await feed({ ...made, epoch: second.epoch }, 0, [record(0, 'o1', { n: 1 })]);
    });

    it('sets aside what cannot be folded, with its coordinates, and goes on', async () => {
      const made = await make('a', LATEST);
      const broken = { ...record(1, 'o2', {}), value: Buffer.from('{') };
      const positions = await feed(made, 0, [
        record(0, 'o1', { n: 'many' }),
        broken,
        record(2, null, { n: 1 }),
        record(3, 'o3', { n: 3 }),
      ]);
      expect(positions.refused).toBe(3);
      expect((await ask(made, { select: 'id' })).rows).toEqual([{ id: 'o3' }]);
      expect((await tables.refused('a', made.view, 10)).map(({ offset, code }) => [offset, code])).toEqual([
        [0, 'column-mismatch'],
        [1, 'undecodable-record'],
        [2, 'null-key'],
      ]);
      const place = { source: 0, generation: 1, partition: 0, offset: 1 };
      expect(await tables.isSetAside('a', made.view, place)).toBe(true);
      for (const other of [{ source: 1 }, { generation: 2 }, { partition: 1 }, { offset: 3 }])
        expect(await tables.isSetAside('a', made.view, { ...place, ...other })).toBe(false);
      const step = { commit: positions.commit, changes: [], refused: [], redriven: [place] };
      expect((await tables.apply('a', made.view, made.epoch, step)).refused).toBe(2);
      expect(await tables.isSetAside('a', made.view, place)).toBe(false);
    });

    it('is the fold of its source whatever the steps were (V1), and a rebuild equals it (V3)', async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              partition: fc.integer({ min: 0, max: 1 }),
              key: fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__'),
              value: fc.option(
                fc.record({
                  n: fc.option(fc.integer()),
                  tag: fc.constantFrom('x', 'y', "'; drop table weir_views; --"),
                }),
                { nil: undefined },
              ),
              endsStep: fc.boolean(),
            }),
            { maxLength: 40 },
          ),
          async (changes) => {
            const offsets = [0, 0];
            const records = changes.map((change) =>
              record(offsets[change.partition]!++, `${change.key}${change.partition}`, change.value, change.partition),
            );
            const [stepwise, rebuilt] = await Promise.all([make(`s${number}`, LATEST), make(`r${number}`, LATEST)]);
            const [groups, regrouped] = await Promise.all([make(`g${number}`, EVENTS), make(`h${number}`, EVENTS)]);
            number++;
            let step: PartitionRecord[] = [];
            for (const [index, one] of records.entries()) {
              step.push(one);
              if (!changes[index]!.endsStep) continue;
              await feed(stepwise, 0, step);
              await feed(groups, 0, step);
              step = [];
            }
            for (const made of [stepwise, groups]) await feed(made, 0, step);
            for (const made of [rebuilt, regrouped]) await feed(made, 0, records);
            const expected = new Map<string, JsonValue>();
            for (const one of records) {
              expected.delete(String(one.key));
              if (one.value !== null)
                expected.set(String(one.key), (JSON.parse(String(one.value)) as { n: JsonValue }).n);
            }
            const rows = (await ask(stepwise, { limit: '1000' })).rows;
            expect(new Map(rows.map((row) => [String(row['id']), row['n']]))).toEqual(expected);
            expect(rows).toEqual((await ask(rebuilt, { limit: '1000' })).rows);
            expect((await ask(groups)).rows).toEqual((await ask(regrouped)).rows);
          },
        ),
        { numRuns: 30 },
      );
    });

    it('keeps sums exact beyond what a double can hold', async () => {
      const made = await make('a', EVENTS);
      const big = Number.MAX_SAFE_INTEGER;
      await feed(made, 0, [record(0, 'k', { tag: 'a', n: big }), record(1, 'k', { tag: 'a', n: big })]);
      await feed(made, 0, [record(2, 'k', { tag: 'a', n: big })]);
      expect((await ask(made, { select: 'total,high' })).rows).toEqual([
        { total: String(BigInt(big) * 3n), high: big },
      ]);
    });

    it('takes a view away without a trace, and does not mind doing it twice', async () => {
      const made = await make('a', LATEST);
      await make('ab', LATEST);
      await feed(made, 0, [record(0, 'o1', { n: 1 })]);
      await tables.drop('a', made.view);
      await tables.drop('a', made.view);
      expect(await tables.list()).toEqual(['ab']);
      await expect(tables.claim('a', made.view)).rejects.toMatchObject({ code: 'view-not-found' });
      const again = await make('a', LATEST);
      expect((await ask(again)).rows).toEqual([]);
    });
  });
}
