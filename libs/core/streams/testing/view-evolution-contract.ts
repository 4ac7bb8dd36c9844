import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { childTables, parseViewQuery, type FieldType, FieldTypes, type ViewTables } from '../index.js';
import { record, ViewFeeder, type FedView } from './view-feeding.js';
import type { ViewTablesSubject } from './view-tables-contract.js';

/** Types of a schema that gets further fields, by name. */
class LaterTypes extends FieldTypes {
  readonly fields = new Map<string, FieldType>([['n', { type: 'integer' }]]);

  async typeOf(_topic: string, path: { steps: readonly (string | number)[] }): Promise<FieldType> {
    return this.fields.get(String(path.steps[0])) ?? { type: 'text' };
  }

  async membersOf(): Promise<ReadonlyMap<string, FieldType>> {
    return this.fields;
  }
}

/** Fields that the schema gets one after the other. */
const LATER: readonly (readonly [string, FieldType])[] = [
  ['plain', { type: 'text' }],
  ['counted', { type: 'integer', default: 7 }],
  ['said', { type: 'text', default: 'it\'s \\ "so"' }],
  ['big', { type: 'integer', default: '9007199254740993' }],
  ['price', { type: 'decimal(10,2)', reading: 'unscaled(2)', default: 'AMg=' }],
  ['tags', { type: 'json', default: ['a', null] }],
  ['at', { type: 'timestamp', default: 1_000 }],
];
const VALUES: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  n: fc.integer({ min: 0, max: 5 }),
  plain: fc.option(fc.constantFrom('', 'x', "'; drop table weir_views; --"), { nil: null }),
  counted: fc.integer({ min: 5, max: 9 }),
  said: fc.constantFrom('', 'y'),
  big: fc.constantFrom(1, '9007199254740995'),
  price: fc.constantFrom('AMg=', 'Zg=='),
  tags: fc.constantFrom([], ['b']),
  at: fc.constantFrom(0, 2_000),
};

const ALL: JsonObject = {
  source: { topic: 'orders' },
  key: { id: 'key' },
  columns: { who: 'value.who', city: 'person.value.city' },
  joins: [{ as: 'person', topic: 'people', on: 'value.who' }],
  flatten: [{ from: 'value' }],
  explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item.sku', type: 'text' } } } },
  deletes: { mode: 'soft' },
};
const STATES: JsonObject = {
  source: { topic: 'orders' },
  key: { id: 'key' },
  history: true,
  columns: {},
  flatten: [{ from: 'value' }],
};

/** What happens to a topic and to its view. */
type Happening =
  | { readonly kind: 'evolve' }
  | {
      readonly kind: 'write';
      readonly key: string;
      readonly ends: boolean;
      readonly value: JsonObject;
      readonly knows: number;
    };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'evolve' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      key: fc.constantFrom('a', 'b', 'c'),
      ends: fc.nat({ max: 4 }).map((one) => one === 0),
      value: fc.record(VALUES) as fc.Arbitrary<JsonObject>,
      /** How many of the later fields its writer knows, of those that there are. */
      knows: fc.nat({ max: LATER.length }),
    }),
  },
);

const sorted = (rows: readonly JsonObject[]): JsonObject[] => {
  const text = (row: JsonObject): string => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
  return [...rows].sort((a, b) => (text(a) < text(b) ? -1 : 1));
};

