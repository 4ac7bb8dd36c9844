import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { verdictFindings } from '../findings.js';
import type { CompatibilityPolicy, ResolvedReference } from '../format.js';
import { SchemaFormats } from '../formats.js';
import { judge } from '../levels.js';
import { JsonSchemaFormat } from './json-schema-format.js';

const json = new JsonSchemaFormat();
const formats = new SchemaFormats([json]);
const parse = (schema: unknown, references: readonly ResolvedReference[] = []) =>
  json.parse(JSON.stringify(schema), { references });
const breaking = (before: unknown, after: unknown, policy: CompatibilityPolicy = 'STRICT') =>
  json
    .differences(parse(after), parse(before), { policy })
    .filter((one) => one.breaking)
    .map((one) => `${one.errorType} ${one.path}`);
const string = { type: 'string' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const MODERN = 'https://json-schema.org/draft/2020-12/schema';

describe('content models', () => {
  const closed = { additionalProperties: false };
  it.each([
    // what, before, after, strict, lenient
    ['optional property, open', object({}), object({ a: string }), false, true],
    ['optional property, closed', object({}, closed), object({ a: string }, closed), true, true],
    [
      'required property with default, open',
      object({}),
      object({ a: { ...string, default: 'x' } }, { required: ['a'] }),
      false,
      true,
    ],
    [
      'required property without default, closed',
      object({}, closed),
      object({ a: string }, { ...closed, required: ['a'] }),
      false,
      false,
    ],
    ['property removed, open', object({ a: string }), object({}), true, true],
    ['property removed, closed', object({ a: string }, closed), object({}, closed), false, true],
    ['empty schema added, open', object({}), object({ a: {} }), true, true],
    [
      'property covered by a pattern',
      object({}, { patternProperties: { '^a': string } }),
      object({ a: string }, { patternProperties: { '^a': string } }),
      true,
      true,
    ],
    [
      'property at odds with a pattern',
      object({}, { patternProperties: { '^a': string } }),
      object({ a: { type: 'integer' } }, { patternProperties: { '^a': string } }),
      false,
      false,
    ],
    ['object closed', object({}), object({}, closed), false, true],
  ])('%s', (_what, before, after, strict, lenient) => {
    expect(breaking(before, after).length === 0).toBe(strict);
    expect(breaking(before, after, 'LENIENT').length === 0).toBe(lenient);
  });
});

describe('references to the schema of a draft', () => {
  const ADDRESSES = [
    'draft-04/schema#',
    'draft-06/schema#',
    'draft-07/schema',
    'draft/2019-09/schema',
    'draft/2020-12/schema',
  ].map((path) => `http${path.startsWith('draft/') ? 's' : ''}://json-schema.org/${path}`);

  it.each(ADDRESSES)('stand for it in comparing, written in %s', ($schema) => {
    const open = object({ a: string });
    for (const $ref of ADDRESSES) {
      const reference = { $schema, ...object({ schema: { $ref } }) };
      expect(breaking(reference, reference)).toEqual([]);
      expect(breaking({ $schema, ...object({ schema: open }) }, reference)).not.toEqual([]);
      expect(breaking(reference, { $schema, ...object({ schema: {} }) })).toEqual([]);
    }
    // What a schema of one draft is, is one of the next in drafts 6 and 7.
    const [six, seven] = ['draft-06', 'draft-07'].map((draft) => ({
      $schema,
      $ref: `http://json-schema.org/${draft}/schema#/definitions/nonNegativeInteger`,
    }));
    expect(breaking(six, seven)).toEqual([]);
  });

  it('lead to the parts that drafts 4, 6 and 7 name', () => {
    const part = (draft: string, pointer: string) => ({ $ref: `http://json-schema.org/${draft}/schema#${pointer}` });
    const minimum = { type: 'integer', minimum: 0 };
    expect(breaking(minimum, part('draft-07', '/definitions/nonNegativeInteger'))).toEqual([]);
    expect(breaking(part('draft-04', '/definitions/positiveInteger'), minimum)).toEqual([]);
    expect(breaking(part('draft-04', '/properties/title'), string)).toEqual([]);
    expect(breaking(string, part('draft-07', '/definitions/stringArray'))).toEqual(['TYPE_CHANGED #/']);
    for (const name of ['schemaArray', 'nonNegativeIntegerDefault0', 'simpleTypes', 'stringArray']) {
      expect(() => parse(part('draft-06', `/definitions/${name}`))).not.toThrow();
    }
    expect(() => parse(part('draft-07', '/definitions/positiveInteger'))).toThrow('cannot be resolved');
  });
});

describe('keywords that take no part in comparing', () => {
  const CLASSIC = 'http://json-schema.org/draft-07/schema#';
  it.each([
    // draft, member, value, accepted
    [MODERN, 'readOnly', 'x', false],
    [MODERN, 'writeOnly', null, false],
    [MODERN, 'deprecated', 1, false],
    [MODERN, 'deprecated', true, true],
    [CLASSIC, 'readOnly', 'x', false],
    [CLASSIC, 'writeOnly', 1, false],
    [CLASSIC, 'readOnly', true, true],
    [CLASSIC, 'deprecated', 'x', true],
    ['http://json-schema.org/draft-06/schema#', 'readOnly', 'x', true],
    [MODERN, 'then', 5, true],
    [MODERN, 'else', null, true],
    [CLASSIC, 'then', 5, false],
    [MODERN, 'minContains', null, true],
    [MODERN, '$anchor', 5, true],
    [MODERN, '$anchor', '1 a', false],
    [MODERN, '$dynamicAnchor', 5, false],
    [MODERN, '$id', null, true],
    [MODERN, 'title', null, false],
  ])('of %s: %s %j is accepted: %s', (draft, name, value, accepted) => {
    const schema = (): unknown => parse({ $schema: draft, [name]: value });
    if (accepted) expect(schema).not.toThrow();
    else expect(schema).toThrow('must be');
  });

  it('are read where they mean something', () => {
    expect(() => parse({ $schema: MODERN, if: {}, then: 5 })).toThrow('A schema must be');
    expect(() => parse({ $schema: MODERN, ...object({ a: { $schema: 5 } }) })).toThrow("'$schema' must be a string");
  });

  it('count as absent beside contains where they are no numbers', () => {
    const list = (more: object): object => ({ $schema: MODERN, type: 'array', contains: string, ...more });
    expect(breaking(list({}), list({ minContains: 'x', maxContains: null }))).toEqual([]);
    expect(breaking(list({}), list({ minContains: 2 }))).toEqual(['MIN_CONTAINS_INCREASED #/minContains']);
  });

  it.each([
    // what is told of contains in drafts 4 to 7, before, after
    [[], {}, { contains: string }],
    [['MIN_CONTAINS_ADDED #/minContains'], { contains: string }, { contains: string, minContains: 2 }],
    [[], { minContains: 2 }, { minContains: 2.9 }],
    [['MIN_CONTAINS_INCREASED #/minContains'], { minContains: 2 }, { minContains: 3.1 }],
    [[], { minContains: 2, maxContains: 3 }, { maxContains: 4 }],
    [['MAX_CONTAINS_DECREASED #/maxContains'], { maxContains: 4 }, { maxContains: 3 }],
    [[], { maxContains: 4 }, { maxContains: '3' }],
    // Beside keywords of another kind the bounds are not the array's.
    [[], { not: string, maxContains: 4 }, { not: string, maxContains: 3 }],
  ])('tell %j of an array of a classic draft: %j, then %j', (told, before, after) => {
    for (const draft of ['draft-04', 'draft-06', 'draft-07']) {
      const list = (more: object): object => ({
        $schema: `http://json-schema.org/${draft}/schema#`,
        type: 'array',
        ...more,
      });
      expect(breaking(list(before), list(after))).toEqual(told);
    }
  });

  it('of a schema object without definitions leave what it says of other members as it is', () => {
    const closed = (more: object): object => ({
      $schema: MODERN,
      type: 'object',
      unevaluatedProperties: false,
      ...more,
    });
    const open = { $schema: MODERN, type: 'object' };
    expect(breaking(open, closed({ $defs: {} }))).toEqual(['UNEVALUATED_PROPERTIES_REMOVED #/unevaluatedProperties']);
    expect(breaking(open, closed({ $defs: { a: string } }))).toEqual([]);
  });
});

describe('names', () => {
  it('takes names that JavaScript objects have already, and a percent sign', () => {
    const names = ['__proto__', 'constructor', 'toString', '%s', 'a/b', ''];
    const text = (type: string) =>
      `{"type":"object","properties":{${names.map((name) => `${JSON.stringify(name)}:{"type":"${type}"}`).join(',')}}}`;
    const [before, after] = [json.parse(text('string')), json.parse(text('integer'))];
    expect(after.topLevelFieldNames).toEqual(names);
    const differences = json.differences(after, before);
    expect(differences.map((one) => one.path)).toEqual(names.map((name) => `#/properties/${name}`));
    expect(json.message(differences[3]!, 'new-reads-old')).toBe(
      `{errorType:"TYPE_CHANGED", description:"A type at path '#/properties/%s' is different between the new schema and the old schema'}`,
    );
  });
});

describe('references', () => {
  const address: ResolvedReference = {
    name: 'address.json',
    schemaType: 'JSON',
    text: JSON.stringify({ $id: 'http://own.test/a.json', definitions: { Zip: string }, type: 'object' }),
    references: [],
  };

  it('reach registered texts by name, and nothing else', () => {
    expect(parse({ properties: { a: { $ref: 'address.json#/definitions/Zip' } } }, [address]).canonical).toContain(
      'Zip',
    );
    for (const $ref of [
      'http://own.test/a.json',
      'http://127.0.0.1/x',
      'file:///etc/passwd',
      'other.json',
      '#/definitions/x',
    ]) {
      expect(() => parse({ properties: { a: { $ref } } }, [address])).toThrow(/cannot be resolved/);
    }
  });

  it('are resolved against the id of the root', () => {
    const schema = { $id: 'mem://q/root', properties: { a: { $ref: 'mem://q/address.json' } } };
    expect(parse(schema, [address]).root.kind).toBe('object');
  });

  it('point to the text at fault', () => {
    const broken = { ...address, text: '{"type":"nope"}' };
    expect(() => parse({ $ref: 'address.json' }, [broken])).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ reference: 'address.json' }) as object }),
    );
  });
});

