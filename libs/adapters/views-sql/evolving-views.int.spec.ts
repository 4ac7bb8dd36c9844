import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { FieldTypes, type FieldType } from '#libs/core/streams';
import { SOON, ViewWorld, type ViewInstance } from './testing/view-world.js';

/** Types of a schema that gets further fields. */
class LaterTypes extends FieldTypes {
  readonly fields = new Map<string, FieldType>([['n', { type: 'integer' }]]);

  async typeOf(_topic: string, path: { steps: readonly (string | number)[] }): Promise<FieldType | undefined> {
    return this.fields.get(String(path.steps[0]));
  }

  async membersOf(): Promise<ReadonlyMap<string, FieldType>> {
    return this.fields;
  }
}

const ALL: JsonObject = {
  source: { topic: 't' },
  key: { id: { from: 'key', type: 'text' } },
  columns: {},
  flatten: [{ from: 'value' }],
};
const SOME: JsonObject = { source: { topic: 't' }, columns: { id: { from: 'key', type: 'text' }, n: 'value.n' } };
const MORE: JsonObject = { ...SOME, columns: { ...(SOME['columns'] as JsonObject), more: 'value.more' } };

describe('views that are changed in place', () => {
  let types: LaterTypes;
  let world: ViewWorld;
  let one: ViewInstance;

  beforeEach(async () => {
    types = new LaterTypes();
    world = await ViewWorld.open(undefined, { types });
    one = world.instance();
  });
  afterEach(() => world.close());

  const later = (): unknown => types.fields.set('more', { type: 'integer', default: 7 });
  const revisionOf = async (name: string): Promise<number> =>
    (await one.views.describe(name)).stored.evolution.revision;

  it('get a column when the first record comes that has it, before that record is taken in', async () => {
    await one.views.declare('v', undefined, ALL);
    await world.write('t', 0, ['a', { n: 1 }], ['b', { n: 2 }]);
    expect(await world.settled(one, 'v')).toEqual([
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ]);
    later();
    await world.write('t', 1, ['c', { n: 3, more: 8 }], ['d', { n: 4 }]);
    await world.write('t', 0, ['b', { n: 5, more: 9 }]);
    await expect.poll(() => revisionOf('v'), SOON).toBe(1);
    expect(await world.settled(one, 'v')).toEqual([
      { id: 'a', n: 1, more: 7 },
      { id: 'b', n: 5, more: 9 },
      { id: 'c', n: 3, more: 8 },
      { id: 'd', n: 4, more: 7 },
    ]);
    // Nothing was built: it is the same version, and one that is built anew has the same rows.
    const { stored } = await one.views.describe('v');
    expect(stored).toMatchObject({ version: 1, declaration: ALL });
    await one.views.versions.draft('v', undefined);
    await one.views.versions.activate('v', 2, { incomplete: false, waitMs: 10_000 });
    expect((await one.views.describe('v')).stored).toMatchObject({ version: 2, evolution: { revision: 0 } });
  });

  it('are read with a column that they got while the read waited for its record', async () => {
    await one.views.declare('v', undefined, ALL);
    const token = await world.write('t', 0, ['a', { n: 1 }]);
    await world.settled(one, 'v');
    const next = new Map([...token.positions].map(([partition, offset]) => [partition, offset + 1]));
    const reading = one.views.query('v', new Map(), { tokens: [{ ...token, positions: next }], waitMs: 20_000 });
    later();
    await world.write('t', 0, ['a', { n: 2, more: 8 }]);
    expect((await reading).answer.rows).toEqual([{ id: 'a', n: 2, more: 8 }]);
  });

  it('are changed by a declaration that only adds what no record had, while records come', async () => {
    await one.views.declare('v', undefined, SOME);
    const write = async (from: number): Promise<void> => {
      for (let n = from; n < from + 200; n++) await world.write('t', n % 2, [`k${n % 20}`, { n }]);
    };
    await write(0);
    await expect.poll(async () => (await world.rowsOf(one.views, 'v')).length, SOON).toBe(20);
    later();
    const writing = write(200);
    expect(await one.views.plan('v', undefined, MORE)).toEqual({
      outcome: 'in-place',
      changes: [
        {
          what: 'more',
          change: 'added',
          inPlace: true,
          value: 7,
          reason: 'no record that was read had it: rows that are there have its default, 7',
        },
      ],
    });
    expect(await revisionOf('v')).toBe(0);
    expect(await one.views.declare('v', undefined, MORE)).toMatchObject({
      outcome: 'in-place',
      stored: { version: 1 },
    });
    expect(await one.views.declare('v', undefined, MORE)).toMatchObject({ outcome: 'unchanged', changes: [] });
    await writing;
    await world.write('t', 0, ['k0', { n: -1, more: 3 }]);
    const rows = (await world.settled(one, 'v')) as JsonObject[];
    expect(rows.map(({ id, more }) => [id, more]).filter(([id]) => id === 'k0' || id === 'k1')).toEqual([
      ['k0', 3],
      ['k1', 7],
    ]);
    // One that is built anew has the same rows, or it would not be activated.
    await one.views.versions.draft('v', undefined);
    await one.views.versions.activate('v', 2, { incomplete: false, waitMs: 10_000 });
  });

  it.each<[string, JsonObject, string, RegExp]>([
    [
      'another type',
      { ...SOME, columns: { id: { from: 'key', type: 'text' }, n: { from: 'value.n', type: 'text' } } },
      'n',
      /is text, and was integer/,
    ],
    ['a column gone', { ...SOME, columns: { n: 'value.n' } }, 'id', /is not taken/],
    [
      'a computed column',
      { ...SOME, columns: { ...(SOME['columns'] as JsonObject), twice: { compute: 'value.n * 2', type: 'integer' } } },
      'twice',
      /is computed of each record/,
    ],
    [
      'a column of what records had',
      { ...SOME, columns: { ...(SOME['columns'] as JsonObject), tag: { from: 'value.tag', type: 'text' } } },
      'tag',
      /'tag', which records had/,
    ],
    ['another key', { ...SOME, key: { k: { from: 'key', type: 'text' } } }, 'key', /known by something else/],
    ['a filter', { ...SOME, filter: 'value.n > 1' }, 'filter', /decided anew/],
    [
      'the time of each record',
      { ...SOME, columns: { ...(SOME['columns'] as JsonObject), at: 'timestamp' } },
      'at',
      /of each record itself/,
    ],
    [
      'what is left',
      { ...SOME, columns: { ...(SOME['columns'] as JsonObject), rest: { rest: true } } },
      'rest',
      /has besides/,
    ],
    [
      'a list that no record had',
      { ...SOME, explode: { lines: { from: 'value.lines', columns: { sku: { from: 'item.sku', type: 'text' } } } } },
      'lines',
      /how many items .* laid out when the view is built/,
    ],
    [
      'a list that records had',
      { ...SOME, explode: { tags: { from: 'value.tag', columns: { sku: { from: 'item.sku', type: 'text' } } } } },
      'tags',
      /items of all records/,
    ],
  ])('are built beside as another version for %s, and say for what', async (_what, declaration, what, reason) => {
    await one.views.declare('v', undefined, SOME);
    await world.write('t', 0, ['a', { n: 1, tag: 'x' }]);
    await world.settled(one, 'v');
    const planned = await one.views.plan('v', undefined, declaration);
    expect(planned.outcome).toBe('new-version');
    const refused = planned.changes.filter(({ inPlace }) => !inPlace);
    expect(refused.find((change) => change.what === what)?.reason).toMatch(reason);
    expect(await one.views.declare('v', undefined, declaration)).toMatchObject({
      ...planned,
      stored: { version: 2, role: 'DRAFT' },
    });
    expect(await revisionOf('v')).toBe(0);
  });

  it('are built beside as another version for an aggregate of present rows, also of what no record had, and say so', async () => {
    const groups: JsonObject = {
      source: { topic: 't' },
      key: { tag: { from: 'value.tag', type: 'text' } },
      columns: { all: { aggregate: 'count' } },
    };
    await one.views.declare('v', undefined, groups);
    await world.write('t', 0, ['a', { tag: 'x' }]);
    await world.settled(one, 'v');
    const cents = { aggregate: 'sum', of: 'value.cents', type: 'integer' };
    const declaration = { ...groups, columns: { all: { aggregate: 'count' }, cents } };
    expect(await one.views.plan('v', undefined, declaration)).toEqual({
      outcome: 'new-version',
      changes: [
        {
          ...{ what: 'cents', change: 'added', inPlace: false },
          reason: 'is of what each present row counts for, which is computed and laid out when the view is built',
        },
      ],
    });
  });

  it('go on as they are where their schemas change otherwise, and say so', async () => {
    await one.views.declare('v', undefined, ALL);
    await world.write('t', 0, ['a', { n: 1 }]);
    await world.settled(one, 'v');
    types.fields.set('n', { type: 'text' });
    later();
    await world.write('t', 0, ['b', { n: 2, more: 1 }]);
    expect(await world.settled(one, 'v')).toEqual([
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ]);
    expect(await one.views.plan('v', undefined, ALL)).toMatchObject({
      outcome: 'unchanged',
      changes: [
        { what: 'n', change: 'changed', inPlace: false },
        { what: 'more', change: 'added', inPlace: false },
      ],
    });
  });

  it.each(['view-evolved-tables', 'view-evolved'])(
    'are whole when the instance that changes them dies at %s, whoever goes on',
    async (step) => {
      const dying = world.instance({
        leased: true,
        failPoint: (name) => {
          if (name === step) throw new Error('died');
        },
      });
      const other = world.instance({ leased: true });
      await dying.views.declare('v', undefined, SOME);
      await world.write('t', 0, ['a', { n: 1 }], ['b', { n: 2 }]);
      await world.settled(dying, 'v');
      later();
      await expect(dying.views.declare('v', undefined, MORE)).rejects.toThrow('died');
      await dying.stop();
      // Readers that come before anybody goes on see it as it was, or as it is.
      const seen = (await world.rowsOf(other.views, 'v')) as JsonObject[];
      expect(new Set(seen.map((row): JsonValue => row['more'] ?? null))).toEqual(
        new Set([step === 'view-evolved' ? 7 : null]),
      );
      await world.write('t', 1, ['c', { n: 3, more: 8 }]);
      await other.views.start();
      expect(await world.settled(other, 'v')).toEqual([
        { id: 'a', n: 1, more: 7 },
        { id: 'b', n: 2, more: 7 },
        { id: 'c', n: 3, more: 8 },
      ]);
      expect((await other.views.describe('v')).stored).toMatchObject({ declaration: MORE, evolution: { revision: 1 } });
    },
  );

  it('are changed by any instance, whichever writes them', async () => {
    const writer = world.instance({ leased: true });
    await writer.views.declare('v', undefined, SOME);
    await world.write('t', 0, ['a', { n: 1 }]);
    await world.settled(writer, 'v');
    const other = world.instance({ leased: true });
    await other.views.start();
    later();
    await other.views.declare('v', undefined, MORE);
    await world.write('t', 1, ['b', { n: 2, more: 3 }], ['c', { n: 'none', more: 4 }]);
    expect(await world.settled(writer, 'v')).toEqual([
      { id: 'a', n: 1, more: 7 },
      { id: 'b', n: 2, more: 3 },
    ]);
    // A record that was set aside is taken in as the view is now, beside its writer.
    types.fields.set('n', { type: 'integer' });
    expect(await other.views.redrive('v', 10)).toEqual({ taken: 0, refused: 1, gone: 0 });
    for (const { views } of [writer, other])
      expect((await views.query('v', new Map([['more', ['eq.3']]]), undefined)).answer.rows).toEqual([
        { id: 'b', n: 2, more: 3 },
      ]);
  });
});
