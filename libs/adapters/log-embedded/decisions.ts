import {
  checkCheckpoint,
  checkGroup,
  checkHold,
  checkMorePartitions,
  checkNewTopic,
  checkPosition,
  checkTopicConfig,
  type GroupPosition,
  handedOverPositions,
  type HandOver,
  type HeldPosition,
  type LogCapabilities,
  logErrors,
  type TopicSpec,
  type WriterCheckpoint,
} from '#libs/core/log';
import type { Command, StoredPosition } from './commands.js';
import { checkpointsTooLarge, tooManyTopics } from './errors.js';
import type { LogState, Topic } from './log-state.js';
import type { EmbeddedLogLimits } from './options.js';

/**
 * What a request comes to. Each function looks at the state as of everything before the request and answers the facts to be written, or refuses by throwing.
 * Nothing is changed here.
 */

/** What the decisions of one log go by. */
export interface Rules {
  readonly capabilities: LogCapabilities;
  readonly limits: EmbeddedLogLimits;
}

/** A new topic, with the next number. @throws `too-many-topics`, `too-many-partitions`, and what {@link checkNewTopic} throws. */
export function decideTopic(state: LogState, spec: TopicSpec, rules: Rules, nowMs: number): Command {
  checkNewTopic(spec, new Set(state.topics.keys()), rules.capabilities);
  if (state.topics.size >= rules.limits.topics) throw tooManyTopics(rules.limits.topics);
  checkAllPartitions(state, spec.partitions, rules);
  const number = state.topicsCreated + 1;
  return {
    kind: 'topic-created',
    number,
    id: state.topicId(number),
    name: spec.name,
    partitions: spec.partitions,
    config: Object.entries(spec.config ?? {}),
    state: spec.state ?? 'ACTIVE',
    createdAtMs: nowMs,
  };
}

/** Other settings of a topic; null takes one back to its default. @throws `invalid-topic-config`. */
export function decideConfig(
  topic: Topic,
  changes: Readonly<Record<string, string | null>>,
  { capabilities }: Rules,
): Command {
  checkTopicConfig(changes, capabilities.topicConfigs);
  return { kind: 'topic-configured', topic: topic.number, changes: Object.entries(changes) };
}

/** A larger number of partitions. @throws `invalid-partition-count`, `too-many-partitions`. */
export function decidePartitions(state: LogState, topic: Topic, partitions: number, rules: Rules): Command {
  const { length } = topic.partitions;
  checkMorePartitions(partitions, length, rules.capabilities.maxPartitionsPerTopic);
  checkAllPartitions(state, partitions - length, rules);
  return { kind: 'partitions-added', topic: topic.number, partitions };
}

/**
 * Positions of any number of groups: one fact for each group.
 * @throws `invalid-group`, `invalid-position`, `topic-not-found`, `partition-not-found`, `positions-closed` unless they are `carried` by a hand-over.
 */
export function decidePositions(
  state: LogState,
  positions: readonly (GroupPosition & { readonly group: string })[],
  carried = false,
): Command[] {
  const byGroup = new Map<string, StoredPosition[]>();
  for (const position of positions) {
    const { group, topic: name, partition, offset, metadata } = position;
    checkGroup(group);
    checkPosition(position);
    const topic = state.topics.get(name);
    if (topic === undefined) throw logErrors.topicNotFound(name);
    const { partitions, number } = topic;
    if (partitions[partition] === undefined) throw logErrors.partitionNotFound(name, partition, partitions.length);
    if (topic.closedToPositions && !carried) throw logErrors.positionsClosed(name);
    const stored = { topic: number, partition, offset, ...(metadata ? { metadata } : {}) };
    const known = byGroup.get(group);
    if (known === undefined) byGroup.set(group, [stored]);
    else known.push(stored);
  }
  return [...byGroup].map(([group, stored]) => ({ kind: 'positions-set', group, positions: stored }));
}

/** Topics are closed to positions, or opened. @throws `topic-not-found`. */
export function decideOpenPositions(
  state: LogState,
  changes: readonly { readonly topic: string; readonly open: boolean }[],
): Command[] {
  return changes.map(({ topic: name, open }) => {
    const topic = state.topics.get(name);
    if (topic === undefined) throw logErrors.topicNotFound(name);
    return { kind: 'positions-opened', topic: topic.number, open };
  });
}

/** Groups and producers go from one topic to another. @throws `invalid-group`, `invalid-position`, `topic-not-found`, `partition-not-found`. */
export function decideHandOver(state: LogState, { from, to, groups }: HandOver): Command[] {
  const [source, target] = [from, to].map((name) => {
    const topic = state.topics.get(name);
    if (topic === undefined) throw logErrors.topicNotFound(name);
    return topic.number;
  }) as [number, number];
  const positions = groups.flatMap((one) => {
    return handedOverPositions(to, one).map((position) => ({ ...position, group: one.group }));
  });
  return [...decidePositions(state, positions, true), { kind: 'producers-carried', from: source, to: target }];
}

/** A hold on what an operation has still to read; null releases it. @throws `invalid-writer-id`, `invalid-position`, `topic-not-found`, `partition-not-found`. */
export function decideHold(state: LogState, id: string, positions: readonly HeldPosition[] | null): Command {
  checkHold(id, positions);
  const stored = positions?.map(({ topic: name, partition, offset }) => {
    const topic = state.topics.get(name);
    if (topic === undefined) throw logErrors.topicNotFound(name);
    const { partitions, number } = topic;
    if (partitions[partition] === undefined) throw logErrors.partitionNotFound(name, partition, partitions.length);
    return { topic: number, partition, offset };
  });
  return { kind: 'retention-held', hold: id, positions: stored ?? null };
}

/** Most characters of keys and base64 in one commit: what is framed on the main thread within a few tens of milliseconds. */
const MAX_CHECKPOINT_TEXT = 16 * 1024 * 1024;

/** Checkpoints of a writer; null removes one. @throws `invalid-checkpoint`, `checkpoints-too-large`. */
export function decideCheckpoints(writer: string, checkpoints: readonly WriterCheckpoint[]): Command {
  let length = 0;
  const entries = checkpoints.map(({ key, value }) => {
    checkCheckpoint(key, value);
    const text = value === null ? null : Buffer.from(value).toString('base64');
    length += key.length + (text?.length ?? 0);
    if (length > MAX_CHECKPOINT_TEXT) throw checkpointsTooLarge(writer, length, MAX_CHECKPOINT_TEXT);
    return [key, text] as const;
  });
  return { kind: 'checkpoints-set', writer, entries };
}

function checkAllPartitions(state: LogState, more: number, { limits }: Rules): void {
  const all = state.partitionCount + more;
  if (all > limits.partitions) throw logErrors.tooManyPartitions(all, limits.partitions);
}
