import { filled, times, topicRequest, type HostileCase } from './hostile-case.js';

const TOPIC = 'hostile-lines';
const TYPE = 'application/x-ndjson';

/** Streams are opened before anything is read: what is wrong with a line is said in the answer. */
const lines = (name: string, body: () => string | Uint8Array, query = '', key?: string): HostileCase => ({
  family: 'lines',
  name,
  outcome: 'answered',
  requests: [
    topicRequest(TOPIC),
    {
      method: 'POST',
      path: `/v1/topics/${TOPIC}/records?${query}`,
      body,
      type: TYPE,
      ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
    },
  ],
});

export const LINE_CASES: readonly HostileCase[] = [
  lines('nonsense', () => `${'nonsense\n'.repeat(20_000)}`),
  lines('a million empty lines', () => '\n'.repeat(1_000_000)),
  lines('a million lines of blanks', () => ' \t\r\n'.repeat(1_000_000)),
  lines('one line of eight megabytes', () => `{"value":"${'x'.repeat(8_000_000)}"}`),
  lines('one line of eight megabytes of brackets', () => '['.repeat(8_000_000)),
  lines('a line of four megabytes of numbers', () => `{"value":[${filled(4_000_000, () => '1e400')}]}`),
  lines('a line of a hundred thousand values', () => `{"value":[${filled(280_000, () => '{}')}]}\n`.repeat(4)),
  lines('a hundred thousand records', () => '{"value":null}\n'.repeat(100_000)),
  lines('members nobody knows', () => `{${filled(1_000_000, (i) => `"m${i}":1`)}}\n{"value":1}\n`),
  lines(
    'headers',
    () => `${JSON.stringify({ value: 1, headers: times(20_000, (i) => ({ key: `h${i}`, value: 'x' })) })}\n`,
  ),
  lines('extreme places and times', () =>
    [
      ...['-1', '1e9', '1.5', '"0"', '9007199254740993', '-9007199254740993', 'null', '[]'].map(
        (one) => `{"value":1,"partition":${one}}`,
      ),
      ...[
        '-1',
        '9007199254740991',
        '9007199254740993',
        '1e400',
        '"2001-13-45T99:99:99Z"',
        '"+275760-09-13T00:00:00.001Z"',
      ].map((one) => `{"value":1,"timestamp":${one}}`),
    ].join('\n'),
  ),
  lines('texts that are none', () =>
    Buffer.concat([
      Buffer.from('{"value":"'),
      Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
      Buffer.from('"}\n{"value":"\\ud800"}\n{"key":"\\u0000","value":"\\u0000"}\n\u0000\u0000\n'),
    ]),
  ),
  lines('a byte order mark before each', () => '\ufeff{"value":1}\n'.repeat(1_000)),
  lines(
    'prototypes',
    () => '{"__proto__":{"value":1}}\n{"value":1,"constructor":1}\n{"value":{"__proto__":{"polluted":1}}}\n',
  ),
  lines(
    'under a key, with one that is refused',
    () => `${'{"value":1}\n'.repeat(600)}nonsense\n`,
    '',
    'hostile-lines-1',
  ),
  lines('under the same key, other lines', () => '{"value":2}\n'.repeat(600), '', 'hostile-lines-1'),
  lines('with a schema that there is not', () => '{"value":1}\n'.repeat(1_000), 'valueSchemaId=2147483647'),
  lines('bytes that are not base64', () => '{"value":"%%%"}\n{"value":"AAA"}\n{"value":1}\n', 'valueFormat=binary'),
];

/** Before the stream is open the request itself is refused. */
const refused = (name: string, query: string, topic = TOPIC): HostileCase => ({
  family: 'lines',
  name,
  outcome: 'refused',
  requests: [
    topicRequest(TOPIC),
    { method: 'POST', path: `/v1/topics/${topic}/records?${query}`, body: () => '{"value":1}\n', type: TYPE },
  ],
});

export const LINE_REFUSALS: readonly HostileCase[] = [
  refused('of a topic that there is not', '', 'hostile-nowhere'),
  refused('of an internal topic', '', '__weir_checkpoints'),
  refused('all or none', 'atomic=true'),
  refused('a schema beyond numbers', `valueSchemaId=${'9'.repeat(400)}`),
  refused('a format that there is not', 'valueFormat=__proto__'),
  refused('a message name of four thousand letters', `valueMessage=${'x'.repeat(4_000)}`),
];
