import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { childTables, parseViewQuery, type ViewTables } from '../index.js';
import { Groups } from '../views/group-changes.js';
import { AnsweredTransforms, record, ViewFeeder, type FedView } from './view-feeding.js';
import { GROUPED, grouped, written, type Written } from './view-oracle.js';
import type { ViewTablesSubject } from './view-tables-contract.js';

const sorted = (rows: readonly JsonObject[]): JsonObject[] =>
  [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** That the tables of a view are the fold of their topics: conditions V1 to V3, whatever the order in which the topics are read. */
export function viewFoldContract(name: string, open: () => Promise<ViewTablesSubject>): void {
  describe(`the fold of views on ${name}`, () => {
    let subject: ViewTablesSubject;
    let tables: ViewTables;
    let feeder: ViewFeeder;

    beforeEach(async () => {
      subject = await open();
      tables = subject.tables;
      feeder = new ViewFeeder(() => tables);
    });
    afterEach(async () => subject.dispose());

    const rowsOf = async (made: FedView): Promise<JsonObject[]> => {
      const { rows } = await tables.query(
        made.id,
        made.view,
        parseViewQuery(made.view, { id: made.id, version: 1 }, new Map([['limit', ['1000']]])),
      );
      return rows.map((row) => ({ ...row }));
    };

    /** Feeds records in steps; the lanes, a partition of a topic each, are mixed as the numbers say. */
    async function feedMixed(made: FedView, all: readonly Written[], mix: readonly number[]): Promise<void> {
      const lanes = [0, 1, 2, 3].map((number): PartitionRecord[] =>
        all
          .filter((one) => one.source * 2 + one.partition === number)
          .map((one, offset) => record(offset, one.key, one.value as unknown as JsonValue, one.partition, one.time)),
      );
      for (let turn = 0; lanes.some((rest) => rest.length > 0); turn++) {
        const choice = mix[turn % mix.length]!;
        const lane = lanes.filter((rest) => rest.length > 0)[
          (choice % 4) % lanes.filter((rest) => rest.length > 0).length
        ]!;
        const source = Math.floor(lanes.indexOf(lane) / 2);
        await feeder.feed(made, source, lane.splice(0, 1 + (choice % 3)));
      }
    }

    it('is that of the present rows whatever came first (V1), and of a rebuild (V3)', async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(written, { maxLength: 40 }),
          fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 20 }),
          async (all, mix) => {
            number++;
            const made = await feeder.make(`g${number}`, GROUPED);
            await feedMixed(made, all, mix);
            expect(sorted(await rowsOf(made))).toEqual(sorted(grouped(all)));
            const rebuilt = await feeder.make(`r${number}`, GROUPED);
            await feedMixed(rebuilt, all, [2]);
            expect(await rowsOf(rebuilt)).toEqual(await rowsOf(made));
          },
        ),
        { numRuns: 40 },
      );
    });

    it('ends in the same state of a key in several partitions whichever is read first, also where times go back', async () => {
      let number = 0;
      const one = fc.record({ partition: fc.integer({ min: 0, max: 1 }), time: fc.integer({ min: 0, max: 4 }) });
      await fc.assert(
        fc.asyncProperty(
          fc.array(one, { minLength: 3, maxLength: 9 }),
          fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 9 }),
          async (places, mix) => {
            const all = places.map((place, n): Written => {
              const value = { who: null, tag: 'x', n, x: null, price: null };
              return { source: 0, key: 'a', value: n % 4 === 3 ? undefined : value, ...place };
            });
            const made = await feeder.make(`k${++number}`, GROUPED);
            await feedMixed(made, all, mix);
            expect(await rowsOf(made)).toEqual(grouped(all));
          },
        ),
        { numRuns: 60 },
      );
    });

    it('takes back what a row had counted for when it changes, moves to another group or ends', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { tag: 'value.tag' },
        columns: {
          all: { aggregate: 'count' },
          total: { aggregate: 'sum', of: 'value.n' },
          low: { aggregate: 'min', of: 'value.n' },
        },
      });
      await feeder.feed(made, 0, [
        record(0, 'o1', { tag: 'a', n: 1 }),
        record(1, 'o2', { tag: 'a', n: 5 }),
        record(2, 'o3', { tag: 'b', n: 9 }),
      ]);
      await feeder.feed(made, 0, [record(3, 'o1', { tag: 'b', n: 2 })]);
      expect(await rowsOf(made)).toEqual([
        { tag: 'a', all: 1, total: 5, low: 5 },
        { tag: 'b', all: 2, total: 11, low: 2 },
      ]);
      await feeder.feed(made, 0, [record(4, 'o1', undefined), record(5, 'o2', undefined)]);
      expect(await rowsOf(made)).toEqual([{ tag: 'b', all: 1, total: 9, low: 9 }]);
    });

    it('would show what is not taken back', async () => {
      const all: Written[] = ['x', 'y'].map((tag, n) => {
        return { source: 0, partition: 0, time: n, key: 'a', value: { who: null, tag, n, x: null, price: null } };
      });
      const takeBack = vi.spyOn(Groups.prototype, 'takeBack').mockImplementation(() => undefined);
      try {
        const made = await feeder.make('a', GROUPED);
        await feedMixed(made, all, [0]);
        expect(sorted(await rowsOf(made))).not.toEqual(sorted(grouped(all)));
      } finally {
        takeBack.mockRestore();
      }
      const made = await feeder.make('b', GROUPED);
      await feedMixed(made, all, [0]);
      expect(sorted(await rowsOf(made))).toEqual(sorted(grouped(all)));
    });

    it('knows a newer record of a key by the generation of its topic, whatever its offset', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
      });
      await feeder.feed(made, 0, [record(700, 'o1', { n: 1 }), record(701, 'o2', { n: 2 })]);
      await feeder.enter(made, 0, { generation: 2, next: [0, 0, 0] });
      await feeder.feed(made, 0, [record(0, 'o1', { n: 3 }, 2), record(1, 'o2', undefined, 2)]);
      expect(await rowsOf(made)).toEqual([{ id: 'o1', n: 3 }]);
      // A repartition that is rolled back goes on in the generation before.
      await feeder.enter(made, 0, { generation: 1, next: [702, 0, 0] });
      await feeder.feed(made, 0, [record(702, 'o1', { n: 4 })]);
      expect(await rowsOf(made)).toEqual([{ id: 'o1', n: 4 }]);
    });

    it('does not bring a key back by an older record of another partition', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
      });
      await feeder.feed(made, 0, [record(0, 'o1', undefined, 1, 50), record(1, 'o2', { n: 2 }, 1, 50)]);
      await feeder.feed(made, 0, [record(0, 'o1', { n: 1 }, 0, 40), record(1, 'o2', undefined, 0, 40)]);
      expect(await rowsOf(made)).toEqual([{ id: 'o2', n: 2 }]);
      await feeder.feed(made, 0, [record(2, 'o1', { n: 7 }, 0, 60)]);
      expect(await rowsOf(made)).toEqual([
        { id: 'o1', n: 7 },
        { id: 'o2', n: 2 },
      ]);
    });

    it('would bring it back but for the times of its records', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
      });
      // Written later, in the partition that counts for less among equal times.
      await feeder.feed(made, 0, [record(0, 'timed', undefined, 0, 50), record(1, 'timeless', undefined, 0, -1)]);
      await feeder.feed(made, 0, [record(0, 'timed', { n: 1 }, 1, 40), record(1, 'timeless', { n: 1 }, 1, -1)]);
      expect(await rowsOf(made)).toEqual([{ id: 'timeless', n: 1 }]);
    });

    it('shows only what the filter keeps, computed as the expressions say, and sets aside what they fail on', async () => {
      feeder = new ViewFeeder(
        () => tables,
        new AnsweredTransforms((value) => {
          if (value['n'] === 13) throw new Error('no such key');
          return { keep: value['ok'] !== false, end: value['op'] === 'd', computed: { twice: Number(value['n']) * 2 } };
        }),
      );
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        filter: 'value.ok',
        deletes: { when: 'value.op == "d"', mode: 'soft' },
        columns: { n: 'value.n', twice: { compute: 'value.n * 2', type: 'integer' }, more: { rest: true } },
      });
      await feeder.feed(made, 0, [
        record(0, 'o1', { n: 1, ok: true }, 0, 10),
        record(1, 'o2', { n: 2 }, 0, 11),
        record(2, 'o3', { n: 3 }, 0, 12),
        record(3, 'o4', { n: 13 }, 0, 13),
      ]);
      const positions = await feeder.feed(made, 0, [
        record(4, 'o1', { n: 1, ok: false }, 0, 20),
        record(5, 'o2', { n: 0, op: 'd' }, 0, 21),
        record(6, 'o3', undefined, 0, 22),
      ]);
      expect(positions.refused).toBe(1);
      expect(await rowsOf(made)).toEqual([
        { id: 'o2', n: 2, twice: 4, more: {}, deleted_at: '1970-01-01T00:00:00.021Z' },
        { id: 'o3', n: 3, twice: 6, more: {}, deleted_at: '1970-01-01T00:00:00.022Z' },
      ]);
      await feeder.feed(made, 0, [record(7, 'o3', { n: 4, extra: [1] }, 0, 30)]);
      expect((await rowsOf(made))[1]).toEqual({ id: 'o3', n: 4, twice: 8, more: { extra: [1] }, deleted_at: null });
    });

    it('would show all of it if nothing were declared of which records have rows, and when these end', async () => {
      const answers = (value: JsonObject) => ({ keep: value['ok'] !== false, end: value['op'] === 'd' });
      feeder = new ViewFeeder(() => tables, new AnsweredTransforms(answers));
      const plain: JsonObject = { source: { topic: 'orders' }, key: { id: 'key' }, columns: { n: 'value.n' } };
      const shown = async (id: string, more: JsonObject): Promise<unknown[]> => {
        const made = await feeder.make(id, { ...plain, ...more });
        await feeder.feed(made, 0, [
          record(0, 'o1', { n: 1, ok: false }),
          record(1, 'o2', { n: 2, op: 'd' }),
          record(2, 'o3', { n: 3 }),
        ]);
        return (await rowsOf(made)).map((row) => row['id']);
      };
      expect(await shown('a', { filter: 'value.ok', deletes: { when: 'value.op == "d"' } })).toEqual(['o3']);
      expect(await shown('b', {})).toEqual(['o1', 'o2', 'o3']);
    });

    it('keeps the items of lists as rows of their own, which come and go with their row', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
        flatten: [{ from: 'value.to', prefix: 'to_' }],
        explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item.sku', type: 'text' } } } },
      });
      const [child] = childTables(made.view);
      const items = async (id: string): Promise<JsonValue[][]> => {
        const rows = await tables.find('a', made.view, { table: child!.table, column: 0, equals: id, limit: 100 });
        return rows.map(({ cells }) => cells.slice(1) as JsonValue[]);
      };
      const lines = (...skus: string[]): JsonValue => skus.map((sku) => ({ sku }));
      await feeder.feed(made, 0, [
        record(0, 'o1', { n: 1, to: { zip: 8000 }, lines: lines('a', 'b', 'c') }),
        record(1, 'o2', { lines: lines('z') }),
      ]);
      expect(await rowsOf(made)).toEqual([
        { id: 'o1', n: 1, to_street: null, to_zip: 8000 },
        { id: 'o2', n: null, to_street: null, to_zip: null },
      ]);
      await feeder.feed(made, 0, [record(2, 'o1', { lines: lines('d') }), record(3, 'o2', undefined)]);
      expect(await items('o1')).toEqual([[0, 'd']]);
      expect(await items('o2')).toEqual([]);
      expect((await feeder.feed(made, 0, [record(4, 'o1', { lines: 7 })])).refused).toBe(1);
      expect(await items('o1')).toEqual([[0, 'd']]);
    });

    it('keeps every state of a key with the time it held, where it is a history', async () => {
      const declaration = { source: { topic: 'orders' }, key: { id: 'key' }, history: true, columns: { n: 'value.n' } };
      const records = [
        record(0, 'o1', { n: 1 }, 0, 1_000),
        record(1, 'o1', { n: 2 }, 0, 2_000),
        record(2, 'o1', undefined, 0, 3_000),
        record(3, 'o2', { n: 9 }, 0, 4_000),
        record(4, 'o1', { n: 3 }, 0, 5_000),
      ];
      const stepwise = await feeder.make('a', declaration);
      for (const one of records) await feeder.feed(stepwise, 0, [one]);
      const at = (second: number): string => `1970-01-01T00:00:0${second}.000Z`;
      const states = [
        { id: 'o1', n: 1, valid_from: at(1), valid_to: at(2) },
        { id: 'o1', n: 2, valid_from: at(2), valid_to: at(3) },
        { id: 'o1', n: 3, valid_from: at(5), valid_to: null },
        { id: 'o2', n: 9, valid_from: at(4), valid_to: null },
      ];
      expect(await rowsOf(stepwise)).toEqual(states);
      const whole = await feeder.make('b', declaration);
      await feeder.feed(whole, 0, records);
      expect(await rowsOf(whole)).toEqual(states);
      // But for the history there were the last states alone.
      const present = await feeder.make('c', { ...declaration, history: false });
      await feeder.feed(present, 0, records);
      expect(await rowsOf(present)).toEqual([
        { id: 'o1', n: 3 },
        { id: 'o2', n: 9 },
      ]);
    });

    it('counts by windows of a time, and by the topic, over several topics side by side', async () => {
      const made = await feeder.make('a', {
        sources: [{ topic: 'orders' }, { topic: 'bookings', columns: { total: 'value.amount' } }],
        key: { hour: { window: '1h', on: 'value.at' }, topic: 'topic' },
        columns: {
          all: { aggregate: 'count' },
          total: { aggregate: 'sum', of: 'value.n', type: 'integer' },
        },
      });
      await feeder.feed(made, 0, [
        record(0, 'k', { at: 3_599_999, n: 1 }),
        record(1, 'l', { at: 3_600_000, n: 2 }),
        record(2, 'm', { at: -1, n: 3 }),
        record(3, 'n', { n: 4 }),
      ]);
      // The same key in another topic is another row.
      await feeder.feed(made, 1, [record(0, 'k', { at: 0, amount: 10 })]);
      expect(sorted(await rowsOf(made))).toEqual(
        sorted([
          { hour: '1970-01-01T00:00:00.000Z', topic: 'topic0', all: 1, total: 1 },
          { hour: '1970-01-01T00:00:00.000Z', topic: 'topic1', all: 1, total: 10 },
          { hour: '1970-01-01T01:00:00.000Z', topic: 'topic0', all: 1, total: 2 },
          { hour: '1969-12-31T23:00:00.000Z', topic: 'topic0', all: 1, total: 3 },
          { hour: null, topic: 'topic0', all: 1, total: 4 },
        ]),
      );
    });

    it('knows the latest of several topics also where their records have one time and place, whichever is read first', async () => {
      for (const mode of ['latest', 'events']) {
        const declaration: JsonObject = {
          sources: [
            { topic: 'orders', mode },
            { topic: 'bookings', mode },
          ],
          key: { tag: 'value.tag' },
          columns: { last: { aggregate: 'latest', of: 'value.n' } },
        };
        for (const sources of [
          [0, 1],
          [1, 0],
        ]) {
          const made = await feeder.make(`${mode}${sources.join('')}`, declaration);
          for (const source of sources)
            await feeder.feed(made, source, [record(0, 'k', { tag: 'a', n: source }, 0, 5)]);
          expect(await rowsOf(made)).toEqual([{ tag: 'a', last: 1 }]);
        }
      }
    });

    it('joins records of each topic by the field that it has the key column in, whichever is read first', async () => {
      const declaration: JsonObject = {
        sources: [{ topic: 'orders' }, { topic: 'bookings', columns: { who: 'value.name' } }],
        joins: [{ as: 'person', topic: 'people', on: 'value.who' }],
        key: { who: 'value.who' },
        columns: { all: { aggregate: 'count' }, city: 'person.value.city' },
      };
      for (const sources of [
        [0, 1],
        [1, 0],
      ]) {
        const made = await feeder.make(`j${sources.join('')}`, declaration);
        await feeder.feed(made, 2, [record(0, 'ann', { city: 'Oslo' })]);
        for (const source of sources)
          await feeder.feed(made, source, [record(0, `k${source}`, source === 0 ? { who: 'ann' } : { name: 'ann' })]);
        expect(await rowsOf(made)).toEqual([{ who: 'ann', all: 2, city: 'Oslo' }]);
      }
    });

    it('is not changed by records that are read again (V2), of rows, lists, histories, soft ends and what is counted of present rows', async () => {
      const rows: JsonObject = {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n', tag: 'value.tag' },
      };
      const declarations: JsonObject[] = [
        { ...rows, explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item', type: 'text' } } } } },
        { ...rows, history: true },
        { ...rows, deletes: { mode: 'soft' } },
        GROUPED,
      ];
      let number = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...declarations),
          fc.array(written, { minLength: 1, maxLength: 25 }),
          fc.nat({ max: 24 }),
          async (declaration, all, back) => {
            const made = await feeder.make(`v${++number}`, declaration);
            const joined = declaration === GROUPED;
            const lanes = [0, 1, 2, 3].map((lane) =>
              all
                .filter((one) => one.source * 2 + one.partition === lane)
                .map((one, offset) =>
                  record(offset, one.key, one.value as unknown as JsonValue, one.partition, one.time),
                ),
            );
            const read = lanes.flatMap((records, lane) => (lane < 2 || joined ? [{ source: lane >> 1, records }] : []));
            for (const { source, records } of read) await feeder.feed(made, source, records);
            const before = await rowsOf(made);
            // A position that was stored earlier than the rows: from some record of each partition on, all come again.
            for (const source of joined ? [0, 1] : [0]) {
              const next = [0, 1].map((partition) => Math.min(back, lanes[source * 2 + partition]!.length));
              await feeder.enter(made, source, { generation: 1, next });
              const again = [0, 1].flatMap((partition) => lanes[source * 2 + partition]!.slice(next[partition]));
              await feeder.feed(made, source, again);
            }
            expect(await rowsOf(made)).toEqual(before);
          },
        ),
        { numRuns: 60 },
      );
    });

    it('has no sum of decimals that is longer than they may be, until it is shorter again', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { tag: 'value.tag' },
        columns: { money: { aggregate: 'sum', of: 'value.huge', type: 'decimal(18,2)' } },
      });
      const huge = '9999999999999999.99';
      await feeder.feed(made, 0, [record(0, 'a', { tag: 'x', huge }), record(1, 'b', { tag: 'x', huge: '0.01' })]);
      expect(await rowsOf(made)).toEqual([{ tag: 'x', money: null }]);
      await feeder.feed(made, 0, [record(2, 'b', undefined)]);
      expect(await rowsOf(made)).toEqual([{ tag: 'x', money: huge }]);
    });

    it('sets aside a record whose key is no text, which would be taken for another', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
      });
      const keyed = (offset: number, byte: number) => ({
        ...record(offset, 'k', { n: offset }),
        key: Buffer.from([byte]),
      });
      const positions = await feeder.feed(made, 0, [keyed(0, 0xfe), keyed(1, 0xff), keyed(2, 0x61)]);
      expect(positions.refused).toBe(2);
      expect(await rowsOf(made)).toEqual([{ id: 'a', n: 2 }]);
    });

    it('lets rows go when their time is over, with what belongs to them', async () => {
      const made = await feeder.make('a', {
        source: { topic: 'orders' },
        key: { id: 'key' },
        columns: { n: 'value.n' },
        explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item', type: 'text' } } } },
        retention: { after: '10s' },
      });
      await feeder.feed(made, 0, [
        record(0, 'o1', { n: 1, lines: ['a'] }, 0, 5_000),
        record(1, 'o2', { n: 2 }, 0, 15_000),
        record(2, 'o3', { n: 3 }, 0, -1),
      ]);
      // More than are looked at in one go have no time, and are not in the way.
      const timeless = Array.from({ length: 600 }, (_, n) => record(3 + n, `x${n}`, { n }, 0, -1));
      await feeder.feed(made, 0, timeless);
      // Not a millisecond early.
      await feeder.tidy(made, 15_000);
      expect((await rowsOf(made)).map((row) => row['id']).filter((id) => /^o/.test(String(id)))).toHaveLength(3);
      await feeder.tidy(made, 15_001);
      expect((await rowsOf(made)).map((row) => row['id']).filter((id) => /^o/.test(String(id)))).toEqual(['o2', 'o3']);
      const table = childTables(made.view)[0]!.table;
      expect(await tables.find('a', made.view, { table, column: 0, equals: 'o1', limit: 10 })).toEqual([]);
    });
  });
}
