import type { AppError } from '#libs/core/kernel';
import type { AdministrationCapabilities, ClusterAdministration } from './cluster-administration.js';
import type { GroupDescription, GroupListing, GroupMember, JoinGroup } from './group-membership.js';
import type { DeletedRecords, DeletePosition, DeleteRecordsOptions } from './record-deletion.js';
import type { Durability } from './durability.js';
import type { FetchMemory } from './fetch-memory.js';
import type { HandOver, RestingGroups } from './hand-over.js';
import type { ProducerIdentity } from './producer-identity.js';
import type { HeldPosition, RetentionHold } from './retention-hold.js';
import type { PartitionRef, TopicDescription, TopicSpec, TopicState } from './topic.js';

/** What an engine can do beyond the port, as data. Callers branch on these, never on the adapter's type. */
export interface LogCapabilities {
  readonly engine: 'embedded' | 'kafka' | 'memory';
  /** Topic settings that are stored *and acted upon*. */
  readonly topicConfigs: readonly string[];
  /** Upper bound of partitions in one topic, null where the engine sets none of its own. */
  readonly maxPartitionsPerTopic: number | null;
  /**
   * Appending gives consecutive offsets, so that as long as nothing was compacted away a range of offsets is a count of records. A topic whose `cleanup.policy` has `compact` loses records
   * and keeps the places of the others, on every engine. On Kafka offsets only rise: markers of transactions take places, too.
   */
  readonly denseOffsets: boolean;
  /** `topic`: FENCED is checked with every append by whoever writes. `service`: only writes through this service are held back. */
  readonly fencing: 'topic' | 'service';
  /** Batches with a producer id are recognised when repeated (five batches per producer and partition). */
  readonly idempotentProducers: boolean;
  /** What {@link LogEngine.administration} reaches. */
  readonly administration: AdministrationCapabilities;
  /** {@link WriterCommit} takes `positionsOpen` and `handOver`, and {@link LogEngine.restGroups} asks members. Where it does not, a group with live members cannot be carried to another topic. */
  readonly handsOver: boolean;
  /** {@link LogEngine.holdRetention} keeps records from going. Where it does not, whoever reads an old part of a topic may find it gone. */
  readonly retentionHolds: boolean;
}

export interface AppendOptions {
  /** Append although the topic is FENCED. For the operation that owns the fence; never for users' writes. */
  readonly intoFenced?: boolean;
  /** Asks for a stronger level than the topic's (`weir.durability`); a weaker one has no effect. */
  readonly durability?: Durability;
}

/** `topic` is another one than the batch was sent to where it was written before that one was handed over to this: see {@link WriterCommit.handOver}. */
export interface Appended extends PartitionRef {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Level this acknowledgement reached. */
  readonly durability: Durability;
}

export interface FetchPosition extends PartitionRef {
  /** First offset wanted. */
  readonly offset: number;
  /** Limit for this partition; the first batch is returned whole even when larger. */
  readonly maxBytes?: number;
}

export interface FetchRequest {
  readonly positions: readonly FetchPosition[];
  /** Limit over all partitions, in bytes of batches; positions are served in the order given. At least one batch is returned where there is any. */
  readonly maxBytes: number;
  /** Wait until this many bytes are there (default 1 when `maxWaitMs` is given). */
  readonly minBytes?: number;
  /** Longest wait, 0 by default: answer at once. An error on any position ends the wait. */
  readonly maxWaitMs?: number;
  /** Lent by a reader that is done with one answer when it asks for the next. */
  readonly memory?: FetchMemory | undefined;
  readonly signal?: AbortSignal;
}

export interface FetchedPartition extends PartitionRef {
  readonly startOffset: number;
  readonly endOffset: number;
  /**
   * Whole record batches (magic 2) in offset order, CRC checked, decompression left to the reader. The first may begin below the
   * offset asked for: use `recordsFrom` to drop what lies before. Control batches and batches of aborted transactions never appear.
   */
  readonly batches: readonly Uint8Array[];
  /**
   * Where the next fetch of this partition goes on. Usually the end of the last batch, further where nothing readable lies between
   * (markers, compacted records), and the asked offset when nothing is there yet.
   */
  readonly nextOffset: number;
  /** `offset-out-of-range`, `topic-not-found`, `partition-not-found`, `partition-degraded`, `cluster-unavailable` (nobody answers for it, and the offsets say nothing); other positions are answered all the same. */
  readonly error?: AppError;
}

