import type { JsonObject, JsonValue } from '#libs/core/kernel';
import {
  generationOf,
  integerSetting,
  isCompacted,
  isInternalTopic,
  type LogCapabilities,
  type LogEngine,
  MAX_TOPIC_NAME,
  physicalName,
  type ResolvedTopic,
  textSetting,
  type TopicNames,
  topicNameFault,
  type TopicDescription,
} from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import type { Router } from '../copy/router.js';
import type { RecordDecoder } from '../record-decoder.js';
import { KeyExpression } from './key-expression.js';
import { type GroupMode, parametersToJson, type RepartitionParameters, type RepartitionRequest } from './parameters.js';
import { profileTopic, type TopicProfile } from './profile.js';
import { KeyRouter, RekeyRouter } from './routers.js';

/** Settings that could drop or change records before the copy is verified: the new generation gets them at the switch. */
export const HELD_SETTINGS = [
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'message.timestamp.type',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
] as const;

/** A key heavier than this many times a fair share is named as a risk. */
const HEAVY = 1.5;
/** A cutover verifies a small rest: what it takes beside waiting for groups. */
const PAUSE_ESTIMATE_MS = 250;
/** Copying and reading back cost about so many times what looking at a record costs. */
const WORK_FACTOR = 4;

/** The router of a plan. Deterministic, so that the copy and its verification apply the same rules. */
export function routerOf(parameters: RepartitionParameters, decoder: RecordDecoder): Router {
  const { source, target, key } = parameters;
  const rules = {
    sources: source.partitions,
    targets: target.partitions,
    partitioner: parameters.partitioner,
    nullKeys: parameters.nullKeys,
  };
  if (key === null || key === undefined) return new KeyRouter(rules);
  const expression = KeyExpression.parse(key.expr);
  const { onMissing, tombstones } = key;
  return new RekeyRouter(rules, { topic: parameters.topic, expression, decoder, onMissing, tombstones });
}

/** Whether every position of a group has an exact translation, whatever it is. Section 0 of the reference on group translation. */
export function isAlwaysExact(parameters: RepartitionParameters, profile: TopicProfile): boolean {
  return (
    (parameters.key ?? null) === null &&
    parameters.target.partitions % parameters.source.partitions === 0 &&
    parameters.partitioner === profile.partitioner.name &&
    profile.partitioner.misplaced === 0
  );
}

/** Resolves a request against the topic as it is. Reads names and descriptions only. */
export function resolveParameters(
  cluster: string,
  topic: ResolvedTopic,
  generation: number,
  request: RepartitionRequest,
  fencing: LogCapabilities['fencing'],
): RepartitionParameters {
  const rules: readonly (string | undefined)[] = [request.nullKeys, request.key?.onMissing, request.key?.tombstones];
  const sendsAway = rules.includes('dlq');
  return {
    cluster,
    topic: topic.logical,
    source: {
      physical: topic.physical,
      generation: topic.generation,
      partitions: topic.description.partitions.length,
      keyExpression: topic.keyExpression,
    },
    target: {
      physical: physicalName(topic.logical, generation),
      generation,
      partitions: request.partitions ?? topic.description.partitions.length,
      keyExpression: request.key?.expr ?? topic.keyExpression,
    },
    sourcePartitioner: request.partitioner,
    key: request.key ?? null,
    partitioner: request.partitioner,
    nullKeys: request.nullKeys,
    verification: request.verification,
    groups: request.groups,
    maxPauseMs: request.cutover.maxPauseMs,
    // Where the fence holds back only writers of this service, others could write to the old side among the records copied back.
    reverseTail: request.reverseTail && request.key === undefined && fencing === 'topic',
    config: topic.description.config,
    deadLetters: sendsAway ? `${topic.logical}.dlq` : null,
  };
}

/**
 * A number for a new generation that was never used for one that had the name. Numbers of generations that still exist are passed over, and so is
 * everything up to the name's revision, which a rollback raises to the number it took the name from: a reader that stands in a generation that is gone must
 * never take another one for it.
 */
export async function nextGeneration(engine: LogEngine, names: TopicNames, logical: string): Promise<number> {
  const row = await names.find(engine.logId, logical);
  const existing = (await engine.listTopics()).map((one) => generationOf(one.name));
  const own = existing.filter((one) => one.logical === logical).map((one) => one.generation);
  return Math.max(row?.generation ?? 1, row?.revision ?? 0, ...own) + 1;
}

/** What the plan relies on. Offsets are left out: they move all the time and the copy follows them. */
export async function fingerprintOf(engine: LogEngine, names: TopicNames, topic: ResolvedTopic): Promise<JsonObject> {
  return {
    logId: engine.logId,
    topicId: topic.description.id,
    generation: topic.generation,
    nextGeneration: await nextGeneration(engine, names, topic.logical),
    keyExpression: topic.keyExpression,
    state: topic.description.state,
    partitions: topic.description.partitions.length,
    config: { ...topic.description.config },
    groups: (await groupsOn(engine, topic.description)).map((one) => one.group),
  };
}

interface GroupOnTopic {
  readonly group: string;
  readonly members: number;
  readonly lag: number;
}

/** Groups that keep positions on a topic, by name. */
async function groupsOn(engine: LogEngine, topic: TopicDescription): Promise<GroupOnTopic[]> {
  const found: GroupOnTopic[] = [];
  for (const group of await engine.listGroups()) {
    const { positions, members } = await engine.describeGroup(group);
    const here = new Map(positions.filter((one) => one.topic === topic.name).map((one) => [one.partition, one.offset]));
    if (here.size === 0) continue;
    const lag = topic.partitions.reduce(
      (sum, one) => sum + Math.max(0, one.endOffset - Math.max(here.get(one.partition) ?? 0, one.startOffset)),
      0,
    );
    found.push({ group, members, lag });
  }
  return found.sort((a, b) => (a.group < b.group ? -1 : 1));
}

