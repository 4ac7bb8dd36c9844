import { describe, expect, it } from 'vitest';
import { parseExact } from '../exact-json.js';
import type { ResolvedReference } from '../format.js';
import { JsonSchemaFormat } from './json-schema-format.js';
import { JsonValidator } from './validate.js';

const format = new JsonSchemaFormat();
const NEWEST = 'https://json-schema.org/draft/2020-12/schema';
const MODERN = 'https://json-schema.org/draft/2019-09/schema';

function problems(schema: unknown, value: unknown, references: readonly ResolvedReference[] = [], steps = 1_000_000) {
  const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
  return new JsonValidator(format.parse(text, { references })).problems(value, steps);
}
const told = (schema: unknown, value: unknown) => problems(schema, value).map((one) => `${one.path}: ${one.message}`);
const fits = (...question: Parameters<typeof problems>) => problems(...question).length === 0;
const reference = (name: string, schema: unknown): ResolvedReference => ({
  name,
  schemaType: 'JSON',
  text: JSON.stringify(schema),
  references: [],
});

describe('what is wrong with a value', () => {
  it.each<[string, unknown, unknown, string[]]>([
    ['a type', { type: 'string' }, 1.5, [': expected a text, got a number with a fraction']],
    ['several types', { type: ['string', 'null'] }, 1, [': expected a text or null, got a number']],
    ['an integer', { type: 'integer' }, 1.5, [': expected an integer, got a number with a fraction']],
    ['an enum', { enum: ['x', 1] }, 'secret', [': expected one of "x", 1']],
    ['a constant', { const: { a: 1 } }, {}, [': expected {"a":1}']],
    ['bounds', { minimum: 1, exclusiveMaximum: 2 }, 2, [': must be less than 2']],
    ['a multiple', { multipleOf: 0.01 }, 0.005, [': must be a multiple of 0.01']],
    ['a length', { maxLength: 1 }, 'ab', [': must have at most 1 characters, has 2']],
    ['a pattern', { pattern: '^a' }, 'b', [': does not match the pattern ^a']],
    ['a format', { format: 'date-time' }, 'today', [': is not of the format date-time']],
    ['a missing member', { required: ['a/b', 'c'] }, {}, ['/a~1b: is missing', '/c: is missing']],
    ['a count of members', { maxProperties: 0 }, { a: 1 }, [': must have at most 0 members, has 1']],
    [
      'a misspelled member',
      { properties: { colour: {} }, additionalProperties: false },
      { color: 1, other: 2 },
      ["/color: is not allowed; did you mean 'colour'?", '/other: is not allowed'],
    ],
    [
      'a name',
      { propertyNames: { maxLength: 1 } },
      { ab: 1 },
      ['/ab: has a name that must have at most 1 characters, has 2'],
    ],
    ['a dependency', { dependencies: { a: ['b'] } }, { a: 1 }, ["/b: is missing, which 'a' asks for"]],
    [
      'items',
      { items: { type: 'null' }, maxItems: 1 },
      [null, 1],
      [': must have at most 1 items, has 2', '/1: expected null, got a number'],
    ],
    [
      'equal items',
      { uniqueItems: true },
      [1, { a: 1, b: 2 }, { b: 2, a: 1 }],
      [': must have no equal items; 1 and 2 are'],
    ],
    ['what is contained', { contains: { const: 1 } }, [2], [": must have at least 1 items that fit 'contains', has 0"]],
    ['an exclusion', { not: {} }, 1, [": is what 'not' excludes"]],
    ['two alternatives', { oneOf: [{}, {}] }, 1, [": fits several alternatives of 'oneOf' (0, 1), and must fit one"]],
    [
      'no alternative',
      { anyOf: [{ type: 'null' }, { const: 2 }] },
      1,
      [": fits none of the 2 alternatives of 'anyOf'"],
    ],
    [
      'the nearest alternative',
      {
        oneOf: [
          { properties: { kind: { const: 'a' }, n: { type: 'integer' } }, required: ['kind', 'n'] },
          { properties: { kind: { const: 'b' }, s: { type: 'string' } }, required: ['kind', 's'] },
        ],
      },
      { kind: 'a', n: 'x' },
      ['/n: expected an integer, got a text'],
    ],
    [
      'a condition',
      { if: { type: 'string' }, then: { minLength: 1 } },
      '',
      [': must have at least 1 characters, has 0'],
    ],
  ])('is told for %s', (_what, schema, value, expected) => {
    expect(told(schema, value)).toEqual(expected);
  });

  it('is told once for each place, twenty times at most', () => {
    const rule = { items: { type: 'string' } };
    expect(told({ allOf: [rule, rule] }, [1])).toEqual(['/0: expected a text, got a number']);
    expect(
      told(
        rule,
        Array.from({ length: 50 }, () => 1),
      ),
    ).toHaveLength(20);
  });
});