/** Where a group goes on reading a partition: the next offset, with an optional note of the reader (4 KiB at most). */
export interface GroupPosition extends PartitionRef {
  readonly offset: number;
  readonly metadata?: string;
}

export interface WriterAppend extends PartitionRef {
  /** One encoded record batch with base offset 0 and no producer id. */
  readonly batch: Uint8Array;
  readonly intoFenced?: boolean;
}

/** A key of the writer's own space, up to 249 characters, and its value, up to 1 MiB; null removes the key. */
export interface WriterCheckpoint {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface WriterCommit {
  /** Appended in the order given. Several batches for one partition are allowed. */
  readonly appends?: readonly WriterAppend[];
  readonly positions?: readonly (GroupPosition & { readonly group: string })[];
  /**
   * Written with the appends. Given as a function it is called once (again only when the offsets it was told did not hold), after the appends
   * have their offsets and before the commit is durable, with one entry per append in their order: so a checkpoint can name the places its
   * records got, as an offset map does. It must be pure and quick.
   */
  readonly checkpoints?: readonly WriterCheckpoint[] | ((appended: readonly Appended[]) => readonly WriterCheckpoint[]);
  /**
   * The positions are stored only if their groups have no live members at the moment of writing, as with {@link LogEngine.commitPositions}: otherwise the commit is
   * refused with `group-active`. Unless given, whoever holds the session is trusted to know.
   */
  readonly onlyVacant?: boolean;
  /**
   * Closes topics to positions, or opens them again. Once it is closed every position of it that was stored is seen by {@link LogEngine.describeGroup}, and none is stored any more, by members, writers or
   * from outside (`positions-closed`), but by {@link handOver}. A topic that becomes ACTIVE is open.
   */
  readonly positionsOpen?: readonly { readonly topic: string; readonly open: boolean }[];
  /**
   * Carries groups and producers from one topic to another. Each group goes on in `to` where it says, whatever it had there. Its live members are fenced: what they commit is refused with
   * `stale-generation`, and their next poll joins anew. Batches that `from` recognises as repeated are recognised in the same partition of `to`, and answered with their place in `from`; producers go on there
   * in their sequences. Harmless to repeat. Meant for topics that nobody writes to, and a `from` that is closed to positions.
   */
  readonly handOver?: HandOver;
}

/**
 * A fenced session: at most one open session per id can commit, over restarts and machines. Whatever is exactly-once in Weir rests on
 * {@link commit}. Not for concurrent use: await each commit before the next.
 */
export abstract class LogWriter {
  abstract readonly id: string;
  /** Rises with each session opened under this id. */
  abstract readonly epoch: number;

  /** A checkpoint as of the last commit of this id: read when the session was opened, then kept up with its own commits. */
  abstract checkpoint(key: string): Uint8Array | undefined;
  abstract checkpoints(): ReadonlyMap<string, Uint8Array>;

  /**
   * All of it or nothing, durably whatever the levels of the topics, and visible to readers together per partition.
   * @throws `writer-fenced` when a later session was opened; this one is dead.
   * @throws `outcome-unknown` when it cannot be told whether the commit took place: the session is dead, open a new one and read the checkpoint to learn.
   * @throws `topic-fenced`, `topic-not-found`, `partition-not-found`, `invalid-batch`, `batch-too-large`, `group-active`, `positions-closed`, `hand-over-not-kept` without `capabilities.handsOver`: nothing was done, the session goes on.
   */
  abstract commit(commit: WriterCommit): Promise<readonly Appended[]>;

  /**
   * Ends the session and takes all checkpoints of the writer away, durably before it resolves: for a writer that will hardly be opened again, whose place in the log would otherwise be kept for ever. The next
   * session under the id begins with none, under a later epoch; sessions that are open are fenced as by any later one.
   * @throws `writer-fenced`, `outcome-unknown`, as {@link commit} does.
   */
  abstract forget(): Promise<void>;

