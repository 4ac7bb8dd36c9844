import { asJson, comparing, differing, filled, LONGEST, registering, times, type HostileCase } from './hostile-case.js';

const object = (properties: object, more: object = {}): object => ({ type: 'object', properties, ...more });
const named = (count: number, make: (i: number) => unknown): object =>
  Object.fromEntries(times(count, (i) => [`p${i}`, make(i)]));

/** Patterns that take a backtracking engine for ever, or any engine a long time to write out. */
const PATTERNS = [
  '(a|a)*$',
  '(a+)+$',
  '(.*)*x',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '(a{1000})'.repeat(100),
  '((a{30}){30})'.repeat(70),
  '(?i)[a-z]{999}'.repeat(60),
  '(\\pL{500})'.repeat(90),
  '(?<=a+)b',
  '(a)\\1',
  'x'.repeat(100_000),
  'a{1000000}',
];

/** Where a schema must not be fetched from. `PORT` is that of a listener. */
const OUTSIDE = [
  'http://127.0.0.1:PORT/s.json',
  'http://localhost:PORT/s.json',
  'http://[::ffff:127.0.0.1]:PORT/s.json',
  'http://2130706433:PORT/s.json',
  'http://0177.0.0.1:PORT/s.json',
  'http://127.1:PORT/s.json',
  'http://user:password@127.0.0.1:PORT/s.json',
  'http://169.254.169.254/latest/meta-data',
  'https://json-schema.org/draft-07/unknown#',
  'file:///etc/passwd',
  'jar:http://127.0.0.1:PORT/a.jar!/s.json',
  'ftp://127.0.0.1:PORT/s.json',
  '//127.0.0.1:PORT/s.json',
];

const oneOf = (members: number, properties: number, type: string): object => ({
  oneOf: times(members, (i) => object(named(properties, (j) => ({ type, title: `${i}.${j}` })))),
});

/** A definition that refers to the one before twice, so often. */
const diamond = (levels: number, leaf: object): object => ({
  ...object({ top: { $ref: `#/definitions/d${levels}` } }),
  definitions: {
    d0: leaf,
    ...Object.fromEntries(
      times(levels, (i) => [
        `d${i + 1}`,
        object({ l: { $ref: `#/definitions/d${i}` }, r: { $ref: `#/definitions/d${i}` } }),
      ]),
    ),
  },
});

/** Definitions that all refer to all. */
const tangle = (count: number, keyword: string, leaf: string): object => ({
  $ref: '#/definitions/t0',
  definitions: Object.fromEntries(
    times(count, (i) => [
      `t${i}`,
      {
        [keyword]: [
          ...times(count, (j) => ({ $ref: `#/definitions/t${(i + j) % count}` })),
          object({ [`v${i}`]: { type: leaf } }),
        ],
      },
    ]),
  ),
});

