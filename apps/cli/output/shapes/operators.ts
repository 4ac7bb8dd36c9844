import { anything, either, flag, list, nullable, object, oneOf, text, whole, type JsonSchema } from './json-schema.js';

const number: JsonSchema = { type: 'number' };
const strings = list(text);

const TOPIC = object(
  {
    name: text,
    cluster: text,
    generation: whole,
    state: text,
    protected: flag,
    frozen: flag,
    partitionCount: whole,
    records: nullable(text),
    sizeBytes: nullable(whole),
    config: { type: 'object', additionalProperties: text },
  },
  {
    partitions: list(
      object({
        partition: whole,
        startOffset: nullable(text),
        endOffset: nullable(text),
        sizeBytes: nullable(whole),
        health: text,
      }),
    ),
    oldNames: strings,
    groups: list(object({ group: text, state: text, members: whole, lag: whole, lagSeconds: nullable(number) })),
    storage: { type: 'object', additionalProperties: nullable(text) },
  },
);
const PLANNED_TOPIC = object({ name: text, config: anything, dryRun: flag }, { partitions: whole });

/** A plan that was not started. */
const PLAN = object({
  hash: text,
  kind: text,
  subject: text,
  steps: strings,
  risks: strings,
  blockers: strings,
  createdBy: text,
  createdAt: text,
});
const OPERATION = object({
  id: text,
  kind: text,
  subject: text,
  state: text,
  phase: text,
  reason: nullable(text),
  nextAction: nullable(text),
  commands: strings,
  planHash: text,
  createdBy: text,
  startReason: nullable(text),
  createdAt: text,
  endedAt: nullable(text),
  progress: nullable(
    object({
      records: object({ done: number, total: nullable(number), totalIsEstimate: flag }),
      bytes: number,
      percent: nullable(number),
      rate: nullable(number),
      lag: object({ records: number, ms: nullable(number) }),
      etaSeconds: nullable(number),
      etaBasis: text,
    }),
  ),
  throttle: object({ active: flag, reason: nullable(text), since: nullable(text) }),
  cutover: object(
    { ready: flag, mode: text, blockers: list(anything) },
    {
      undone: whole,
      nextAttemptAt: nullable(text),
      lastAttempt: nullable(object({ outcome: text, reason: nullable(text) })),
    },
  ),
  rollback: object({ available: flag, until: nullable(text) }),
  lastError: nullable(object({ code: text, message: text, hint: nullable(text) })),
});

