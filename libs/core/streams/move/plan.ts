import type { Clock, JsonObject } from '#libs/core/kernel';
import {
  generationOf,
  integerSetting,
  type LogEngine,
  physicalName,
  type TopicDirectory,
  type TopicNames,
} from '#libs/core/log';
import type { PlanDraft } from '#libs/core/operations';
import { StraightRouter } from '../copy/straight-router.js';
import { controlsOf } from '../generations/cutover-request.js';
import type { PlanContext } from '../generations/kind.js';
import { parametersToJson } from '../generations/parameters.js';
import { fingerprintOf, groupsOn, nextGeneration } from '../generations/topic-facts.js';
import { profileTopic } from '../repartition/profile.js';
import type { MoveParameters, MoveRequest } from './parameters.js';
import { blockersOf, risksOf } from './plan-findings.js';

/** A cutover verifies a small rest and stores positions of groups in another log. */
const PAUSE_ESTIMATE_MS = 500;
/** Copying and reading back cost about so many times what looking at a record costs. */
const WORK_FACTOR = 4;

/** What a plan needs besides the topic. */
export interface MoveContext extends PlanContext {
  /** Of the log that the topic is in. */
  readonly directory: TopicDirectory;
  readonly targetLog: LogEngine;
  readonly clock: Clock;
}

/** What the plan relies on in the log that the topic goes to. */
export async function targetFacts(targetLog: LogEngine, names: TopicNames, topic: string): Promise<JsonObject> {
  const row = await names.find(targetLog.logId, topic);
  return {
    targetLogId: targetLog.logId,
    targetTopics: await generationsOf(targetLog, topic),
    targetPlace: row?.place?.kind ?? null,
  };
}

async function generationsOf(log: LogEngine, topic: string): Promise<string[]> {
  const named = (await log.listTopics()).map((one) => one.name);
  return named.filter((name) => generationOf(name).logical === topic).sort();
}

/** The whole plan. Reads, changes nothing. */
export async function draftPlan(context: MoveContext, request: MoveRequest): Promise<PlanDraft> {
  const { engine, targetLog, names, cluster, topic } = context;
  const { logical, description } = topic;
  const name = request.name ?? logical;
  const facts = await targetFacts(targetLog, names, name);
  // Whatever had the plain name there before is gone with its positions; the name that clients of the other log know is free then. But views and derivations know records by the numbers of generations: to them
  // none may come again.
  const wasThere = context.readers.length > 0 && (await names.find(targetLog.logId, logical)) !== undefined;
  const isFree = !wasThere && !(await generationsOf(targetLog, logical)).includes(logical);
  const generation = request.name !== undefined || isFree ? 1 : await nextGeneration(targetLog, names, logical);
  const partitions = description.partitions.length;
  const { keyExpression, partitioner } = topic;
  const limit = String(integerSetting(description.config, 'max.message.bytes'));
  const supported = Object.entries(description.config).filter(([key]) =>
    targetLog.capabilities.topicConfigs.includes(key),
  );
  const parameters: MoveParameters = {
    cluster,
    targetCluster: request.to ?? cluster,
    topic: logical,
    ...(request.name === undefined ? {} : { targetTopic: request.name }),
    source: { physical: topic.physical, generation: topic.generation, partitions, keyExpression, partitioner },
    target: { physical: physicalName(name, generation), generation, partitions, keyExpression },
    verification: request.verification,
    // Equal counts, each partition fed by one: every position has an exact translation.
    groups: 'exact',
    maxPauseMs: request.cutover.maxPauseMs,
    // Where the fence holds back only writers of this service, others could write to the old side among the records copied back.
    reverseTail: request.reverseTail && engine.capabilities.fencing === 'topic',
    // Said outright, since the default of another cluster may be another.
    config: { ...Object.fromEntries(supported), 'max.message.bytes': limit },
    deadLetters: null,
  };
  const profile = await profileTopic(engine, description, new StraightRouter(partitions), context);
  const groups = await groupsOn(engine, description);
  const found = { ...context, parameters, profile, groups, present: facts };
  const { rate, total, bytes } = profile;
  return {
    subject: `topic:${cluster}/${logical}`,
    // Nothing else is to become of the name meanwhile, nor of the topic under it.
    ...(request.name === undefined ? {} : { alsoOn: [`topic:${cluster}/${request.name}`] }),
    parameters: parametersToJson(parameters),
    fingerprint: { ...(await fingerprintOf(engine, names, topic)), ...facts },
    steps: steps(parameters, `${profile.sampled ? 'about ' : ''}${total} records`),
    impact: {
      topic: logical,
      name: request.name ?? null,
      from: { cluster, physical: topic.physical, partitions },
      to: { cluster: parameters.targetCluster, physical: parameters.target.physical, partitions },
      order: 'every partition is copied into the partition of the same number, record by record in its order',
      rollback: parameters.reverseTail
        ? 'open while the operation is SWITCHED: what is written to the new side is copied back'
        : 'open while the operation is SWITCHED and nothing was written to the new side',
      profile: {
        records: total,
        sampled: profile.sampled,
        bytes,
        nullKeys: profile.nullKeys,
        tombstones: profile.tombstones,
        withoutTimestamp: profile.withoutTimestamp,
        largestRecordBytes: profile.largestRecordBytes,
      },
      config: parameters.config as JsonObject,
      translation: groups.map(({ group, members, lag }) => ({ group, members, lag, translation: 'exact' })),
      readers: [...context.readers],
    },
    risks: await risksOf(found),
    blockers: await blockersOf(found),
    controls: controlsOf(request.cutover),
    estimates: {
      etaSeconds: rate === undefined ? null : Math.ceil((total * WORK_FACTOR) / rate),
      pauseMs: PAUSE_ESTIMATE_MS,
      records: total,
      bytes,
    },
  };
}

function steps({ cluster, targetCluster, source, target, ...rest }: MoveParameters, records: string): string[] {
  const { targetTopic: name } = rest;
  const leads =
    name === undefined
      ? `make ${rest.topic} stand for the topic in ${targetCluster}`
      : `give it the name ${name}, to which ${rest.topic} leads from then on`;
  return [
    `create ${target.physical} in cluster ${targetCluster} with ${target.partitions} partitions, closed to everybody; retention and compaction wait until the switch`,
    `copy ${records} of ${source.physical} from ${cluster}, partition by partition, and follow its writers`,
    rest.verification === 'write-side'
      ? 'verify when the cutover is asked for, not while it copies: read the copy back and compare order, counts and digests'
      : rest.verification === 'full'
        ? 'verify: read both sides again and compare order, counts and digests'
        : 'verify: read the copy back and compare order, counts and digests',
    `switch within ${rest.maxPauseMs} ms or not at all: hold writers, copy and verify the rest, carry groups over, and ${leads}`,
    rest.reverseTail
      ? `keep ${source.physical} in ${cluster} current, so that going back loses nothing`
      : `keep ${source.physical} in ${cluster} as it was at the switch`,
    `finish, when you say so: delete ${source.physical} in ${cluster}${name === undefined ? '' : `; the name ${rest.topic} goes on leading to ${name} until it is given up`}`,
  ];
}
