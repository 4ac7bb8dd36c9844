import { filled, registration, schemaBody, times, type HostileCase, type HostileRequest } from './hostile-case.js';

const get = (path: string): HostileRequest => ({ method: 'GET', path });
const post = (path: string, body: () => string): HostileRequest => ({ method: 'POST', path, body });
const put = (path: string, body: () => string): HostileRequest => ({ method: 'PUT', path, body });
const one = (
  family: string,
  name: string,
  outcome: HostileCase['outcome'],
  ...requests: HostileRequest[]
): HostileCase => ({ family, name, outcome, requests });

const BODY = 2 * 1024 * 1024 - 1_000;

/** Subject names nobody means well with. */
const NAMES = [
  '__GLOBAL',
  '__EMPTY',
  '__proto__',
  'constructor',
  'toString',
  '..',
  '.',
  'CON',
  'trailing.',
  'a/b',
  '%2F',
  'a%00b',
  '\0',
  '\u202egpj',
  ' ',
  '\t',
  "';drop table subjects;--",
  '" or 1=1',
  '${process.exit()}',
  '`',
  ':.ctx:s',
  ':*:',
  ':.:',
  ':.a',
  '::',
  ':.__proto__:s',
  'x'.repeat(255),
  'x'.repeat(256),
  'x'.repeat(1_000),
  'x'.repeat(5_000),
  'e\u0301',
  '\u00e9',
  '\uffff',
  '😀'.repeat(60),
];

/** A schema under a subject of its own that refers to the one before twice, so often. */
function subjectDiamond(levels: number): HostileRequest[] {
  const name = (i: number) => `registry-diamond-${i}`;
  return times(levels, (i) =>
    i === 0
      ? registration(name(0), () => '{"type":"record","name":"N0","fields":[{"name":"v","type":"int"}]}', 'AVRO')
      : registration(
          name(i),
          () =>
            `{"type":"record","name":"N${i}","fields":[{"name":"l","type":"N${i - 1}"},{"name":"r","type":"N${i - 1}"}]}`,
          'AVRO',
          {
            references: [
              { name: `N${i - 1}`, subject: name(i - 1), version: 1 },
              { name: `Again${i}`, subject: name(i - 1), version: 1 },
            ],
          },
        ),
  );
}

/** A schema as long as a text may be, nearly. */
const longRecord = (i: number): string =>
  JSON.stringify({ type: 'record', name: 'L', doc: `${i}`.padEnd(1_000_000, 'x'), fields: [] });

/** As many versions as one check compares with. */
const VERSIONS = 1_000;
/** A record of fifty optional fields, each version with other names. */
const version = (i: number): string =>
  JSON.stringify({
    type: 'record',
    name: 'V',
    fields: times(50, (n) => ({ name: `f${i}_${n}`, type: ['null', 'string'], default: null })),
  });