describe('text', () => {
  it('keeps numbers, order and what stands after the value out of it', () => {
    expect(json.parse('{"b":1.10,"a":1e2,"c":-0.0} junk').canonical).toBe('{"b":1.10,"a":1E+2,"c":0.0}');
    expect(json.parse('{"b":1,"a":{"d":1,"c":2}}').normalised().canonical).toBe('{"a":{"c":2,"d":1},"b":1}');
  });

  it('is refused for a property that begins with two dollar signs, under the setting that says so', () => {
    const text = JSON.stringify(object({ $$a: {} }));
    expect(json.parse(text).topLevelFieldNames).toEqual(['$$a']);
    expect(() => json.parse(text, { validateFields: true })).toThrow('Field names cannot start with $$ prefix');
  });

  it('reads back to the same text', () => {
    const schemas = fc.oneof(fc.boolean(), fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()));
    fc.assert(
      fc.property(schemas, (schema) => {
        let once: string;
        try {
          once = json.parse(JSON.stringify(schema)).canonical;
        } catch (error) {
          // A random member may be a keyword with a wrong value.
          if (isAppError(error, 'schema-invalid')) return;
          throw error;
        }
        const twice = json.parse(once);
        expect(twice.canonical).toBe(once);
        expect(twice.normalised().normalised().canonical).toBe(twice.normalised().canonical);
        expect(json.differences(twice, json.parse(once)).filter((one) => one.breaking)).toEqual([]);
      }),
    );
  });

  it.each([
    ['{"type":\n "any"}', 2, 2],
    ['{"minLength":"1"}', 1, 14],
    ['{type:1}', 1, 2],
    ['[]', 1, 1],
  ])('says where %j is wrong', (text, line, column) => {
    expect(() => json.parse(text)).toThrow(
      expect.objectContaining({ code: 'schema-invalid', details: expect.objectContaining({ line, column }) as object }),
    );
  });
});

