import { filled, times, topicRequest, type HostileCase, type HostileRequest } from './hostile-case.js';

const TOPIC = 'hostile-proxied';
/** Where the id of the cluster goes, which only the service knows. */
export const CLUSTER = 'CLUSTER';
const V3 = `/v3/clusters/${CLUSTER}/topics`;

const text = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));

const v2 = (name: string, outcome: HostileCase['outcome'], format: string, body: unknown): HostileCase => ({
  family: 'rest proxy v2',
  name,
  outcome,
  requests: [
    topicRequest(TOPIC),
    {
      method: 'POST',
      path: `/topics/${TOPIC}`,
      body: () => text(typeof body === 'function' ? (body as () => unknown)() : body),
      type: `application/vnd.kafka.${format}.v2+json`,
    },
  ],
});

const consumer = (name: string, outcome: HostileCase['outcome'], requests: readonly HostileRequest[]): HostileCase => ({
  family: 'rest proxy v2',
  name: `consumer: ${name}`,
  outcome,
  requests: [topicRequest(TOPIC), ...requests],
});
const ask = (path: string, body: unknown, method = 'POST'): HostileRequest => ({
  method,
  path: `/consumers/hostile${path}`,
  body: () => text(body),
  type: 'application/vnd.kafka.v2+json',
  headers: { accept: 'application/vnd.kafka.v2+json' },
});

/** A stream is open before anything is read. */
const stream = (name: string, body: () => string | Uint8Array): HostileCase => ({
  family: 'rest proxy v3',
  name,
  outcome: 'answered',
  requests: [topicRequest(TOPIC), { method: 'POST', path: `${V3}/${TOPIC}/records`, body }],
});
const managing = (
  name: string,
  outcome: HostileCase['outcome'],
  ...requests: readonly HostileRequest[]
): HostileCase => ({
  family: 'rest proxy v3',
  name,
  outcome,
  requests: [topicRequest(TOPIC), ...requests],
});
const post = (path: string, body: unknown, method = 'POST'): HostileRequest => ({
  method,
  path,
  body: () => text(body),
});

const record = (more: object): string => JSON.stringify({ value: { type: 'STRING', data: 'x' }, ...more });
const ODD: readonly unknown[] = [null, [], '', 'x', -1, 1.5, 1e308, true, [[[[]]]]];
const TIMES = [
  '-9000000000000',
  '9000000000000',
  '-8640000000001',
  '999999999999999',
  -9e12,
  '0000-00-00T00:00:00Z',
  '2001-02-30T25:61:61Z',
  '+275761-01-01T00:00:00Z',
  '-1.999',
  {},
];
const SCHEMA = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}';

