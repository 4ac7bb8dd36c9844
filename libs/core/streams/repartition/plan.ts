import type { JsonValue } from '#libs/core/kernel';
import {
  DEFAULT_PARTITIONER,
  KeyPlacement,
  type LogCapabilities,
  partitionerFault,
  physicalName,
  type ResolvedTopic,
  samePartitioner,
} from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { controlsOf } from '../generations/cutover-request.js';
import { comesAlong, stayingGroups, unknownGroups } from '../generations/group-request.js';
import type { PlanContext } from '../generations/kind.js';
import { type GroupMode, parametersToJson } from '../generations/parameters.js';
import { fingerprintOf, groupsOn, nextGeneration } from '../generations/topic-facts.js';
import type { RecordDecoder } from '../record-decoder.js';
import { coPartitionedWith } from './co-partitioned.js';
import { profilerOf } from './copies.js';
import type { RepartitionParameters, RepartitionRequest } from './parameters.js';
import {
  blockersOf,
  groupBlockersOf,
  leftBehind,
  orderPromise,
  profileToJson,
  risksOf,
  rollbackPromise,
  skewOf,
  suggestionOf,
} from './plan-findings.js';
import { profileTopic, type TopicProfile } from './profile.js';
import { tableBlockersOf, tableRisksOf } from './table-findings.js';
import { TableProfiler } from './table-profile.js';

/** A cutover verifies a small rest: what it takes beside waiting for groups. */
const PAUSE_ESTIMATE_MS = 250;
/** Copying and reading back cost about so many times what looking at a record costs. */
const WORK_FACTOR = 4;

/** Whether every position of a group has an exact translation, whatever it is. Section 0 of the reference on group translation. */
export function isAlwaysExact(parameters: RepartitionParameters, profile: TopicProfile): boolean {
  return (
    (parameters.key ?? null) === null &&
    parameters.target.partitions % parameters.source.partitions === 0 &&
    // A key in several partitions comes from all that it lay in before.
    typeof parameters.partitioner === 'string' &&
    samePartitioner(parameters.partitioner, profile.partitioner.spec) &&
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
  const partitioner = request.partitioner ?? topic.partitioner ?? DEFAULT_PARTITIONER;
  const rules: readonly (string | undefined)[] = [request.nullKeys, request.key?.onMissing, request.key?.tombstones];
  const sendsAway = rules.includes('dlq');
  const isTable = request.key?.semantics === 'table';
  return {
    cluster,
    topic: topic.logical,
    source: {
      physical: topic.physical,
      generation: topic.generation,
      partitions: topic.description.partitions.length,
      keyExpression: topic.keyExpression,
      partitioner: topic.partitioner,
    },
    target: {
      physical: physicalName(topic.logical, generation),
      generation,
      partitions: request.partitions ?? topic.description.partitions.length,
      keyExpression: request.key?.expr ?? topic.keyExpression,
      partitioner,
    },
    sourcePartitioner: partitioner,
    key: request.key ?? null,
    partitioner,
    nullKeys: request.nullKeys,
    verification: request.verification,
    groups: request.groups.mode,
    carried: request.groups.only ?? null,
    maxPauseMs: request.cutover.maxPauseMs,
    // Where the fence holds back only writers of this service, others could write to the old side among the records copied back.
    reverseTail: request.reverseTail && leadsBack(request.key) && fencing === 'topic',
    config: topic.description.config,
    // What is remembered of rows is one order of all of them.
    merge: request.orderMerge === 'timestamp' ? { idleMs: request.mergeIdleMs } : isTable ? { idleMs: 0 } : null,
    remembers: isTable,
    deadLetters: sendsAway ? `${topic.logical}.dlq` : null,
  };
}

/** Whether what is written to the new side can be given the key it has on the old one. */
function leadsBack(key: RepartitionRequest['key']): boolean {
  return key === undefined || (key.semantics === 'table' && key.back !== undefined && key.shared !== 'newest');
}

/** The whole plan. Reads, changes nothing. */
export async function draftPlan(
  context: PlanContext,
  decoder: RecordDecoder,
  request: RepartitionRequest,
): Promise<PlanDraft> {
  const { engine, names, cluster, topic } = context;
  const generation = await nextGeneration(engine, names, topic.logical);
  const resolved = resolveParameters(cluster, topic, generation, request, engine.capabilities.fencing);
  const { target } = resolved;
  // A partitioner that cannot be used with so many partitions is a blocker; what the plan says beside that is of the default one.
  const unfit = partitionerFault(resolved.partitioner, target.partitions);
  const usable = unfit === undefined ? resolved : { ...resolved, partitioner: DEFAULT_PARTITIONER };
  const side = { log: engine, topic: topic.physical };
  const router = profilerOf(usable, decoder, { source: side, target: side, memory: side });
  const profile = await profileTopic(engine, topic.description, router, {
    ...context,
    present: topic.partitioner,
    placement: new KeyPlacement(usable.partitioner, target.partitions),
  });
  const parameters = { ...resolved, sourcePartitioner: profile.partitioner.spec };
  const groups = await groupsOn(engine, topic.description);
  const together = await coPartitionedWith(topic, context.readers, context);
  const exact = isAlwaysExact(parameters, profile);
  const table = router instanceof TableProfiler ? router.found : undefined;
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
      suggestion: suggestionOf(parameters, profile) as JsonValue,
      translation: groups.map((one) => ({
        group: one.group,
        members: one.members,
        lag: one.lag,
        translation: !comesAlong(parameters.carried, one.group)
          ? 'stays-behind'
          : exact
            ? 'exact'
            : TRANSLATION[parameters.groups],
      })),
      readers: [...context.readers],
      coPartitioned: together.map(({ topic: name, through }) => ({ topic: name, through: [...through] })),
      rollback: rollbackPromise(parameters),
      ...(table && { table: { rows: table.rows, sharedKeys: table.shared } }),
    },
    risks: [
      ...risksOf(parameters, profile, topic.description, skew, context.readers),
      ...(table === undefined ? [] : tableRisksOf(parameters, table)),
      ...together.map(leftBehind),
      ...stayingGroups(parameters.carried, groups),
    ],
    blockers: [
      ...(unfit === undefined ? [] : [`the partitioner cannot be used: ${unfit}`]),
      ...blockersOf(parameters, profile, topic, engine),
      ...(table === undefined ? [] : tableBlockersOf(parameters, profile, table)),
      ...unknownGroups(parameters.carried, groups),
      ...groupBlockersOf(parameters, groups, exact),
    ],
    controls: controlsOf(request.cutover),
    estimates: { etaSeconds, pauseMs: PAUSE_ESTIMATE_MS, records: profile.total, bytes: profile.bytes },
  };
}

