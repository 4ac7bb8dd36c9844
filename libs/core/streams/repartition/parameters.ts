import type { JsonObject } from '#libs/core/kernel';
import type { PartitionerSpec } from '#libs/core/log';
import { cutoverOfRequest, type CutoverRequest } from '../generations/cutover-request.js';
import { type GroupRequest, groupsOfRequest } from '../generations/group-request.js';
import type { GenerationRequest } from '../generations/kind.js';
import type { GenerationParameters } from '../generations/parameters.js';
import { RequestForm } from '../request-form.js';
import { VERIFICATION_LEVELS, type VerificationLevel } from '../verify/verification.js';
import { KeyExpression } from './key-expression.js';
import { partitionerOfRequest } from './partitioner-request.js';
import type { NoKey, NullKeys } from './routers.js';

/** `stream`: each record gets its new key by itself. `table`: the topic is a table whose rows change their key. */
export type KeySemantics = 'stream' | 'table';

/** What happens where several rows of a table have one new key. `fail`: the plan is blocked, or nothing is switched; `newest`: the one written last is shown, and the one before when that leaves. */
export type SharedKeys = 'fail' | 'newest';

/** What is kept between records of different source partitions under a new key. `timestamp` merges them by time; `none` keeps the order of each source. */
export type OrderMerge = 'none' | 'timestamp';

/** What somebody wants, with every default filled in. */
export interface RepartitionRequest extends GenerationRequest {
  /** Undefined: as many as there are. */
  readonly partitions: number | undefined;
  readonly key:
    | {
        readonly expr: string;
        readonly semantics: KeySemantics;
        readonly onMissing: NoKey;
        readonly tombstones: NoKey;
        /** Tables only. Undefined in what an earlier release wrote. */
        readonly shared?: SharedKeys;
        /** Tables only: an expression that gives the present key of a row, for the way back; undefined for none. */
        readonly back?: string | undefined;
      }
    | undefined;
  /** Undefined: as the topic's keys are placed now. */
  readonly partitioner: PartitionerSpec | undefined;
  readonly nullKeys: NullKeys;
  readonly orderMerge: OrderMerge;
  /** How long a merge waits for a partition without new records, ms. */
  readonly mergeIdleMs: number;
  readonly verification: VerificationLevel;
  readonly groups: GroupRequest;
  readonly cutover: CutoverRequest;
  /** Keep the old side current after the switch, so that the way back stays open. */
  readonly reverseTail: boolean;
}

const NO_KEY = ['fail', 'drop', 'dlq', 'keep-key'] as const;

/**
 * Reads a request, unknown members refused by name, every problem named at once.
 * @throws `invalid-repartition-request`, `invalid-key-expression`.
 */
export function parseRepartitionRequest(json: JsonObject): RepartitionRequest {
  const form = new RequestForm('repartition');
  const top = form.object(json, '', [
    'cluster',
    'topic',
    'target',
    'nullKeys',
    'orderMerge',
    'mergeIdleMs',
    'verification',
    'groups',
    'cutover',
    'reverseTail',
  ]);
  const target = form.object(top['target'], 'target', ['partitions', 'key', 'partitioner']);
  const key = target['key'] === undefined || target['key'] === null ? undefined : target['key'];
  const keyForm = form.object(key, 'target.key', ['expr', 'semantics', 'onMissing', 'tombstones', 'shared', 'back']);
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
            shared: form.choice<SharedKeys>(keyForm['shared'], 'target.key.shared', ['fail', 'newest'], 'fail'),
            back: form.text(keyForm['back'], 'target.key.back'),
          },
    partitioner: partitionerOfRequest(form, target['partitioner']),
    nullKeys: form.choice(top['nullKeys'], 'nullKeys', ['spread', 'drop', 'dlq', 'fail'], 'spread'),
    orderMerge: form.choice(top['orderMerge'], 'orderMerge', ['none', 'timestamp'], 'none'),
    mergeIdleMs: form.integer(top['mergeIdleMs'], 'mergeIdleMs', 0, 3_600_000) ?? 5_000,
    verification: form.choice(top['verification'], 'verification', VERIFICATION_LEVELS, 'readback'),
    groups: groupsOfRequest(form, top['groups']),
    cutover: cutoverOfRequest(form, top['cutover']),
    reverseTail: form.flag(top['reverseTail'], 'reverseTail', true),
  };
  const others = request.key?.semantics === 'table' ? ['tombstones'] : ['shared', 'back'];
  for (const name of others) {
    if (keyForm[name] === undefined) continue;
    const why = name === 'tombstones' ? 'makes no sense for a table, where they end rows' : 'needs semantics table';
    form.problem(`target.key.${name}`, why);
  }
  form.demandSound();
  if (request.key !== undefined) KeyExpression.parse(request.key.expr);
  if (request.key?.back !== undefined) KeyExpression.parse(request.key.back);
  return request;
}

/** What a repartition works with, besides what every new generation has. */
export interface RepartitionParameters extends GenerationParameters {
  /** How the old side's keys are placed, for the way back. */
  readonly sourcePartitioner: PartitionerSpec;
  readonly key: RepartitionRequest['key'] | null;
  readonly partitioner: PartitionerSpec;
  readonly nullKeys: NullKeys;
}
