import { times, topicRequest, type HostileCase, type HostileRequest } from './hostile-case.js';

const TOPIC = 'hostile-reading';
const PATH = `/v1/topics/${TOPIC}`;

const records: HostileRequest = {
  method: 'POST',
  path: `${PATH}/records`,
  body: () =>
    JSON.stringify({
      records: times(1_000, (i) => ({ key: `k${i}`, value: { a: { b: [i] }, t: 'x'.repeat(1_000) } })),
    }),
};

const reading = (name: string, outcome: HostileCase['outcome'], ...queries: readonly string[]): HostileCase => ({
  family: 'reading',
  name,
  outcome,
  requests: [
    topicRequest(TOPIC),
    ...(outcome === 'refused' ? [] : [records]),
    ...queries.map((query): HostileRequest => ({ method: 'GET', path: `${PATH}/records?${query}` })),
  ],
});

const streaming = (name: string, query: string, headers: Readonly<Record<string, string>> = {}): HostileCase => ({
  family: 'reading',
  name: `stream: ${name}`,
  outcome: 'refused',
  requests: [topicRequest(TOPIC), { method: 'GET', path: `${PATH}/stream?${query}`, headers }],
});

const signed = (content: unknown) => `${Buffer.from(JSON.stringify(content)).toString('base64url')}.${'A'.repeat(22)}`;
const NONSENSE: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['a dot', '.'],
  ['dots', '.'.repeat(6_000)],
  ['one part', 'A'.repeat(7_000)],
  ['not base64', '%00%ff!!.%3F%3F'],
  ['signed by nobody', signed([2, 'log', TOPIC, 1, 'id', 1, [[0, '0']], []])],
  ['of another form', signed({ __proto__: null, positions: {} })],
  ['nested deeply', signed(JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`))],
  ['a signature that is too long', `${signed([])}${'A'.repeat(5_000)}`],
];

/** What somebody writes who hopes that a filter is a program. */
const PROGRAMS = [
  'value.a.b[0]',
  'true',
  '=',
  '.=',
  'value..a=1',
  'values.a=1',
  'header=1',
  'a'.repeat(5_000),
  'process.exit()=1',
  '1;drop table records=1',
  '${7*7}',
  `value${'.a'.repeat(40)}=1`,
];

const POSITIONS = [
  '-0',
  '--1',
  '1e3',
  '0x10',
  '9007199254740993',
  '-99999999999',
  '@',
  '@yesterday',
  '@1e400',
  '@-1',
  '@99999999999999999999',
  'START',
  '__proto__',
  '%00',
];

export const READING_CASES: readonly HostileCase[] = [
  ...NONSENSE.filter(([, cursor]) => cursor !== '').map(([name, cursor]) =>
    reading(`a cursor: ${name}`, 'refused', `cursor=${encodeURIComponent(cursor)}`),
  ),
  ...NONSENSE.filter(([, cursor]) => cursor !== '').map(([name, cursor]) =>
    streaming(`a cursor: ${name}`, `cursor=${encodeURIComponent(cursor)}`),
  ),
  streaming('a last id that is no cursor', '', { 'last-event-id': 'x'.repeat(10_000) }),
  streaming('a last id of another form', '', { 'last-event-id': signed([2]) }),
  ...PROGRAMS.map((filter) =>
    reading(`a filter: ${filter.slice(0, 30)}`, 'refused', `filter=${encodeURIComponent(filter)}`),
  ),
  ...POSITIONS.flatMap((from) => [
    reading(`from ${from}`, from === '@-1' ? 'either' : 'refused', `from=${encodeURIComponent(from)}`),
    reading(`until ${from}`, from === '@-1' ? 'either' : 'refused', `until=${encodeURIComponent(from)}`),
  ]),
  reading('nine filters', 'refused', times(9, (i) => `filter=key=k${i}`).join('&')),
  reading('a thousand filters', 'refused', times(700, () => 'filter=a=').join('&')),
  reading(
    'limits',
    'refused',
    ...['0', '-1', '10001', '1.5', '1e9', 'NaN', 'Infinity', '1&limit=2'].map((one) => `limit=${one}`),
  ),
  reading('waits', 'refused', ...['-1', '30001', '1e400', 'forever'].map((one) => `wait=${one}`)),
  reading('partitions', 'refused', ...['-1', '100001', '1.5', '99'].map((one) => `partition=${one}`)),
  reading('a cursor and a beginning', 'refused', 'cursor=a.b&from=start'),
  reading('names nobody knows', 'refused', '__proto__=1&constructor=2'),
  reading('bytes that are filtered by what they are not', 'refused', 'format=binary&filter=value.a=1'),
  reading('a filter that looks at everything and finds nothing', 'answered', 'limit=10000&filter=value.t=y'),
  reading(
    'filters that look for what every object has',
    'answered',
    'filter=value.__proto__=1',
    'filter=value.constructor.name=Object',
  ),
  reading('places beyond all lists', 'answered', 'filter=value.a.b.999999999=1', 'filter=value.a.b.-1=1'),
  reading('the largest page there is', 'answered', 'limit=10000', 'limit=10000&format=binary'),
  reading('the last ten billion', 'answered', 'from=-9999999999&limit=1'),
  reading('the end of time', 'answered', 'from=@999999999999999&limit=1'),
];
