import {
  type Appended,
  type BatchHeader,
  type Durability,
  logErrors,
  type PartitionRef,
  strongerOf,
} from '#libs/core/log';
import { encodeCommands, type Command } from './commands.js';
import type { Section } from './journal-entry.js';
import type { LogState, Topic } from './log-state.js';
import type { PartitionLog } from './partition-log.js';

/** What an entry takes besides its batches, roughly. */
export const ENTRY_OVERHEAD = 256;

/** One checked batch of a request. */
export interface RequestAppend extends PartitionRef {
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
  /** Its records get the time of the append. */
  readonly appendTime: boolean;
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
  /** A stronger level than those of the topics was asked for. Requests with facts are durable in any case. */
  readonly durability?: Durability | undefined;
  /** The facts decide over other requests (topics, sessions): nothing rides on the same flush behind it. */
  readonly structural: boolean;
  /** What it roughly takes in memory and journal. */
  readonly bytes: number;
  /** It is visible, and as durable as its level says. */
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
  /** The strongest level in it. */
  readonly level: Durability;
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
    this.lastOffsetDelta = append.header.lastOffsetDelta;
    this.length = append.batch.length;
  }
}

const NOWHERE = new Uint8Array();
const NO_COMMANDS: readonly Command[] = [];

/** What the requests of one group are placed by. */
export class Placement {
  /** How many more producers may be remembered; counted when the first new one comes. */
  #room: number | undefined;

  constructor(
    readonly state: LogState,
    readonly segmentBytes: number,
    /** Append time of the group. */
    readonly nowMs: number,
    private readonly producers: number,
  ) {}

  /** Producers that last wrote before this are not known any more. */
  get aliveFromMs(): number {
    return this.nowMs - this.state.producerExpirationMs;
  }

  /** Makes room for one more producer of a partition. @throws `too-many-producers`. */
  takeProducer(): void {
    const { state, producers: limit, nowMs } = this;
    if (this.#room === undefined && state.producerCount >= limit) state.forgetProducers(nowMs);
    this.#room ??= limit - state.producerCount;
    if (this.#room <= 0) throw logErrors.tooManyProducers(limit);
    this.#room--;
  }
}

/**
 * Decides whether a request can be done in the present state and gives its appends their places, or throws and leaves everything as it was. A
 * repeated batch of a producer gets no place: the answer names the one it has.
 * @throws `topic-not-found`, `partition-not-found`, `topic-fenced`, `partition-degraded`, `unknown-producer`, `stale-producer-epoch`,
 * `out-of-order-sequence`, `too-many-producers`, and what the request's `guard` and `decide` throw.
 */
export function placeRequest(request: CommitRequest, placement: Placement): PlacedRequest {
  request.guard?.();
  const { appends, decide, durability = 'none' } = request;
  const { state } = placement;
  const targets: Target[] = [];
  // A commit is durable whatever it touches: sessions, positions and checkpoints rest on it. An append has the level of its topic, or a stronger one.
  let level: Durability = decide === undefined ? durability : 'durable';
  // Everything that can be refused is looked at before the first place is given.
  for (const append of appends) {
    const target = targetOf(append, state);
    if (append.header.producerId >= 0) checkProducer(append.header, target.log, placement);
    level = strongerOf(level, target.topic.rules.durability);
    targets.push(target);
  }
  const marks = decide === undefined ? undefined : targets.map(({ log }) => log.mark());
  const placed: PlacedAppend[] = [];
  const appended: Appended[] = [];
  let payloadBytes = 0;
  for (let i = 0; i < appends.length; i++) {
    const append = appends[i]!;
    const target = targets[i]!;
    const { topic, partition, header, batch } = append;
    const repeated = header.producerId < 0 ? undefined : target.log.repetitionOf(header, placement.aliveFromMs);
    if (repeated !== undefined) {
      const { baseOffset, lastOffset, topic: lies = topic } = repeated;
      appended.push({ topic: lies, partition, baseOffset, lastOffset, durability: level });
      continue;
    }
    const one = place(append, target, placement);
    const { baseOffset } = one;
    const lastOffset = baseOffset + header.lastOffsetDelta;
    placed.push(one);
    appended.push({ topic, partition, baseOffset, lastOffset, durability: level });
    payloadBytes += batch.length;
  }
  try {
    const commands = decide?.(appended) ?? NO_COMMANDS;
    return { request, placed, appended, commands, commandBytes: encodeCommands(commands), payloadBytes, level };
  } catch (error) {
    for (let i = placed.length - 1; i >= 0; i--) placed[i]!.log.rewindTo(marks![i]!);
    throw error;
  }
}

/** Where an append goes. */
interface Target {
  readonly topic: Topic;
  readonly log: PartitionLog;
}

function place(append: RequestAppend, { topic, log }: Target, { segmentBytes, nowMs }: Placement): PlacedAppend {
  const { batch, header } = append;
  const limits = { segmentBytes: Math.min(segmentBytes, topic.segmentBytes), segmentMs: topic.segmentMs, nowMs };
  log.reserve(batch.length, header.lastOffsetDelta, limits);
  const { baseOffset, segmentBase, position } = log.last;
  if (header.producerId >= 0) log.notePlaced(header, baseOffset, nowMs);
  return new PlacedAppend(append, log, topic.leaderEpoch, baseOffset, segmentBase, position);
}

function checkProducer(header: BatchHeader, partition: PartitionLog, placement: Placement): void {
  const { state, aliveFromMs } = placement;
  state.producerIds.check(header);
  partition.repetitionOf(header, aliveFromMs);
  if (!partition.knowsProducer(header.producerId, aliveFromMs)) placement.takeProducer();
}

function targetOf({ topic: name, partition: number, intoFenced }: RequestAppend, state: LogState): Target {
  const topic = state.topics.get(name);
  if (topic === undefined) throw logErrors.topicNotFound(name);
  const partition = topic.partitions[number];
  if (partition === undefined) throw logErrors.partitionNotFound(name, number, topic.partitions.length);
  if (topic.state !== 'ACTIVE' && !(intoFenced && topic.state === 'FENCED')) {
    throw logErrors.topicFenced(name, topic.state);
  }
  if (partition.degradedAt !== undefined) throw logErrors.partitionDegraded(name, number, partition.degradedAt);
  return { topic, log: partition };
}
