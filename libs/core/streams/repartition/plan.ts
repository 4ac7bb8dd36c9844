import type { JsonObject } from '#libs/core/kernel';
import {
  generationOf,
  type LogCapabilities,
  type LogEngine,
  physicalName,
  type ResolvedTopic,
  type TopicNames,
  type TopicDescription,
} from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import type { Router } from '../copy/router.js';
import type { RecordDecoder } from '../record-decoder.js';
import { KeyExpression } from './key-expression.js';
import { type GroupMode, parametersToJson, type RepartitionParameters, type RepartitionRequest } from './parameters.js';
import {
  blockersOf,
  groupBlockersOf,
  orderPromise,
  profileToJson,
  risksOf,
  rollbackPromise,
  skewOf,
} from './plan-findings.js';
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
  for (const { group } of await engine.listGroups()) {
    const { positions, members } = await engine.describeGroup(group);
    const here = new Map(positions.filter((one) => one.topic === topic.name).map((one) => [one.partition, one.offset]));
    if (here.size === 0) continue;
    const lag = topic.partitions.reduce(
      (sum, one) => sum + Math.max(0, one.endOffset - Math.max(here.get(one.partition) ?? 0, one.startOffset)),
      0,
    );
    found.push({ group, members: members.length, lag });
  }
  return found.sort((a, b) => (a.group < b.group ? -1 : 1));
}

export interface PlanContext {
  readonly engine: LogEngine;
  readonly names: TopicNames;
  readonly decoder: RecordDecoder;
  /** Views and derivations that read the topic, by name; they follow the cutover by themselves. */
  readonly readers: readonly string[];
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
      readers: [...context.readers],
      rollback: rollbackPromise(parameters),
    },
    risks: risksOf(parameters, profile, topic.description, skew),
    blockers: [
      ...blockersOf(parameters, request, profile, topic, engine),
      ...groupBlockersOf(parameters, groups, exact),
    ],
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
