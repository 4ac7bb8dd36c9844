import { type Appended, logErrors, type PartitionRef } from '#libs/core/log';
import { encodeCommands, type Command } from './commands.js';
import type { Section } from './journal-entry.js';
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

/** A batch that got its place: a section of a journal entry to be. */
export class PlacedAppend implements Section {
  readonly topic: number;
  readonly partition: number;
  readonly lastOffsetDelta: number;
  readonly length: number;
  /** Set when the batch was copied and stamped. */
  crc = 0;
  reference = false;
  /** Where the stamped bytes lie in memory until the group is done. */
  memory: Uint8Array = NOWHERE;
  at = 0;

  constructor(
    readonly append: RequestAppend,
    readonly log: PartitionLog,
    readonly leaderEpoch: number,
    readonly baseOffset: number,
    readonly segmentBase: number,
    readonly position: number,
  ) {
    this.topic = log.identity.topic;
    this.partition = log.identity.partition;
    this.lastOffsetDelta = append.lastOffsetDelta;
    this.length = append.batch.length;
  }

  get bytes(): Uint8Array {
    return this.memory.subarray(this.at, this.at + this.length);
  }
}

const NOWHERE = new Uint8Array();
const NO_COMMANDS: readonly Command[] = [];

/**
 * Decides whether a request can be done in the present state and gives its appends their places, or throws and leaves everything as it was.
 * @throws `topic-not-found`, `partition-not-found`, `topic-fenced`, `partition-degraded`, and what the request's `guard` and `decide` throw.
 */
export function placeRequest(request: CommitRequest, state: LogState, segmentBytes: number): PlacedRequest {
  request.guard?.();
  const { appends } = request;
  // Everything that can be refused is looked at before the first place is given.
  for (const append of appends) targetOf(append, state);
  const marks = request.decide === undefined ? undefined : appends.map((one) => targetOf(one, state).mark());
  const placed: PlacedAppend[] = [];
  const appended: Appended[] = [];
  let payloadBytes = 0;
  for (const append of appends) {
    const one = place(append, state, segmentBytes);
    const { topic, partition, lastOffsetDelta, batch } = append;
    const { baseOffset } = one;
    placed.push(one);
    appended.push({ topic, partition, baseOffset, lastOffset: baseOffset + lastOffsetDelta, durability: 'durable' });
    payloadBytes += batch.length;
  }
  try {
    const commands = request.decide?.(appended) ?? NO_COMMANDS;
    return { request, placed, appended, commands, commandBytes: encodeCommands(commands), payloadBytes };
  } catch (error) {
    for (let i = placed.length - 1; i >= 0; i--) placed[i]!.log.rewindTo(marks![i]!);
    throw error;
  }
}

function place(append: RequestAppend, state: LogState, segmentBytes: number): PlacedAppend {
  const topic = state.topics.get(append.topic)!;
  const partition = topic.partitions[append.partition]!;
  partition.reserve(append.batch.length, append.lastOffsetDelta, segmentBytes);
  const { baseOffset, segmentBase, position } = partition.last;
  return new PlacedAppend(append, partition, topic.leaderEpoch, baseOffset, segmentBase, position);
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