/** That a view which is changed in place is what it would be were it built anew. */
export function viewEvolutionContract(name: string, open: () => Promise<ViewTablesSubject>): void {
  describe(`views that are changed in place on ${name}`, () => {
    let subject: ViewTablesSubject;
    let tables: ViewTables;
    let types: LaterTypes;
    let feeder: ViewFeeder;

    beforeEach(async () => {
      subject = await open();
      tables = subject.tables;
      types = new LaterTypes();
      feeder = new ViewFeeder(() => tables, undefined, types);
    });
    afterEach(async () => subject.dispose());

    const rowsOf = async ({ id, view }: FedView, query: Record<string, string> = {}): Promise<JsonObject[]> => {
      const parameters = new Map(Object.entries({ limit: '1000', ...query }).map(([key, value]) => [key, [value]]));
      const { rows } = await tables.query(id, view, parseViewQuery(view, { id, version: 1 }, parameters));
      return rows.map((row) => ({ ...row }));
    };
    const evolved = async (made: FedView, declaration: JsonObject): Promise<FedView> => {
      const plan = await feeder.plan(made, declaration);
      expect(plan).toMatchObject({ outcome: 'in-place' });
      return (await feeder.evolve(made, plan))!;
    };

    it('are what they would be were they built anew, whatever was written before, between and after', async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(happening, { maxLength: 24 }), fc.boolean(), async (happenings, isHistory) => {
          number++;
          types.fields.clear();
          types.fields.set('n', { type: 'integer' });
          const declaration = isHistory ? STATES : ALL;
          let made = await feeder.make(`e${number}`, declaration);
          const all: PartitionRecord[] = [];
          for (const one of happenings) {
            const there = types.fields.size - 1;
            if (one.kind === 'evolve') {
              const field = LATER[there];
              if (field === undefined) continue;
              types.fields.set(...field);
              made = await evolved(made, declaration);
              continue;
            }
            const known = ['n', ...LATER.slice(0, Math.min(one.knows, there)).map(([later]) => later)];
            const value = Object.fromEntries(known.map((member) => [member, one.value[member]!]));
            const written = record(all.length, one.key, one.ends ? undefined : value, 0, all.length);
            all.push(written);
            await feeder.feed(made, 0, [written]);
          }
          const anew = await feeder.make(`n${number}`, declaration);
          if (all.length > 0) await feeder.feed(anew, 0, all);
          expect(sorted(await rowsOf(made))).toEqual(sorted(await rowsOf(anew)));
        }),
        { numRuns: 40 },
      );
    });

    it('would not be where records had had a field: then it is another version, and the tables refuse it', async () => {
      types.fields.set('counted', { type: 'integer', default: 7 });
      const before: JsonObject = { source: { topic: 'orders' }, key: { id: 'key' }, columns: { n: 'value.n' } };
      const after: JsonObject = { ...before, columns: { n: 'value.n', counted: 'value.counted' } };
      const records = [record(0, 'a', { n: 1 }), record(1, 'b', { n: 2, counted: 8 })];
      let made = await feeder.make('a', before);
      await feeder.feed(made, 0, records.slice(0, 1));
      const early = await feeder.plan(made, after);
      expect(early).toMatchObject({ outcome: 'in-place', changes: [{ what: 'counted', inPlace: true, value: 7 }] });
      await feeder.feed(made, 0, records.slice(1));
      expect(await feeder.plan(made, after)).toMatchObject({
        outcome: 'new-version',
        changes: [
          { what: 'counted', change: 'added', inPlace: false, reason: expect.stringMatching(/'counted'/) as string },
        ],
      });
      // A plan from before the record came is refused by the tables themselves.
      expect(await feeder.evolve(made, early)).toBeUndefined();
      expect(await rowsOf(made)).toEqual([
        { id: 'a', n: 1 },
        { id: 'b', n: 2 },
      ]);
      // Without that condition the rows were wrong.
      made = (await feeder.evolve(made, { ...early, inPlace: { ...early.inPlace!, unseen: [] } }))!;
      const anew = await feeder.make('b', after);
      await feeder.feed(anew, 0, records);
      expect(await rowsOf(anew)).toEqual([
        { id: 'a', n: 1, counted: 7 },
        { id: 'b', n: 2, counted: 8 },
      ]);
      expect(await rowsOf(made)).not.toEqual(await rowsOf(anew));
    });

    it('take columns of rows, reference rows, lists and groups, and indexes, behind those that are there', async () => {
      const rows: JsonObject = { ...ALL, flatten: [] };
      let made = await feeder.make('a', rows);
      await feeder.feed(made, 0, [
        record(0, 'o1', { n: 1, who: 'ann', lines: [{ sku: 'x' }, { sku: 'y' }] }),
        record(1, 'o2', { n: 2, who: 'bob', lines: [] }),
      ]);
      await feeder.feed(made, 1, [record(0, 'ann', { city: 'Oslo' })]);
      const more: JsonObject = {
        ...rows,
        columns: {
          zip: { from: 'person.value.zip', type: 'integer' },
          note: { from: 'value.note', type: 'text' },
          hour: { window: '1h', on: 'value.when', type: 'timestamp' },
          ...(rows['columns'] as JsonObject),
        },
        explode: {
          lines: {
            from: 'value.lines',
            columns: { count: { from: 'item.count', type: 'integer' }, sku: { from: 'item.sku', type: 'text' } },
          },
        },
        indexes: ['note', ['who', 'note']],
      };
      made = await evolved(made, more);
      expect(made.view.columns.map((column) => column.name).slice(-3)).toEqual(['zip', 'note', 'hour']);
      const missing = { zip: null, note: null, hour: null, deleted_at: null };
      expect(await rowsOf(made, { order: 'id' })).toEqual([
        { id: 'o1', who: 'ann', city: 'Oslo', ...missing },
        { id: 'o2', who: 'bob', city: null, ...missing },
      ]);
      await tables.index('a', made.view);
      await feeder.feed(made, 0, [
        record(2, 'o2', { n: 3, who: 'ann', note: 'new', when: 3_700_000, lines: [{ sku: 'z', count: 4 }] }),
        record(3, 'o1', undefined, 0, 5_000),
      ]);
      await feeder.feed(made, 1, [record(1, 'ann', { city: 'Rome', zip: 101 })]);
      expect(await rowsOf(made, { order: 'id' })).toEqual([
        {
          id: 'o1',
          who: 'ann',
          city: 'Rome',
          zip: 101,
          note: null,
          hour: null,
          deleted_at: '1970-01-01T00:00:05.000Z',
        },
        {
          id: 'o2',
          who: 'ann',
          city: 'Rome',
          zip: 101,
          note: 'new',
          hour: '1970-01-01T01:00:00.000Z',
          deleted_at: null,
        },
      ]);
      expect(await rowsOf(made, { note: 'eq.new', select: 'id,lines(sku,count)' })).toEqual([
        { id: 'o2', lines: [{ sku: 'z', count: 4 }] },
      ]);
      const items = await tables.find('a', made.view, {
        table: childTables(made.view)[0]!.table,
        column: 0,
        equals: 'o1',
        limit: 9,
      });
      expect(items.map(({ cells }) => cells)).toEqual([
        ['o1', 0, 'x', null],
        ['o1', 1, 'y', null],
      ]);
    });

    it('take columns of any name, and defaults of any text', async () => {
      const nasty = `'); drop table weir_views; -- " ? $1 %s \\ ä`;
      const odd = ['toString', 'constructor', 'from', 'c0', 'identity', 'table', 'x'.repeat(63)];
      const declaration: JsonObject = {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
        explode: JSON.parse(
          '{"__proto__": {"from": "value.lines", "columns": {"a": {"from": "item.a", "type": "text"}}}}',
        ) as JsonObject,
      };
      let made = await feeder.make('a', declaration);
      await feeder.feed(made, 0, [record(0, 'o1', { n: 1, lines: [{ a: 'x' }] })]);
      for (const name of odd) types.fields.set(name, { type: 'text', default: `${name} ${nasty}` });
      const columns = Object.fromEntries(odd.map((name) => [name, `value[${JSON.stringify(name)}]`]));
      const explode = JSON.parse(
        '{"__proto__": {"from": "value.lines", "columns": {"a": {"from": "item.a", "type": "text"}, "__proto__": {"from": "item.b", "type": "text"}}}}',
      ) as JsonObject;
      made = await evolved(made, { ...declaration, columns: { n: 'value.n', ...columns }, explode });
      await feeder.feed(made, 0, [record(1, 'o2', { n: 2, lines: [{ a: 'y', b: 'z' }] })]);
      const rows = await rowsOf(made, { order: 'id' });
      expect(rows.map((row) => odd.map((name) => row[name]))).toEqual(
        Array.from({ length: 2 }, () => odd.map((name) => `${name} ${nasty}`)),
      );
      const [list] = childTables(made.view);
      const items = await tables.find('a', made.view, { table: list!.table, limit: 9 });
      expect(items.map(({ cells }) => cells)).toEqual([
        ['o1', 0, 'x', null],
        ['o2', 0, 'y', 'z'],
      ]);
    });

    it('take aggregates over what no event has had', async () => {
      const events: JsonObject = {
        source: { topic: 'orders', mode: 'events' },
        key: { tag: 'value.tag' },
        columns: { all: { aggregate: 'count' } },
      };
      let made = await feeder.make('a', events);
      await feeder.feed(made, 0, [record(0, 'k', { tag: 'a' }), record(1, 'k', { tag: 'b' })]);
      const more: JsonObject = {
        ...events,
        columns: {
          total: { aggregate: 'sum', of: 'value.cents', type: 'integer' },
          last: { aggregate: 'latest', of: 'value.cents', type: 'integer' },
          all: { aggregate: 'count' },
        },
      };
      made = await evolved(made, more);
      await feeder.feed(made, 0, [record(2, 'k', { tag: 'b', cents: 5 }), record(3, 'k', { tag: 'b', cents: 6 })]);
      expect(await rowsOf(made, { order: 'tag' })).toEqual([
        { tag: 'a', all: 1, total: null, last: null },
        { tag: 'b', all: 3, total: 11, last: 6 },
      ]);
    });

    it('are not written by anybody who knows them as they were, and say what they have become to whoever comes', async () => {
      const declaration: JsonObject = { source: { topic: 'orders' }, key: { id: 'key' }, columns: { n: 'value.n' } };
      const made = await feeder.make('a', declaration);
      const { commit } = await feeder.feed(made, 0, [record(0, 'a', { n: 1 })]);
      const plan = await feeder.plan(made, { ...declaration, columns: { n: 'value.n', plain: 'value.plain' } });
      const next = (await feeder.evolve(made, plan))!;
      for (const [epoch, at] of [
        [made.epoch, commit],
        [next.epoch, commit + 1],
      ] as const)
        await expect(
          tables.apply('a', made.view, epoch, { commit: at, changes: [], refused: [] }),
        ).rejects.toMatchObject({ code: 'view-writer-fenced' });
      expect(await tables.evolve('a', made.view, plan.inPlace!)).toBe(false);
      const reopened = await subject.reopen();
      expect(await reopened.revision('a', made.view)).toEqual({
        revision: 1,
        evolved: plan.inPlace!.to,
        seen: [{ source: 0, object: 'value', name: 'n' }],
      });
      // Readers that know it as it was go on.
      const old = parseViewQuery(made.view, { id: 'a', version: 1 }, new Map());
      expect((await reopened.query('a', made.view, old)).rows).toEqual([{ id: 'a', n: 1 }]);
    });
  });
}
