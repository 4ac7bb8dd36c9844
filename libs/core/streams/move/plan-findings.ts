import { type Clock, isAppError, type JsonObject } from '#libs/core/kernel';
import {
  integerSetting,
  isCompacted,
  isInternalTopic,
  type LogEngine,
  type ResolvedTopic,
  textSetting,
  type TopicDirectory,
} from '#libs/core/log';
import type { GroupOnTopic } from '../generations/topic-facts.js';
import type { TopicProfile } from '../repartition/profile.js';
import type { MoveParameters } from './parameters.js';

/** What a plan was found to be about. */
export interface MoveFindings {
  /** Of the log that the topic is in. */
  readonly directory: TopicDirectory;
  readonly engine: LogEngine;
  readonly targetLog: LogEngine;
  readonly topic: ResolvedTopic;
  readonly parameters: MoveParameters;
  readonly profile: TopicProfile;
  readonly groups: readonly GroupOnTopic[];
  /** Views and derivations that read the topic, by name. */
  readonly readers: readonly string[];
  /** What is in the other log already. */
  readonly present: JsonObject;
  readonly clock: Clock;
}

/** Settings without which records would go that have to stay, or stay that have to go. */
const ESSENTIAL = ['cleanup.policy', 'retention.ms', 'retention.bytes', 'message.timestamp.type'];
const DAY_MS = 86_400_000;

/** What keeps the plan from being started, in words. */
export async function blockersOf(found: MoveFindings): Promise<string[]> {
  const { engine, targetLog, topic, parameters, profile, present } = found;
  const { targetCluster, target } = parameters;
  const { logical, description } = topic;
  const blockers: string[] = [];
  if (isInternalTopic(logical)) blockers.push(`'${logical}' is an internal topic`);
  if (parameters.targetTopic !== undefined) blockers.push(...(await takenName(found, parameters.targetTopic)));
  else blockers.push(...(await ledTo(found)));
  if (parameters.targetTopic === undefined && engine.logId === targetLog.logId)
    blockers.push(`topic '${logical}' is in cluster '${targetCluster}' already`);
  else if (parameters.targetTopic === undefined && (present['targetTopics'] as string[]).length > 0) {
    const names = (present['targetTopics'] as string[]).join(', ');
    blockers.push(`cluster '${targetCluster}' has ${names} already; delete or move that topic first`);
  }
  if (topic.guard.frozen) blockers.push(`topic '${logical}' is frozen; unfreeze it first`);
  else if (description.state !== 'ACTIVE')
    blockers.push(`topic '${logical}' is ${description.state}; only an ACTIVE topic can be moved`);
  const max = targetLog.capabilities.maxPartitionsPerTopic;
  if (max !== null && target.partitions > max)
    blockers.push(`${target.partitions} partitions are more than the ${max} that cluster '${targetCluster}' allows`);
  for (const key of unsupported(found)) {
    if (ESSENTIAL.includes(key)) blockers.push(`cluster '${targetCluster}' has no setting ${key}`);
  }
  const limit = integerSetting(parameters.config, 'max.message.bytes');
  if (profile.largestRecordBytes > limit)
    blockers.push(`the largest record takes ${profile.largestRecordBytes} bytes, more than max.message.bytes ${limit}`);
  if (isCompacted(parameters.config) && profile.nullKeys > 0)
    blockers.push(`${profile.nullKeys} records have no key, which a compacted topic refuses`);
  return blockers;
}

/** Why a topic cannot get a name. */
async function takenName({ directory, engine, topic }: MoveFindings, name: string): Promise<string[]> {
  if (name === topic.logical) return [`topic '${name}' has that name already`];
  try {
    const names = new Set((await engine.listTopics()).map((one) => one.name));
    await directory.demandCreatable({ name, partitions: topic.description.partitions.length }, names);
    return [];
  } catch (error) {
    if (!isAppError(error) || error.kind === 'unavailable' || error.kind === 'internal') throw error;
    return [`the name '${name}' cannot be given: ${error.message}`];
  }
}

/** Old names that would lead nowhere once the topic is in another cluster. */
async function ledTo({ directory, topic: { logical } }: MoveFindings): Promise<string[]> {
  const old = [...(await directory.namesOf(logical))].filter((name) => name !== logical);
  if (old.length === 0) return [];
  return [
    `${old
      .sort()
      .map((name) => `'${name}'`)
      .join(', ')} still lead to topic '${logical}'; give such old names up first`,
  ];
}

