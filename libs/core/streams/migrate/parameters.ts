import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PartitionerSpec } from '#libs/core/log';
import { cutoverOfRequest, type CutoverRequest } from '../generations/cutover-request.js';
import type { GenerationRequest } from '../generations/kind.js';
import type { GenerationParameters, GroupMode } from '../generations/parameters.js';
import { RequestForm } from '../request-form.js';
import { VERIFICATION_LEVELS, type VerificationLevel } from '../verify/verification.js';
import { inverseOf, parseExpression, parseSteps, type TransformProgram } from './program.js';
import type { KeyRules } from './key-rewriter.js';
import { RAW_ENCODINGS, type RawEncoding, type RawFormat } from './raw-values.js';
import type { ValueFormat } from './record-values.js';
import type { SchemaIdRules } from './schema-id-rewriter.js';

/** The context of schemas that name none. */
const DEFAULT_CONTEXT = '.';

/**
 * What happens to a record that cannot be migrated, and how much of that is borne. `fail`: the copy stops at the first one. `dlq`: it goes to the dead letter topic as it was. `pass-through`: it
 * goes on as it was, among the others. `park-by-key`: it waits in a topic of the operation, and so do all later records of its key, until they are redriven.
 */
export interface PoisonPolicy {
  readonly policy: 'fail' | 'dlq' | 'pass-through' | 'park-by-key';
  /** More than so many stop the copy; null: any number. */
  readonly maxCount: number | null;
  /** A larger part than this of the records read, from a hundred on, stops the copy; null: any. */
  readonly maxRatio: number | null;
  /** The name may move while records are parked. */
  readonly leaveParked?: boolean;
}

/** The format somebody wants values in. `json`: JSON text that names no schema. `raw`: the bytes that a string stands for. */
export type WantedFormat =
  | { readonly kind: 'json' }
  | RawFormat
  | {
      readonly kind: 'schema';
      /** Undefined: `<topic>-value`. */
      readonly subject: string | undefined;
      /** Undefined: the latest one of the subject. */
      readonly schemaId: number | undefined;
      readonly message: string | undefined;
    };

/** What somebody wants, with every default filled in. */
export interface MigrationRequest extends GenerationRequest {
  readonly up: TransformProgram;
  /** Undefined: there is none, and none that follows from `up`. */
  readonly down: TransformProgram | undefined;
  /** Places that `down` need not restore, as JSON pointers with `*` for any item. */
  readonly lossy: readonly string[];
  /** How values are read; null: by the schema they name, otherwise as JSON text. */
  readonly source: RawFormat | null;
  readonly format: WantedFormat | undefined;
  readonly config: Readonly<Record<string, string | null>>;
  readonly schemaIds: SchemaIdRules | null;
  /** Undefined: keys stay. */
  readonly key: { readonly source: RawFormat | null; readonly format: WantedFormat } | undefined;
  readonly poison: PoisonPolicy;
  readonly verification: VerificationLevel;
  readonly groups: GroupMode;
  readonly cutover: CutoverRequest;
  readonly reverseTail: boolean;
}

const MEMBERS = [
  'cluster',
  'topic',
  'transform',
  'filter',
  'source',
  'key',
  'format',
  'schemaIds',
  'config',
  'poison',
  'verification',
  'groups',
  'cutover',
  'reverseTail',
];

/**
 * Reads a request, unknown members refused by name, every problem named at once.
 * @throws `invalid-migration-request`.
 */
export function parseMigrationRequest(json: JsonObject): MigrationRequest {
  const form = new RequestForm('migration');
  const top = form.object(json, '', MEMBERS);
  const transform = form.object(top['transform'], 'transform', ['up', 'down', 'lossy']);
  const filter = parseExpression(form, top['filter'], 'filter') ?? null;
  const up = { filter, steps: parseSteps(form, transform['up'], 'transform.up') };
  const poison = form.object(top['poison'], 'poison', ['policy', 'maxCount', 'maxRatio', 'leaveParked']);
  const groups = form.object(top['groups'], 'groups', ['mode']);
  const cluster = form.text(top['cluster'], 'cluster');
  const topic = form.text(top['topic'], 'topic') ?? form.missing('topic', '');
  const down =
    transform['down'] === undefined || transform['down'] === null
      ? undefined
      : { filter: null, steps: parseSteps(form, transform['down'], 'transform.down') };
  const request: Omit<MigrationRequest, 'down'> = {
    cluster,
    topic,
    up,
    lossy: texts(form, transform['lossy'], 'transform.lossy'),
    source: sourceOf(form, top['source'], 'source'),
    format: formatOf(form, top['format'], 'format'),
    key: keyOf(form, top['key']),
    config: configOf(form, top['config']),
    schemaIds: schemaIdsOf(form, top['schemaIds']),
    poison: {
      policy: form.choice(poison['policy'], 'poison.policy', ['fail', 'dlq', 'pass-through', 'park-by-key'], 'fail'),
      maxCount: form.integer(poison['maxCount'], 'poison.maxCount', 0, Number.MAX_SAFE_INTEGER) ?? null,
      maxRatio: ratio(form, poison['maxRatio'], 'poison.maxRatio'),
      leaveParked: form.flag(poison['leaveParked'], 'poison.leaveParked', false),
    },
    verification: form.choice(top['verification'], 'verification', VERIFICATION_LEVELS, 'full'),
    groups: form.choice(groups['mode'], 'groups.mode', ['exact', 'drain', 'duplicates'], 'drain'),
    cutover: cutoverOfRequest(form, top['cutover']),
    reverseTail: form.flag(top['reverseTail'], 'reverseTail', true),
  };
  form.demandSound();
  return { ...request, down: down ?? inverseOf(up) };
}

