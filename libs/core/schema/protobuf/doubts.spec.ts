import { describe, expect, it } from 'vitest';
import type { ResolvedReference } from '../format.js';
import { ProtobufFormat } from './protobuf-format.js';

const protobuf = new ProtobufFormat();
const p3 = (...fields: readonly string[]): string => `syntax = "proto3"; message M { ${fields.join(' ')} }`;
const p2 = (...fields: readonly string[]): string => `syntax = "proto2"; message M { ${fields.join(' ')} }`;

interface DoubtCase {
  readonly rule: string;
  readonly before: string;
  readonly after: string;
  readonly path: string;
  /** A change beside it of which nothing is to be said. */
  readonly near: readonly [string, string];
  /** What they refer to, before and after. */
  readonly references?: readonly [readonly ResolvedReference[], readonly ResolvedReference[]];
}

const reference = (name: string, text: string, direct?: ResolvedReference['direct']): ResolvedReference => ({
  name,
  schemaType: 'PROTOBUF',
  text: `syntax = "proto3"; ${text}`,
  references: [],
  ...(direct === undefined ? {} : { direct }),
});
const price = reference('p.proto', 'import "m.proto"; message Price { Money net = 1; }', {
  subject: 'price',
  version: 1,
});
const money = (type: string): ResolvedReference => reference('m.proto', `message Money { ${type} units = 1; }`);

/** Each judgement of the reference that is kept although it is doubtful, made and just not made. */
const CASES: readonly DoubtCase[] = [
  {
    rule: 'unsound-cardinality',
    before: p3('repeated int32 a = 1;'),
    after: p3('int32 a = 1;'),
    path: '#/M/1',
    near: [p3('int32 a = 1;'), p3('optional int32 a = 1;')],
  },
  {
    rule: 'unsound-bytes-as-text',
    before: p3('bytes a = 1;'),
    after: p3('string a = 1;'),
    path: '#/M/1',
    near: [p3('string a = 1;'), p3('bytes a = 1;')],
  },
  {
    rule: 'unsound-narrower-number',
    before: p3('map<string, int64> a = 1;'),
    after: p3('map<string, int32> a = 1;'),
    path: '#/M/1',
    near: [p3('uint32 a = 1;'), p3('int64 a = 1;')],
  },
  {
    rule: 'unsound-required',
    before: p2('optional string a = 1;'),
    after: p2('required string a = 1;'),
    path: '#/M/1',
    near: [p2('required string a = 1;'), p2('optional string a = 1;')],
  },
  {
    rule: 'unsound-renumbered',
    before: p3('string a = 1;', 'reserved 2;'),
    after: p3('string a = 2;', 'reserved 1;'),
    path: '#/M/2',
    near: [p3('string a = 1;'), p3('string a = 1;', 'string b = 2;')],
  },
  {
    rule: 'unsound-number-not-reserved',
    before: p3('string a = 1;', 'string b = 2;'),
    after: p3('string a = 1;'),
    path: '#/M/2',
    near: [p3('string a = 1;', 'string b = 2;'), p3('string a = 1;', 'reserved 2 to 4;')],
  },
  {
    rule: 'unsound-default',
    before: p2('optional int32 a = 1 [default = 1];'),
    after: p2('optional int32 a = 1 [default = 2];'),
    path: '#/M/1',
    near: [p2('optional int32 a = 1 [default = 1];'), p2('optional int64 b = 1 [default = 1];')],
  },
  {
    rule: 'unsound-group',
    before: p2('optional group G = 1 { optional int32 a = 2; }'),
    after: p2('optional group G = 1 { optional string a = 2; }'),
    path: '#/M/1',
    near: [
      p2('optional group G = 1 { optional int32 a = 2; }'),
      p2('optional group G = 1 { optional int32 b = 2; }', 'optional int32 c = 3;'),
    ],
  },
  {
    rule: 'unsound-same-version',
    before: `import "p.proto"; message M { optional Price a = 1; }`,
    after: `import "p.proto"; message M { optional Price a = 1; optional Price b = 2; }`,
    references: [
      [money('int64'), price],
      [money('double'), price],
    ],
    path: '#/Price/1',
    near: [p3('int32 a = 1;'), p3('int32 a = 1;')],
  },
  {
    rule: 'over-strict-message-removed',
    before: `${p3('int32 a = 1;')} message Unused { int32 a = 1; }`,
    after: p3('int32 a = 1;'),
    path: '#/Unused',
    near: [`${p3('Used a = 1;')} message Used { int32 a = 1; }`, p3('int32 a = 1;')],
  },
];

