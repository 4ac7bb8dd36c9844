import { type Appended, generationOf, logErrors, type PartitionRef } from '#libs/core/log';
import { encodeCommands, type Command } from './commands.js';
import type { LogState } from './log-state.js';
import type { PartitionLog } from './partition-log.js';

/** One checked batch of a request. */
export interface RequestAppend extends PartitionRef {
  readonly batch: Uint8Array;
  readonly recordCount: number;
  readonly lastOffsetDelta: number;
  readonly intoFenced: boolean;
}

/** Something to be made durable as one entry of the journal. */
export interface CommitRequest {
  readonly appends: readonly RequestAppend[];
  /** Throws when the request must not be done whatever it asks for: its session has ended. Called first. */
  readonly guard?: () => void;
  /**
   * The facts that go with the appends. Called once, when the request's turn has come and its appends have their places, with the state as of
   * everything before it. Throwing refuses the request: nothing of it is done.
   */
  readonly decide?: (appended: readonly Appended[]) => readonly Command[];
  /** The facts decide over other requests (topics, sessions): nothing rides on the same flush behind it. */
  readonly structural: boolean;
  /** What it roughly takes in memory and journal. */
  readonly bytes: number;
  /** It is durable and visible. */
  resolve(appended: readonly Appended[]): void;
  reject(error: unknown): void;
}

/** A request that got its places. */
export interface PlacedRequest {
  readonly request: CommitRequest;
  readonly placed: readonly PlacedAppend[];
  readonly appended: readonly Appended[];
  readonly commands: readonly Command[];
  readonly commandBytes: Uint8Array;
  readonly payloadBytes: number;
}

export interface PlacedAppend {
  readonly append: RequestAppend;
  readonly partition: PartitionLog;
  readonly leaderEpoch: number;
  readonly baseOffset: number;
  readonly segmentBase: number;
  readonly position: number;
}

/**
 * Decides whether a request can be done in the present state and gives its appends their places, or throws and leaves everything as it was.
 * @throws `topic-not-found`, `partition-not-found`, `topic-fenced`, `partition-degraded`, and what the request's `guard` and `decide` throw.
 */
export function placeRequest(request: CommitRequest, state: LogState, segmentBytes: number): PlacedRequest {
  request.guard?.();
  const targets = request.appends.map((append) => targetOf(append, state));
  const marks = targets.map((partition) => partition.reservedEnd);
  const placed: PlacedAppend[] = [];
  let payloadBytes = 0;
  for (let i = 0; i < targets.length; i++) {
    const append = request.appends[i]!;
    const partition = targets[i]!;
    const length = append.batch.length;
    const { baseOffset, segmentBase, position } = partition.reserve(length, append.lastOffsetDelta, segmentBytes);
    const leaderEpoch = generationOf(append.topic).generation;
    placed.push({ append, partition, leaderEpoch, baseOffset, segmentBase, position });
    payloadBytes += length;
  }
  const appended = placed.map(({ append: { topic, partition, lastOffsetDelta }, baseOffset }): Appended => {
    return { topic, partition, baseOffset, lastOffset: baseOffset + lastOffsetDelta, durability: 'durable' };
  });
  try {
    const commands = request.decide?.(appended) ?? [];
    return { request, placed, appended, commands, commandBytes: encodeCommands(commands), payloadBytes };
  } catch (error) {
    for (let i = targets.length - 1; i >= 0; i--) targets[i]!.rewindTo(marks[i]!);
    throw error;
  }
}

function targetOf({ topic: name, partition: number, intoFenced }: RequestAppend, state: LogState): PartitionLog {
  const topic = state.topics.get(name);
  if (topic === undefined) throw logErrors.topicNotFound(name);
  const partition = topic.partitions[number];
  if (partition === undefined) throw logErrors.partitionNotFound(name, number, topic.partitions.length);
  if (topic.state !== 'ACTIVE' && !(intoFenced && topic.state === 'FENCED')) {
    throw logErrors.topicFenced(name, topic.state);
  }
  if (partition.degradedAt !== undefined) throw logErrors.partitionDegraded(name, number, partition.degradedAt);
  return partition;
}
