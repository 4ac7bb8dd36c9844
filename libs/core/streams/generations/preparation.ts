import { AppError, isAppError } from '#libs/core/kernel';
import { generationOf, integerSetting, type LogEngine, type TopicDescription, type TopicSpec } from '#libs/core/log';
import { endsOf } from '../copy/live-copy.js';
import type { GenerationParameters } from './parameters.js';
import type { GenerationWork } from './work.js';

/** Settings that could drop or change records before the copy is verified: the new generation gets them at the switch. */
export const HELD_SETTINGS = [
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'message.timestamp.type',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
] as const;

/** What makes the new generation take and keep every record as it is, until it gets the topic's own: whatever its cluster does by default. */
const TAKES_ALL: Readonly<Record<(typeof HELD_SETTINGS)[number], string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.after.max.ms': '9223372036854775807',
  'message.timestamp.before.max.ms': '9223372036854775807',
};

/** Of the headers that say where a parked record was and why it is there, and of its batch. */
const PARKED_BYTES = 4_096;

/** The topics an operation needs beside source and target. Internal ones, deleted when it is over. `there` lies with the new side, `back` with the old one. */
export function mapTopics(operationId: string): { readonly there: string; readonly back: string } {
  return { there: `__map-${operationId}`, back: `__map-${operationId}-back` };
}

/**
 * The topic of an operation's parked records, in the log of the new side. Named like the one for dead letters, since what is left parked after the switch is for people to look at.
 */
export function parkedTopic({ topic }: Pick<GenerationParameters, 'topic'>, operationId: string): string {
  return `${topic}.parked-${operationId}`;
}

/** The topics for what routers remember, beside the maps. */
export function memoryTopics(operationId: string): { readonly there: string; readonly back: string } {
  return { there: `__rows-${operationId}`, back: `__rows-${operationId}-back` };
}

/** What was found and made, to be kept with the operation. */
export interface Prepared {
  /** Where each source partition begins. */
  readonly startOffsets: readonly number[];
  /** Identity of the topic that was made. */
  readonly targetId: string;
}

/**
 * Makes the new generation, closed to writers and without anything that could drop records, and the topics for offset map and dead letters. Harmless to
 * repeat.
 * @throws `generation-taken` when there is such a generation and it is not ours.
 */
export async function prepare({
  engine,
  targetLog,
  operationId,
  parameters,
}: Pick<GenerationWork, 'engine' | 'targetLog' | 'operationId' | 'parameters'>): Promise<Prepared> {
  const { source, target, deadLetters } = parameters;
  const supported = targetLog.capabilities.topicConfigs;
  const config: Record<string, string> = {};
  for (const [key, value] of Object.entries(parameters.config)) {
    if (!isHeld(key) && supported.includes(key)) config[key] = value;
  }
  const forever: Record<string, string> = supported.includes('retention.ms') ? { 'retention.ms': '-1' } : {};
  const takesAll = Object.fromEntries(Object.entries(TAKES_ALL).filter(([key]) => supported.includes(key)));
  const made = await ensureTopic(targetLog, {
    name: target.physical,
    partitions: target.partitions,
    config: { ...config, ...takesAll },
    state: 'FENCED',
  });
  if (made.state !== 'FENCED' || made.partitions.length !== target.partitions) throw taken(target.physical);
  const { there } = mapTopics(operationId);
  const lanes = source.partitions * (parameters.parking ? 2 : 1);
  await ensureTopic(targetLog, { name: there, partitions: lanes, config: forever });
  if (parameters.parking) {
    // What is parked has headers more than the source took.
    const most =
      integerSetting((await engine.describeTopic(source.physical)).config, 'max.message.bytes') + PARKED_BYTES;
    const larger: Record<string, string> = supported.includes('max.message.bytes')
      ? { 'max.message.bytes': String(most) }
      : {};
    const name = parkedTopic(parameters, operationId);
    await ensureTopic(targetLog, {
      name,
      partitions: source.partitions,
      config: { ...forever, ...larger },
      state: 'FENCED',
    });
  }
  if (parameters.remembers === true) {
    await ensureTopic(targetLog, { name: memoryTopics(operationId).there, partitions: 1, config: forever });
  }
  if (deadLetters !== null) await ensureTopic(targetLog, { name: deadLetters, partitions: 1 });
  const described = await engine.describeTopic(source.physical);
  return { startOffsets: described.partitions.map((one) => one.startOffset), targetId: made.id };
}

