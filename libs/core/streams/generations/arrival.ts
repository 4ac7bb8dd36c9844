import { AppError, isAppError } from '#libs/core/kernel';
import {
  holdFor,
  type LogEngine,
  type TopicHome,
  type TopicName,
  type TopicNames,
  type TopicPlace,
  UNKNOWN_OPENING,
} from '#libs/core/log';
import { removeTopic } from './preparation.js';
import { type GenerationParameters, targetTopicOf } from './parameters.js';
import type { GenerationWork } from './work.js';

/*
 * What the log that a topic comes to, or the name that it gets, says of it. None of this decides where the topic is: the row of its home does, see `name-row.ts`. Everything is harmless to repeat.
 */

/**
 * Says in the other log that the topic is on its way there, before anything of it is there, so that nobody takes the copy for the topic.
 * @throws `topic-exists-there`.
 */
export async function announce({ tools, engine, targetLog, parameters }: GenerationWork): Promise<void> {
  const { names } = tools;
  const { topic, target } = parameters;
  const name = targetTopicOf(parameters);
  const row = await names.find(targetLog.logId, name);
  if (isArriving(row, engine, topic)) return;
  if (await exists(targetLog, target.physical)) throw existsThere(topic, target.physical);
  const here = (await names.find(engine.logId, topic)) ?? UNKNOWN_OPENING;
  const opening = { ...here, opensAt: [], closedAt: [] };
  const place: TopicPlace = { kind: 'arriving', logId: engine.logId, ...(name === topic ? {} : { topic }) };
  const revision = row?.revision ?? 0;
  if (!(await names.compareAndSet(targetLog.logId, name, revision, target.generation, opening, place)))
    throw existsThere(topic, target.physical);
}

/** Takes back what {@link announce} said: the copy is gone. */
export async function unannounce({ tools, engine, targetLog, parameters }: GenerationWork): Promise<void> {
  const { names } = tools;
  const name = targetTopicOf(parameters);
  const row = await names.find(targetLog.logId, name);
  if (row === undefined || !isArriving(row, engine, parameters.topic)) return;
  // A log that never had the topic forgets it; one that had it before knows where it went.
  if (row.revision === 1) await names.remove(targetLog.logId, name);
  else await place(names, targetLog, row, { kind: 'moved', logId: engine.logId, closedAt: [], opensAt: [] });
}

/** The topic has come to the other log: what users said about it goes along. */
export async function arrived({ tools, engine, targetLog, parameters }: GenerationWork): Promise<void> {
  const [from, to] = homesOf(engine, targetLog, parameters);
  await carryGuard(tools.names, from, to);
}

/** What is written in the other log must not go before it was copied back. */
export async function holdArrived(work: GenerationWork): Promise<void> {
  const { kind, targetLog, operationId, parameters } = work;
  if (!parameters.reverseTail) return;
  const { physical: topic } = parameters.target;
  const ends = work.vector('ends') ?? [];
  const positions = ends.map((offset, partition) => ({ topic, partition, offset }));
  await holdFor(targetLog, kind.name, operationId, positions);
}

/** Removes the copy. A name in another log may be somebody else's by now: only what this operation made goes. */
export async function removeCopy({ targetLog, parameters, run }: GenerationWork): Promise<void> {
  const { physical } = parameters.target;
  const found = (await targetLog.listTopics()).find((one) => one.name === physical);
  if (found === undefined) return;
  const { targetId } = run.notes;
  // Cut short before it was noted, it is as it was made.
  const asMade = found.state === 'FENCED' && found.partitions.every((one) => one.endOffset === 0);
  if (targetId === undefined ? asMade : found.id === targetId) await removeTopic(targetLog, physical);
}

/** The topic belongs to the other log for good. */
export async function settled({ tools, engine, targetLog, parameters }: GenerationWork): Promise<void> {
  const { names } = tools;
  const row = await names.find(targetLog.logId, targetTopicOf(parameters));
  if (row !== undefined && isArriving(row, engine, parameters.topic)) await place(names, targetLog, row, null);
}

/** The topic has gone back to its home: readers in the other log are told where they end and go on. */
export async function goneBack({ tools, engine, targetLog, parameters, run }: GenerationWork): Promise<void> {
  const { names } = tools;
  const { topic } = parameters;
  const [home, there] = homesOf(engine, targetLog, parameters);
  await carryGuard(names, there, home);
  const row = await names.find(there.logId, there.topic);
  if (row === undefined || !isArriving(row, engine, topic)) return;
  const { closedAt = [], opensAt = [] } = (run.notes['back'] ?? {}) as { closedAt?: string[]; opensAt?: string[] };
  const ends = { closedAt: closedAt.map(Number), opensAt: opensAt.map(Number) };
  // The name that was given up leads back: who has begun to use it goes on.
  const name = there.topic === topic ? {} : { topic };
  await place(names, targetLog, row, { kind: 'moved', logId: engine.logId, ...name, ...ends });
}

/** The two places a topic is in, one after the other. */
function homesOf(
  engine: LogEngine,
  targetLog: LogEngine,
  parameters: GenerationParameters,
): readonly [TopicHome, TopicHome] {
  return [
    { logId: engine.logId, topic: parameters.topic },
    { logId: targetLog.logId, topic: targetTopicOf(parameters) },
  ];
}

function isArriving(row: TopicName | undefined, from: LogEngine, topic: string): boolean {
  if (row?.place?.kind !== 'arriving' || row.place.logId !== from.logId) return false;
  return (row.place.topic ?? row.logical) === topic;
}

/** Nobody else changes the row of a topic that is on its way; if somebody does, whoever comes again finds it. */
async function place(names: TopicNames, log: LogEngine, row: TopicName, at: TopicPlace | null): Promise<void> {
  const { logical, revision, generation } = row;
  if (!(await names.compareAndSet(log.logId, logical, revision, generation, row, at))) throw nameChanged(logical);
}

async function carryGuard(names: TopicNames, from: TopicHome, to: TopicHome): Promise<void> {
  const there = await names.find(from.logId, from.topic);
  const here = await names.find(to.logId, to.topic);
  const isProtected = there?.guard.protected ?? false;
  if (here === undefined || here.guard.protected === isProtected) return;
  const guard = { ...here.guard, protected: isProtected };
  if (!(await names.setGuard(to.logId, to.topic, here.guardRevision, guard))) throw nameChanged(to.topic);
}

async function exists(log: LogEngine, physical: string): Promise<boolean> {
  try {
    await log.describeTopic(physical);
    return true;
  } catch (error) {
    if (isAppError(error, 'topic-not-found')) return false;
    throw error;
  }
}

function existsThere(topic: string, physical: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-exists-there',
    message: `Where '${topic}' is to move to there is a topic '${physical}' already, which is not of this operation.`,
    hint: 'Cancel the operation; delete, move or rename that topic, and plan again.',
    details: { topic, physical },
  });
}

function nameChanged(topic: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'name-moved',
    message: `The name '${topic}' was changed by someone else at the same moment.`,
    hint: 'Look at the topic and at the operation again; the work is tried again by itself.',
    details: { topic },
    retryable: true,
  });
}
