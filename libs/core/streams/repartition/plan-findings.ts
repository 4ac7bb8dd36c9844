import type { JsonObject, JsonValue } from '#libs/core/kernel';
import {
  DEFAULT_PARTITIONER,
  integerSetting,
  isCompacted,
  isInternalTopic,
  KeyPlacement,
  keyText,
  type LogEngine,
  MAX_PLACED_KEYS,
  MAX_TOPIC_NAME,
  partitionerText,
  type ResolvedTopic,
  samePartitioner,
  type SaltedPartitioner,
  textSetting,
  type TopicDescription,
  topicNameFault,
} from '#libs/core/log';
import { comesAlong } from '../generations/group-request.js';
import type { CoPartitioned } from './co-partitioned.js';
import { KeyExpression } from './key-expression.js';
import type { RepartitionParameters } from './parameters.js';
import { SPLIT_ROWS, type TopicProfile } from './profile.js';

/** A key heavier than this many times a fair share is named as a risk. */
const HEAVY = 1.5;
/** Characters of a key that are shown. */
const MAX_SHOWN = 200;

/** What holds for the order of records. */
export function orderPromise(parameters: RepartitionParameters, profile: TopicProfile): string {
  const { partitioner } = parameters;
  const base = orderOfPlacedKeys(parameters, profile);
  if (typeof partitioner === 'string' || partitioner.kind !== 'salted') return base;
  return `${base}; a salted key has no order between its ${partitioner.salts} partitions`;
}

function orderOfPlacedKeys(parameters: RepartitionParameters, profile: TopicProfile): string {
  if (parameters.key?.semantics === 'table') {
    return 'records of a row keep their order; those of rows that have one new key after another come in the order of their timestamps';
  }
  if (parameters.merge) {
    return 'records come in the order of their timestamps, those of a source partition in the order they had; what is copied behind a record of a later time is counted as late';
  }
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
  /** Least that the heaviest key allows with this partition count, a salted one by the part of it that stays together. */
  lowerBound: number;
}

export function skewOf(profile: TopicProfile): Skew {
  const placed = profile.after.reduce((sum, one) => sum + one, 0);
  const lowerBound = placed === 0 ? 1 : Math.max(1, (profile.heaviestShare / placed) * profile.after.length);
  return { before: ratio(profile.before), after: ratio(profile.after), lowerBound: round(lowerBound) };
}

