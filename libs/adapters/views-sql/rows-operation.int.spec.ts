import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { TableChange } from '#libs/core/streams';
import { drive, newOperation, runOf, type StoredOperation } from '#libs/core/streams/testing';
import { ViewWorld, type ViewInstance } from './testing/view-world.js';

const ROWS: JsonObject = { source: { topic: 't' }, key: { id: 'key' }, columns: { n: 'value.n', tag: 'value.tag' } };
const LISTS: JsonObject = {
  ...ROWS,
  explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item.sku', type: 'text' } } } },
};
const HISTORY: JsonObject = { ...ROWS, history: true };
const SOFT: JsonObject = { ...ROWS, deletes: { mode: 'soft' } };
const SHARES: JsonObject = {
  source: { topic: 't' },
  joins: [{ as: 'r', topic: 'refs', on: 'value.ref' }],
  key: { city: 'r.value.city' },
  columns: {
    all: { aggregate: 'count' },
    total: { aggregate: 'sum', of: 'value.n' },
    low: { aggregate: 'min', of: 'value.n' },
  },
};
const EVENTS: JsonObject = {
  source: { topic: 't', mode: 'events' },
  key: { tag: 'value.tag' },
  columns: { all: { aggregate: 'count' }, total: { aggregate: 'sum', of: 'value.n' } },
};