const VIEW = object({
  name: text,
  version: whole,
  role: oneOf('ACTIVE', 'DRAFT', 'PREVIOUS'),
  state: text,
  worker: text,
  problem: nullable(text),
  createdAt: text,
  columns: list(object({ name: text, type: text })),
  lag: nullable(whole),
});
const DERIVATION = object({
  name: text,
  kind: oneOf('latest', 'versioned'),
  source: text,
  state: text,
  worker: text,
  problem: nullable(text),
  lag: nullable(object({ records: whole })),
  keys: nullable(whole),
  schema: nullable(object({ subject: text, version: whole, schemaId: whole, schemaType: text })),
});
const BACKUP = object({ id: text }, { operation: text, takenAt: text, topics: whole, bytes: whole, restored: flag });
const TOKEN_ENTRY = object(
  { id: text, sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
  { role: text, roles: strings, scope: { type: 'object', additionalProperties: strings }, expires: text },
);
const SCOPE = nullable({ type: 'object', additionalProperties: strings });

/** By the kind of the document. */
export const OPERATOR_SHAPES: Readonly<Record<string, JsonSchema>> = {
  TopicList: list(TOPIC),
  Topic: either(TOPIC, PLANNED_TOPIC),
  TopicConfig: list(
    object({ name: text, value: nullable(text), default: nullable(text), source: text, documentation: nullable(text) }),
  ),
  CatalogFinds: list(
    object({ kind: oneOf('topic', 'subject', 'field', 'view'), name: text, by: text, owner: nullable(text) }),
  ),
  Lineage: object({
    topic: text,
    nodes: list(object({ kind: oneOf('topic', 'view', 'group'), name: text, distance: whole, owner: nullable(text) })),
    edges: list(object({ from: text, to: text, by: oneOf('latest', 'versioned', 'view', 'read') })),
  }),
  DeletedTopic: object({
    name: text,
    oldNameOf: nullable(text),
    records: nullable(text),
    permanent: flag,
    purgeAt: nullable(text),
    dryRun: flag,
  }),
  Produced: object({
    topic: text,
    written: whole,
    failed: whole,
    refused: list(object({ line: whole, code: text, message: text })),
  }),
  Records: list(
    object({
      partition: whole,
      offset: text,
      timestamp: whole,
      key: anything,
      keyFormat: text,
      value: anything,
      valueFormat: text,
      headers: list(object({ key: text, value: anything })),
    }),
  ),
  TrimmedTopic: object({
    dryRun: flag,
    offsets: text,
    exact: flag,
    partitions: list(object({ partition: whole, startOffset: text, newStartOffset: text, offsets: text })),
  }),
  Operation: either(OPERATION, PLAN),
  OperationList: list(OPERATION),
  OperationHistory: list(object({ sequence: whole, at: text, type: text, data: { type: 'object' } })),
  DerivationList: list(DERIVATION),
  Derivation: DERIVATION,
  DeletedDerivation: object({ name: text, dryRun: flag }),
  ViewList: list(VIEW),
  View: either(VIEW, object({ name: text, declaration: anything, dryRun: flag })),
  ViewRows: list({ type: 'object' }),
  ViewVersions: list(VIEW),
  ViewComparison: object({
    view: text,
    version: whole,
    atEqualPositions: flag,
    columns: strings,
    rows: object({ active: whole, version: whole }),
    differing: whole,
  }),
  RetiredView: object({ view: text, version: whole, dryRun: flag }),
  DeletedView: object({ name: text, dryRun: flag }),
  GroupList: list(object({ group: text, state: text })),
  Group: object({
    group: text,
    state: text,
    members: list(object({ memberId: text })),
    positions: list(
      object({
        topic: text,
        partition: whole,
        offset: text,
        endOffset: nullable(text),
        lag: nullable(text),
        lagSeconds: nullable(number),
      }),
    ),
  }),
  GroupSeek: object({
    group: text,
    dryRun: flag,
    partitions: list(object({ topic: text, partition: whole, current: nullable(text), target: text })),
  }),
  DeletedGroup: object({ group: text, dryRun: flag }),
  ServiceStatus: object({
    address: text,
    ready: flag,
    version: anything,
    checks: { type: 'object' },
    clusters: list(object({ name: text })),
  }),
  BackupList: list(object({ id: text, takenAt: text, topics: whole, bytes: whole })),
  Backup: either(BACKUP, OPERATION, object({ full: flag, present: whole, dryRun: flag })),
  // A file of lines, or of records, for another registry.
  RegistryExport: anything,
  Token: object({
    id: text,
    token: nullable(text),
    entry: TOKEN_ENTRY,
    file: nullable(text),
    tokenFile: nullable(text),
    dryRun: flag,
  }),
  TokenList: list(object({ id: text, roles: strings, scope: SCOPE, expires: nullable(text), expired: flag })),
  RevokedToken: object({ id: text, file: text, dryRun: flag }),
  Login: object({ context: text, id: text, roles: strings, tokenFile: text, dryRun: flag }),
  Logout: object({ context: text, wasLoggedIn: flag, dryRun: flag }),
  Principal: object({ id: text, roles: strings, scope: SCOPE, server: text, token: nullable(text) }),
  DevService: object(
    { dataDir: nullable(text), ephemeral: flag },
    { url: text, registry: text, api: text, document: text, health: text, pid: whole, service: text },
  ),
};