function ratio(counts: readonly number[]): number {
  const sum = counts.reduce((all, one) => all + one, 0);
  return sum === 0 ? 1 : round((Math.max(...counts) / sum) * counts.length);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Keys that stay heavier than is hoped, heaviest first, with their weight: times a fair share of a partition. */
function heavyOnes(parameters: RepartitionParameters, profile: TopicProfile): { key: Uint8Array; weight: number }[] {
  const { partitions } = parameters.target;
  const placed = profile.after.reduce((sum, one) => sum + one, 0);
  if (partitions === 1 || placed === 0) return [];
  const placement = new KeyPlacement(parameters.partitioner, partitions);
  return profile.heavyKeys
    .map(({ key, count }) => ({ key, weight: ((count / placed) * partitions) / (placement.among(key)?.length ?? 1) }))
    .filter(({ weight }) => weight > HEAVY)
    .sort((a, b) => b.weight - a.weight);
}

/** A partitioner that would spread the keys which are too heavy, as a request takes it; null where none are, or where none can. */
export function suggestionOf(
  parameters: RepartitionParameters,
  profile: TopicProfile,
): { partitioner: SaltedPartitioner } | null {
  const { partitioner, target, config } = parameters;
  const heavy = heavyOnes(parameters, profile);
  if (heavy.length === 0 || isCompacted(config)) return null;
  if (typeof partitioner !== 'string' && partitioner.kind === 'custom') return null;
  const present: Omit<SaltedPartitioner, 'kind'> =
    typeof partitioner === 'string' ? { base: partitioner, keys: [], salts: 1 } : partitioner;
  const { base, keys, salts } = present;
  const needed = heavy.map(({ key, weight }) => Math.ceil(weight * (keys.includes(keyText(key)) ? salts : 1)));
  const named = [...new Set([...keys, ...heavy.map(({ key }) => keyText(key))])];
  if (named.length > MAX_PLACED_KEYS) return null;
  const suggested = Math.min(target.partitions, Math.max(salts, ...needed));
  if (suggested === salts) return null;
  return { partitioner: { kind: 'salted', base, keys: named, salts: suggested } };
}

/** What may go wrong or is not as hoped, in words, each beginning with its name. */
export function risksOf(
  parameters: RepartitionParameters,
  profile: TopicProfile,
  description: TopicDescription,
  skew: Skew,
  readers: readonly string[],
): string[] {
  const found: string[] = [];
  const { misplaced, keyed, spec } = profile.partitioner;
  const { partitioner } = parameters;
  if (misplaced > 0) {
    const share = ((misplaced / keyed) * 100).toFixed(1);
    found.push(
      `mis-partitioned keys: ${misplaced} of ${keyed} records with a key (${share} %) do not lie where ${partitionerText(spec)} puts them; they are placed right, without order between source partitions`,
    );
  }
  const [heaviest] = heavyOnes(parameters, profile);
  if (heaviest !== undefined) {
    const salts = suggestionOf(parameters, profile)?.partitioner.salts;
    const advice = salts === undefined ? 'only another key can spread it' : `${salts} salts, or another key, spread it`;
    found.push(
      `heavy key: '${shown(heaviest.key)}' alone is ${heaviest.weight.toFixed(1)} times a fair share of a partition; ${advice}`,
    );
  }
  if (typeof partitioner !== 'string' && partitioner.kind === 'salted' && readers.length > 0) {
    found.push(
      `salted keys: ${readers.join(', ')} must not depend on the order of a salted key's records, which now come from ${partitioner.salts} partitions`,
    );
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
  if (partitioner !== DEFAULT_PARTITIONER) {
    found.push(
      `writers: Weir places new records by ${partitionerText(partitioner)} from the switch on; clients that choose partitions themselves (batches, requests that name one, Kafka clients) have to do the same`,
    );
  }
  if (parameters.key) {
    found.push(
      'derived streams: what they hold under the old keys stays beside what comes under the new ones; build those that go by key anew',
    );
  }
  if (parameters.merge && profile.withoutTimestamp > 0) {
    found.push(
      `timestamps: ${profile.withoutTimestamp} of ${profile.records} records looked at have none; each is merged behind the record before it`,
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
    samePartitioner(parameters.partitioner, profile.partitioner.spec) &&
    samePartitioner(parameters.partitioner, topic.partitioner ?? DEFAULT_PARTITIONER) &&
    profile.partitioner.misplaced === 0;
  if (nothing) found.push(`nothing would change: the topic has ${source.partitions} partitions, placed by these keys`);
  const max = engine.capabilities.maxPartitionsPerTopic;
  if (max !== null && target.partitions > max) {
    found.push(`${target.partitions} partitions are more than the ${max} this log allows`);
  }
  if (topicNameFault(target.physical) !== undefined) {
    found.push(`the name of the new generation would be longer than ${MAX_TOPIC_NAME} characters`);
  }
  const { partitioner } = parameters;
  if (typeof partitioner !== 'string' && partitioner.kind === 'salted' && isCompacted(parameters.config)) {
    found.push(
      'a compacted topic would keep the last record of a salted key in each of its partitions, and no one could tell which is the last; use another key instead',
    );
  }
  if (parameters.key && topic.keyExpression !== null && KeyExpression.parse(parameters.key.expr).usesKey) {
    found.push(
      `the keys of new records come from '${topic.keyExpression}' since an earlier repartition; an expression that uses the key would mean another key for them, so write it in terms of the value`,
    );
  }
  for (const [code, count] of profile.failures) {
    if (code === SPLIT_ROWS) continue;
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

/** What becomes of a topic that belongs to the one of the plan and stays as it is. */
export function leftBehind({ topic, through }: CoPartitioned): string {
  return `co-partitioned: '${topic}' has its keys in partitions of the same numbers and is read together with this topic by ${through.join(', ')}; who joins the two needs it repartitioned alike: plan both with cutover manual, and ask for both cutovers when both are READY`;
}

/** Groups that must have an exact translation and have none, by name. */
export function groupBlockersOf(
  parameters: RepartitionParameters,
  groups: readonly { readonly group: string }[],
  exact: boolean,
): string[] {
  if (exact || parameters.groups !== 'exact') return [];
  const along = groups.filter(({ group }) => comesAlong(parameters.carried, group));
  return along.map(
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
    partitioner: profile.partitioner.spec as JsonValue,
    misPartitioned: profile.partitioner.misplaced,
    keyed: profile.partitioner.keyed,
    distinctKeys: profile.distinctKeys ?? null,
    heavyKeys: profile.heavyKeys.map((one): JsonValue => ({
      key: shown(one.key),
      count: one.count,
      error: one.error,
    })),
    perPartition: { before: [...profile.before], after: [...profile.after] },
    leftOut: Object.fromEntries(profile.ruled),
  };
}

/** A key for people, cut off where it is long. */
function shown(key: Uint8Array): string {
  const text = keyText(key);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
