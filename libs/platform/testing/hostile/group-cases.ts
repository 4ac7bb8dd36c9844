import { times, topicRequest, type HostileCase, type HostileRequest } from './hostile-case.js';

const TOPIC = 'hostile-groups';
const GROUP = '/v1/groups/hostile';

const post = (path: string, body: unknown): HostileRequest => ({
  method: 'POST',
  path,
  body: () => (typeof body === 'string' ? body : JSON.stringify(body)),
});
const put = (path: string, body: unknown): HostileRequest => ({ ...post(path, body), method: 'PUT' });

/** Cases that are one request each, which is refused. */
const refusals = (family: string, what: string, requests: readonly HostileRequest[]): readonly HostileCase[] =>
  requests.map((request, i) => ({
    family,
    name: `${what} ${i + 1}`,
    outcome: 'refused',
    requests: [topicRequest(TOPIC), request],
  }));

/** What no member of a body is. */
const ODD: readonly unknown[] = [null, [], {}, '', 'x', -1, 1.5, 1e308, true, [[[[]]]], { __proto__: null, a: 1 }];
/** What is no offset as text. */
const OFFSETS: readonly unknown[] = ['-1', '1.5', '1e3', '', ' 1', '99999999999999999', 'latest', 5, null, [], '０'];

const position = (more: object) => ({ positions: [{ topic: TOPIC, partition: 0, offset: '0', ...more }] });

const LEASE = { topics: [TOPIC] };

/** Ids of leases that nobody was given. */
const LEASES = [
  'x',
  '.',
  'a.b.c.d',
  'A'.repeat(1_024),
  Buffer.from(JSON.stringify({ group: 'hostile', topics: null })).toString('base64url'),
  Buffer.from(JSON.stringify(['hostile', 1, { __proto__: 1 }])).toString('base64url'),
];

