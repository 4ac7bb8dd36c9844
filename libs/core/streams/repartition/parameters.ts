import { AppError, type ErrorItem, isJsonObject, type JsonObject, type JsonValue, nearest } from '#libs/core/kernel';
import { DEFAULT_PARTITIONER, PARTITIONER_NAMES, type PartitionerName } from '#libs/core/log';
import type { VerificationLevel } from '../verify/copy-verifier.js';
import { KeyExpression } from './key-expression.js';
import type { NoKey, NullKeys } from './routers.js';

/** `stream`: each record gets its new key by itself. `table`: the topic is a table whose rows change their key. */
export type KeySemantics = 'stream' | 'table';

/**
 * What may happen to groups whose positions have no exact translation. `exact`: the plan is blocked, naming them. `drain`: the cutover waits, with writers
 * held, until they have read everything, or is undone. `duplicates`: they read some records again, as many as announced.
 */
export type GroupMode = 'exact' | 'drain' | 'duplicates';

/** What is kept between records of different source partitions under a new key. `timestamp` merges them by time; `none` keeps the order of each source. */
export type OrderMerge = 'none' | 'timestamp';

/** What somebody wants, with every default filled in. */
export interface RepartitionRequest {
  /** Undefined: the default cluster. */
  readonly cluster: string | undefined;
  readonly topic: string;
  /** Undefined: as many as there are. */
  readonly partitions: number | undefined;
  readonly key:
    | {
        readonly expr: string;
        readonly semantics: KeySemantics;
        readonly onMissing: NoKey;
        readonly tombstones: NoKey;
      }
    | undefined;
  readonly partitioner: PartitionerName;
  readonly nullKeys: NullKeys;
  readonly orderMerge: OrderMerge;
  readonly verification: VerificationLevel;
  readonly groups: GroupMode;
  readonly cutover: { readonly mode: 'automatic' | 'manual'; readonly maxPauseMs: number };
  /** Keep the old side current after the switch, so that the way back stays open. */
  readonly reverseTail: boolean;
}

const NO_KEY = ['fail', 'drop', 'dlq', 'keep-key'] as const;

/**
 * Reads a request, unknown members refused by name, every problem named at once.
 * @throws `invalid-repartition-request`, `invalid-key-expression`.
 */
export function parseRepartitionRequest(json: JsonObject): RepartitionRequest {
  const form = new Form();
  const top = form.object(json, '', [
    'cluster',
    'topic',
    'target',
    'nullKeys',
    'orderMerge',
    'verification',
    'groups',
    'cutover',
    'reverseTail',
  ]);
  const target = form.object(top['target'], 'target', ['partitions', 'key', 'partitioner']);
  const key = target['key'] === undefined || target['key'] === null ? undefined : target['key'];
  const keyForm = form.object(key, 'target.key', ['expr', 'semantics', 'onMissing', 'tombstones']);
  const groups = form.object(top['groups'], 'groups', ['mode']);
  const cutover = form.object(top['cutover'], 'cutover', ['mode', 'maxPauseMs']);
  const partitioners = PARTITIONER_NAMES.filter((name) => name !== 'explicit');
  const request: RepartitionRequest = {
    cluster: form.text(top['cluster'], 'cluster'),
    topic: form.text(top['topic'], 'topic') ?? form.missing('topic', ''),
    partitions: form.integer(target['partitions'], 'target.partitions', 1, 1_000_000),
    key:
      key === undefined
        ? undefined
        : {
            expr: form.text(keyForm['expr'], 'target.key.expr') ?? form.missing('target.key.expr', 'key'),
            semantics: form.choice(keyForm['semantics'], 'target.key.semantics', ['stream', 'table'], 'stream'),
            onMissing: form.choice(keyForm['onMissing'], 'target.key.onMissing', NO_KEY, 'fail'),
            tombstones: form.choice(keyForm['tombstones'], 'target.key.tombstones', NO_KEY, 'keep-key'),
          },
    partitioner: form.choice(target['partitioner'], 'target.partitioner', partitioners, DEFAULT_PARTITIONER),
    nullKeys: form.choice(top['nullKeys'], 'nullKeys', ['spread', 'drop', 'dlq', 'fail'], 'spread'),
    orderMerge: form.choice(top['orderMerge'], 'orderMerge', ['none', 'timestamp'], 'none'),
    verification: form.choice(top['verification'], 'verification', ['readback', 'full'], 'readback'),
    groups: form.choice(groups['mode'], 'groups.mode', ['exact', 'drain', 'duplicates'], 'drain'),
    cutover: {
      mode:
        form.choice(cutover['mode'], 'cutover.mode', ['auto', 'automatic', 'manual'], 'manual') === 'manual'
          ? 'manual'
          : 'automatic',
      maxPauseMs: form.integer(cutover['maxPauseMs'], 'cutover.maxPauseMs', 50, 3_600_000) ?? 10_000,
    },
    reverseTail: form.flag(top['reverseTail'], 'reverseTail', true),
  };
  form.demandSound();
  if (request.key !== undefined) KeyExpression.parse(request.key.expr);
  return request;
}