/** What may go wrong or is not as hoped, in words, each beginning with its name. */
export async function risksOf(found: MoveFindings): Promise<string[]> {
  const { engine, targetLog, parameters, groups } = found;
  const { cluster, targetCluster, config } = parameters;
  if (parameters.targetTopic !== undefined) return await risksOfName(found, parameters.targetTopic);
  const risks: string[] = [];
  for (const key of unsupported(found)) {
    if (ESSENTIAL.includes(key)) continue;
    const value = found.topic.description.config[key];
    risks.push(`setting ${key}: cluster '${targetCluster}' has none; '${value}' does not come along`);
  }
  const expiring = await expiringRecords(found);
  if (expiring > 0) {
    const retention = textSetting(config, 'retention.ms');
    risks.push(
      `retention: cluster '${targetCluster}' counts the age of records from their timestamps; about ${expiring} are older than retention.ms ${retention} and go there soon after the switch, so raise it first where they have to stay`,
    );
  }
  if (!engine.capabilities.retentionHolds) {
    const retention = integerSetting(config, 'retention.ms');
    if (retention >= 0 && retention < DAY_MS)
      risks.push(`retention: records expire after ${retention} ms and may be gone before they are copied`);
  }
  if (textSetting(config, 'message.timestamp.type') === 'LogAppendTime' && !found.parameters.reverseTail)
    risks.push('timestamps: new records get the time of their append in the other cluster');
  if (targetLog.capabilities.fencing === 'service')
    risks.push(
      `fence: cluster '${targetCluster}' holds back writers of this service alone; on the way back, clients that write to it directly have to be stopped first`,
    );
  if (engine.capabilities.fencing === 'service')
    risks.push(
      'fence: writers that do not go through this service are not held; stop them for the cutover, what they still write is copied and reported',
    );
  for (const reader of found.readers)
    risks.push(
      `${reader} stays in cluster '${cluster}' and reads the topic in '${targetCluster}' from the switch on${reader.startsWith('view ') ? '; take in what it has set aside before you finish, it is gone with what is left behind' : ''}`,
    );
  if (!parameters.reverseTail) risks.push('rolling back is possible only while nothing was written to the new side');
  if (!targetLog.capabilities.handsOver) {
    for (const { group } of groups) {
      const { members } = await targetLog.describeGroup(group);
      if (members.length > 0)
        risks.push(
          `group '${group}' has ${members.length} live members in cluster '${targetCluster}', which refuses its positions; stop them for the cutover`,
        );
    }
  }
  if (!engine.capabilities.handsOver) {
    for (const { group, members } of groups)
      if (members > 0) risks.push(`group '${group}' has ${members} live members; stop them for the cutover`);
  }
  return risks;
}

/** What may go wrong where a topic gets another name. */
async function risksOfName(found: MoveFindings, name: string): Promise<string[]> {
  const { engine, topic, parameters, groups, readers } = found;
  const { logical } = topic;
  const risks = [
    `schemas: serializers call subjects after topics, so whoever writes under the new name looks for ${name}-value and ${name}-key; register there what ${logical}-value and ${logical}-key have`,
  ];
  if (engine.capabilities.fencing === 'service')
    risks.push(
      `clients: those that do not go through this service are not held and not led on: stop their writers for the cutover, and let all of them use the name ${name} from then on; what is still written to ${topic.physical} is copied and reported`,
    );
  for (const reader of readers)
    risks.push(
      `${reader} goes on under the new name from the switch on, and keeps the old one in its declaration: the name ${logical} can be given up only once it is gone${reader.startsWith('view ') ? '; take in what it has set aside before you finish' : ''}`,
    );
  if (!parameters.reverseTail) risks.push('rolling back is possible only while nothing was written to the new side');
  if (!engine.capabilities.handsOver)
    for (const { group, members } of groups)
      if (members > 0) risks.push(`group '${group}' has ${members} live members; stop them for the cutover`);
  return risks;
}

/** Settings of the topic that the other log does not act upon. */
function unsupported({ topic, targetLog }: MoveFindings): string[] {
  return Object.keys(topic.description.config).filter((key) => !targetLog.capabilities.topicConfigs.includes(key));
}

/** About how many records are beyond the retention of the other log, where that goes by their timestamps. */
async function expiringRecords({ engine, targetLog, topic, parameters, clock }: MoveFindings): Promise<number> {
  const { config } = parameters;
  const retentionMs = integerSetting(config, 'retention.ms');
  const deletes = textSetting(config, 'cleanup.policy').includes('delete');
  const byTimestamp = targetLog.capabilities.engine === 'kafka';
  if (!byTimestamp || !deletes || retentionMs < 0 || !Number.isFinite(retentionMs)) return 0;
  let expiring = 0;
  for (const { partition, startOffset, endOffset } of topic.description.partitions) {
    const ref = { topic: topic.physical, partition };
    const kept = await engine.offsetForTimestamp(ref, clock.now() - retentionMs);
    expiring += (kept ?? endOffset) - startOffset;
  }
  return expiring;
}