export const REST_PROXY_CASES: readonly HostileCase[] = [
  ...ODD.map((body) => v2(`a body: ${text(body)}`, 'refused', 'binary', body)),
  ...ODD.map((records) => v2(`records: ${text(records)}`, 'refused', 'binary', { records })),
  ...ODD.map((one) => v2(`a record: ${text(one)}`, 'refused', 'binary', { records: [one] })),
  ...['%', 'a', 'AAAA=AAAA', '\u0000', ' AAAA', 5, {}, []].map((value) =>
    v2(`not base64: ${text(value)}`, 'refused', 'binary', { records: [{ value }] }),
  ),
  // −1 is left out here and below: the contract answers it with 500.
  ...[1e308, '9'.repeat(400), {}, []].map((partition) =>
    v2(`partition: ${text(partition).slice(0, 20)}`, 'refused', 'json', { records: [{ value: 1, partition }] }),
  ),
  v2('a hundred thousand records', 'either', 'json', () => ({ records: times(100_000, () => ({ value: 1 })) })),
  v2('values in values', 'refused', 'json', `{"records":[{"value":${'['.repeat(100_000)}`),
  v2('eight megabytes of base64', 'either', 'binary', () => ({ records: [{ value: 'A'.repeat(8_000_000) }] })),
  v2(
    'members nobody knows',
    'refused',
    'json',
    () => `{"records":[{"value":1}],${filled(500_000, (i) => `"m${i}":1`)}}`,
  ),
  v2('a schema without a value of it', 'refused', 'avro', { value_schema: SCHEMA, records: [{ value: { b: 1 } }] }),
  v2('a schema that is none', 'refused', 'avro', { value_schema: '{"type":"nothing"}', records: [{ value: 1 }] }),
  v2('no schema at all', 'refused', 'avro', { records: [{ value: 1 }] }),
  v2('a schema id of nobody', 'refused', 'avro', { value_schema_id: 2_147_483_647, records: [{ value: 1 }] }),
  v2('a schema id beyond numbers', 'refused', 'avro', `{"value_schema_id":${'9'.repeat(400)},"records":[{"value":1}]}`),
  v2('a schema of the wrong language', 'refused', 'protobuf', { value_schema: SCHEMA, records: [{ value: {} }] }),
  v2('a JSON Schema that is only itself', 'either', 'jsonschema', () => ({
    value_schema: '{"allOf":[{"$ref":"#"},{"$ref":"#"}]}',
    records: times(1_000, () => ({ value: 1 })),
  })),
  consumer(
    'bodies that are none',
    'refused',
    ODD.filter((one) => one !== null).map((body) => ask('', body)),
  ),
  consumer('formats and resets that there are not', 'refused', [
    ...['__proto__', 'xml', '', 'BINARY\u0000'].map((format) => ask('', { format })),
    ...['', 'x'.repeat(256), 'x'.repeat(1_000_000), 'a\u0000b', 'a\nb'].map((name) => ask('', { name })),
    ...['never', '__proto__', ''].map((reset) => ask('', { 'auto.offset.reset': reset })),
    ...[-2, 1e308, 10_000_001, '1.5'].map((bytes) => ask('', { 'fetch.min.bytes': bytes })),
  ]),
  consumer('subscriptions to harmful patterns', 'either', [
    ask('', { name: 'patterns' }),
    ...['(a+)+$', '(.*)*x', '(?=a)', '(a)\\1', `(${'a{1000}'.repeat(100)})`, '['].map((topic_pattern) =>
      ask('/instances/patterns/subscription', { topic_pattern }),
    ),
    ask('/instances/patterns', '', 'DELETE'),
  ]),
  consumer('places and offsets beyond all', 'refused', [
    ask('', { name: 'places' }),
    ask('/instances/places/assignments', { partitions: [{ topic: TOPIC, partition: 0 }] }),
    ...[1e308, '9'.repeat(400)].map((offset) =>
      ask('/instances/places/positions', { offsets: [{ topic: TOPIC, partition: 0, offset }] }),
    ),
    ask('/instances/places/assignments', { partitions: times(100_000, (partition) => ({ topic: TOPIC, partition })) }),
    ask('/instances/places/offsets', { offsets: [{ topic: TOPIC, partition: 0, offset: -9 }] }),
  ]),
  stream('nothing but nonsense', () => 'nonsense'.repeat(100_000)),
  stream('a million brackets', () => '['.repeat(1_000_000)),
  stream('a text without an end', () => `"${'x'.repeat(9_000_000)}`),
  stream('a word of nine megabytes', () => '1'.repeat(9_000_000)),
  stream('fifty thousand empty objects', () => '{}'.repeat(50_000)),
  stream('numbers, words and lists', () => '1 true null [] "x" -0 1e400 {}'.repeat(1_000)),
  stream('bytes that are no text', () => Buffer.alloc(100_000, 0xff)),
  stream('times beyond all time', () => TIMES.map((timestamp) => record({ timestamp })).join('')),
  stream('places beyond all places', () =>
    [-1, 1e308, 1.5, 99, '0x1', {}, '9'.repeat(400)].map((partition_id) => record({ partition_id })).join(''),
  ),
  stream('headers', () => record({ headers: times(20_000, (i) => ({ name: `h${i}`, value: 'AAAA' })) })),
  stream('headers that are none', () =>
    [...ODD, [{ name: null }], [{ name: 'a', value: '%' }], [{ name: 'a', value: 'a'.repeat(100_000) }]]
      .map((headers) => record({ headers }))
      .join(''),
  ),
  stream('data of every type that it is not', () =>
    ['BINARY', 'JSON', 'STRING', 'AVRO', 'JSONSCHEMA', 'PROTOBUF', '__proto__', '']
      .flatMap((type) => ODD.map((data) => JSON.stringify({ value: { type, data } })))
      .join(''),
  ),
  stream('schemas that are none', () =>
    ['', '{', '[]', 'syntax = "proto3";', '{"type":"record"}', '9'.repeat(10_000)]
      .flatMap((schema) =>
        ['AVRO', 'JSONSCHEMA', 'PROTOBUF'].map((type) => JSON.stringify({ value: { type, schema, data: {} } })),
      )
      .join(''),
  ),
  stream('schemas of nobody', () =>
    [
      { schema_id: 2_147_483_647 },
      { schema_id: -1 },
      { schema_id: 1e300 },
      { schema_version: 99 },
      { subject: '' },
      { subject: 'x'.repeat(5_000) },
      { subject_name_strategy: '__proto__' },
    ]
      .map((named) => JSON.stringify({ value: { ...named, data: {} } }))
      .join(''),
  ),
  managing(
    'a batch that is none',
    'refused',
    ...ODD.map((entries) => post(`${V3}/${TOPIC}/records:batch`, { entries })),
  ),
  managing(
    'a batch of a thousand',
    'refused',
    post(`${V3}/${TOPIC}/records:batch`, {
      entries: times(1_000, (id) => ({ id: String(id), value: { type: 'STRING', data: 'x' } })),
    }),
  ),
  managing(
    'a batch of times beyond all time',
    'either',
    post(`${V3}/${TOPIC}/records:batch`, {
      entries: TIMES.map((timestamp, id) => ({ id: String(id), timestamp, value: { type: 'STRING', data: 'x' } })),
    }),
  ),
  managing(
    'topics that cannot be',
    'refused',
    ...['', '.', '..', '../x', 'a'.repeat(250), '__internal', 'a b', '\u0000', 'a--g2'].map((topic_name) =>
      post(V3, { topic_name }),
    ),
    ...[0, -1, 1.5, 1e9, 1e308, 'x', {}].map((partitions_count) =>
      post(V3, { topic_name: 'hostile-parts', partitions_count }),
    ),
    ...[0, -1, 32_768, 1e308].map((replication_factor) =>
      post(V3, { topic_name: 'hostile-copies', replication_factor }),
    ),
    post(V3, { topic_name: 'hostile-settings', configs: times(5_000, (i) => ({ name: `c${i}`, value: 'x' })) }),
  ),
  managing(
    'settings that cannot be',
    'refused',
    ...[...ODD, 'x'.repeat(10_000)].map((value) => post(`${V3}/${TOPIC}/configs/retention.ms`, { value }, 'PUT')),
    post(`${V3}/${TOPIC}/configs/__proto__`, { value: 'x' }, 'PUT'),
    post(`${V3}/${TOPIC}/configs:alter`, { data: times(5_000, (i) => ({ name: `c${i}`, value: 'x' })) }),
    post(`${V3}/${TOPIC}/configs:alter`, { data: [{ name: 'retention.ms', operation: '__proto__' }] }),
  ),
  managing(
    'clusters and groups of nobody',
    'refused',
    { method: 'GET', path: '/v3/clusters/__proto__' },
    { method: 'GET', path: `/v3/clusters/${'c'.repeat(1_024)}/topics` },
    { method: 'GET', path: `/v3/clusters/${CLUSTER}/consumer-groups/constructor` },
    { method: 'GET', path: `${V3}/${TOPIC}/partitions/${'9'.repeat(400)}` },
  ),
];
