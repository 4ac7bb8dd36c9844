import { isAppError } from '#libs/core/kernel';
import { describe, expect, it } from 'vitest';
import { JsonSchemaFormat } from './json-schema-format.js';
import { isUri } from './uri.js';

const DRAFTS: Readonly<Record<string, string>> = {
  '4': 'http://json-schema.org/draft-04/schema#',
  '7': 'http://json-schema.org/draft-07/schema#',
  '2019': 'https://json-schema.org/draft/2019-09/schema',
  '2020': 'https://json-schema.org/draft/2020-12/schema',
};

const format = new JsonSchemaFormat();

/** Whether a new schema of the draft is taken. */
function isTaken(draft: string, schema: object, validate = true): boolean {
  try {
    format.parse(JSON.stringify({ $schema: DRAFTS[draft], ...schema }), { validate });
    return true;
  } catch (error) {
    if (!isAppError(error, 'schema-invalid')) throw error;
    return false;
  }
}

/**
 * Rules seen in the two libraries that read JSON Schema for the reference: everit-json-schema 1.14.6 (drafts 4, 6, 7) and json-sKema 0.32.0 (2019-09,
 * 2020-12), asked with the same texts. Recorded answers of the registry do not show them.
 */
describe('what is taken for a JSON Schema', () => {
  it.each([
    [{ allOf: [true] }, true],
    [{ anyOf: [false] }, true],
    [{ oneOf: [true, {}] }, true],
    [{ not: true }, true],
    [{ items: [true] }, true],
    [{ properties: { a: true } }, true],
    [{ patternProperties: { a: false } }, true],
    [{ $ref: '#/definitions/a', definitions: { a: true } }, true],
    [{ items: true }, false],
    [{ dependencies: { a: true } }, false],
  ])('draft 4 has booleans in some places: %j', (schema, taken) => {
    expect(isTaken('4', schema)).toBe(taken);
    expect(isTaken('7', schema)).toBe(true);
  });

  it.each(['4', '7'])('a divisor has to be a double in draft %s', (draft) => {
    const text = (value: string) => `{"$schema":"${DRAFTS[draft]}","multipleOf":${value}}`;
    expect(() => format.parse(text('1e308'))).not.toThrow();
    expect(() => format.parse(text('1e400'))).toThrow('multipleOf');
  });

  it.each(['4', '7', '2019', '2020'])('a reference is a URI in draft %s', (draft) => {
    const to = (name: string, ref: string) =>
      isTaken(draft, { properties: { p: { $ref: ref } }, definitions: { [name]: {} } });
    expect(to('a', '#/definitions/a')).toBe(true);
    expect(to('a b', '#/definitions/a%20b')).toBe(true);
    expect(to('ä', '#/definitions/ä')).toBe(true);
    expect(to('a b', '#/definitions/a b')).toBe(false);
    expect(to('a|b', '#/definitions/a|b')).toBe(false);
    expect(to('a', '##')).toBe(false);
  });

  it.each(['4', '7', '2019', '2020'])('an id is a URI, wherever it stands, in draft %s', (draft) => {
    const keyword = draft === '4' ? 'id' : '$id';
    for (const [id, taken] of [
      ['a.json', true],
      ['a b', false],
      ['a[b]', false],
      ['1:a', false],
    ] as const) {
      expect(isTaken(draft, { [keyword]: id })).toBe(taken);
      expect(isTaken(draft, { properties: { p: { [keyword]: id } } })).toBe(taken);
    }
  });

  it.each(['4', '7'])(
    'slashes at the end of a pointer and leading zeros of an index are not seen in draft %s',
    (draft) => {
      const to = (ref: string) =>
        isTaken(draft, { properties: { p: { $ref: ref } }, allOf: [{}], definitions: { a: {} } });
      expect(['#/', '#/definitions/a/', '#/allOf/00'].map(to)).toEqual([true, true, true]);
      expect(['#/definitions/b/', '#/allOf/1'].map(to)).toEqual([false, false]);
    },
  );

  it.each(['2019', '2020'])(
    'ids and anchors are given once in draft %s, dynamic anchors as often as wanted',
    (draft) => {
      const twice = (one: object, other = one) => isTaken(draft, { $defs: { a: one, b: other } });
      expect(twice({ $id: 'x' })).toBe(false);
      expect(twice({ $anchor: 'x' })).toBe(false);
      expect(twice({ $dynamicAnchor: 'x' })).toBe(true);
      expect(twice({ $id: 'a', $anchor: 'x' }, { $id: 'b', $anchor: 'x' })).toBe(true);
      expect(twice({ const: { $id: 'x' } }, { enum: [{ $id: 'x' }] })).toBe(true);
      expect(isTaken(draft, { $id: 'http://x.test/a', $defs: { a: { $id: 'a' } } })).toBe(false);
      expect(isTaken(draft, { properties: { p: { $id: '' } } })).toBe(false);
      expect(isTaken(draft, { properties: { p: { $anchor: '#a' } } })).toBe(false);
      // The reference copies them to `$defs`, and then finds every id in them twice.
      expect(isTaken(draft, { definitions: { a: { $id: 'x' } } })).toBe(true);
    },
  );

  it.each(['2019', '2020'])('a fragment names no document, but may stand within one, in draft %s', (draft) => {
    expect(isTaken(draft, { $id: '#a' })).toBe(false);
    expect(isTaken(draft, { $id: 'http://x.test/a#b' })).toBe(false);
    expect(isTaken(draft, { $id: '#' })).toBe(true);
    expect(isTaken(draft, { properties: { p: { $id: '#a' } } })).toBe(true);
  });

  it.each(['2019', '2020'])('a dynamic reference has to lead somewhere in draft %s', (draft) => {
    const $defs = { x: { $dynamicAnchor: 'n' } };
    expect(['#n', '#/$defs/x'].map(($dynamicRef) => isTaken(draft, { $dynamicRef, $defs }))).toEqual([true, true]);
    expect(['#m', 'n', '#/$defs/y'].map(($dynamicRef) => isTaken(draft, { $dynamicRef, $defs }))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it.each(['2019', '2020'])('`definitions` is no keyword of draft %s, and counts only where it holds some', (draft) => {
    expect(isTaken(draft, { definitions: 5 })).toBe(true);
    expect(isTaken(draft, { definitions: { a: 5 } })).toBe(false);
  });

  it('an id with an empty fragment names the document without it', () => {
    const schema = { id: 'http://x.test/a.json#', properties: { p: { $ref: 'a.json#/definitions/a' } } };
    expect(isTaken('4', { ...schema, definitions: { a: {} } })).toBe(true);
    expect(isTaken('4', schema)).toBe(false);
  });

  it('a reference is found by the very text of a `$ref` that ends with an empty fragment', () => {
    const references = [{ name: 'a.json#', schemaType: 'JSON', text: '{"type":"string"}', references: [] }] as const;
    expect(() => format.parse('{"$ref":"a.json#"}', { references })).not.toThrow();
    expect(() => format.parse('{"$ref":"b.json#"}', { references })).toThrow('cannot be resolved');
  });

  it('is asked of new schemas; what was stored before stays readable', () => {
    expect(isTaken('7', { properties: { p: { $ref: '#/definitions/a b' } }, definitions: { 'a b': {} } }, false)).toBe(
      true,
    );
    expect(isTaken('2020', { $defs: { a: { $anchor: 'x' }, b: { $anchor: 'x' } } }, false)).toBe(true);
    expect(isTaken('2020', { $dynamicRef: '#nowhere' }, false)).toBe(true);
  });
});

describe('what Java takes for a URI', () => {
  it.each([
    '',
    'a',
    'a/b?c#d',
    '//x/y',
    'http://[::1]:80/a',
    'http:///a',
    'urn:a:b',
    'mailto:a@b',
    'é',
    '%41',
    '#[a]',
    '?[a]',
    './a:b',
    "a'b(c)*!~",
  ])('takes %j', (text) => {
    expect(isUri(text)).toBe(true);
  });

  it.each([
    'a b',
    'a[b]',
    'a|b',
    'a^b',
    '{a}',
    '"',
    '\\',
    '%',
    '%zz',
    'a#b#c',
    '1:a',
    ':a',
    'é:b',
    'a_b:c',
    'a:',
    'urn:#x',
    'http://',
    'a\u00a0b',
    'a\u0080b',
    'a\nb',
  ])('does not take %j', (text) => {
    expect(isUri(text)).toBe(false);
  });
});

describe('a JSON Schema above a limit', () => {
  const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
  const properties = (count: number) => Object.fromEntries(many(count, (i) => [`p${i}`, {}]));
  it.each([
    // limit, its value, a schema of a size
    ['branches', 256, (size: number) => ({ anyOf: many(size, (i) => ({ const: i })) })],
    ['branches', 256, (size: number) => ({ type: many(size, () => 'string') })],
    ['enumSymbols', 10_000, (size: number) => ({ enum: many(size, (i) => i) })],
    ['fieldsPerRecord', 4_096, (size: number) => ({ type: 'object', properties: properties(size) })],
    ['nodes', 20_000, (size: number) => ({ items: many(size - 1, () => true) })],
    ['nodes', 20_000, (size: number) => ({ prefixItems: many(size - 1, () => true) })],
  ])('is refused by %s, %i, which it names with its measure', (limit, value, make) => {
    for (const draft of limit === 'nodes' && 'prefixItems' in make(2) ? ['2020'] : ['4', '7']) {
      const parse = (size: number) => format.parse(JSON.stringify({ $schema: DRAFTS[draft], ...make(size) }));
      expect(parse(value).type).toBe('JSON');
      expect(() => parse(value + 1)).toThrow(
        expect.objectContaining({ code: 'schema-too-large', details: { limit, value, measured: value + 1 } }),
      );
    }
  });

  it.each([
    ['branches', { type: many(257, () => 'string') }],
    ['enumSymbols', { enum: many(10_001, (i) => i) }],
    ['fieldsPerRecord', { properties: properties(4_097) }],
  ])('is refused by %s in the modern drafts, too', (limit, schema) => {
    for (const draft of ['2019', '2020']) {
      const text = JSON.stringify({ $schema: DRAFTS[draft], ...schema });
      expect(() => format.parse(text)).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ limit }) as unknown }),
      );
    }
  });
});