export const REGISTRY_CASES: readonly HostileCase[] = [
  one(
    'registry versions',
    'a thousand that a check compares with',
    'either',
    put('/config/registry-versions', () => '{"compatibility":"NONE"}'),
    ...times(VERSIONS, (i) => registration('registry-versions', () => version(i), 'AVRO')),
    put('/config/registry-versions', () => '{"compatibility":"FULL_TRANSITIVE"}'),
    ...times(2, (i) =>
      post('/compatibility/subjects/registry-versions/versions', () => schemaBody(version(VERSIONS + i), 'AVRO')),
    ),
    registration('registry-versions', () => version(VERSIONS), 'AVRO'),
    post('/v1/schemas:check', () => JSON.stringify({ subject: 'registry-versions', schema: version(VERSIONS + 3) })),
  ),

  one(
    'registry lists',
    'schemas of a megabyte each',
    'refused',
    ...times(20, (i) => registration(`registry-long-${i}`, () => longRecord(i), 'AVRO')),
    get('/schemas?subjectPrefix=registry-long-&limit=2'),
    get('/schemas?subjectPrefix=registry-long-'),
  ),
  one(
    'registry lists',
    'rule sets of two megabytes each',
    'answered',
    ...times(6, (i) =>
      registration(`registry-ruled-${i}`, () => '"int"', 'AVRO', {
        ruleSet: { domainRules: [{ name: 'r', type: 'T', expr: `${i}`.padEnd(BODY - 10_000, 'x') }] },
      }),
    ),
    get('/v1/schemas?prefix=registry-ruled-&text=false&limit=1000'),
  ),
  one(
    'registry lists',
    'settings of two megabytes each',
    'answered',
    ...times(10, (i) =>
      put(`/config/registry-told-${i}`, () => JSON.stringify({ compatibilityGroup: 'x'.repeat(BODY - 10_000) })),
    ),
    get('/v1/schema-events?limit=1000'),
  ),
  one(
    'registry lists',
    'one schema of a megabyte, a thousand times',
    'refused',
    registration('registry-tied', () => longRecord(0), 'AVRO'),
    post('/associations', () =>
      JSON.stringify({
        resourceName: 'registry-tied',
        resourceNamespace: 'hostile',
        resourceId: 'registry-tied',
        associations: [{ subject: 'registry-tied', associationType: 'value', lifecycle: 'WEAK' }],
      }),
    ),
    post('/associations:batchGet?includeSchemas=true', () =>
      JSON.stringify({ requests: times(1_000, () => ({ resourceId: 'registry-tied' })) }),
    ),
  ),

  ...NAMES.map((name, i) =>
    one(
      'registry names',
      `subject ${i}`,
      'either',
      registration(name, () => '"int"', 'AVRO'),
      get(`/subjects/${encodeURIComponent(name)}/versions`),
      get(`/config/${encodeURIComponent(name)}?defaultToGlobal=true`),
      { method: 'DELETE', path: `/subjects/${encodeURIComponent(name)}` },
    ),
  ),
  one(
    'registry names',
    'prefix of a regex',
    'answered',
    get(`/subjects?subjectPrefix=${encodeURIComponent('(a+)+$')}`),
  ),

  one('registry references', 'diamonds across subjects', 'either', ...subjectDiamond(33)),
  one(
    'registry references',
    'itself',
    'refused',
    registration('registry-self', () => '"S"', 'AVRO', {
      references: [{ name: 'S', subject: 'registry-self', version: 1 }],
    }),
  ),
  one(
    'registry references',
    'three hundred',
    'refused',
    registration('registry-many', () => '"int"', 'AVRO', {
      references: times(300, (i) => ({ name: `n${i}`, subject: 'missing', version: 1 })),
    }),
  ),
  one(
    'registry references',
    'seven hundred thousand',
    'refused',
    post('/subjects/registry-more/versions', () => `{"schema":"\\"int\\"","references":[${filled(BODY, () => '{}')}]}`),
  ),
  one(
    'registry references',
    'a name of a megabyte',
    'refused',
    registration('registry-long', () => '"int"', 'AVRO', {
      references: [{ name: 'x'.repeat(1_000_000), subject: 'y'.repeat(900_000), version: 1 }],
    }),
  ),
  ...[2 ** 31, -(2 ** 63), 1.5, -2, 0, 1e308].map((version, i) =>
    one(
      'registry numbers',
      `reference to version ${i}`,
      'refused',
      registration('registry-version', () => '"int"', 'AVRO', { references: [{ name: 'n', subject: 's', version }] }),
    ),
  ),
  ...[
    '2147483648',
    '-1',
    '1e3',
    '9007199254740993',
    '1e400',
    '-0',
    'NaN',
    '0x1',
    '1.0',
    '%20',
    '99999999999999999999',
  ].flatMap((text, i) => [
    one('registry numbers', `version ${i}`, 'either', get(`/subjects/none/versions/${text}`)),
    one('registry numbers', `id ${i}`, 'either', get(`/schemas/ids/${text}`)),
    one('registry numbers', `offset and limit ${i}`, 'either', get(`/subjects?offset=${text}&limit=${text}`)),
  ]),
  ...['2147483648', '-2147483649', '1e400', '9007199254740993', '"1"', '1.5', 'null', '[]', '{}', 'true'].map(
    (text, i) =>
      one(
        'registry numbers',
        `id and version in a body ${i}`,
        'either',
        post('/subjects/registry-numbers/versions', () => `{"schema":"\\"int\\"","id":${text},"version":${text}}`),
      ),
  ),

  one(
    'registry bodies',
    'a million levels',
    'refused',
    post('/subjects/registry-deep/versions', () => `{"schema":${'['.repeat(1_000_000)}`),
  ),
  one(
    'registry bodies',
    'levels of metadata',
    'refused',
    post(
      '/subjects/registry-deep/versions',
      () => `{"schema":"\\"int\\"","metadata":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`,
    ),
  ),
  one(
    'registry bodies',
    'three megabytes',
    'refused',
    post('/subjects/registry-large/versions', () => schemaBody('x'.repeat(3 * 1024 * 1024), 'AVRO')),
  ),
  one(
    'registry bodies',
    'members nobody knows',
    'refused',
    post('/subjects/registry-members/versions', () => `{"schema":"\\"int\\"",${filled(BODY, (i) => `"${i}":0`)}}`),
  ),
  one(
    'registry bodies',
    'a list of nothing',
    'refused',
    post('/subjects/registry-list/versions', () => `[${filled(BODY, () => '{}')}]`),
  ),
  one(
    'registry bodies',
    'properties',
    'either',
    post(
      '/subjects/registry-properties/versions',
      () => `{"schema":"\\"int\\"","metadata":{"properties":{${filled(BODY, (i) => `"${i.toString(36)}":""`)}}}}`,
    ),
  ),
  one(
    'registry bodies',
    'tags',
    'either',
    post(
      '/subjects/registry-tags/versions',
      () => `{"schema":"\\"int\\"","metadata":{"tags":{${filled(BODY, (i) => `"${i.toString(36)}":["a"]`)}}}}`,
    ),
  ),
  one(
    'registry bodies',
    'tags of one path',
    'either',
    post(
      '/subjects/registry-tag/versions',
      () => `{"schema":"\\"int\\"","metadata":{"tags":{"a":[${filled(BODY, (i) => `"${i.toString(36)}"`)}]}}}`,
    ),
  ),
  one(
    'registry bodies',
    'sensitive',
    'either',
    post(
      '/subjects/registry-sensitive/versions',
      () => `{"schema":"\\"int\\"","metadata":{"sensitive":[${filled(BODY, (i) => `"${i.toString(36)}"`)}]}}`,
    ),
  ),
  one(
    'registry bodies',
    'rules',
    'either',
    post(
      '/subjects/registry-rules/versions',
      () =>
        `{"schema":"\\"int\\"","ruleSet":{"domainRules":[${filled(BODY, (i) => `{"name":"r${i}","kind":"TRANSFORM","mode":"WRITE","type":"T"}`)}]}}`,
    ),
  ),
  one(
    'registry bodies',
    'rules without names',
    'refused',
    post(
      '/subjects/registry-rules/versions',
      () => `{"schema":"\\"int\\"","ruleSet":{"domainRules":[${filled(BODY, () => '{}')}]}}`,
    ),
  ),
  one(
    'registry bodies',
    'rules that are all wrong',
    'refused',
    post(
      '/subjects/registry-rules/versions',
      () => `{"schema":"\\"int\\"","ruleSet":{"domainRules":[${filled(BODY, () => '0')}]}}`,
    ),
  ),
  one(
    'registry bodies',
    'prototypes',
    'either',
    post(
      '/subjects/registry-prototypes/versions',
      () =>
        '{"schema":"\\"int\\"","__proto__":{"polluted":1},"metadata":{"properties":{"__proto__":"a","constructor":"b"},"tags":{"__proto__":["c"]}}}',
    ),
  ),
  one(
    'registry bodies',
    'settings',
    'either',
    put(
      '/config/registry-settings',
      () => `{"defaultMetadata":{"properties":{${filled(BODY, (i) => `"${i.toString(36)}":""`)}}}}`,
    ),
  ),
  one(
    'registry bodies',
    'as many properties as are read',
    'either',
    post('/subjects/registry-full/versions', () => {
      return JSON.stringify({
        schema: '"int"',
        metadata: { properties: Object.fromEntries(times(9_900, (n) => [`p${n}`, 'v'])) },
      });
    }),
  ),
  one(
    'registry bodies',
    'as many tags as are read',
    'either',
    post('/subjects/registry-full-tags/versions', () => {
      return JSON.stringify({
        schema: '"int"',
        metadata: { tags: Object.fromEntries(times(3_200, (n) => [`p${n}`, ['a', 'b']])) },
      });
    }),
  ),
  one(
    'registry bodies',
    'as many rules as are read',
    'either',
    post('/subjects/registry-full-rules/versions', () => {
      return JSON.stringify({
        schema: '"int"',
        ruleSet: { domainRules: times(1_900, (n) => ({ name: `r${n}`, kind: 'TRANSFORM', mode: 'WRITE', type: 'T' })) },
      });
    }),
  ),
  one(
    'registry bodies',
    'settings of no kind',
    'refused',
    put('/config', () => '{"compatibility":{"__proto__":1}}'),
  ),
  one(
    'registry bodies',
    'a mode',
    'refused',
    put('/mode', () => `{"mode":"${'X'.repeat(1_000_000)}"}`),
  ),
  one(
    'registry bodies',
    'levels',
    'refused',
    put('/config/registry-level', () => `{"compatibility":"${'B'.repeat(1_000_000)}"}`),
  ),
  one(
    'registry bodies',
    'schemas sent along',
    'either',
    post('/v1/schemas:check', () =>
      JSON.stringify({ schema: '"int"', earlier: times(20_000, () => ({ schema: '"long"' })) }),
    ),
  ),
  one(
    'registry bodies',
    'references sent along',
    'either',
    post('/v1/schemas:check', () =>
      JSON.stringify({
        schema: '"int"',
        referenced: times(20_000, (i) => ({ schema: '"long"', subject: `s${i}`, version: 1 })),
      }),
    ),
  ),
  one(
    'registry bodies',
    'levels asked for',
    'either',
    post('/v1/schemas:check', () => `{"schema":"\\"int\\"","levels":[${filled(BODY, () => '"FULL"')}]}`),
  ),

  one('registry queries', 'sixty-five parameters', 'either', get(`/subjects?${times(65, (i) => `a${i}=1`).join('&')}`)),
  one('registry queries', 'brackets and commas', 'either', get(`/subjects?${'a[b][c]=1,2,3&'.repeat(300)}`)),
  one('registry queries', 'a long URL', 'refused', get(`/subjects?subjectPrefix=${'x'.repeat(15_000)}`)),
  one('registry queries', 'half of a pair', 'either', get('/subjects?subjectPrefix=%ED%A0%80')),
  one('registry queries', 'formats', 'either', get(`/schemas/types?format=${'x'.repeat(4_000)}`)),
];