describe('rows of a view computed anew in place', () => {
  let world: ViewWorld;
  let one: ViewInstance;

  beforeEach(async () => {
    world = await ViewWorld.open();
    one = world.instance();
    await world.engine.createTopic({ name: 'refs', partitions: 1 });
    await world.write('refs', 0, ['x', { city: 'Oslo' }], ['y', { city: 'Rome' }]);
    await world.write(
      't',
      0,
      ['a', { n: 1, tag: 'p', ref: 'x', lines: [{ sku: 's1' }, { sku: 's2' }] }, 10],
      ['b', { n: 2, tag: 'p', ref: 'y' }, 20],
      ['a', { n: 3, tag: 'q', ref: 'y', lines: [{ sku: 's3' }] }, 30],
      ['gone', { n: 4, tag: 'p', ref: 'x' }, 40],
      ['gone', undefined, 50],
    );
    await world.write('t', 1, ['c', { n: 5, tag: 'q', ref: 'x' }, 15], ['d', { n: 6, tag: 'r', ref: 'y' }, 25]);
  });

  afterEach(() => world.close());

  /** Changes what is stored of a view as no record does. */
  async function spoil(...changes: readonly TableChange[]): Promise<void> {
    await one.views.setState('v', 'PAUSED');
    const { stored, definition } = await one.views.describe('v');
    const { epoch, positions } = await world.tables.claim(stored.id, definition);
    await world.tables.apply(stored.id, definition, epoch, { commit: positions.commit, changes, refused: [] });
    await one.views.setState('v', 'RUNNING');
  }

  /** Gives a cell of a row a value that no record of it has. */
  async function changed(table: number, identity: string, cell: number): Promise<TableChange> {
    const { stored, definition } = await one.views.describe('v');
    const cells = [...(await world.tables.rows(stored.id, definition, table, [identity])).get(identity)!];
    cells[cell] = 999;
    return { table, puts: [{ identity, cells }], deletes: [] };
  }

  const planned = async (request: JsonObject): Promise<StoredOperation> =>
    newOperation('op-1', await one.rows().plan({ name: 'v', ...request }));

  async function rebuilt(scope: JsonObject, more: JsonObject = {}): Promise<StoredOperation> {
    const operation = await planned({ scope, ...more });
    expect(operation.plan.blockers).toEqual([]);
    await drive(one.rows(), operation, { until: 'FINISHED' });
    return operation;
  }

  /** What a view is that is built from the beginning. */
  async function oracle(declaration: JsonObject): Promise<JsonValue[]> {
    const name = `oracle${Math.random().toString(36).slice(2)}`;
    await one.views.declare(name, undefined, declaration);
    const rows = await world.settled(one, name);
    await one.views.delete(name);
    return rows;
  }

  it('puts the rows of named keys right and leaves all others as they are', async () => {
    await one.views.declare('v', undefined, ROWS);
    const right = await world.settled(one, 'v');
    const ghost = { identity: 'gone', cells: [1, 0, 3, 40, 'gone', 4, 'p'] };
    await spoil(await changed(0, 'a', 5), { table: 0, puts: [ghost], deletes: ['c'] });
    await spoil(await changed(0, 'b', 5));
    const spoilt = await world.settled(one, 'v');
    expect(spoilt).toHaveLength(4);
    const operation = await rebuilt({ keys: ['a', 'c', 'gone', 'never'] });
    expect(operation.notes['rows']).toEqual({ keys: 4, changed: 3 });
    expect(operation.progress).toMatchObject({ recordsDone: 7 });
    // 'b' was not asked for: it is as wrong as it was.
    expect(await world.settled(one, 'v')).toEqual(
      right.map((row) => ((row as JsonObject)['id'] === 'b' ? { ...(row as JsonObject), n: 999 } : row)),
    );
    await rebuilt({ keys: ['b'] });
    expect(await world.settled(one, 'v')).toEqual(right);
    expect(await world.tables.list()).toHaveLength(1);
  });

  it('puts the row of the empty key right, too', async () => {
    await world.write('t', 0, ['', { n: 8, tag: 'z' }]);
    await one.views.declare('v', undefined, ROWS);
    const right = await world.settled(one, 'v');
    for (const scope of [{ keys: [''] }, { partitions: [0] }] as JsonObject[]) {
      await spoil(await changed(0, '', 5));
      expect(await world.settled(one, 'v')).not.toEqual(right);
      await rebuilt(scope);
      expect(await world.settled(one, 'v')).toEqual(right);
    }
  });

  it('finds the keys of partitions, of offsets and of times', async () => {
    await one.views.declare('v', undefined, ROWS);
    const right = await world.settled(one, 'v');
    const wrong = async (): Promise<string[]> =>
      (await world.settled(one, 'v')).flatMap((row) =>
        (row as JsonObject)['n'] === 999 ? [String((row as JsonObject)['id'])] : [],
      );
    for (const [scope, left] of [
      [{ partitions: [1] }, ['a', 'b']],
      [{ range: { partition: 0, from: '1', to: '2' } }, ['a', 'c', 'd']],
      [{ range: { since: new Date(15).toISOString(), until: new Date(26).toISOString() } }, ['a']],
      [{ partitions: [0, 1] }, []],
    ] as [JsonObject, string[]][]) {
      for (const id of ['a', 'b', 'c', 'd']) await spoil(await changed(0, id, 5));
      expect(await wrong()).toEqual(['a', 'b', 'c', 'd']);
      await rebuilt(scope);
      expect(await wrong()).toEqual(left);
    }
    expect(await world.settled(one, 'v')).toEqual(right);
  });

  for (const [what, declaration, table, identity, cell] of [
    ['lists in rows', LISTS, 0, 'a', 5],
    ['states of keys', HISTORY, 1, 'a', 5],
    ['rows that end softly', SOFT, 0, 'gone', 5],
  ] as [string, JsonObject, number, string, number][])
    it(`puts right: ${what}`, async () => {
      await one.views.declare('v', undefined, declaration);
      const right = await world.settled(one, 'v');
      await spoil(await changed(table, identity, cell));
      if (declaration === HISTORY) {
        const { stored, definition } = await one.views.describe('v');
        const [first] = await world.tables.find(stored.id, definition, { table: 0, limit: 1 });
        await spoil({
          table: 0,
          puts: [
            {
              identity: `a@${'9'.repeat(16)}.${'0'.repeat(9)}.${'0'.repeat(7)}.${'0'.repeat(16)}`,
              cells: first!.cells,
            },
          ],
          deletes: [first!.identity],
        });
      }
      if (declaration === LISTS) await spoil({ table: 3, puts: [], deletes: ['a#000000'] });
      const operation = await rebuilt({ keys: ['a', 'gone'] });
      expect(operation.notes['rows']).toMatchObject({ keys: 2, changed: 1 });
      expect(await world.settled(one, 'v')).toEqual(right);
    });

  it('puts right what rows count for in their groups, and reference rows with all that refers to them', async () => {
    await one.views.declare('v', undefined, SHARES);
    const right = await world.settled(one, 'v');
    expect(right).toEqual([
      { city: 'Oslo', all: 1, total: 5, low: 5 },
      { city: 'Rome', all: 3, total: 11, low: 2 },
    ]);
    // A record that is folded wrongly: what it counts for and its group agree, and both are wrong.
    const { definition } = await one.views.describe('v');
    expect(definition.joins).toHaveLength(1);
    const token = await world.write('t', 0, ['b', { n: 700, tag: 'p', ref: 'x' }, 60]);
    await world.settled(one, 'v');
    expect(token.positions.get(0)).toBe(6);
    await rebuilt({ keys: ['b', 'a'] });
    expect(await world.settled(one, 'v')).toEqual(await oracle(SHARES));
    await spoil({ table: 1, puts: [{ identity: 'x', cells: [1, 0, 0, 0, 'Lima'] }], deletes: [] });
    await rebuilt({ topic: 'refs', keys: ['x'] });
    await rebuilt({ partitions: [0, 1] });
    expect(await world.settled(one, 'v')).toEqual(await oracle(SHARES));
  });

  it('takes a topic that is joined twice for the table of the join that is named', async () => {
    const twice: JsonObject = {
      source: { topic: 't' },
      joins: ['one', 'two'].map((as) => ({ as, topic: 'refs', on: `value.${as === 'one' ? 'ref' : 'other'}` })),
      key: { id: 'key' },
      columns: { one: 'one.value.city', two: 'two.value.city' },
    };
    await world.write('t', 0, ['e', { ref: 'x', other: 'y' }]);
    await one.views.declare('v', undefined, twice);
    const right = await world.settled(one, 'v');
    await spoil({ table: 2, puts: [], deletes: ['y'] });
    expect(await world.settled(one, 'v')).not.toEqual(right);
    await expect(planned({ scope: { topic: 'refs', keys: ['y'] } })).rejects.toMatchObject({
      items: [{ path: 'scope.topic', message: 'is joined several times: name the join, one of one, two' }],
    });
    await rebuilt({ topic: 'two', keys: ['y'] });
    expect(await world.settled(one, 'v')).toEqual(right);
  });

  it('puts groups of events right, by the values of their key', async () => {
    await one.views.declare('v', undefined, EVENTS);
    const right = await world.settled(one, 'v');
    await spoil({ table: 0, puts: [], deletes: ['["p"]', '["q"]'] });
    await rebuilt({ keys: ['p'] });
    expect(await world.settled(one, 'v')).toEqual(right.filter((row) => (row as JsonObject)['tag'] !== 'q'));
    await rebuilt({ range: { partition: 1 } });
    expect(await world.settled(one, 'v')).toEqual(right);
  });

  for (const [what, declaration] of [
    ['rows', ROWS],
    ['histories', HISTORY],
    ['what is counted', SHARES],
    ['events', EVENTS],
  ] as [string, JsonObject][])
    it(`is exact while writers go on: ${what}`, async () => {
      await one.views.declare('v', undefined, declaration);
      await world.settled(one, 'v');
      let writing = true;
      const writer = (async () => {
        for (let n = 0; writing; n++) {
          const key = 'abcde'[n % 5]!;
          const value = { n, tag: 'pqr'[n % 3]!, ref: n % 2 === 0 ? 'x' : 'y' };
          await world.write('t', key < 'c' ? 0 : 1, n % 11 === 10 ? [key, undefined, n] : [key, value, n]);
          await turn();
        }
      })();
      try {
        for (let turns = 0; turns < 3; turns++) await rebuilt({ partitions: [0, 1] });
      } finally {
        writing = false;
        await writer;
      }
      expect(await world.settled(one, 'v')).toEqual(await oracle(declaration));
    });

  it('killed at any of its steps goes on, and ends with the same rows', async () => {
    await one.views.declare('v', undefined, ROWS);
    const right = await world.settled(one, 'v');
    for (const step of ['tables-made', 'prepared', 'marked', 'computed', 'put-in-place']) {
      for (const id of ['a', 'b', 'c', 'd']) await spoil(await changed(0, id, 5));
      const operation = await planned({
        scope: step === 'prepared' ? { keys: ['a', 'b', 'c', 'd'] } : { partitions: [0, 1] },
      });
      let isAlive = true;
      const dying = (passed: string): void => {
        if (!isAlive || passed !== `view-rebuild:${step}`) return;
        isAlive = false;
        throw new Error(`killed at ${step}`);
      };
      await expect(drive(one.rows(dying), operation, { until: 'FINISHED' })).rejects.toThrow(`killed at ${step}`);
      await one.stop();
      one = world.instance();
      await one.views.start();
      await drive(one.rows(), operation, { until: 'FINISHED' });
      expect(await world.settled(one, 'v')).toEqual(right);
      expect(await world.tables.list()).toHaveLength(1);
    }
  });

  it('leaves nothing beside the view when it is cancelled', async () => {
    await one.views.declare('v', undefined, ROWS);
    const right = await world.settled(one, 'v');
    const operation = await planned({ scope: { partitions: [0] } });
    await drive(one.rows(), operation, { until: 'CATCHING_UP' });
    expect(await world.tables.list()).toHaveLength(2);
    await one.rows().cancel(runOf(operation));
    await one.rows().cancel(runOf(operation));
    expect(await world.tables.list()).toHaveLength(1);
    expect(await world.settled(one, 'v')).toEqual(right);
  });

  it('is not begun where older records are gone, unless that is accepted', async () => {
    await one.views.declare('v', undefined, ROWS);
    const right = await world.settled(one, 'v');
    const begun = await planned({ scope: { keys: ['a', 'b'] } });
    await world.engine.deleteRecords([{ topic: 't', partition: 0, offset: 2 }]);
    await expect(drive(one.rows(), begun, { until: 'FINISHED' })).rejects.toMatchObject({ code: 'operation-blocked' });
    expect((await planned({ scope: { keys: ['b'] } })).plan.blockers).toEqual([
      expect.stringMatching(/older records of t are gone/),
    ]);
    expect(await world.settled(one, 'v')).toEqual(right);
    await rebuilt({ keys: ['a', 'b'] }, { incomplete: true });
    expect((await world.settled(one, 'v')).map((row) => (row as JsonObject)['id'])).toEqual(['a', 'c', 'd']);
  });

  it('names everything that is wrong with what is asked for', async () => {
    await one.views.declare('w', undefined, EVENTS);
    const wrong = (scope: JsonObject | undefined) =>
      one.rows().plan({ name: 'w', ...(scope === undefined ? {} : { scope }) });
    await expect(wrong(undefined)).rejects.toMatchObject({
      code: 'invalid-view-rebuild-request',
      items: [{ path: 'scope' }],
    });
    await expect(wrong({ keys: [] })).rejects.toMatchObject({ items: [{ path: 'scope.keys' }] });
    await expect(wrong({ keys: [['p', 'q']], topic: 'none' })).rejects.toMatchObject({
      items: [{ path: 'scope.topic' }, { path: 'scope.keys[0]' }],
    });
    await expect(wrong({ partitions: [0, 7] })).rejects.toMatchObject({ items: [{ path: 'scope.partitions[1]' }] });
    await expect(wrong({ range: { from: 'x', since: 'yesterday', frm: 1 } })).rejects.toMatchObject({
      items: [{ path: 'scope.range.frm' }, { path: 'scope.range.from' }, { path: 'scope.range.since' }],
    });
    await expect(one.rows().plan({ name: 'none', scope: { keys: ['a'] } })).rejects.toMatchObject({
      code: 'view-not-found',
    });
  });
});
