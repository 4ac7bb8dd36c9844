import type { JsonObject, JsonValue } from '#libs/core/kernel';
import {
  integerSetting,
  isCompacted,
  isInternalTopic,
  type LogEngine,
  MAX_TOPIC_NAME,
  type ResolvedTopic,
  textSetting,
  type TopicDescription,
  topicNameFault,
} from '#libs/core/log';
import { KeyExpression } from './key-expression.js';
import type { RepartitionParameters, RepartitionRequest } from './parameters.js';
import type { TopicProfile } from './profile.js';

/** A key heavier than this many times a fair share is named as a risk. */
const HEAVY = 1.5;

/** What holds for the order of records. */
export function orderPromise(parameters: RepartitionParameters, profile: TopicProfile): string {
  if (parameters.key) {
    return 'records of a new key keep the order they had within each source partition; between source partitions there is none';
  }
  if (profile.partitioner.misplaced > 0) {
    return 'records of a key keep the order they had within each source partition; keys that lie in several have no order between those';
  }
  return 'records of a key keep their order';
}

/** How long, and at what price, the way back is open. */
export function rollbackPromise(parameters: RepartitionParameters): string {
  return parameters.reverseTail
    ? 'open while the operation is SWITCHED: what is written to the new side is copied back'
    : 'open while the operation is SWITCHED and nothing was written to the new side';
}

/** How unevenly records lie, before and after: 1 is even. */
export interface Skew extends JsonObject {
  /** Heaviest partition over the mean. */
  before: number;
  after: number;
  /** Least that the heaviest key allows with this partition count. */
  lowerBound: number;
}

export function skewOf(profile: TopicProfile): Skew {
  const placed = profile.after.reduce((sum, one) => sum + one, 0);
  const heaviest = profile.heavyKeys[0]?.count ?? 0;
  const lowerBound = placed === 0 ? 1 : Math.max(1, (heaviest / placed) * profile.after.length);
  return { before: ratio(profile.before), after: ratio(profile.after), lowerBound: round(lowerBound) };
}