/** Makes what the copy back needs and answers where it begins: everything below was there before the switch. */
export async function prepareBack(
  engine: LogEngine,
  operationId: string,
  parameters: GenerationParameters,
): Promise<{ readonly oldEnds: readonly number[] }> {
  const forever: Record<string, string> = engine.capabilities.topicConfigs.includes('retention.ms')
    ? { 'retention.ms': '-1' }
    : {};
  const { back } = mapTopics(operationId);
  await ensureTopic(engine, { name: back, partitions: parameters.target.partitions, config: forever });
  if (parameters.remembers === true) {
    await ensureTopic(engine, { name: memoryTopics(operationId).back, partitions: 1, config: forever });
  }
  return { oldEnds: endsOf(await engine.describeTopic(parameters.source.physical)) };
}

/** Gives the new generation the settings that waited. Harmless to repeat. */
export async function applyHeldSettings(engine: LogEngine, parameters: GenerationParameters): Promise<void> {
  const { topicConfigs } = engine.capabilities;
  const { config } = await engine.describeTopic(parameters.target.physical);
  const changes: Record<string, string | null> = {};
  for (const key of HELD_SETTINGS) {
    if (!topicConfigs.includes(key)) continue;
    const wanted = Object.hasOwn(parameters.config, key) ? parameters.config[key]! : null;
    const present = Object.hasOwn(config, key) ? config[key]! : null;
    if (wanted !== present) changes[key] = wanted;
  }
  if (Object.keys(changes).length > 0) await engine.alterTopicConfig(parameters.target.physical, changes);
}

/** Deletes a topic that may be gone already. */
export async function removeTopic(engine: LogEngine, name: string): Promise<void> {
  try {
    await engine.deleteTopic(name);
  } catch (error) {
    if (!isAppError(error, 'topic-not-found')) throw error;
  }
}

/** Leaves nothing in the log of writers that may never have been opened. Fences whoever still holds them. */
export async function forgetWriters(engine: LogEngine, prefix: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await forgetWriter(engine, `${prefix}-${i}`);
}

async function forgetWriter(engine: LogEngine, id: string): Promise<void> {
  const writer = await engine.openWriter(id);
  await writer.forget();
}

/** Leaves nothing in the logs of the writers that handed groups over, there and back. Fences whoever still holds them. */
export async function forgetHandOvers(one: LogEngine, other: LogEngine, id: string): Promise<void> {
  const crosses = one.logId !== other.logId;
  if (crosses || one.capabilities.handsOver) await forgetWriter(one, id);
  if (crosses) await forgetWriter(other, id);
}

async function ensureTopic(engine: LogEngine, spec: TopicSpec): Promise<TopicDescription> {
  try {
    return await engine.createTopic(spec);
  } catch (error) {
    if (!isAppError(error, 'topic-exists')) throw error;
    return await engine.describeTopic(spec.name);
  }
}

function isHeld(key: string): boolean {
  return (HELD_SETTINGS as readonly string[]).includes(key);
}

function taken(physical: string): AppError {
  const { logical, generation } = generationOf(physical);
  return new AppError({
    kind: 'conflict',
    code: 'generation-taken',
    message: `Generation ${generation} of '${logical}' exists and was not made by this operation.`,
    hint: 'Cancel the operation and plan again.',
    details: { topic: logical, generation },
  });
}