function formatOf(form: RequestForm, json: JsonValue | undefined, path: string): WantedFormat | undefined {
  if (json === undefined || json === null) return undefined;
  const format = form.object(json, path, ['type', 'encoding', 'subject', 'schemaId', 'message']);
  const type = form.choice(format['type'], `${path}.type`, ['json', 'raw', 'schema'], 'schema');
  if (type === 'json') return { kind: 'json' };
  if (type === 'raw') return { kind: 'raw', encoding: encodingOf(form, format['encoding'], `${path}.encoding`) };
  return {
    kind: 'schema',
    subject: form.text(format['subject'], `${path}.subject`),
    schemaId: form.integer(format['schemaId'], `${path}.schemaId`, 1, 2 ** 31 - 1),
    message: form.text(format['message'], `${path}.message`),
  };
}

function sourceOf(form: RequestForm, json: JsonValue | undefined, path: string): RawFormat | null {
  if (json === undefined || json === null) return null;
  const source = form.object(json, path, ['type', 'encoding']);
  form.choice(source['type'], `${path}.type`, ['raw'], 'raw');
  return { kind: 'raw', encoding: encodingOf(form, source['encoding'], `${path}.encoding`) };
}

function keyOf(form: RequestForm, json: JsonValue | undefined): MigrationRequest['key'] {
  if (json === undefined || json === null) return undefined;
  const key = form.object(json, 'key', ['source', 'format']);
  const format = formatOf(form, key['format'], 'key.format');
  if (format === undefined) form.missing('key.format', '');
  return format && { source: sourceOf(form, key['source'], 'key.source'), format };
}

function encodingOf(form: RequestForm, json: JsonValue | undefined, path: string): RawEncoding {
  return form.choice(json, path, RAW_ENCODINGS, 'base64');
}

function schemaIdsOf(form: RequestForm, json: JsonValue | undefined): SchemaIdRules | null {
  if (json === undefined || json === null) return null;
  const ids = form.object(json, 'schemaIds', ['from', 'to', 'register', 'strict', 'keys']);
  const from = form.object(ids['from'], 'schemaIds.from', ['registry', 'context']);
  const to = form.object(ids['to'], 'schemaIds.to', ['context']);
  const rules = {
    from: {
      registry: form.text(from['registry'], 'schemaIds.from.registry') ?? null,
      context: contextOf(form, from['context'], 'schemaIds.from.context'),
    },
    to: contextOf(form, to['context'], 'schemaIds.to.context'),
    register: form.flag(ids['register'], 'schemaIds.register', false),
    strict: form.flag(ids['strict'], 'schemaIds.strict', true),
    keys: form.flag(ids['keys'], 'schemaIds.keys', false),
  };
  if (rules.from.registry === null && rules.from.context === rules.to) {
    form.problem('schemaIds', 'goes from a context to itself');
  }
  return rules;
}

function contextOf(form: RequestForm, json: JsonValue | undefined, path: string): string {
  const context = form.text(json, path) ?? DEFAULT_CONTEXT;
  if (!/^\.[^:]*$/.test(context)) form.problem(path, "must be the name of a context: a dot, and no ':'");
  return context;
}

function configOf(form: RequestForm, json: JsonValue | undefined): Record<string, string | null> {
  const config: Record<string, string | null> = {};
  if (json === undefined || json === null) return config;
  if (!isJsonObject(json)) {
    form.problem('config', 'must be an object');
    return config;
  }
  for (const [name, value] of Object.entries(json)) {
    if (value === null || typeof value === 'string') config[name] = value;
    else form.problem(`config.${name}`, 'must be text, or null for the default');
  }
  return config;
}

function ratio(form: RequestForm, value: JsonValue | undefined, path: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  form.problem(path, 'must be a number from 0 to 1');
  return null;
}

function texts(form: RequestForm, value: JsonValue | undefined, path: string): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((one, i) => form.text(one, `${path}[${i}]`) ?? []);
  form.problem(path, 'must be a list');
  return [];
}

/** What a migration works with, besides what every new generation has. */
export interface MigrationParameters extends GenerationParameters {
  readonly up: TransformProgram;
  /** What keeps the old side current; null: nothing does, and the way back closes with the first record written to the new side. */
  readonly down: TransformProgram | null;
  readonly lossy: readonly string[];
  /** Values of the old side, and of the new one, that are any bytes; null or undefined: they are what they say. */
  readonly rawSource?: RawFormat | null;
  readonly rawBack?: RawFormat | null;
  /** What values are written as on the new side; null: each with the schema it came with. */
  readonly format: ValueFormat | null;
  /** What values are written as on the way back; null: each with the schema it came with. */
  readonly formatBack: ValueFormat | null;
  /** Bytes of the largest batch the old side takes. */
  readonly oldMaxBytes: number;
  /** Undefined or null: values name the schemas they named. */
  readonly schemaIds?: SchemaIdRules | null;
  /** How keys get another format, and their former one; null or undefined: they stay. */
  readonly key?: KeyRules | null;
  readonly keyBack?: KeyRules | null;
  /** How keys are placed; null or undefined: by the default partitioner. */
  readonly partitioner?: PartitionerSpec | null;
  readonly poison: PoisonPolicy;
  /** Hash of `up`: what dead letters name as what they failed. */
  readonly version: string;
}