function ratio(counts: readonly number[]): number {
  const sum = counts.reduce((all, one) => all + one, 0);
  return sum === 0 ? 1 : round((Math.max(...counts) / sum) * counts.length);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** What may go wrong or is not as hoped, in words, each beginning with its name. */
export function risksOf(
  parameters: RepartitionParameters,
  profile: TopicProfile,
  description: TopicDescription,
  skew: Skew,
): string[] {
  const found: string[] = [];
  const { misplaced, keyed, name } = profile.partitioner;
  if (misplaced > 0) {
    const share = ((misplaced / keyed) * 100).toFixed(1);
    found.push(
      `mis-partitioned keys: ${misplaced} of ${keyed} records with a key (${share} %) do not lie where ${name} puts them; they are placed right, without order between source partitions`,
    );
  }
  const [heaviest] = profile.heavyKeys;
  const placed = profile.after.reduce((sum, one) => sum + one, 0);
  if (heaviest !== undefined && placed > 0) {
    const weight = (heaviest.count / placed) * parameters.target.partitions;
    if (parameters.target.partitions > 1 && weight > HEAVY) {
      found.push(
        `heavy key: '${printable(heaviest.key)}' alone is ${weight.toFixed(1)} times a fair share of a partition; only another key can spread it`,
      );
    }
  }
  if (skew.after > skew.before * 1.2 && skew.after > HEAVY) {
    found.push(`skew: the heaviest partition grows from ${skew.before} to ${skew.after} times the mean`);
  }
  if (textSetting(description.config, 'cleanup.policy').includes('delete')) {
    const retention = integerSetting(description.config, 'retention.ms');
    if (retention >= 0 && retention < 24 * 3_600_000) {
      found.push(`retention: records expire after ${retention} ms and may be gone before they are copied`);
    }
  }
  if (parameters.key && parameters.partitioner !== 'murmur2') {
    found.push(`writers through this service place keys by murmur2, not ${parameters.partitioner}`);
  } else if (parameters.partitioner !== 'murmur2') {
    found.push(
      `writers through this service place keys by murmur2; ${parameters.partitioner} holds for what was copied`,
    );
  }
  if (parameters.key) {
    found.push(
      'derived streams: what they hold under the old keys stays beside what comes under the new ones; build those that go by key anew',
    );
  }
  if (!parameters.reverseTail) found.push('rolling back is possible only while nothing was written to the new side');
  for (const [rule, count] of profile.ruled) {
    found.push(`${count} of ${profile.records} records looked at are left out by rule ${rule}`);
  }
  return found;
}

/** What keeps the plan from being started, in words. */
export function blockersOf(
  parameters: RepartitionParameters,
  request: RepartitionRequest,
  profile: TopicProfile,
  topic: ResolvedTopic,
  engine: LogEngine,
): string[] {
  const found: string[] = [];
  const { source, target } = parameters;
  if (isInternalTopic(topic.logical)) found.push(`'${topic.logical}' is an internal topic`);
  if (topic.guard.frozen) {
    found.push(`topic '${topic.logical}' is frozen; unfreeze it first`);
  } else if (topic.description.state !== 'ACTIVE') {
    found.push(`topic '${topic.logical}' is ${topic.description.state}; only an ACTIVE topic can be repartitioned`);
  }
  const nothing =
    target.partitions === source.partitions &&
    parameters.key === null &&
    parameters.partitioner === profile.partitioner.name &&
    profile.partitioner.misplaced === 0;
  if (nothing) found.push(`nothing would change: the topic has ${source.partitions} partitions, placed by these keys`);
  const max = engine.capabilities.maxPartitionsPerTopic;
  if (max !== null && target.partitions > max) {
    found.push(`${target.partitions} partitions are more than the ${max} this log allows`);
  }
  if (topicNameFault(target.physical) !== undefined) {
    found.push(`the name of the new generation would be longer than ${MAX_TOPIC_NAME} characters`);
  }
  if (request.key?.semantics === 'table') {
    found.push('a new key with table semantics is not available in this release; use stream semantics');
  }
  if (parameters.key && topic.keyExpression !== null && KeyExpression.parse(parameters.key.expr).usesKey) {
    found.push(
      `the keys of new records come from '${topic.keyExpression}' since an earlier repartition; an expression that uses the key would mean another key for them, so write it in terms of the value`,
    );
  }
  if (request.orderMerge === 'timestamp') {
    found.push("orderMerge 'timestamp' is not available in this release; order is kept per source partition");
  }
  for (const [code, count] of profile.failures) {
    const what = code === 'null-key' ? 'have no key' : 'give no answer to the key expression';
    found.push(
      `${count} of ${profile.records} records looked at ${what}; choose spread, drop, dlq or keep-key for them`,
    );
  }
  const limit = integerSetting(parameters.config, 'max.message.bytes');
  if (profile.largestRecordBytes > limit) {
    found.push(`the largest record takes ${profile.largestRecordBytes} bytes, more than max.message.bytes ${limit}`);
  }
  const keyless = profile.nullKeys > 0 && parameters.nullKeys === 'spread' && parameters.key === null;
  if (isCompacted(parameters.config) && keyless) {
    found.push(`${profile.nullKeys} records have no key, which a compacted topic refuses; choose drop or dlq`);
  }
  return found;
}

/** Groups that must have an exact translation and have none, by name. */
export function groupBlockersOf(
  parameters: RepartitionParameters,
  groups: readonly { readonly group: string }[],
  exact: boolean,
): string[] {
  if (exact || parameters.groups !== 'exact') return [];
  return groups.map(
    ({ group }) =>
      `the positions of group '${group}' have no exact translation; choose groups.mode drain or duplicates, or a multiple of ${parameters.source.partitions} partitions`,
  );
}

/** The profile for people and programs. */
export function profileToJson(profile: TopicProfile): JsonObject {
  return {
    records: profile.total,
    lookedAt: profile.records,
    sampled: profile.sampled,
    bytes: profile.bytes,
    nullKeys: profile.nullKeys,
    tombstones: profile.tombstones,
    withoutTimestamp: profile.withoutTimestamp,
    largestRecordBytes: profile.largestRecordBytes,
    partitioner: profile.partitioner.name,
    misPartitioned: profile.partitioner.misplaced,
    keyed: profile.partitioner.keyed,
    distinctKeys: profile.distinctKeys ?? null,
    heavyKeys: profile.heavyKeys.map((one): JsonValue => ({
      key: printable(one.key),
      count: one.count,
      error: one.error,
    })),
    perPartition: { before: [...profile.before], after: [...profile.after] },
    leftOut: Object.fromEntries(profile.ruled),
  };
}

/** A key for people: its text when it is plain text, otherwise base64. */
function printable(key: Uint8Array): string {
  const text = Buffer.from(key).toString('utf8');
  return /^[\p{L}\p{N}\p{P}\p{S} ]*$/u.test(text) && !text.includes('\ufffd') && text.length <= 200
    ? text
    : `base64:${Buffer.from(key.subarray(0, 150)).toString('base64')}`;
}