describe('numbers', () => {
  const value = (text: string) => parseExact(text, 100);

  it('are compared as the decimals they are written as', () => {
    expect(fits('{"maximum": 9007199254740992}', value('9007199254740992'))).toBe(true);
    expect(fits('{"maximum": 9007199254740992}', value('9007199254740993'))).toBe(false);
    expect(fits('{"const": 9007199254740993}', value('9007199254740993.0'))).toBe(true);
    expect(fits('{"const": 9007199254740993}', value('9007199254740992'))).toBe(false);
    expect(fits('{"enum": [9007199254740992]}', value('9007199254740992'))).toBe(true);
    expect(fits('{"uniqueItems": true}', value('[9007199254740992, 9007199254740992.0]'))).toBe(false);
    expect(fits('{"enum": [0.1]}', 0.1)).toBe(true);
    expect(fits('{"minimum": 1e400}', value('1e401'))).toBe(true);
    expect(fits('{"minimum": -1e400}', value('-1e401'))).toBe(false);
    expect(fits('{"uniqueItems": true}', value('[9007199254740993, 9007199254740993.0]'))).toBe(false);
    expect(fits('{"uniqueItems": true}', value('[9007199254740993, 9007199254740992]'))).toBe(true);
  });

  it.each([
    ['0.3', '0.1', true],
    ['0.35', '0.1', false],
    ['1e308', '0.01', true],
    ['9007199254740993', '3', true],
    ['9007199254740994', '3', false],
    ['-4.5', '1.5', true],
    ['0', '0.7', true],
    ['1e999999999', '7', false],
  ])('%s is a multiple of %s: %s', (number, of, expected) => {
    expect(fits(`{"multipleOf": ${of}}`, value(number))).toBe(expected);
  });

  it('are integers by what they are worth', () => {
    for (const text of ['1', '1.0', '1e2', '12345678901234567890', '12345678901234567890.0', '1e400']) {
      expect(fits({ type: 'integer' }, value(text))).toBe(true);
    }
    for (const text of ['1.5', '12345678901234567890.5', '1e-400']) {
      expect(fits({ type: 'integer' }, value(text))).toBe(false);
    }
  });
});