describe('findings', () => {
  it('explain every rule of the catalogue in whole sentences', () => {
    expect(json.rules.length).toBeGreaterThan(40);
    for (const rule of json.rules) {
      const difference = {
        ruleId: rule.id,
        errorType: rule.errorType,
        path: '#/',
        place: 'a',
        detail: '',
        breaking: true,
        reader: null,
        writer: null,
      };
      const { what, breaks, fix } = json.explain(difference, 'old-reads-new');
      for (const sentence of [what, breaks, fix]) expect(sentence).toMatch(/^\S.*\.$/s);
    }
  });

  it('name the place and show both sides', () => {
    const before = parse(object({ lines: { type: 'array', items: object({ q: { type: 'number' } }) } }));
    const after = parse(object({ lines: { type: 'array', items: object({ q: { type: 'integer' } }) } }));
    const verdict = judge(formats, { level: 'BACKWARD', candidate: after, earlier: [{ version: 1, schema: before }] });
    expect(verdictFindings(formats, verdict)).toMatchObject([
      { ruleId: 'json/type-narrowed', place: 'lines[].q', before: '{"type":"number"}', after: '{"type":"integer"}' },
    ]);
  });
});

describe('hostile JSON Schema', () => {
  const refusal = (run: () => unknown): string => {
    try {
      run();
      return 'accepted';
    } catch (error) {
      if (!isAppError(error)) throw error;
      return error.code;
    }
  };

  it.each([
    ['a million brackets', () => json.parse('['.repeat(1_000_000))],
    ['deep objects', () => json.parse('{"not":'.repeat(500) + '{}' + '}'.repeat(500))],
    ['1,000 alternatives', () => parse({ oneOf: Array.from({ length: 1_000 }, (_, i) => ({ const: i })) })],
    [
      '30,000 properties',
      () => parse(object(Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`p${i}`, {}])))),
    ],
    ['two megabytes', () => parse({ description: 'x'.repeat(2_000_000) })],
  ])('%s are refused quickly', (_what, run) => expect(refusal(run)).toBe('schema-too-large'));

  it('follows references in circles and chains without nesting', () => {
    for (const $schema of ['http://json-schema.org/draft-07/schema#', MODERN]) {
      expect(refusal(() => parse({ $schema, $ref: '#' }))).toBe('accepted');
      const mutual = { a: { $ref: '#/definitions/b' }, b: { $ref: '#/definitions/a' } };
      const circle = parse({ $schema, $ref: '#/definitions/a', definitions: mutual });
      expect(json.differences(circle, circle).filter((one) => one.breaking)).toEqual([]);
      const chain = Object.fromEntries(
        Array.from({ length: 2_000 }, (_, i) => [
          `d${i}`,
          object({ next: { $ref: `#/definitions/d${(i + 1) % 2_000}` } }),
        ]),
      );
      const long = parse({ $schema, $ref: '#/definitions/d0', definitions: chain });
      expect(refusal(() => json.differences(long, long))).toBe('schema-too-complex');
    }
  });

  it('ends comparisons of recursive alternatives', () => {
    const tree = (leaf: object) => ({
      oneOf: Array.from({ length: 12 }, (_, i) => ({ $ref: `#/definitions/n${i}` })),
      definitions: Object.fromEntries(
        Array.from({ length: 12 }, (_, i) => [
          `n${i}`,
          object({
            l: { oneOf: Array.from({ length: 12 }, (_, j) => ({ $ref: `#/definitions/n${j}` })) },
            r: { $ref: '#' },
            v: leaf,
          }),
        ]),
      ),
    });
    const [before, after] = [parse(tree({ type: 'number' })), parse(tree({ type: 'integer' }))];
    expect(refusal(() => json.differences(after, before))).toBe('accepted');
    expect(json.differences(after, before).some((one) => one.breaking)).toBe(true);
    expect(json.differences(before, after).some((one) => one.breaking)).toBe(false);
  });

  it('ends comparisons of two 256-branch alternatives', () => {
    const many = (type: string) => ({
      oneOf: Array.from({ length: 256 }, (_, i) => object({ [`p${i}`]: { type }, q: { type } })),
    });
    expect(['accepted', 'schema-too-complex']).toContain(
      refusal(() => json.differences(parse(many('integer')), parse(many('string')))),
    );
  });

  it('never runs a pattern that could take for ever', () => {
    const before = parse(object({}, { patternProperties: { '(a+)+$': string, '(a|a)*$': string, '(.*)*x': string } }));
    const after = parse(object({ ['a'.repeat(60) + '!']: string }));
    expect(refusal(() => json.differences(after, before))).toBe('accepted');
    for (const pattern of ['((a{100}){100}){100}', '(?<=x)y', '(a)\\1', '('.repeat(5_000) + ')'.repeat(5_000), '(']) {
      expect(['accepted', 'schema-invalid']).toContain(refusal(() => parse({ pattern })));
    }
  });

  it('writes no code from names, patterns or texts', () => {
    const evil = '`${process.exit(1)}`"];process.exit(1)//';
    const before = parse(object({ [evil]: { const: evil } }, { title: evil, required: [evil] }));
    const after = parse(object({ [evil]: { const: 1 } }));
    expect(json.differences(after, before).some((one) => one.breaking)).toBe(true);
  });
});