  /** Ends the session without effect on what it committed. Harmless to repeat. */
  abstract close(): Promise<void>;
}

/**
 * A named log: topics of ordered partitions. The class is the type and the injection token.
 *
 * Ordering: appends to one partition that are issued in sequence get rising offsets; an acknowledged offset implies that everything below
 * it in the partition is as durable. Offsets are final. Nothing a reader saw can vanish, except as far as the level of a topic says.
 */
export abstract class LogEngine {
  abstract readonly capabilities: LogCapabilities;
  /** Identity of the stored log (not of the process): operations, views and names are bound to it. */
  abstract readonly logId: string;
  /** Bytes that a commit of much had better move at once, because each costs several answers of others, one waiting for the other; 0 where it does not matter. */
  get commitBytes(): number {
    return 0;
  }
  /** Brokers, settings, copies and leaders. */
  abstract readonly administration: ClusterAdministration;

  /** @throws `topic-exists`, `invalid-topic-name`, `invalid-topic-config`, `too-many-partitions`. Durable before it resolves. */
  abstract createTopic(spec: TopicSpec): Promise<TopicDescription>;
  /** @throws `topic-not-found`. */
  abstract describeTopic(topic: string): Promise<TopicDescription>;
  /** All topics, internal ones (`__` prefix) included, by name. */
  abstract listTopics(): Promise<readonly TopicDescription[]>;
  /** Sets or (with null) unsets settings. @throws `topic-not-found`, `invalid-topic-config`. */
  abstract alterTopicConfig(topic: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription>;
  /** Raises the partition count to `partitions`. @throws `topic-not-found`, `invalid-partition-count`. */
  abstract addPartitions(topic: string, partitions: number): Promise<TopicDescription>;
  /**
   * Moves the topic to a state. When it resolves to FENCED, every append acknowledged before lies below the returned end offsets, and none
   * will be acknowledged after (within `capabilities.fencing`). Harmless to repeat.
   */
  abstract setTopicState(topic: string, state: TopicState): Promise<TopicDescription>;
  /** Removes topic, records, and positions of groups on it. @throws `topic-not-found`. */
  abstract deleteTopic(topic: string): Promise<void>;

  /**
   * Appends one encoded record batch (base offset 0), at the level of the topic or a stronger one. The engine stamps base offset and leader epoch (the generation, from the name) and stores the
   * record bytes as they are, unless the topic's `compression.type` or `message.timestamp.type` wants them otherwise. A batch with a producer (see {@link openProducer}) may be repeated while it is among the producer's last five in the partition: the
   * answer names the place it got the first time, and nothing is appended. Without a producer a repetition is another append.
   * @throws `topic-fenced` (retryable), `topic-not-found`, `partition-not-found`, `invalid-batch`, `invalid-timestamp`, `batch-too-large`, `partition-degraded`, `outcome-unknown`.
   * @throws `out-of-order-sequence`: the sequence is not the next one of the producer in this partition. `stale-producer-epoch`: a later epoch has written there.
   * Nothing was appended.
   */
  abstract append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended>;

  /**
   * An identity for batches that may be repeated. Sequences begin at 0 in each partition, count records, and go on at 0 after 2147483647; an unknown producer may begin
   * anywhere. A producer that does not write for a time (a day as things come) is forgotten by the partition.
   *
   * With a name the identity succeeds the one opened under it before, whose batches are refused (`stale-producer-epoch`) wherever the successor has written.
   * @throws `invalid-producer-name`.
   */
  abstract openProducer(name?: string): Promise<ProducerIdentity>;

  /** Reads batches; answers in the order of the positions. See {@link FetchRequest}. Problems of a position are in its answer. */
  abstract fetch(request: FetchRequest): Promise<readonly FetchedPartition[]>;

  /** First offset whose record has a timestamp ≥ `timestampMs`, or null when there is none. @throws `topic-not-found`, `partition-not-found`. */
  abstract offsetForTimestamp(ref: PartitionRef, timestampMs: number): Promise<number | null>;

  /**
   * Deletes the records before each position, durably before it resolves: from then on they are out of range for every reader. Answers in the order of the
   * positions; problems of a position are in its answer and spoil no other. Harmless to repeat. With `validateOnly` the same is answered and nothing is done.
   */
  abstract deleteRecords(
    positions: readonly DeletePosition[],
    options?: DeleteRecordsOptions,
  ): Promise<readonly DeletedRecords[]>;

  /**
   * Sets, moves or (with null) releases the hold with this id: as long as it stands, neither retention nor compaction nor {@link deleteRecords} takes anything at
   * or above its positions. Deleting the topic does. Durable before it resolves; harmless to repeat. What is below the start of a partition already is not brought
   * back. Without `capabilities.retentionHolds` it does nothing.
   * @throws `topic-not-found`, `partition-not-found`, `invalid-writer-id`, `invalid-position`: the hold stays as it was.
   */
  abstract holdRetention(id: string, positions: readonly HeldPosition[] | null): Promise<void>;
  /** The holds that stand, by id. */
  abstract listRetentionHolds(): Promise<readonly RetentionHold[]>;

  /** Groups that have members or positions. */
  abstract listGroups(): Promise<readonly GroupListing[]>;
  /** Members and positions of a group; DEAD and empty for an unknown one. */
  abstract describeGroup(group: string): Promise<GroupDescription>;
  /**
   * A member to be: nothing is sent before its first poll. See {@link GroupMember}.
   * @throws `invalid-group`, `invalid-group-member`, `invalid-topic-name`, `invalid-session-timeout`, `too-many-topics-read`.
   */
  abstract joinGroup(group: string, options: JoinGroup): Promise<GroupMember>;
  /**
   * Stores positions from outside the group, durably before it resolves.
   * @throws `topic-not-found`, `partition-not-found`, `positions-closed`; `group-active` when it has members at the moment of writing: theirs are never overwritten.
   */
  abstract commitPositions(group: string, positions: readonly GroupPosition[]): Promise<void>;
  /** @throws `group-not-found`; `group-active` when it has members at that moment. */
  abstract deleteGroup(group: string): Promise<void>;

  /**
   * Asks the live members that read a topic to give up what they read: they are told to join anew, may store until then how far they came, and get nothing before
   * {@link RestingGroups.end}, or before so many ms are over. {@link GroupDescription.resting} names the topic meanwhile, for readers that are no members. Lives in memory, and ends with
   * the process. Without `capabilities.handsOver` nobody is asked.
   */
  abstract restGroups(topic: string, forMs: number): RestingGroups;
  /**
   * Bytes that copies may add as of now before they have to rest, so that room is left for those who write; null where the log does not know, which is said unless an engine knows better.
   */
  async bytesForCopies(): Promise<number | null> {
    return null;
  }
  /** Opens the session with this id (1 … 200 characters of `[a-zA-Z0-9._-]`) and fences every earlier one. */
  abstract openWriter(id: string): Promise<LogWriter>;

  /** Drains, flushes and releases everything. Later calls fail with `log-closed`. Harmless to repeat. */
  abstract close(): Promise<void>;
}

/** The configured logs by name. `local` is the embedded one, where there is one. */
export abstract class Clusters {
  /** The cluster short paths (`/v1/topics/…`) mean. */
  abstract readonly defaultName: string;
  /** @throws `cluster-not-found`, naming those that exist; `cluster-unavailable` for one that is not {@link present}. */
  abstract get(name: string): LogEngine;
  /** All of them, be they present or not. */
  abstract names(): readonly string[];

  /** Those that can be worked with. One that has not been reached since the service started is not, and nothing is known of it; it is from then on, for good. All unless said otherwise. */
  present(): readonly string[] {
    return this.names();
  }

  /** Whether a name is that of a cluster that is present, and the cluster is this log: what was planned on one log must not be done to another that has its name by now. */
  standsFor(name: string, logId: unknown): boolean {
    return this.present().includes(name) && this.get(name).logId === logId;
  }
}
