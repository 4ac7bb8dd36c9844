import {
  filled,
  LONGEST,
  times,
  varint,
  type HostileCase,
  type HostileRequest,
  type SchemaLanguage,
} from './hostile-case.js';

/** Ids nobody else has; a schema is brought in under one, so that bytes can name it. */
const FIRST_ID = 900_001;
/** Records of one page at most. */
const PAGE = 1_000;

interface Messages {
  /** Values to be written with the schema. */
  readonly values?: () => readonly string[];
  /** Bytes behind the id, as somebody else wrote them. */
  readonly payloads?: () => readonly (readonly number[])[];
}

let count = 0;

/** A topic with a schema that means harm, written to and read by all ways there are. */
function messages(name: string, schemaType: SchemaLanguage, text: () => string, sent: Messages): HostileCase {
  const id = FIRST_ID + count++;
  const topic = `hostile-messages-${id}`;
  const subject = `${topic}-value`;
  const post = (path: string, body: () => string): HostileRequest => ({ method: 'POST', path, body });
  const produced = (values: () => readonly string[]) =>
    post(
      `/v1/topics/${topic}/records`,
      () =>
        `{"records":[${values()
          .map((value) => `{"value":${value}}`)
          .join()}]}`,
    );
  const { values, payloads } = sent;
  const bytes = (payload: readonly number[]) =>
    `"${Buffer.from([0, ...Buffer.from(id.toString(16).padStart(8, '0'), 'hex'), ...payload]).toString('base64')}"`;
  return {
    family: 'messages',
    name,
    outcome: 'either',
    requests: [
      post('/v1/topics', () => JSON.stringify({ name: topic, partitions: 1 })),
      { method: 'PUT', path: `/mode/${subject}`, body: () => '{"mode":"IMPORT"}' },
      post(`/subjects/${subject}/versions`, () => JSON.stringify({ schema: text(), schemaType, id, version: 1 })),
      ...(values === undefined ? [] : [produced(values)]),
      ...(payloads === undefined
        ? []
        : [
            post(
              `/v1/topics/${topic}/records`,
              () =>
                `{"valueFormat":"binary","records":[${payloads()
                  .map((one) => `{"value":${bytes(one)}}`)
                  .join()}]}`,
            ),
          ]),
      { method: 'GET', path: `/v1/topics/${topic}/records?limit=${PAGE}` },
      {
        method: 'PUT',
        path: `/v1/views/hostile-${id}`,
        body: () =>
          JSON.stringify({
            source: { topic, mode: 'events' },
            key: { a: 'value.a' },
            columns: { n: { aggregate: 'count' } },
          }),
      },
    ],
  };
}

/** A count or length in Avro, where the lowest bit is the sign. */
const long = (value: number): number[] => varint(value * 2);

/** Records inside records, each with so many fields of the one before, and defaults for all of them. */
function tower(levels: number, fields: number, innermost: string, leaf: unknown): string {
  const level = (i: number): unknown =>
    i === 0
      ? innermost
      : {
          type: 'record',
          name: `R${i}`,
          fields: times(fields, (n) => ({
            name: `f${n}`,
            type: n === 0 ? level(i - 1) : i === 1 ? innermost : `R${i - 1}`,
            default: i === 1 ? leaf : {},
          })),
        };
  return JSON.stringify(level(levels));
}

const pattern = '((a{100}){99})?';

