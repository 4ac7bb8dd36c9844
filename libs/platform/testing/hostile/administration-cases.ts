import { times, topicRequest, type HostileCase, type HostileRequest } from './hostile-case.js';

const TOPIC = 'hostile-administered';
const PATH = `/v1/topics/${TOPIC}`;
const ODD: readonly unknown[] = [null, [], {}, '', 'x', -1, 1.5, 1e308, true, [[[[]]]]];

const send = (path: string, body: unknown, method = 'POST'): HostileRequest => ({
  method,
  path,
  body: () => (typeof body === 'string' ? body : JSON.stringify(body)),
});

/** Cases that are one request each, which is refused. */
const refusals = (what: string, requests: readonly HostileRequest[]): readonly HostileCase[] =>
  requests.map((request, i) => ({
    family: 'administration',
    name: `${what} ${i + 1}`,
    outcome: 'refused',
    requests: [topicRequest(TOPIC), request],
  }));

const NUMBERS = ['', 'x', '-99', '1e400', '9'.repeat(400), '1.5', 'NaN', '0x10', ' 1', '\u0000', '9223372036854775808'];
const IDS = ['x', '..', '%2e%2e%2fetc', '__proto__', 'b'.repeat(1_000), '20010101000000-00000000', 'a%00b'];

export const ADMINISTRATION_CASES: readonly HostileCase[] = [
  ...refusals('delete records', [
    ...ODD.map((body) => send(`${PATH}:delete-records`, body)),
    ...ODD.map((positions) => send(`${PATH}:delete-records`, { positions })),
    ...['-1', '1.5', '9'.repeat(16), '', 'start', 5, null, 'End'].map((offset) =>
      send(`${PATH}:delete-records`, { positions: [{ partition: 0, offset }] }),
    ),
    ...[-1, 1.5, 99, 1e308, Number.MAX_SAFE_INTEGER].map((partition) =>
      send(`${PATH}:delete-records`, { positions: [{ partition, offset: '0' }] }),
    ),
    send(`${PATH}:delete-records`, { positions: times(10_001, (partition) => ({ partition, offset: 'end' })) }),
    send(`${PATH}:delete-records`, { positions: times(10_000, (partition) => ({ partition, offset: 'end' })) }),
    send(`${PATH}:delete-records`, {
      positions: [
        { partition: 0, offset: '0' },
        { partition: 0, offset: '0' },
      ],
    }),
    ...['yesterday', '2001-13-45T99:99:99Z', 5, ''].map((before) => send(`${PATH}:delete-records`, { before })),
    send(`${PATH}:delete-records`, { before: 'end', positions: [{ partition: 0, offset: '0' }] }),
    send('/v1/topics/hostile-nowhere:delete-records', { before: 'end' }),
    send('/v1/topics/__weir_checkpoints:delete-records', { before: 'end' }),
  ]),
  ...refusals('add partitions', [
    ...ODD.map((body) => send(`${PATH}:add-partitions`, body)),
    ...[0, -1, 1.5, 10_000, 10_001, 1e308, '2'].map((partitions) =>
      send(`${PATH}:add-partitions`, { partitions, keyPlacement: 'may-change' }),
    ),
    send(`${PATH}:add-partitions`, { partitions: 2 }),
    send(`${PATH}:add-partitions`, { partitions: 2, keyPlacement: '__proto__' }),
    send('/v1/topics/hostile-nowhere:add-partitions', { partitions: 2, keyPlacement: 'may-change' }),
    send('/v1/topics/__weir_checkpoints:add-partitions', { partitions: 2, keyPlacement: 'may-change' }),
  ]),
  ...refusals('settings', [
    ...ODD.filter((one) => one !== true).map((body) => send(`${PATH}/config`, body, 'PATCH')),
    ...[
      'retention.ms',
      'retention.bytes',
      'max.message.bytes',
      'segment.bytes',
      'min.compaction.lag.ms',
      'min.cleanable.dirty.ratio',
    ].flatMap((name) =>
      NUMBERS.filter((value) => !(name.endsWith('ratio') && value === '0x10')).map((value) =>
        send(`${PATH}/config`, { [name]: value }, 'PATCH'),
      ),
    ),
    ...['cleanup.policy', 'compression.type', 'message.timestamp.type', 'weir.durability'].flatMap((name) =>
      ['', 'x', '__proto__', 'delete,delete,delete'.repeat(40)].map((value) =>
        send(`${PATH}/config`, { [name]: value }, 'PATCH'),
      ),
    ),
    ...['__proto__', 'constructor', 'x'.repeat(101), '', 'a=b', 'nothing.of.the.kind'].map((name) =>
      send(`${PATH}/config`, `{${JSON.stringify(name)}:"1"}`, 'PATCH'),
    ),
    send(`${PATH}/config`, Object.fromEntries(times(5_000, (i) => [`c${i}`, 'x'])), 'PATCH'),
    send(`${PATH}/config`, { 'retention.ms': 'x'.repeat(1_001) }, 'PATCH'),
    send(`${PATH}/config?validateOnly=perhaps`, { 'retention.ms': '1' }, 'PATCH'),
  ]),
  ...refusals('topics', [
    ...ODD.filter((one) => one !== 'x').map((name) => send('/v1/topics', { name })),
    ...[0, -1, 1.5, 10_001, 257, 1e308, '1', null].map((partitions) =>
      send('/v1/topics', { name: 'hostile-made', partitions }),
    ),
    ...['.', '..', 'a b', 'a/b', '\u202e', '__x', 'a'.repeat(250), 'HOSTILE-ADMINISTERED', 'x--g2'].map((name) =>
      send('/v1/topics', { name }),
    ),
    send('/v1/topics', { name: 'hostile-config', config: Object.fromEntries(times(3_000, (i) => [`c${i}`, 'x'])) }),
  ]),
  ...refusals('backups', [
    ...ODD.filter((one) => JSON.stringify(one) !== '{}').map((body) => send('/v1/backups', body)),
    ...ODD.filter((one) => typeof one !== 'boolean').map((full) => send('/v1/backups', { full })),
    ...IDS.flatMap((id): HostileRequest[] => [
      { method: 'GET', path: `/v1/backups/${id}` },
      { method: 'DELETE', path: `/v1/backups/${id}` },
      { method: 'POST', path: `/v1/backups/${id}:verify` },
      send(`/v1/backups/${id}:restore`, { confirm: id }),
    ]),
  ]),
];