export const JSON_CASES: readonly HostileCase[] = [
  registering('json size', 'a million brackets', 'refused', 'JSON', () => '['.repeat(1_000_000)),
  registering('json size', 'a hundred thousand levels', 'refused', 'JSON', () => '{"not":'.repeat(100_000)),
  registering(
    'json size',
    'properties as large as a text may be',
    'either',
    'JSON',
    () => `{"properties":{${filled(LONGEST, (i) => `"${i.toString(36)}":{}`)}}}`,
  ),
  registering('json size', 'lists nobody reads', 'either', 'JSON', () => `{"x":[${filled(LONGEST, () => '[1]')}]}`),
  registering('json size', 'a large enum', 'either', 'JSON', () => `{"enum":[${filled(LONGEST, (i) => `${i}`)}]}`),
  registering(
    'json size',
    'an enum of objects',
    'either',
    'JSON',
    () => `{"enum":[${filled(LONGEST, (i) => `{"a":${i}}`)}]}`,
  ),
  registering(
    'json size',
    'required',
    'either',
    'JSON',
    () => `{"type":"object","required":[${filled(LONGEST, (i) => `"${i}"`)}]}`,
  ),
  registering(
    'json size',
    'ten thousand members',
    'refused',
    'JSON',
    asJson({ oneOf: times(10_000, (i) => ({ const: i })) }),
  ),
  registering(
    'json size',
    'definitions',
    'either',
    'JSON',
    () => `{"definitions":{${filled(LONGEST, (i) => `"${i}":{"$ref":"#/definitions/${i + 1}"}`)}}}`,
  ),
  registering('json size', 'all of all of', 'either', 'JSON', () => `${'{"allOf":['.repeat(60)}{}${']}'.repeat(60)}`),

  ...(['$ref', 'allOf', 'anyOf', 'oneOf', 'not'] as const).map((keyword) =>
    registering(
      'json recursion',
      `${keyword} to itself`,
      'either',
      'JSON',
      asJson(keyword === '$ref' ? { $ref: '#' } : { [keyword]: keyword === 'not' ? { $ref: '#' } : [{ $ref: '#' }] }),
    ),
  ),
  registering(
    'json recursion',
    'two that refer to one another',
    'either',
    'JSON',
    asJson({
      $ref: '#/definitions/a',
      definitions: { a: { $ref: '#/definitions/b' }, b: { $ref: '#/definitions/a' } },
    }),
  ),
  registering(
    'json recursion',
    'additional properties',
    'answered',
    'JSON',
    asJson({ type: 'object', additionalProperties: { $ref: '#' } }),
  ),
  registering(
    'json recursion',
    'dynamic references',
    'either',
    'JSON',
    asJson({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $dynamicAnchor: 'n',
      properties: { a: { $dynamicRef: '#n' } },
      $defs: { b: { $dynamicAnchor: 'n', allOf: [{ $dynamicRef: '#n' }] } },
    }),
  ),
  differing('json recursion', 'diamonds of thirty levels', 'either', 'JSON', ['string', 'integer'], (word) =>
    JSON.stringify(diamond(30, { type: word })),
  ),
  ...(['oneOf', 'anyOf', 'allOf'] as const).map((keyword) =>
    differing('json recursion', `a tangle of ${keyword}`, 'either', 'JSON', ['string', 'integer'], (word) =>
      JSON.stringify(tangle(24, keyword, word)),
    ),
  ),

  differing('json combinatorics', 'two oneOfs alike', 'either', 'JSON', ['string', 'integer'], (word) =>
    JSON.stringify(oneOf(256, 12, word)),
  ),
  comparing(
    'json combinatorics',
    'oneOf in oneOf',
    'either',
    'JSON',
    asJson({ oneOf: times(60, (i) => ({ title: `${i}`, ...oneOf(30, 1, 'string') })) }),
    asJson({ oneOf: times(60, (i) => ({ title: `x${i}`, ...oneOf(30, 1, 'integer') })) }),
  ),
  differing('json combinatorics', 'thousands of differences', 'either', 'JSON', ['string', 'integer'], (word) =>
    JSON.stringify(object(named(8_000, () => ({ type: word })))),
  ),
  differing('json combinatorics', 'closed objects with other names', 'either', 'JSON', ['a', 'b'], (word) =>
    JSON.stringify(oneOfClosed(60, 40, word)),
  ),
  differing('json combinatorics', 'differences under long names', 'either', 'JSON', ['string', 'integer'], (word) =>
    JSON.stringify(object({ ['n'.repeat(30_000)]: object(named(2_000, () => ({ type: word }))) })),
  ),

  ...PATTERNS.map((pattern, i) =>
    registering(
      'json regex',
      `pattern ${i}`,
      'either',
      'JSON',
      asJson(object(named(8, (j) => ({ type: 'string', pattern: `${pattern}${j}` })))),
    ),
  ),
  ...PATTERNS.filter((pattern) => pattern.length < 2_000).map((pattern, i) =>
    comparing(
      'json regex',
      `pattern properties ${i}`,
      'either',
      'JSON',
      asJson({
        type: 'object',
        additionalProperties: false,
        patternProperties: Object.fromEntries(times(40, (j) => [`${pattern}${j}`, { type: 'string' }])),
      }),
      asJson({ type: 'object', additionalProperties: false, properties: named(400, () => ({ type: 'string' })) }),
    ),
  ),
  comparing(
    'json regex',
    'a long name for a large pattern',
    'either',
    'JSON',
    asJson({ type: 'object', additionalProperties: false, patternProperties: { '(a{30}){30}$': { type: 'string' } } }),
    asJson({ type: 'object', additionalProperties: false, properties: { ['a'.repeat(200_000)]: { type: 'string' } } }),
  ),

  ...OUTSIDE.flatMap((url, i) => [
    registering('json outbound', `reference ${i}`, 'refused', 'JSON', asJson({ $ref: url })),
    registering('json outbound', `dialect ${i}`, 'either', 'JSON', asJson({ $schema: url, type: 'object' })),
    registering(
      'json outbound',
      `identity ${i}`,
      'either',
      'JSON',
      asJson({ $id: url, properties: { a: { $ref: 'other.json' } } }),
    ),
  ]),

  registering(
    'json names',
    'prototypes',
    'answered',
    'JSON',
    () =>
      '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"},"toString":{"type":"string"}},"required":["__proto__","hasOwnProperty"]}',
  ),
  registering(
    'json names',
    'code',
    'answered',
    'JSON',
    asJson(
      object({
        '"];process.exit();//': { type: 'string' },
        '`${process.exit()}`': { const: '\u2028"+process.exit()+"' },
      }),
    ),
  ),
  registering('json names', 'a member twice', 'answered', 'JSON', () => '{"type":"object","type":"string"}'),
  comparing(
    'json numbers',
    'extremes',
    'either',
    'JSON',
    () => `{"type":"number","multipleOf":1e-300,"minimum":-1e400,"maximum":${'9'.repeat(10_000)}}`,
    () => `{"type":"number","multipleOf":${'7'.repeat(10_000)},"minimum":-0,"maximum":1e308}`,
  ),
  differing('json numbers', 'many large divisors', 'either', 'JSON', ['3', '7'], (word) =>
    JSON.stringify(object(named(40, () => ({ type: 'number', multipleOf: 0 })))).replaceAll(
      '"multipleOf":0',
      `"multipleOf":0.${word.repeat(20_000)}`,
    ),
  ),
];

function oneOfClosed(members: number, properties: number, prefix: string): object {
  return {
    oneOf: times(members, (i) => ({
      type: 'object',
      title: `${prefix}${i}`,
      additionalProperties: false,
      properties: Object.fromEntries(times(properties, (j) => [`${prefix}${i}x${j}`, { type: 'string' }])),
    })),
  };
}
