import { describe, expect, it } from 'vitest';
import type { CompatibilityPolicy } from '../format.js';
import { JsonSchemaFormat } from './json-schema-format.js';

const json = new JsonSchemaFormat();
const MODERN = { $schema: 'https://json-schema.org/draft/2020-12/schema' };
const DRAFT_4 = { $schema: 'http://json-schema.org/draft-04/schema#' };
const text = { type: 'string' };
const int = { type: 'integer' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const closed = { additionalProperties: false };

interface DoubtCase {
  readonly rule: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly path: string;
  /** A change beside it of which nothing is to be said. */
  readonly near: readonly [unknown, unknown];
  readonly policy?: CompatibilityPolicy;
}

/** Each judgement of the reference that is kept although it is doubtful, made and just not made. */
const CASES: readonly DoubtCase[] = [
  {
    rule: 'unsound-format',
    before: object({ at: text }),
    after: object({ at: { ...text, format: 'date-time' } }),
    path: '#/properties/at/format',
    near: [object({ at: { ...text, format: 'date-time' } }), object({ at: text })],
  },
  {
    rule: 'unsound-content',
    before: object({ at: text }),
    after: object({ at: { ...text, contentEncoding: 'base64' } }),
    path: '#/properties/at/contentEncoding',
    near: [object({ at: { ...text, contentEncoding: 'base64' } }), object({ at: text })],
  },
  {
    rule: 'unsound-property-names',
    before: object({}),
    after: object({}, { propertyNames: { maxLength: 3 } }),
    path: '#/propertyNames',
    near: [object({}, { propertyNames: { maxLength: 3 } }), object({}, { propertyNames: { maxLength: 3 } })],
  },
  {
    rule: 'unsound-conditional',
    before: object({ a: int }, { if: { required: ['a'] }, then: { required: ['b'] } }),
    after: object({ a: int }, { if: { required: ['a'] }, then: { required: ['c'] } }),
    path: '#/then',
    near: [object({ a: int }, { if: { required: ['a'] } }), object({ a: int })],
  },
  {
    rule: 'unsound-contains',
    before: { type: 'array' },
    after: { type: 'array', contains: text },
    path: '#/contains',
    near: [{ type: 'array', contains: text }, { type: 'array' }],
  },
  {
    rule: 'unsound-pattern-properties',
    before: object({}, { patternProperties: { '^x': text } }),
    after: object({}, { patternProperties: { '^x': { ...text, maxLength: 3 } } }),
    path: '#/patternProperties',
    near: [object({}, { patternProperties: { '^x': text } }), object({}, { patternProperties: { '^x': text } })],
  },
  {
    rule: 'unsound-property-beside-patterns',
    before: object({}, { patternProperties: { '^x': text } }),
    after: object({ a: int }, { patternProperties: { '^x': text } }),
    path: '#/properties/a',
    near: [
      object({}, { patternProperties: { '^x': text }, ...closed }),
      object({ a: int }, { patternProperties: { '^x': text }, ...closed }),
    ],
  },
  {
    rule: 'unsound-required-undeclared',
    before: object({ a: int }),
    after: object({ a: int }, { required: ['b'] }),
    path: '#/required/b',
    near: [object({ a: int }, { required: ['a', 'b'] }), object({ a: int }, { required: ['b'] })],
  },
  {
    rule: 'unsound-required-with-default',
    before: object({ a: { ...int, default: 1 } }),
    after: object({ a: { ...int, default: 1 } }, { required: ['a'] }),
    path: '#/required/a',
    near: [object({ a: int }), object({ a: { ...int, default: 1 } })],
  },
  {
    rule: 'unsound-implied-type',
    before: { properties: { a: int } },
    after: object({ a: int }),
    path: '#/type',
    near: [object({ a: int }), { properties: { a: int } }],
  },
  {
    rule: 'unsound-exclusive-flag',
    before: { ...DRAFT_4, ...int, minimum: 1 },
    after: { ...DRAFT_4, ...int, minimum: 1, exclusiveMinimum: true },
    path: '#/exclusiveMinimum',
    near: [
      { ...DRAFT_4, ...int, minimum: 1, exclusiveMinimum: true },
      { ...DRAFT_4, ...int, minimum: 1 },
    ],
  },
  {
    rule: 'unsound-exclusive-maximum',
    before: { ...int, maximum: 9, exclusiveMaximum: 8 },
    after: { ...int, maximum: 9, exclusiveMaximum: 5 },
    path: '#/exclusiveMaximum',
    near: [
      { ...int, maximum: 9, exclusiveMaximum: 5 },
      { ...int, maximum: 9, exclusiveMaximum: 8 },
    ],
  },
  {
    rule: 'unsound-multiple-of-fraction',
    before: { type: 'number', multipleOf: 4.5 },
    after: { type: 'number', multipleOf: 2.5 },
    path: '#/multipleOf',
    near: [
      { type: 'number', multipleOf: 4.5 },
      { type: 'number', multipleOf: 1.5 },
    ],
  },
  {
    rule: 'unsound-one-of-overlap',
    before: { oneOf: [int, text] },
    after: { oneOf: [int, text, { type: 'number' }] },
    path: '#/',
    near: [{ oneOf: [int, text] }, { oneOf: [int, text, { type: 'boolean' }] }],
  },
  {
    rule: 'unsound-flattened-alternatives',
    before: { ...MODERN, anyOf: [{ ...text, enum: ['a'] }, int] },
    after: { ...MODERN, anyOf: [{ ...text, enum: ['a'] }, { type: 'number' }] },
    path: '#/',
    near: [
      { ...MODERN, anyOf: [text, int] },
      { ...MODERN, anyOf: [text, { type: 'number' }] },
    ],
  },
  {
    rule: 'unsound-unevaluated',
    before: { ...MODERN, allOf: [object({ a: int, b: int })], unevaluatedProperties: false },
    after: { ...MODERN, allOf: [object({ a: int })], unevaluatedProperties: false },
    path: '#/unevaluatedProperties',
    near: [
      { ...MODERN, ...object({ a: int }), unevaluatedProperties: false },
      { ...MODERN, ...object({ a: { type: 'number' } }), unevaluatedProperties: false },
    ],
  },
  {
    rule: 'unsound-reference-chain',
    before: object({ a: { $ref: '#/definitions/b' } }, { definitions: { b: { $ref: '#/definitions/c' }, c: int } }),
    after: object({ a: { $ref: '#/definitions/b' } }, { definitions: { b: { $ref: '#/definitions/c' }, c: text } }),
    path: '#/properties/a',
    near: [
      object({ a: { $ref: '#/definitions/b' } }, { definitions: { b: int } }),
      object({ a: { $ref: '#/definitions/b' } }, { definitions: { b: { type: 'number' } } }),
    ],
  },
  {
    rule: 'unsound-connect-bytes',
    before: { ...text, 'connect.type': 'bytes' },
    after: { ...int, 'connect.type': 'bytes' },
    path: '#/',
    near: [
      { ...text, 'connect.type': 'bytes' },
      { ...text, 'connect.type': 'bytes' },
    ],
  },
  {
    rule: 'unsound-lenient',
    before: object({}),
    after: object({}, closed),
    path: '#/additionalProperties',
    near: [object({}, closed), object({})],
    policy: 'LENIENT',
  },
  {
    rule: 'over-strict-alternatives',
    before: { anyOf: [int, { type: 'number', minimum: 1 }] },
    after: { type: 'number' },
    path: '#/',
    near: [{ anyOf: [int, text] }, { type: 'number' }],
  },
  {
    rule: 'over-strict-number-format',
    before: object({ a: int }),
    after: object({ a: { ...int, format: 'int64' } }),
    path: '#/properties/a/format',
    near: [object({ a: { ...int, format: 'int64' } }), object({ a: int })],
  },
  {
    rule: 'over-strict-equivalent-bound',
    before: { ...int, minimum: 1 },
    after: { ...int, exclusiveMinimum: 0 },
    path: '#/exclusiveMinimum',
    near: [
      { ...int, minimum: 1 },
      { ...int, exclusiveMinimum: 1 },
    ],
  },
  {
    rule: 'over-strict-pattern',
    before: { ...text, pattern: '^[a-c]$' },
    after: { ...text, pattern: '^[a-z]$' },
    path: '#/pattern',
    near: [{ ...text, pattern: '^a$' }, text],
  },
  {
    rule: 'over-strict-const-to-enum',
    before: { const: 'a' },
    after: { enum: ['a', 'b'] },
    path: '#/enum',
    near: [{ const: 'a' }, { enum: ['b'] }],
  },
  {
    rule: 'over-strict-any-additional',
    before: object({}),
    after: object({}, { additionalProperties: {} }),
    path: '#/additionalProperties',
    near: [object({}), object({}, { additionalProperties: text })],
  },
  {
    rule: 'over-strict-property-beside-patterns',
    before: object({ a: int }, { patternProperties: { '^x': text } }),
    after: object({}, { patternProperties: { '^x': text } }),
    path: '#/properties/a',
    near: [
      object({ a: int }, { patternProperties: { '^x': text }, ...closed }),
      object({}, { patternProperties: { '^x': text }, ...closed }),
    ],
  },
];

function doubts(before: unknown, after: unknown, policy: CompatibilityPolicy = 'STRICT') {
  const [writer, reader] = [before, after].map((schema) => json.parse(JSON.stringify(schema)));
  return json.doubts(reader!, writer!, 'new-reads-old', { policy });
}

function compatible(before: unknown, after: unknown, policy: CompatibilityPolicy = 'STRICT'): boolean {
  const [writer, reader] = [before, after].map((schema) => json.parse(JSON.stringify(schema)));
  return !json.differences(reader!, writer!, { policy }).some(({ breaking }) => breaking);
}

describe('doubtful judgements on JSON Schemas', () => {
  it.each(CASES)('$rule', ({ rule, before, after, path, near, policy }) => {
    const found = doubts(before, after, policy).filter(({ ruleId }) => ruleId === `json/${rule}`);
    expect(found.map((one) => one.path)).toEqual([path]);
    for (const sentence of [found[0]!.what, found[0]!.breaks, found[0]!.fix]) expect(sentence).toMatch(/^\S.*\.$/s);
    expect(compatible(before, after, policy)).toBe(rule.startsWith('unsound'));
    expect(doubts(...near, policy).map(({ ruleId }) => ruleId)).not.toContain(`json/${rule}`);
  });

  it('all have a case, and no case is without a rule', () => {
    expect(CASES.map(({ rule }) => `json/${rule}`).sort()).toEqual(json.warningRules.map(({ id }) => id).sort());
  });

  it('are found inside references, items and alternatives, each place once', () => {
    const tree = (format: object) => ({
      $ref: '#/definitions/node',
      definitions: {
        node: object({
          at: { ...text, ...format },
          children: { type: 'array', items: { $ref: '#/definitions/node' } },
        }),
      },
    });
    const found = doubts(tree({}), tree({ format: 'date' }));
    expect(found.map(({ ruleId, place }) => [ruleId, place])).toEqual([['json/unsound-format', 'at format']]);
  });

  it('take alternatives to overlap where keywords of one type stand beside another type', () => {
    const alternative = { type: ['null'], dependencies: { a: ['a'] } };
    const found = doubts({ oneOf: [{ minProperties: 0 }] }, { oneOf: [true, alternative] });
    expect(found.map(({ ruleId }) => ruleId)).toContain('json/unsound-one-of-overlap');
  });

  it('end for alternatives that lead in circles through required properties, or share alternatives of alternatives', () => {
    const branch = object({ l: { $ref: '#/definitions/tree' } }, { required: ['l'] });
    const tree = (...more: unknown[]) => ({
      $ref: '#/definitions/tree',
      definitions: { tree: { oneOf: [branch, object({ v: int }, { required: ['v'] }), ...more] } },
    });
    expect(doubts(tree(), tree(text)).map(({ ruleId }) => ruleId)).toContain('json/unsound-one-of-overlap');
    const level = (next: string) => ({ oneOf: Array.from({ length: 250 }, () => ({ $ref: `#/definitions/${next}` })) });
    const shared = (last: unknown) => ({
      ...level('a'),
      definitions: { a: level('b'), b: level('c'), c: last },
    });
    expect(doubts(shared(text), shared({ ...text, title: 'other' })).map(({ ruleId }) => ruleId)).toContain(
      'json/unsound-one-of-overlap',
    );
  });

  it('are none between a schema and itself', () => {
    for (const { before, after } of CASES) {
      expect(doubts(before, before)).toEqual([]);
      expect(doubts(after, after)).toEqual([]);
    }
  });
});