export const MESSAGE_CASES: readonly HostileCase[] = [
  messages('nulls in a few bytes', 'AVRO', () => '{"type":"array","items":"null"}', {
    payloads: () => times(PAGE, (i) => [...long([15_000, 249_000, 1_000_000][i % 3]!), 0]),
  }),
  messages('records of nothing in records', 'AVRO', () => tower(4, 60, 'null', null), {
    payloads: () => times(PAGE, () => []),
  }),
  messages('defaults of defaults', 'AVRO', () => tower(5, 60, 'int', 0), {
    values: () => times(20, () => '{}'),
  }),
  messages(
    'a byte for a name of thirty thousand letters',
    'AVRO',
    () => `{"type":"array","items":{"type":"enum","name":"E","symbols":["${'x'.repeat(15_000)}"]}}`,
    { payloads: () => times(100, () => [...long(15_000), ...times(15_000, () => 0), 0]) },
  ),
  messages(
    'branches that only the depths tell apart',
    'AVRO',
    () => {
      const branch = (name: string, last: string) =>
        `{"type":"record","name":"${name}","fields":[{"name":"n","type":["null","A","B"],"default":null},{"name":"${last}","type":"int"}]}`;
      return `{"type":"record","name":"Root","fields":[{"name":"v","type":[${branch('A', 'a').replace('"A","B"', '"A"')},${branch('B', 'b').replace('"A","B"', '"A","B"')}]}]}`;
    },
    { values: () => times(50, () => `{"v":${'{"n":'.repeat(14)}null${'}'.repeat(14)}}`) },
  ),
  messages(
    'members that are no fields',
    'AVRO',
    () =>
      `{"type":"record","name":"R","fields":[${times(300, (i) => `{"name":"${`f${i}`.padEnd(100, 'x')}","type":"int"}`).join()}]}`,
    { values: () => [`{${filled(1_000_000, (i) => `"${String(i).padEnd(99, 'x')}":0`)}}`] },
  ),
  messages(
    'a schema of a megabyte',
    'AVRO',
    () => `{"type":"record","name":"R","fields":[],"p":[${filled(LONGEST, () => '{}')}]}`,
    { values: () => times(PAGE, () => '{}'), payloads: () => times(PAGE, () => []) },
  ),
  messages('a schema that is only itself', 'JSON', () => '{"allOf":[{"$ref":"#"},{"$ref":"#"}]}', {
    values: () => times(PAGE, () => '1'),
  }),
  messages(
    'alternatives that are only themselves',
    'JSON',
    () => '{"anyOf":[{"$ref":"#"},{"$ref":"#"},{"$ref":"#"}]}',
    {
      values: () => times(PAGE, () => '1'),
    },
  ),
  messages(
    'hundreds of large patterns',
    'JSON',
    () => JSON.stringify({ patternProperties: Object.fromEntries(times(400, (i) => [`${i}${pattern}`, {}])) }),
    { values: () => times(20, () => `{"${'a'.repeat(1_000)}":1}`) },
  ),
  messages('large patterns on long texts', 'JSON', () => JSON.stringify({ items: { pattern: `^${pattern}b` } }), {
    values: () => times(5, () => `[${times(20, () => `"${'a'.repeat(60_000)}"`).join()}]`),
  }),
  messages('items that are all alike but one', 'JSON', () => '{"items":{"uniqueItems":true}}', {
    values: () => [`[[${filled(900_000, (i) => `[${i}]`)}]]`],
  }),
  messages(
    'an enumeration of a megabyte',
    'JSON',
    () => `{"items":{"enum":[${filled(LONGEST, (i) => `{"a":${i}}`)}]}}`,
    { values: () => times(PAGE, () => '[{"a":-1}]') },
  ),
  messages(
    'two hundred and fifty alternatives, each with as many',
    'JSON',
    () =>
      JSON.stringify({ items: { oneOf: times(250, (i) => ({ enum: times(250, (n) => ({ a: i * 1_000 + n })) })) } }),
    { values: () => times(50, () => `[${filled(20_000, (i) => `{"a":${i}}`)}]`) },
  ),
  messages(
    'messages of nothing',
    'PROTOBUF',
    () =>
      `syntax = "proto3"; message M { repeated W w = 1; } message W { ${times(400, (i) => `int32 f${i} = ${i + 1};`).join(' ')} }`,
    { payloads: () => times(PAGE, (i) => [0, ...times([30, 300, 3_000][i % 3]!, () => [0x0a, 0]).flat()]) },
  ),
  messages(
    'names of ten thousand letters',
    'PROTOBUF',
    () => `syntax = "proto3"; message M { repeated W w = 1; } message W { int32 ${'x'.repeat(10_000)} = 1; }`,
    { payloads: () => times(PAGE, () => [0, ...times(600, () => [0x0a, 0]).flat()]) },
  ),
  messages(
    'a hundred messages of one another',
    'PROTOBUF',
    () =>
      `syntax = "proto3"; ${times(100, (i) => `message M${i} { ${times(100, (n) => `M${n} f${n} = ${n + 1};`).join(' ')} }`).join(' ')}`,
    {
      values: () => times(PAGE, () => '{"f1":{"f2":{"f3":{}}}}'),
      payloads: () => times(PAGE, () => [0, 0x0a, 2, 0x0a, 0]),
    },
  ),
  messages('a payload of a megabyte', 'AVRO', () => '{"type":"array","items":"int"}', {
    payloads: () => [
      [...long(900_000), ...times(900_000, () => 2), 0],
      [...long(240_000), ...times(240_000, () => 2), 0],
    ],
  }),
];
