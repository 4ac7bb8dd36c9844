import { filled, registration, times, type HostileCase, type HostileRequest } from './hostile-case.js';

const TOPIC = 'hostile';
/** Takes batches of the size that a request may have. */
const LARGE = 'hostile-large';
const topic: HostileRequest = {
  method: 'POST',
  path: '/v1/topics',
  body: () => JSON.stringify({ name: TOPIC, partitions: 1 }),
};
const read: HostileRequest = { method: 'GET', path: `/v1/topics/${TOPIC}/records?limit=10` };
const produce = (body: () => string): HostileRequest => ({ method: 'POST', path: `/v1/topics/${TOPIC}/records`, body });
const one = (name: string, outcome: HostileCase['outcome'], ...requests: HostileRequest[]): HostileCase => ({
  family: 'records',
  name,
  outcome,
  requests: [topic, ...requests],
});

/** Bytes in an envelope of the schema with id 1, as a value. */
const enveloped = (...payload: number[]) =>
  JSON.stringify({ records: [{ value: { base64: Buffer.from([0, 0, 0, 0, 1, ...payload]).toString('base64') } }] });

export const RECORD_CASES: readonly HostileCase[] = [
  one(
    'an array of two billion nulls',
    'either',
    registration('records-nulls', () => '{"type":"array","items":"null"}', 'AVRO'),
    produce(() => enveloped(0xfe, 0xff, 0xff, 0xff, 0x0f, 0)),
    read,
  ),
  one(
    'a length of two gigabytes',
    'either',
    produce(() => enveloped(0xfe, 0xff, 0xff, 0xff, 0x0f)),
    read,
  ),
  one(
    'a million records',
    'refused',
    produce(() => `{"records":[${filled(2 * 1024 * 1024, () => '{}')}]}`),
  ),
  one(
    'a value of many parts',
    'either',
    produce(() => `{"records":[{"value":[${filled(900_000, () => '1')}]}]}`),
  ),
  one(
    'eight megabytes of text around a number beyond doubles',
    'either',
    produce(() => `{"records":[{"value":[${filled(8_000_000, () => `"${'x\\u0041'.repeat(5_000)}"`)},1e400]}]}`),
  ),
  one(
    'numbers beyond doubles',
    'either',
    produce(() => `{"records":[{"value":[${filled(7_000_000, (i) => `${'1234567890'.repeat(5)}${i}`)}]}]}`),
  ),
  one(
    'a number of eight megabytes',
    'either',
    produce(() => `{"records":[{"value":0.${'1'.repeat(8_000_000)}}]}`),
  ),
  {
    family: 'records',
    name: 'eight megabytes of text beyond ASCII, read back',
    outcome: 'either',
    requests: [
      {
        method: 'POST',
        path: '/v1/topics',
        body: () => JSON.stringify({ name: LARGE, partitions: 1, config: { 'max.message.bytes': '9000000' } }),
      },
      {
        method: 'POST',
        path: `/v1/topics/${LARGE}/records`,
        body: () => JSON.stringify({ records: [{ value: '\n\u00e9'.repeat(1_900_000) }] }),
      },
      { method: 'GET', path: `/v1/topics/${LARGE}/records?limit=1` },
    ],
  },
  one(
    'headers',
    'either',
    produce(() =>
      JSON.stringify({ records: [{ value: 1, headers: times(20_000, (i) => ({ key: `h${i}`, value: 'x' })) }] }),
    ),
  ),
  one(
    'prototypes',
    'either',
    produce(() => '{"records":[{"key":"__proto__","value":{"__proto__":{"polluted":1},"constructor":1}}]}'),
    read,
  ),
];
