import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#libs/core/kernel';
import { AnsweredTransforms, GivenTypes } from '../testing/index.js';
import { parseDeclaration } from './declaration.js';
import type { DeclarationTools } from './declaration-form.js';
import { formatRowCursor } from './row-cursor.js';
import { parseRowQuery, parseViewQuery, QUERY_LIMITS } from './view-query.js';

const tools: DeclarationTools = {
  types: new GivenTypes(),
  transforms: new AnsweredTransforms(),
};
const { definition: view } = await parseDeclaration(
  'orders',
  'local',
  {
    source: { topic: 't' },
    columns: {
      country: { from: 'value.a', type: 'text' },
      cents: { from: 'value.b', type: 'integer' },
      paid: { from: 'value.c', type: 'boolean' },
      extra: { from: 'value.d', type: 'json' },
    },
  },
  tools,
);
const VERSION = { id: 'v1', version: 1 };
const parse = (query: Readonly<Record<string, string | string[]>>, version = VERSION) =>
  parseViewQuery(view, version, new Map(Object.entries(query).map(([name, value]) => [name, [value].flat()])));
const problems = (query: Readonly<Record<string, string | string[]>>): JsonValue => {
  try {
    parse(query);
  } catch (error) {
    const { items } = error as { items: { path: string; message: string }[] };
    return items.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
};

describe('a query on a view', () => {
  it.each([
    [{ cent: 'gt.5' }, /^cent: 'cent' is not a column of view 'orders'; did you mean 'cents'\?$/],
    [{ limits: '5' }, /did you mean the parameter 'limit'\?$/],
    [{ __proto__x: 'eq.1' }, /is not a column/],
    [
      { cents: 'gtt.5' },
      /^cents: must be op.value, with op one of eq, neq, gt, .*in, is for a column of type integer.*did you mean 'gt'\?$/,
    ],
    [{ cents: '5' }, /^cents: must be op.value/],
    [{ cents: 'like.5*' }, /for a column of type integer/],
    [{ extra: 'gt.5' }, /^extra: .*op one of eq, neq, in, is for a column of type json/],
    [{ cents: 'eq.many' }, /'many' cannot be compared with column 'cents', which is of type integer/],
    [{ country: 'is.true' }, /is on column 'country' needs null/],
    [{ paid: 'is.__proto__' }, /is on column 'paid' needs null, true or false/],
    [{ country: 'in.a,b' }, /in on column 'country' needs a list in parentheses/],
    [{ country: 'in.("a)' }, /needs a list in parentheses/],
    [{ country: `like.${'*a'.repeat(6)}` }, /at most 500 characters and 5 asterisks/],
    [{ or: 'cents.eq.1' }, /^or: '\(' is missing at character 1; a group is/],
    [{ or: '(cents.eq.1' }, /'\)' is missing at character 12/],
    [{ or: '(cents.eq.1))' }, /the end is missing at character 13/],
    [{ or: '(cent.eq.1,and(country.foo.b))' }, /^or: 'cent' is not a column.*\n.*or: must be op.value/],
    [{ or: `${'(or'.repeat(11)}(cents.eq.1)` }, /deeper than the limit of 10|is missing/],
    [{ and: `(${'and('.repeat(11)}cents.eq.1${')'.repeat(12)}` }, /deeper than the limit of 10/],
    [{ order: 'cents.up' }, /^order: 'cents.up' must be column/],
    [{ order: 'cent' }, /did you mean 'cents'/],
    [{ order: 'cents,cents.desc' }, /has column 'cents' twice/],
    [{ order: ['cents', 'country'] }, /is given more than once/],
    [{ select: 'country,cents,country' }, /has 'country' twice/],
    [{ select: 'lines(sku)' }, /'lines' is no list of view 'orders'/],
    [{ limit: '0' }, /must be a number from 1 to 1000/],
    [{ count: 'true' }, /must be exact/],
  ])('refuses %j by name', (query, message) => {
    expect((problems(query as Record<string, string>) as string[]).join('\n')).toMatch(message);
  });

  it('bounds the conditions over all groups', () => {
    const many = `(${Array.from({ length: QUERY_LIMITS.conditions + 1 }, () => 'cents.eq.1').join(',')})`;
    expect(problems({ or: many })).toEqual([`: 101 conditions are more than the limit of 100`]);
  });

  it('binds a cursor to filters, order and version, and to nothing else', () => {
    const query = { country: 'eq.NO', order: 'cents.desc' };
    const cursor = formatRowCursor(parse(query), { cells: [2n ** 60n], identity: 'k' });
    expect(parse({ ...query, cursor, limit: '3', select: 'country', count: 'exact' }).after).toEqual({
      cells: [2n ** 60n],
      identity: 'k',
    });
    for (const other of [{ ...query, country: 'eq.IT' }, { ...query, order: 'cents' }, { order: 'cents.desc' }])
      expect(() => parse({ ...other, cursor })).toThrow(/another order or another version/);
    expect(() => parse({ ...query, cursor }, { id: 'v1', version: 2 })).toThrow(/another version/);
    for (const broken of ['', 'x', Buffer.from('[2]').toString('base64url'), `${cursor}%`.slice(3)])
      expect(() => parse({ ...query, cursor: broken })).toThrow(/cannot be read/);
  });

  it('reads the key of a row', async () => {
    const { definition: grouped } = await parseDeclaration(
      'sums',
      'local',
      {
        source: { topic: 't', mode: 'events' },
        key: { a: { from: 'value.a', type: 'text' }, b: { from: 'value.b', type: 'integer' } },
        columns: { n: { aggregate: 'count' } },
      },
      tools,
    );
    expect(parseRowQuery(grouped, VERSION, '"x,\\"y",7', 'n')).toMatchObject({
      where: [{ values: ['x,"y'] }, { values: [7] }],
      select: ['n'],
    });
    expect(() => parseRowQuery(grouped, VERSION, 'x', undefined)).toThrow(/known by a, b; 1 values were given/);
    expect(() => parseRowQuery(grouped, VERSION, '"x,7', undefined)).toThrow(/a quote is not closed/);
    expect(() => parseRowQuery(grouped, VERSION, 'x,y', undefined)).toThrow(/cannot be compared with column 'b'/);
  });
});
