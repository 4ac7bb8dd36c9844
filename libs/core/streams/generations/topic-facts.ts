import type { JsonObject, JsonValue } from '#libs/core/kernel';
import {
  generationOf,
  type LogEngine,
  type ResolvedTopic,
  type TopicDescription,
  type TopicNames,
} from '#libs/core/log';

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
  const place = (await names.find(engine.logId, topic.logical))?.place ?? null;
  return {
    ...(place === null ? {} : { place: place.kind }),
    logId: engine.logId,
    topicId: topic.description.id,
    generation: topic.generation,
    nextGeneration: await nextGeneration(engine, names, topic.logical),
    keyExpression: topic.keyExpression,
    partitioner: topic.partitioner as JsonValue,
    state: topic.description.state,
    partitions: topic.description.partitions.length,
    config: { ...topic.description.config },
    groups: (await groupsOn(engine, topic.description)).map((one) => one.group),
  };
}

/** A group that keeps positions on a topic. */
export interface GroupOnTopic {
  readonly group: string;
  readonly members: number;
  readonly lag: number;
}

/** Groups that keep positions on a topic, by name. */
export async function groupsOn(engine: LogEngine, topic: TopicDescription): Promise<GroupOnTopic[]> {
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

/**
 * Groups with live members that read a physical topic past this service, for people. None where members are handed over with their groups: then they are at the new side, or on their way there.
 */
export async function membersReading(engine: LogEngine, physical: string): Promise<readonly string[]> {
  if (engine.capabilities.handsOver) return [];
  const found: string[] = [];
  for (const { group, state } of await engine.listGroups()) {
    if (state === 'EMPTY' || state === 'DEAD') continue;
    const { members } = await engine.describeGroup(group);
    const here = members.filter(({ assignment }) => assignment.some(({ topic }) => topic === physical)).length;
    if (here > 0) found.push(`group '${group}' (${here} ${here === 1 ? 'member' : 'members'} on ${physical})`);
  }
  return found.sort();
}