describe('references', () => {
  it('lead to definitions, anchors, ids and registered schemas', () => {
    const schema = {
      $schema: NEWEST,
      $id: 'http://test/root',
      properties: {
        a: { $ref: '#/$defs/short' },
        b: { $ref: '#named' },
        c: { $ref: 'inner' },
        d: { $ref: 'other.json' },
      },
      $defs: {
        short: { maxLength: 1 },
        anchored: { $anchor: 'named', type: 'null' },
        inner: { $id: 'inner', type: 'boolean' },
      },
    };
    const other = reference('other.json', {
      $schema: NEWEST,
      items: { $ref: '#/$defs/n' },
      $defs: { n: { type: 'number' } },
    });
    expect(fits(schema, { a: 'x', b: null, c: true, d: [1] }, [other])).toBe(true);
    expect(problems(schema, { a: 'xy', b: 0, c: 0, d: [1, ''] }, [other]).map((one) => one.path)).toEqual([
      '/a',
      '/b',
      '/c',
      '/d/1',
    ]);
  });

  it('stand for the whole schema in the older drafts, and beside other keywords in the newer ones', () => {
    const schema = {
      definitions: { t: { type: 'string' } },
      properties: { a: { $ref: '#/definitions/t', maxLength: 1 } },
    };
    expect(fits(schema, { a: 'long' })).toBe(true);
    expect(fits({ ...schema, $schema: MODERN }, { a: 'long' })).toBe(false);
  });

  it('may lead in circles through the value', () => {
    const list = { properties: { next: { $ref: '#' }, value: { type: 'integer' } } };
    expect(told(list, { next: { next: { value: 'x' } } })).toEqual([
      '/next/next/value: expected an integer, got a text',
    ]);
  });

  it('to the address of a draft mean a schema of that draft', () => {
    const holder = { properties: { schema: { $ref: 'http://json-schema.org/draft-07/schema#' } } };
    expect(fits(holder, { schema: { type: 'object', properties: { a: true } } })).toBe(true);
    expect(told(holder, { schema: { properties: { a: { minLength: -1 } } } })).toEqual([
      '/schema/properties/a/minLength: must be at least 0',
    ]);
    const old = { $schema: NEWEST, $ref: 'http://json-schema.org/draft-04/schema#' };
    expect(fits(old, { maximum: 3, exclusiveMaximum: true, multipleOf: 2 })).toBe(true);
    expect(fits(old, { exclusiveMaximum: true })).toBe(false);
    expect(fits(old, { multipleOf: 0 })).toBe(false);
    const part = { $ref: 'http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger' };
    expect([fits(part, 0), fits(part, -1)]).toEqual([true, false]);
    const newest = { $schema: NEWEST, $ref: NEWEST };
    expect(fits(newest, { prefixItems: [{ not: {} }] })).toBe(true);
    expect(fits(newest, { prefixItems: {} })).toBe(false);
  });
});

describe('dynamic references', () => {
  const tree = {
    $schema: NEWEST,
    $id: 'http://test/tree',
    $dynamicAnchor: 'node',
    type: 'object',
    properties: { data: true, children: { type: 'array', items: { $dynamicRef: '#node' } } },
  };
  const strict = {
    $schema: NEWEST,
    $id: 'http://test/strict',
    $dynamicAnchor: 'node',
    $ref: 'tree.json',
    unevaluatedProperties: false,
  };

  it('take the outermost schema that carries the anchor', () => {
    const misspelled = { children: [{ daat: 1 }] };
    expect(fits(tree, misspelled)).toBe(true);
    expect(problems(strict, misspelled, [reference('tree.json', tree)])).toEqual([
      { path: '/children/0/daat', message: 'is not allowed' },
    ]);
    expect(fits(strict, { children: [{ data: 1 }] }, [reference('tree.json', tree)])).toBe(true);
  });

  it('demand nothing where they lead nowhere, which schemas stored long ago may have', () => {
    const text = JSON.stringify({ $schema: NEWEST, type: 'object', $dynamicRef: '#none' });
    const validator = new JsonValidator(format.parse(text, { validate: false }));
    expect(validator.problems({}, 1_000)).toEqual([]);
    expect(validator.problems(1, 1_000)).toHaveLength(1);
  });

  it('are ordinary ones where the target cannot be overridden', () => {
    const plain = { ...tree, $dynamicAnchor: undefined, $anchor: 'node' };
    expect(fits(strict, { children: [{ daat: 1 }] }, [reference('tree.json', plain)])).toBe(true);
  });

  it('of 2019-09 take the outermost root that is recursive', () => {
    const old = (recursive: boolean) => ({
      $schema: MODERN,
      $id: 'http://test/tree',
      $recursiveAnchor: recursive,
      properties: { data: true, children: { items: { $recursiveRef: '#' } } },
    });
    const oldStrict = {
      $schema: MODERN,
      $id: 'http://test/strict',
      $recursiveAnchor: true,
      $ref: 'tree.json',
      unevaluatedProperties: false,
    };
    expect(fits(oldStrict, { children: [{ daat: 1 }] }, [reference('tree.json', old(true))])).toBe(false);
    expect(fits(oldStrict, { children: [{ daat: 1 }] }, [reference('tree.json', old(false))])).toBe(true);
  });
});