export const GROUP_CASES: readonly HostileCase[] = [
  ...refusals('groups', 'positions', [
    ...ODD.filter((one) => !(Array.isArray(one) && one.length > 0)).map((one) => put(`${GROUP}/positions`, one)),
    ...ODD.map((one) => put(`${GROUP}/positions`, { positions: one })),
    ...OFFSETS.map((offset) => put(`${GROUP}/positions`, position({ offset }))),
    ...[-1, 1.5, 100_001, 99, '0', 1e308].map((partition) => put(`${GROUP}/positions`, position({ partition }))),
    put(`${GROUP}/positions`, position({ offset: '9007199254740991' })),
    put(`${GROUP}/positions`, position({ topic: 'hostile-nowhere' })),
    put(`${GROUP}/positions`, position({ topic: '__weir_checkpoints' })),
    put(`${GROUP}/positions`, position({ topic: '../../etc' })),
    put(`${GROUP}/positions`, position({ metadata: 'x'.repeat(5_000) })),
    put(`${GROUP}/positions`, { positions: times(10_001, (i) => ({ topic: TOPIC, partition: i, offset: '0' })) }),
    put(`/v1/groups/${'g'.repeat(1_100)}/positions`, position({})),
  ]),
  ...refusals('groups', 'reset', [
    ...ODD.map((to) => post(`${GROUP}:reset`, { to, dryRun: true })),
    ...OFFSETS.map((offset) => post(`${GROUP}:reset`, { to: { offset }, topics: [TOPIC], dryRun: true })),
    ...[1.5, 1e308, '1', null].map((shift) => post(`${GROUP}:reset`, { to: { shift }, dryRun: true })),
    ...[-1, 1e308, 'PT1H'].map((durationMs) => post(`${GROUP}:reset`, { to: { durationMs }, dryRun: true })),
    ...['yesterday', 1e308, '2001-13-45T99:99:99Z'].map((timestamp) =>
      post(`${GROUP}:reset`, { to: { timestamp }, dryRun: true }),
    ),
    post(`${GROUP}:reset`, { to: { vector: [] }, dryRun: true }),
    post(`${GROUP}:reset`, {
      to: { vector: times(9_000, (i) => ({ topic: TOPIC, partition: i, offset: '0' })) },
      dryRun: true,
    }),
    post(`${GROUP}:reset`, { to: 'earliest', topics: times(1_001, (i) => `t${i}`), dryRun: true }),
    post(`${GROUP}:reset`, { to: 'earliest', topics: ['hostile-nowhere'], dryRun: true }),
    post(`${GROUP}:reset`, { to: 'earliest', topics: [TOPIC], partitions: [99], dryRun: true }),
    post(`${GROUP}:reset`, { to: 'earliest', topics: [TOPIC] }),
    post(`${GROUP}:reset`, { to: 'earliest', topics: [TOPIC], plan: 'f'.repeat(64) }),
  ]),
  {
    family: 'groups',
    name: 'a reset as far as numbers go, and beyond the time there is',
    outcome: 'either',
    requests: [
      topicRequest(TOPIC),
      ...[
        { shift: Number.MAX_SAFE_INTEGER },
        { shift: -Number.MAX_SAFE_INTEGER },
        { durationMs: Number.MAX_SAFE_INTEGER },
      ].map((to) => post(`${GROUP}:reset`, { to, topics: [TOPIC], dryRun: true })),
      post(`${GROUP}:reset`, { to: { timestamp: Number.MAX_SAFE_INTEGER }, topics: [TOPIC], dryRun: true }),
      post(`${GROUP}:reset`, { to: { timestamp: -Number.MAX_SAFE_INTEGER }, topics: [TOPIC], dryRun: true }),
      post(`${GROUP}:reset`, { to: { offset: '9007199254740991' }, topics: [TOPIC], dryRun: true }),
    ],
  },
  ...refusals('leases', 'acquired', [
    ...ODD.map((topics) => post(`${GROUP}/leases`, { topics })),
    ...[0, -1, 1.5, 1e9, '1'].flatMap((one) =>
      ['maxPartitions', 'maxRecords', 'visibilityMs'].map((member) =>
        post(`${GROUP}/leases`, { ...LEASE, [member]: one }),
      ),
    ),
    ...[-1, 30_001, 1e308].map((waitMs) => post(`${GROUP}/leases`, { ...LEASE, waitMs })),
    post(`${GROUP}/leases`, { ...LEASE, partitions: [99] }),
    post(`${GROUP}/leases`, { ...LEASE, partitions: times(1_001, (i) => i) }),
    post(`${GROUP}/leases`, { ...LEASE, startAt: '__proto__' }),
    post(`${GROUP}/leases`, { ...LEASE, deadLetter: { topic: '__weir_checkpoints', maxDeliveries: 1 } }),
    post(`${GROUP}/leases`, { ...LEASE, deadLetter: { topic: 'hostile-nowhere', maxDeliveries: 1e9 } }),
    post(`${GROUP}/leases`, { topics: times(101, (i) => `t${i}`) }),
    post(`${GROUP}/leases`, { topics: ['hostile-nowhere'] }),
    post(`${GROUP}/leases`, `{"topics":${'['.repeat(100_000)}`),
  ]),
  ...refusals(
    'leases',
    'worked with',
    LEASES.flatMap((id) => [
      { method: 'GET', path: `/v1/leases/${id}` },
      { method: 'GET', path: `/v1/leases/${id}/records` },
      ...['ack', 'nack'].map((verb) =>
        post(`/v1/leases/${id}:${verb}`, { records: [{ topic: TOPIC, partition: 0, offset: '0' }] }),
      ),
      post(`/v1/leases/${id}:extend`, { visibilityMs: 60_000 }),
      { method: 'POST', path: `/v1/leases/${id}:release` },
    ]),
  ),
  ...refusals('leases', 'acknowledged', [
    ...ODD.map((records) => post('/v1/leases/x:ack', { records })),
    post('/v1/leases/x:ack', { through: times(2_000, (i) => ({ topic: TOPIC, partition: i, offset: '0' })) }),
    post('/v1/leases/x:nack', { records: [{ topic: TOPIC, partition: 0, offset: '0' }], delayMs: 1e308 }),
  ]),
];
