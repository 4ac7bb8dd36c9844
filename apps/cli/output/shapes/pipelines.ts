import { anything, either, flag, list, nullable, object, oneOf, text, whole, type JsonSchema } from './json-schema.js';

export const FINDING: JsonSchema = object({
  ruleId: text,
  level: oneOf('error', 'warning', 'info'),
  direction: oneOf('backward', 'forward', 'full', null),
  subject: text,
  againstVersion: nullable(whole),
  path: text,
  location: object({
    file: text,
    startLine: nullable(whole),
    startColumn: nullable(whole),
    endLine: nullable(whole),
    endColumn: nullable(whole),
  }),
  before: nullable(text),
  after: nullable(text),
  message: text,
  help: nullable(text),
  helpUrl: nullable(text),
  fingerprint: { type: 'string', pattern: '^[0-9a-f]{16}$' },
  waiver: nullable(object({ owner: nullable(text), reason: text, expires: nullable(text) })),
});

const REPORT = object({
  against: nullable(text),
  failOn: oneOf('error', 'warning', 'info'),
  passed: flag,
  counts: object({ error: whole, warning: whole, info: whole, waived: whole }),
  schemas: list(
    object({
      subject: text,
      file: text,
      status: text,
      level: text,
      levelOrigin: text,
      comparedWith: list(anything),
    }),
  ),
  findings: list(FINDING),
  leftOut: whole,
});

const REFERENCE = object({ name: text, subject: text, version: whole });
const CHANGE = object({
  kind: oneOf('register', 'set-config', 'set-mode', 'delete'),
  subject: text,
  outcome: oneOf('new', 'unchanged', 'set', 'deleted', 'refused'),
  version: nullable(whole),
  id: nullable(whole),
  deletedVersions: list(whole),
  refusal: nullable(object({ code: text, message: text, hint: nullable(text), findings: list(anything) })),
});
const TOPIC_CHANGE = object({
  topic: text,
  outcome: oneOf('new', 'set', 'unchanged', 'refused', 'failed', 'not-tried'),
  partitions: whole,
  settings: list(object({ name: text, before: nullable(text), after: nullable(text) })),
  protect: nullable(flag),
  refusal: nullable(object({ code: text, message: text, hint: nullable(text) })),
});
const PLAN = object({
  server: text,
  hash: text,
  verdict: oneOf('ok', 'blocked'),
  pending: whole,
  blockers: list(text),
  changes: list(CHANGE),
  topics: list(TOPIC_CHANGE),
  findings: list(FINDING),
  request: nullable(text),
  requests: whole,
});
const STEP = object({ by: text, at: text, note: nullable(text) });
const REQUEST_MEMBERS = {
  id: text,
  state: oneOf('pending', 'approved', 'applied', 'rejected', 'withdrawn'),
  title: text,
  submitted: STEP,
  decided: nullable(STEP),
  applied: nullable(STEP),
  subjects: list(text),
  topics: list(text),
};
const POLICY = object({
  id: text,
  title: text,
  on: oneOf('topic', 'schema'),
  severity: oneOf('error', 'warning', 'info'),
  where: nullable(text),
  require: text,
  fix: nullable(text),
  tests: whole,
  file: text,
  line: whole,
});
const SCHEMA_MEMBERS = {
  id: whole,
  schema: text,
  schemaType: text,
  references: list(REFERENCE),
  metadata: nullable(anything),
  ruleSet: nullable(anything),
};
const VERSION_OF_SUBJECT = object({ subject: text, version: whole });
const SCHEMA_FINDING = object({ ruleId: text, place: text, what: text, fix: text });

/** By the kind of the document. */
export const PIPELINE_SHAPES: Readonly<Record<string, JsonSchema>> = {
  CheckReport: REPORT,
  LintReport: REPORT,
  RequestList: list(object(REQUEST_MEMBERS)),
  Request: object({
    ...REQUEST_MEMBERS,
    plan: object({
      planHash: text,
      restsOn: list(anything),
      changes: list(anything),
      topics: list(anything),
      topicsRestOn: list(anything),
    }),
  }),
  DecidedRequest: object(REQUEST_MEMBERS),
  PolicyReport: REPORT,
  PolicyList: list(POLICY),
  Policy: POLICY,
  FormattedFiles: list(object({ file: text, subject: text, written: flag })),
  Plan: PLAN,
  AppliedPlan: either(object({ server: text, changes: list(CHANGE), topics: list(TOPIC_CHANGE) }), PLAN),
  InitialisedProject: object({
    folder: text,
    files: list(text),
    schemas: list(object({ subject: text, file: text, references: list(anything) })),
    dryRun: flag,
  }),
  WaiverList: list(object({ fingerprint: text, owner: text, reason: text, expires: text, expired: flag })),
  Waiver: object({ fingerprint: text, owner: text, reason: text, expires: text, file: text, dryRun: flag }),
  PulledFiles: list(
    object({
      subject: text,
      version: whole,
      id: whole,
      file: text,
      status: oneOf('written', 'unchanged', 'would-write'),
    }),
  ),
  SchemaList: list(object({ subject: text, version: whole, id: whole, schemaType: text, registeredAt: text })),
  Schema: either(
    object({ ...SCHEMA_MEMBERS, subject: text, version: whole }),
    object({ ...SCHEMA_MEMBERS, versions: list(VERSION_OF_SUBJECT) }),
  ),
  SchemaVersions: list(VERSION_OF_SUBJECT),
  SchemaReferences: list(either(REFERENCE, object({ subject: text, version: whole, id: whole }))),
  SchemaDiff: either(
    object({
      a: text,
      b: text,
      same: flag,
      differences: list(SCHEMA_FINDING),
      levels: list(object({ level: text, compatible: flag })),
    }),
    object({ a: text, b: text, lines: list(text) }),
  ),
  RegisteredSchema: either(VERSION_OF_SUBJECT, object({ compatible: flag, findings: list(SCHEMA_FINDING) })),
  SchemaReplay: either(
    object({
      verdict: text,
      read: whole,
      failed: whole,
      failures: list(
        object({ partition: whole, offset: text, schemaId: nullable(whole), by: text, path: text, reason: text }),
      ),
    }),
    // With --dry-run the plan.
    object({ hash: text, blockers: list(text) }),
  ),
  InferredSchema: object({
    schemaType: text,
    schema: text,
    conflicts: list(object({ path: text, message: text })),
  }),
  SchemaUsage: object({
    verdict: text,
    reasons: list(object({ code: text, message: text })),
    records: object({ total: whole, exact: flag, topics: list(object({ topic: text, partitions: list(anything) })) }),
  }),
  DeletedSchema: object({ reference: text, permanent: flag, deleted: list(whole), kept: list(whole), dryRun: flag }),
  RestoredSchema: object({ subject: text, restored: list(whole), dryRun: flag }),
  Compatibility: object({ target: text, value: nullable(text), origin: text, wouldBe: nullable(text) }),
  Mode: object({ target: text, value: nullable(text), origin: text, wouldBe: nullable(text) }),
};