/** Collects what is wrong with a JSON request. */
class Form {
  readonly #problems: ErrorItem[] = [];

  /** The members, an empty object for undefined. */
  object(value: JsonValue | undefined, path: string, known: readonly string[]): JsonObject {
    if (value === undefined || value === null) return {};
    if (!isJsonObject(value)) {
      this.#problem(path, 'must be an object');
      return {};
    }
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      const close = nearest(name, known);
      const hint = close === undefined ? `known: ${known.join(', ')}` : `did you mean '${close}'?`;
      this.#problem(path === '' ? name : `${path}.${name}`, `is not known; ${hint}`);
    }
    return Object.assign(Object.create(null) as JsonObject, value);
  }

  text(value: JsonValue | undefined, path: string): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string' && value.length > 0) return value;
    this.#problem(path, 'must be text');
    return undefined;
  }

  integer(value: JsonValue | undefined, path: string, min: number, max: number): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.#problem(path, `must be an integer from ${min} to ${max}`);
    return undefined;
  }

  flag(value: JsonValue | undefined, path: string, otherwise: boolean): boolean {
    if (value === undefined || value === null) return otherwise;
    if (typeof value === 'boolean') return value;
    this.#problem(path, 'must be true or false');
    return otherwise;
  }

  choice<T extends string>(value: JsonValue | undefined, path: string, of: readonly T[], otherwise: T): T {
    if (value === undefined || value === null) return otherwise;
    const found = of.find((one) => one === value);
    if (found === undefined) this.#problem(path, `must be one of ${of.join(', ')}`);
    return found ?? otherwise;
  }

  missing(path: string, stand: string): string {
    if (!this.#problems.some((one) => one.path === path)) this.#problem(path, 'is missing');
    return stand;
  }

  demandSound(): void {
    const [first] = this.#problems;
    if (first === undefined) return;
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-repartition-request',
      message: `The repartition request is not valid: ${this.#problems.map((one) => `'${one.path}' ${one.message}`).join('; ')}.`,
      items: this.#problems,
    });
  }

  #problem(path: string, message: string): void {
    this.#problems.push({ path, message });
  }
}

/** One generation of the topic. */
export interface RepartitionSide {
  readonly physical: string;
  readonly generation: number;
  readonly partitions: number;
  /** Where the keys of new records come from, null: from the writers. */
  readonly keyExpression: string | null;
}

/** What an operation works with: the request resolved against the topic as it was when the plan was made. */
export interface RepartitionParameters {
  readonly cluster: string;
  readonly topic: string;
  readonly source: RepartitionSide;
  readonly target: RepartitionSide;
  /** How the old side's keys are placed, for the way back. */
  readonly sourcePartitioner: PartitionerName;
  readonly key: RepartitionRequest['key'] | null;
  readonly partitioner: PartitionerName;
  readonly nullKeys: NullKeys;
  readonly verification: VerificationLevel;
  readonly groups: GroupMode;
  readonly maxPauseMs: number;
  readonly reverseTail: boolean;
  /** Explicit settings the new generation has in the end. */
  readonly config: Readonly<Record<string, string>>;
  /** Topic for records that rules send there, null when no rule does. */
  readonly deadLetters: string | null;
}

export function parametersToJson(parameters: RepartitionParameters): JsonObject {
  return JSON.parse(JSON.stringify(parameters)) as JsonObject;
}

/** The parameters of a stored operation, which {@link parametersToJson} wrote. */
export function parametersFromJson(json: JsonObject): RepartitionParameters {
  return json as unknown as RepartitionParameters;
}