export interface PlanContext {
  readonly engine: LogEngine;
  readonly names: TopicNames;
  readonly decoder: RecordDecoder;
  readonly monotonic: () => number;
  readonly sampleRecords: number;
}

/** The whole plan. Reads, changes nothing. */
export async function draftPlan(
  context: PlanContext,
  cluster: string,
  topic: ResolvedTopic,
  request: RepartitionRequest,
): Promise<PlanDraft> {
  const { engine, names } = context;
  const generation = await nextGeneration(engine, names, topic.logical);
  const resolved = resolveParameters(cluster, topic, generation, request, engine.capabilities.fencing);
  const router = routerOf(resolved, context.decoder);
  const profile = await profileTopic(engine, topic.description, router, context);
  const parameters = { ...resolved, sourcePartitioner: profile.partitioner.name };
  const groups = await groupsOn(engine, topic.description);
  const exact = isAlwaysExact(parameters, profile);
  const skew = skewOf(profile);
  const etaSeconds = profile.rate === undefined ? null : Math.ceil((profile.total * WORK_FACTOR) / profile.rate);
  return {
    subject: `topic:${cluster}/${topic.logical}`,
    parameters: parametersToJson(parameters),
    fingerprint: await fingerprintOf(engine, names, topic),
    steps: steps(parameters, profile),
    impact: {
      topic: topic.logical,
      from: { physical: topic.physical, partitions: parameters.source.partitions },
      to: { physical: parameters.target.physical, partitions: parameters.target.partitions },
      order: orderPromise(parameters, profile),
      profile: profileToJson(profile),
      skew,
      translation: groups.map((one) => ({
        group: one.group,
        members: one.members,
        lag: one.lag,
        translation: exact ? 'exact' : TRANSLATION[parameters.groups],
      })),
      rollback: rollbackPromise(parameters),
    },
    risks: risks(parameters, profile, topic.description, skew),
    blockers: [...blockers(parameters, request, profile, topic, engine), ...groupBlockers(parameters, groups, exact)],
    controls: { cutover: request.cutover.mode, maxPauseMs: request.cutover.maxPauseMs },
    estimates: { etaSeconds, pauseMs: PAUSE_ESTIMATE_MS, records: profile.total, bytes: profile.bytes },
  };
}

const TRANSLATION: Readonly<Record<GroupMode, string>> = {
  exact: 'blocked',
  drain: 'exact-after-drain',
  duplicates: 'repeats-announced-at-cutover',
};

function steps(parameters: RepartitionParameters, profile: TopicProfile): string[] {
  const { source, target, topic } = parameters;
  const records = `${profile.sampled ? 'about ' : ''}${profile.total} records`;
  return [
    `create ${target.physical} with ${target.partitions} partitions, closed to writers; retention and compaction wait until the switch`,
    parameters.key
      ? `copy ${records} of ${source.physical} with the key ${parameters.key.expr}, and follow its writers`
      : `copy ${records} of ${source.physical}, and follow its writers`,
    parameters.verification === 'full'
      ? 'verify: read source and target again and compare order, counts, digests and placement'
      : 'verify: read the target back and compare order, counts, digests and placement',
    `switch within ${parameters.maxPauseMs} ms or not at all: hold writers, copy and verify the rest, translate groups, move the name ${topic}`,
    parameters.reverseTail
      ? `keep ${source.physical} current, so that rolling back loses nothing`
      : `keep ${source.physical} as it was at the switch`,
    `finish, when you say so: delete ${source.physical}`,
  ];
}

function orderPromise(parameters: RepartitionParameters, profile: TopicProfile): string {
  if (parameters.key) {
    return 'records of a new key keep the order they had within each source partition; between source partitions there is none';
  }
  if (profile.partitioner.misplaced > 0) {
    return 'records of a key keep the order they had within each source partition; keys that lie in several have no order between those';
  }
  return 'records of a key keep their order';
}

function rollbackPromise(parameters: RepartitionParameters): string {
  return parameters.reverseTail
    ? 'open while the operation is SWITCHED: what is written to the new side is copied back'
    : 'open while the operation is SWITCHED and nothing was written to the new side';
}

interface Skew extends JsonObject {
  /** Heaviest partition over the mean. */
  before: number;
  after: number;
  /** Least that the heaviest key allows with this partition count. */
  lowerBound: number;
}

function skewOf(profile: TopicProfile): Skew {
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

function risks(
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
  if (!parameters.reverseTail) found.push('rolling back is possible only while nothing was written to the new side');
  for (const [rule, count] of profile.ruled) {
    found.push(`${count} of ${profile.records} records looked at are left out by rule ${rule}`);
  }
  return found;
}

function blockers(
  parameters: RepartitionParameters,
  request: RepartitionRequest,
  profile: TopicProfile,
  topic: ResolvedTopic,
  engine: LogEngine,
): string[] {
  const found: string[] = [];
  const { source, target } = parameters;
  if (isInternalTopic(topic.logical)) found.push(`'${topic.logical}' is an internal topic`);
  if (topic.description.state !== 'ACTIVE') {
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

function groupBlockers(parameters: RepartitionParameters, groups: readonly GroupOnTopic[], exact: boolean): string[] {
  if (exact || parameters.groups !== 'exact') return [];
  return groups.map(
    ({ group }) =>
      `the positions of group '${group}' have no exact translation; choose groups.mode drain or duplicates, or a multiple of ${parameters.source.partitions} partitions`,
  );
}

function profileToJson(profile: TopicProfile): JsonObject {
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