describe('what is left unevaluated', () => {
  const modern = (schema: object) => ({ $schema: NEWEST, ...schema });

  it.each<[string, object, unknown, boolean]>([
    ['members of a branch that fits', { anyOf: [{ properties: { a: true } }, false] }, { a: 1 }, true],
    ['members of a branch that does not fit', { anyOf: [{ properties: { a: false } }, true] }, { a: 1 }, false],
    ['members under a condition', { if: { properties: { a: { const: 1 } } }, then: true }, { a: 1 }, true],
    ['members under not', { not: { not: { properties: { a: true } } } }, { a: 1 }, false],
    ['members matched by a pattern', { patternProperties: { '^a': true } }, { ab: 1 }, true],
    [
      'members of a dependent schema',
      { dependentSchemas: { b: { properties: { a: true, b: true } } } },
      { a: 1, b: 1 },
      true,
    ],
    [
      'members of a dependent schema not asked for',
      { dependentSchemas: { b: { properties: { a: true } } } },
      { a: 1 },
      false,
    ],
    ['members seen by an inner rule', { allOf: [{ unevaluatedProperties: true }] }, { a: 1 }, true],
  ])('%s', (_what, schema, value, expected) => {
    expect(fits(modern({ ...schema, unevaluatedProperties: false }), value)).toBe(expected);
  });

  it.each<[string, object, unknown, boolean]>([
    ['items of a prefix', { prefixItems: [true] }, [1], true],
    ['items beyond a prefix', { prefixItems: [true] }, [1, 2], false],
    ['items that are contained', { contains: { const: 1 } }, [1, 1], true],
    ['items beside those that are contained', { contains: { const: 1 } }, [1, 2], false],
    [
      'items of a branch',
      { oneOf: [{ prefixItems: [{ const: 1 }, true] }, { prefixItems: [{ const: 2 }] }] },
      [1, 2],
      true,
    ],
    [
      'items of the other branch',
      { oneOf: [{ prefixItems: [{ const: 1 }, true] }, { prefixItems: [{ const: 2 }] }] },
      [2, 2],
      false,
    ],
  ])('%s', (_what, schema, value, expected) => {
    expect(fits(modern({ ...schema, unevaluatedItems: false }), value)).toBe(expected);
  });
});