const TRANSLATION: Readonly<Record<GroupMode, string>> = {
  exact: 'blocked',
  drain: 'exact-after-drain',
  duplicates: 'repeats-announced-at-cutover',
};

function copied(records: string, { source, key }: RepartitionParameters): string {
  const copy = `copy ${records} of ${source.physical}`;
  if (!key) return `${copy}, and follow its writers`;
  if (key.semantics !== 'table') return `${copy} with the key ${key.expr}, and follow its writers`;
  return `${copy}, each row with the key ${key.expr} and a tombstone under the one it had, and follow its writers`;
}

function steps(parameters: RepartitionParameters, profile: TopicProfile): string[] {
  const { source, target, topic } = parameters;
  const records = `${profile.sampled ? 'about ' : ''}${profile.total} records`;
  return [
    `create ${target.physical} with ${target.partitions} partitions, closed to writers; retention and compaction wait until the switch`,
    copied(records, parameters),
    parameters.key?.semantics === 'table'
      ? 'verify: read the target back, and compute the table anew from the source and compare them row by row'
      : parameters.verification === 'full'
        ? 'verify: read source and target again and compare order, counts, digests and placement'
        : parameters.verification === 'write-side'
          ? 'verify when the cutover is asked for, not while it copies: read the target back and compare order, counts, digests and placement'
          : 'verify: read the target back and compare order, counts, digests and placement',
    `switch within ${parameters.maxPauseMs} ms or not at all: hold writers, copy and verify the rest, translate groups, move the name ${topic}`,
    parameters.reverseTail
      ? `keep ${source.physical} current, so that rolling back loses nothing`
      : `keep ${source.physical} as it was at the switch`,
    `finish, when you say so: delete ${source.physical}`,
  ];
}
