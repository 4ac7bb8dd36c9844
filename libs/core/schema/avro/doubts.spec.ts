import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro-format.js';

const avro = new AvroFormat();
const record = (type: unknown, name = 'R') => ({ type: 'record', name, fields: [{ name: 'a', type }] });
const decimal = (scale: number) => ({ type: 'bytes', logicalType: 'decimal', precision: 9, scale });
const long = (logicalType?: string) => ({ type: 'long', ...(logicalType === undefined ? {} : { logicalType }) });
const inner = (namespace: string, more: object = {}) => ({
  type: 'record',
  name: 'I',
  namespace,
  fields: [],
  ...more,
});

interface DoubtCase {
  readonly rule: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly path: string;
  /** A change beside it of which nothing is to be said. */
  readonly near: readonly [unknown, unknown];
}

/** Each judgement of the reference that is kept although it is doubtful, made and just not made. */
const CASES: readonly DoubtCase[] = [
  {
    rule: 'unsound-decimal',
    before: record({ type: 'array', items: decimal(2) }),
    after: record({ type: 'array', items: decimal(4) }),
    path: '/fields/0/type/items',
    near: [record(decimal(2)), record('int')],
  },
  {
    rule: 'unsound-logical-type',
    before: record(long('timestamp-millis')),
    after: record(long('timestamp-micros')),
    path: '/fields/0/type',
    near: [record(long()), record(long('timestamp-micros'))],
  },
  {
    rule: 'unsound-namespace',
    before: record(['null', inner('x')]),
    after: record(['null', inner('y')]),
    path: '/fields/0/type',
    near: [record(['null', inner('x')]), record(['null', inner('y', { aliases: ['x.I'] })])],
  },
  {
    rule: 'over-strict-root-name',
    before: record('int', 'R'),
    after: record('int', 'S'),
    path: '/',
    near: [record(inner('x')), record(inner('y'))],
  },
];

function doubts(before: unknown, after: unknown) {
  return avro.doubts(avro.parse(JSON.stringify(after)), avro.parse(JSON.stringify(before)), 'new-reads-old');
}

function compatible(before: unknown, after: unknown): boolean {
  return avro.differences(avro.parse(JSON.stringify(after)), avro.parse(JSON.stringify(before))).length === 0;
}

describe('doubtful judgements on Avro schemas', () => {
  it.each(CASES)('$rule', ({ rule, before, after, path, near }) => {
    const found = doubts(before, after).filter(({ ruleId }) => ruleId === `avro/${rule}`);
    expect(found.map((one) => one.path)).toEqual([path]);
    for (const sentence of [found[0]!.what, found[0]!.breaks, found[0]!.fix]) expect(sentence).toMatch(/^\S.*\.$/s);
    expect(compatible(before, after)).toBe(rule.startsWith('unsound'));
    expect(doubts(...near).map(({ ruleId }) => ruleId)).not.toContain(`avro/${rule}`);
  });

  it('all have a case, and no case is without a rule', () => {
    expect(CASES.map(({ rule }) => `avro/${rule}`).sort()).toEqual(avro.warningRules.map(({ id }) => id).sort());
  });

  it('end on recursive schemas, and where a comparison ends', () => {
    const tree = (scale: number) => ({
      type: 'record',
      name: 'T',
      fields: [
        { name: 'v', type: decimal(scale) },
        { name: 'children', type: { type: 'array', items: 'T' } },
      ],
    });
    expect(doubts(tree(1), tree(2)).map(({ place }) => place)).toEqual(['T.v']);
    const ambiguous = { type: 'record', name: 'R', fields: [{ name: 'c', type: 'int', aliases: ['a', 'b'] }] };
    const two = { type: 'record', name: 'R', fields: ['a', 'b'].map((name) => ({ name, type: 'int' })) };
    expect(doubts(two, ambiguous)).toEqual([]);
  });
});