describe('drafts', () => {
  it.each<[string, object, unknown, boolean]>([
    [
      'draft 4 has flags for exclusive bounds',
      { $schema: 'http://json-schema.org/draft-04/schema#', minimum: 1, exclusiveMinimum: true },
      1,
      false,
    ],
    ['draft 4 does not know const', { $schema: 'http://json-schema.org/draft-04/schema#', const: 1 }, 2, true],
    [
      'draft 6 does not know if',
      { $schema: 'http://json-schema.org/draft-06/schema#', if: true, then: false },
      2,
      true,
    ],
    ['draft 7 asserts formats', { format: 'ipv4' }, '1.2.3', false],
    ['draft 2020-12 does not', { $schema: NEWEST, format: 'ipv4' }, '1.2.3', true],
    ['minContains 0 asks for nothing', { $schema: NEWEST, contains: false, minContains: 0 }, [], true],
    ['maxContains bounds', { $schema: NEWEST, contains: true, maxContains: 1 }, [1, 2], false],
  ])('%s', (_what, schema, value, expected) => {
    expect(fits(schema, value)).toBe(expected);
  });

  it.each([
    [
      'date-time',
      ['2024-02-29T12:00:00Z', '1990-12-31T23:59:60Z', '2024-01-01t00:00:00.123+01:30'],
      ['2023-02-29T12:00:00Z', '2024-01-01T24:00:00Z', '2024-01-01T00:00:00'],
    ],
    ['date', ['2000-02-29'], ['1900-02-29', '2024-13-01']],
    ['time', ['10:00:00Z'], ['10:00:00', '10:00:60Z']],
    ['email', ['a.b+c@x.org'], ['a..b@x.org', '@x.org', 'a@', 'a b@x.org']],
    ['hostname', ['a-b.example'], ['-a.example', 'a..b', 'a_b']],
    ['ipv4', ['1.2.3.255'], ['1.2.3.256', '01.2.3.4', '1.2.3']],
    [
      'ipv6',
      ['::1', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', 'fe80::'],
      ['1::2::3', '1:2:3:4:5:6:7', '12345::', '::1.2.3'],
    ],
    ['uri', ['http://h/p?q#f', 'urn:x:y'], ['//h/p', 'http://h/ p', 'http://h/%zz']],
    ['uri-reference', ['/p', '#f', ''], ['a b', '#a#b']],
    ['uri-template', ['/p{?q*,r:3}'], ['/p{', '/p{q r}']],
    ['json-pointer', ['', '/a~0b/~1'], ['a', '/~2']],
    ['relative-json-pointer', ['0', '1/a', '2#'], ['a', '01', '/a']],
    ['regex', ['^(a|b)+$', '(?=x)'], ['(', '[']],
  ])('the format %s', (name, right, wrong) => {
    for (const text of right) expect([text, fits({ format: name }, text)]).toEqual([text, true]);
    for (const text of wrong) expect([text, fits({ format: name }, text)]).toEqual([text, false]);
  });
});

describe('a property named like the id keyword', () => {
  it.each([
    ['http://json-schema.org/draft-04/schema#', 'id'],
    ['http://json-schema.org/draft-07/schema#', '$id'],
  ])('demands nothing where it holds no schema (%s)', ($schema, id) => {
    const schema = { $schema, properties: { [id]: 'http://example.org/x', a: { type: 'string' } } };
    expect(told(schema, { [id]: 1, a: 1 })).toEqual(['/a: expected a text, got a number']);
  });
});

describe('hostile schemas and values', () => {
  it('find names of JavaScript objects only where the value has them', () => {
    const schema = '{"required":["__proto__","constructor","toString"],"properties":{"__proto__":{"type":"string"}}}';
    expect(problems(schema, {}).map((one) => one.path)).toEqual(['/__proto__', '/constructor', '/toString']);
    const value: unknown = JSON.parse('{"__proto__":1,"constructor":1,"toString":1}');
    expect(problems(schema, value)).toEqual([{ path: '/__proto__', message: 'expected a text, got a number' }]);
  });

  it('never run a pattern that could take for ever, and refuse nothing because of one that is never run', () => {
    const evil = `${'a'.repeat(50_000)}!`;
    expect(fits({ pattern: '^(a|a)*$' }, evil)).toBe(false);
    expect(fits({ pattern: '^(?=b)' }, 'a')).toBe(true);
    expect(fits({ patternProperties: { '(?=b)': false }, additionalProperties: false }, { a: 1 })).toBe(true);
    expect(told({ pattern: 'a' }, 'a'.repeat(70_000))).toEqual([
      ': is longer than the 65536 characters that patterns are run on',
    ]);
  });

  it('end where a schema leads to itself', () => {
    expect(told({ $ref: '#' }, 1)).toEqual([': leads through the schema without end']);
    expect(fits({ allOf: [{ $ref: '#' }, { $ref: '#' }] }, 1)).toBe(false);
  });

  it('end where alternatives multiply', () => {
    const twice = { anyOf: [{ $ref: '#/definitions/x' }, { $ref: '#/definitions/x' }] };
    const schema = { ...twice, definitions: { x: { properties: { a: twice, z: false } } } };
    let value: object = { z: 1 };
    for (let i = 0; i < 60; i++) value = { a: value };
    expect(problems(schema, value, [], 100_000)).toEqual([
      { path: '', message: 'takes more than 100000 steps to check' },
    ]);
  });

  it('take values of a million items in bounded steps', () => {
    const value = new Array<number>(400_000).fill(1);
    expect(fits({ items: { type: 'integer' } }, value)).toBe(true);
    expect(fits({ uniqueItems: true, items: { enum: [[1], [2]] } }, value)).toBe(false);
  });
});
