import { z } from 'zod';
import { clusterDefinitions } from './clusters.js';
import { viewTargetDefinitions } from './view-targets.js';
import { registryDefinitions } from './registries.js';
import { bytes, count, flag, milliseconds, oneOf, optionalText, setting, text, type ValuesOf } from './setting.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MINUTE = 60_000;
const DAY = 86_400_000;

/** Every setting there is: the one source of parsing, defaults, environment names and `docs/configuration.md`. */
export const SETTINGS = {
  http: {
    host: text(
      '127.0.0.1',
      'Address to listen on. Anything but loopback needs `auth.mode: token` or `http.allowOpen`.',
    ),
    port: count(0, 65_535, 8_081, 'Port to listen on; 0 takes any free one.'),
    allowOpen: flag(false, 'Allow everybody who reaches an open address to do everything (`auth.mode: none`).'),
    headersTimeoutMs: milliseconds(1_000, 10 * MINUTE, 15_000, 'Longest a client may take to send its headers.'),
    requestTimeoutMs: milliseconds(1_000, 60 * MINUTE, 60_000, 'Longest a client may take to send a request.'),
    handlerTimeoutMs: milliseconds(31_000, 60 * MINUTE, 60_000, 'Longest the service may take to begin an answer.'),
    writeTimeoutMs: milliseconds(
      100,
      60 * MINUTE,
      10_000,
      'A client that takes nothing of its answer for this long is cut off.',
    ),
    streamTimeoutMs: milliseconds(
      100,
      7 * DAY,
      DAY,
      'Longest a client may go on sending records in one request that is answered meanwhile.',
    ),
    idleTimeoutMs: milliseconds(1_000, DAY, 10 * MINUTE, 'A connection without traffic is closed after this.'),
    drainMs: milliseconds(0, 10 * MINUTE, 15_000, 'How long a stop waits for requests under way.'),
  },
  limits: {
    bodyBytes: bytes(1_024, GIB, 2 * MIB, 'Largest request body, except where a route takes more.'),
    jsonDepth: count(8, 1_000, 32, 'Levels of nesting in a JSON body.'),
    jsonValues: count(100, 1_000_000, 10_000, 'Values in a JSON body, except where a route takes more.'),
    importBytes: bytes(MIB, 16 * GIB, 100 * MIB, 'Largest file of a registry that may be posted.'),
    importEntryBytes: bytes(1_024, 10 * MIB, 10 * MIB, 'Largest line of such a file.'),
    importEntries: count(1, 10_000_000, 10_000, 'Lines of such a file.'),
    backupBytes: bytes(MIB, 64 * 1024 * GIB, 256 * GIB, 'Largest backup that may be uploaded.'),
    connections: count(1, 100_000, 1_000, 'Connections in all.'),
    connectionsPerAddress: count(1, 100_000, 100, 'Connections from one address; loopback is not counted.'),
    bytesInFlight: bytes(
      64 * KIB,
      64 * GIB,
      32 * MIB,
      'Bytes of bodies, of batches made of them, and of answers under way, in all; more are refused with 503. Memory takes up to four times as much: what a body is read into lies beside it.',
    ),
    bytesInFlightPerConnection: bytes(
      64 * KIB,
      16 * GIB,
      16 * MIB,
      'The same of one connection; more are refused with 429. No single body or answer may be larger.',
    ),
  },
  data: {
    dir: text('./data', 'Directory that holds everything; the service keeps a second process out of it.'),
    create: flag(true, 'Make the directory when it is missing; `false` where that means that a volume is not mounted.'),
  },
  storage: {
    warnPercent: count(
      0,
      100,
      10,
      'Share of the disk of the data directory, in percent, below which free room is called low.',
    ),
    refuseFreeBytes: bytes(
      0,
      1024 * GIB,
      0,
      'Free bytes below which nothing is added; 0 for a twentieth of the disk, at most 5 GiB and at least 256 MiB. Reading, deleting and positions go on.',
    ),
    ballastBytes: bytes(
      0,
      16 * GIB,
      64 * MIB,
      'A file given up when there is no room, so that what must go on can; 0 for none.',
    ),
  },
  backups: {
    directory: optionalText(
      'Directory for backups of the embedded log and the SQLite metadata, best on another disk. Without it there are none.',
    ),
  },
  database: {
    url: optionalText('PostgreSQL for metadata, `postgres://…`. Without it: SQLite in the data directory.', {
      secret: true,
    }),
    poolSize: count(2, 1_000, 10, 'Connections to PostgreSQL.'),
  },
  views: {
    targets: setting(
      'map',
      viewTargetDefinitions,
      new Map(),
      'PostgreSQL databases that views may be kept in, by name: `url` or `urlFile` (a file that holds it), and optionally `schema` (`weir_views`), `poolSize` (8), `statementTimeoutMs` (10000). A declaration names one as `target`. In the environment: as JSON.',
    ),
  },
  schemas: {
    workers: count(
      1,
      64,
      2,
      'Threads for work on schemas that is too much for the main one; each is started when it is needed.',
    ),
    workerHeapBytes: bytes(32 * MIB, 4 * GIB, 128 * MIB, 'Memory of one such thread.'),
    deadlineMs: milliseconds(
      50,
      MINUTE,
      2_000,
      'Longest that reading a schema or checking its compatibility may take there.',
    ),
    queueBytes: bytes(
      MIB,
      4 * GIB,
      64 * MIB,
      'Texts of schemas that may wait for a thread; more are refused with 503.',
    ),
    comparedVersions: count(1, 100_000, 1_000, 'Versions that one check at a transitive level may compare with.'),
    versionsPerSubject: count(1, 100_000, 10_000, 'Versions of one subject, softly deleted ones included.'),
  },
  transforms: {
    workers: count(1, 64, 2, 'Threads for the expressions of migrations; each is started when it is needed.'),
    workerHeapBytes: bytes(32 * MIB, 4 * GIB, 128 * MIB, 'Memory of one such thread.'),
    deadlineMs: milliseconds(50, MINUTE, 2_000, 'Longest that records given to a thread together may take there.'),
    queueBytes: bytes(
      MIB,
      4 * GIB,
      64 * MIB,
      'Records that may wait for a thread; operations rest and try again with more.',
    ),
  },
  log: {
    enabled: flag(true, 'Run the embedded log as cluster `local`; `false` for a registry alone, or for Kafka only.'),
    segmentBytes: bytes(MIB, GIB, 128 * MIB, 'A segment file is closed before it grows beyond this.'),
    checkpointBytes: bytes(MIB, 4 * GIB, 64 * MIB, 'Journal bytes after which a checkpoint begins.'),
    checkpointIntervalMs: milliseconds(0, DAY, 30_000, 'Longest time without a checkpoint; 0 for no limit.'),
    groupWaitMs: milliseconds(0, 1_000, 0, 'How long a flush waits for company.'),
    flushBytes: bytes(
      4_096,
      GIB,
      8 * MIB,
      'Unflushed bytes of topics with `weir.durability: buffered` after which the journal is flushed.',
    ),
    flushIntervalMs: milliseconds(
      1,
      MINUTE,
      1_000,
      'Longest time that what such a topic acknowledged stays unflushed.',
    ),
    maxTopics: count(1, 100_000, 2_000, 'Topics of the embedded log.'),
    maxPartitionsPerTopic: count(1, 10_000, 256, 'Partitions of one topic of the embedded log.'),
    maxPartitions: count(1, 100_000, 4_000, 'Partitions of the embedded log in all.'),
    openSegments: count(16, 100_000, 2_048, 'Segment files open at the same time.'),
    maxProducers: count(
      1,
      1_000_000,
      10_000,
      'Producers of repeatable batches that the embedded log remembers, counted in each partition.',
    ),
    producerExpirationMs: milliseconds(
      1_000,
      365 * DAY,
      DAY,
      'How long the embedded log remembers a producer that does not write.',
    ),
    retentionCheckMs: milliseconds(
      0,
      DAY,
      300_000,
      'How often the embedded log looks for segments to drop and topics to compact; 0 for never.',
    ),
    compactionBytesPerSecond: bytes(
      64 * KIB,
      16 * GIB,
      32 * MIB,
      'Bytes of segments that compaction works through in a second at most.',
    ),
    compactionMapBytes: bytes(
      MIB,
      4 * GIB,
      64 * MIB,
      'Memory for the keys of one compaction; more keys take more passes.',
    ),
    waitingBytes: bytes(MIB, 16 * GIB, 256 * MIB, 'Bytes of writes that may wait for the journal; more are refused.'),
  },
  records: {
    idempotencyWindowMs: milliseconds(
      1_000,
      30 * DAY,
      DAY,
      'How long an `Idempotency-Key` of a produce request is known.',
    ),
    idempotencyKeys: count(1, 100_000_000, 200_000, 'Most such keys known at the same time, in each cluster.'),
  },
  topics: {
    deletedRetentionMs: milliseconds(
      0,
      10 * 365 * DAY,
      7 * DAY,
      'How long a deleted topic is kept and can be restored; 0 deletes for good at once.',
    ),
  },
  registry: {
    registration: oneOf(
      ['open', 'registrars-only'],
      'open',
      'Who may register schemas that are not known, where the registry itself says nothing: whoever may write, or registrars only.',
    ),
    eventRetentionMs: milliseconds(
      0,
      10 * 365 * DAY,
      90 * DAY,
      'How long the feed of schema changes keeps an event at least; 0 for ever.',
    ),
  },
  clusters: setting(
    'map',
    clusterDefinitions,
    new Map(),
    'Kafka clusters by name: `bootstrapServers`, and optionally `tls` and `sasl`. In the environment: as JSON.',
  ),
  registries: setting(
    'map',
    registryDefinitions,
    new Map(),
    'Registries that schemas may be imported from, by name: `url`, and optionally `username` with `password`, `token`, `tls`, `allowedAddresses` (networks beside the public ones), `timeoutMs`. In the environment: as JSON.',
  ),
  defaultCluster: setting(
    'text',
    z.string('must be text').min(1).max(100).optional(),
    undefined,
    'The cluster short paths (`/v1/topics/…`) mean. Without it: `local`, or else the first of `clusters`.',
  ),
  operations: {
    maxConcurrent: count(1, 64, 2, 'Operations that move data at the same time.'),
    leaseMs: milliseconds(
      1_000,
      10 * MINUTE,
      15_000,
      'How long after an instance has died another one goes on with its work: operations, derivations, views. One that is silent for so long has lost its work.',
    ),
    rollbackWindowMs: milliseconds(0, 365 * DAY, DAY, 'How long an operation can be rolled back after its cutover.'),
    approval: oneOf(
      ['none', 'destructive', 'all'],
      'none',
      'Operations that wait until somebody else than who started them approves: `destructive` are those that take away what was there before.',
    ),
    scanRetentionMs: milliseconds(
      0,
      10 * 365 * DAY,
      30 * DAY,
      'How long what a scan of records has found (usage, replay) is kept after its end; 0 for ever.',
    ),
  },
  auth: {
    mode: oneOf(['none', 'token'], 'none', '`none`: everybody may do everything; `token`: by `auth.tokensFile`.'),
    tokensFile: optionalText('YAML file with the tokens: id, sha256, role, scope, expires.'),
  },
  logging: {
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info', 'What is logged at least.'),
    format: oneOf(['auto', 'json', 'pretty'], 'auto', '`auto`: for people on a terminal, JSON lines otherwise.'),
    requests: oneOf(['none', 'errors', 'all'], 'none', 'Requests with a line of their own at level info.'),
  },
  metrics: {
    topicLabels: flag(true, 'Label metrics with topic names.'),
  },
} as const;

export type Config = ValuesOf<typeof SETTINGS>;