type References = DoubtCase['references'];

function doubts(
  before: string,
  after: string,
  direction: 'new-reads-old' | 'old-reads-new' = 'new-reads-old',
  [old, young]: NonNullable<References> = [[], []],
) {
  const [reader, writer] = [protobuf.parse(after, { references: young }), protobuf.parse(before, { references: old })];
  return protobuf.doubts(reader, writer, direction);
}

function compatible(before: string, after: string, [old, young]: NonNullable<References> = [[], []]): boolean {
  const [reader, writer] = [protobuf.parse(after, { references: young }), protobuf.parse(before, { references: old })];
  return !protobuf.differences(reader, writer).some(({ breaking }) => breaking);
}

describe('doubtful judgements on Protobuf', () => {
  it.each(CASES)('$rule', ({ rule, before, after, path, near, references }) => {
    const found = doubts(before, after, 'new-reads-old', references).filter(
      ({ ruleId }) => ruleId === `protobuf/${rule}`,
    );
    expect(found.map((one) => one.path)).toEqual([path]);
    for (const sentence of [found[0]!.what, found[0]!.breaks, found[0]!.fix]) expect(sentence).toMatch(/^\S.*\.$/s);
    expect(compatible(before, after, references)).toBe(rule.startsWith('unsound'));
    expect(doubts(...near).map(({ ruleId }) => ruleId)).not.toContain(`protobuf/${rule}`);
  });

  it('all have a case, and no case is without a rule', () => {
    expect(CASES.map(({ rule }) => `protobuf/${rule}`).sort()).toEqual(
      protobuf.warningRules.map(({ id }) => id).sort(),
    );
  });

  it('tell an enum that lost a constant, whatever enum it is', () => {
    const before = `${p3('Color a = 1;')} enum Color { RED = 0; BLUE = 1; }`;
    const after = `${p3('Shade a = 1;')} enum Shade { DARK = 0; }`;
    expect(doubts(before, after).map(({ ruleId }) => ruleId)).toEqual(['protobuf/unsound-narrower-number']);
    expect(doubts(after, before)).toEqual([]);
  });

  it('ask only the schema being registered to reserve numbers', () => {
    expect(doubts(p3('string a = 1;'), p3('string a = 1;', 'string b = 2;'), 'old-reads-new')).toEqual([]);
  });

  it('are found in messages of other files that a field uses', () => {
    const own = 'syntax = "proto3"; import "x.proto"; message M { X x = 1; }';
    const schema = (type: string) =>
      protobuf.parse(own, {
        references: [
          {
            name: 'x.proto',
            schemaType: 'PROTOBUF',
            text: `syntax = "proto3"; message X { ${type} a = 1; }`,
            references: [],
          },
        ],
      });
    const found = protobuf.doubts(schema('string'), schema('bytes'), 'new-reads-old');
    expect(found.map(({ ruleId, place }) => [ruleId, place])).toEqual([['protobuf/unsound-bytes-as-text', 'X.a']]);
  });

  it('are none between a file and itself', () => {
    for (const { before, after, references: [old, young] = [[], []] } of CASES) {
      expect(doubts(before, before, 'new-reads-old', [old, old])).toEqual([]);
      expect(doubts(after, after, 'new-reads-old', [young, young])).toEqual([]);
    }
  });
});
