import { type BatchHeader, readBatchHeader, RecordCursor, stampBatch } from '../index.js';
import {
  type GroupPosition,
  type HeldPosition,
  logErrors,
  type PartitionRef,
  type ProducerIdentity,
  ProducerStates,
  type TopicDescription,
  type TopicState,
} from '../index.js';

/** A batch in its place. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
}

/** One partition of the test double: batches in offset order. */
export class MemoryPartition {
  readonly batches: StoredBatch[] = [];
  readonly producers = new ProducerStates();
  startOffset = 0;
  endOffset = 0;
  degradedAt: number | undefined;

  constructor(readonly partition: number) {}

  get sizeBytes(): number {
    return this.batches.reduce((sum, one) => sum + one.bytes.length, 0);
  }

  /** Keeps the bytes, which are nobody else's. */
  append(bytes: Uint8Array, { lastOffsetDelta }: BatchHeader, leaderEpoch: number): StoredBatch {
    stampBatch(bytes, this.endOffset, leaderEpoch);
    const baseOffset = this.endOffset;
    const header = readBatchHeader(bytes);
    const stored = { baseOffset, lastOffset: baseOffset + lastOffsetDelta, bytes, header };
    this.batches.push(stored);
    this.endOffset = stored.lastOffset + 1;
    return stored;
  }

  /** Takes an offset for a transaction marker, which readers never see. */
  appendMarker(): void {
    this.endOffset++;
  }

  /** Removes what lies before an offset, whole batches at a time; the start offset is exact. */
  dropBefore(offset: number): void {
    while (this.batches[0] !== undefined && this.batches[0].lastOffset < offset) this.batches.shift();
    this.startOffset = Math.max(this.startOffset, Math.min(offset, this.endOffset));
  }

  offsetFor(timestampMs: number): number | null {
    for (const { bytes, header, baseOffset } of this.batches) {
      const cursor = new RecordCursor({ ...header, baseOffset }, bytes);
      while (cursor.next()) {
        if (cursor.offset >= this.startOffset && cursor.timestamp >= timestampMs) return cursor.offset;
      }
    }
    return null;
  }
}

export interface MemoryTopic {
  readonly name: string;
  readonly id: string;
  readonly createdAtMs: number;
  readonly config: Map<string, string>;
  readonly partitions: MemoryPartition[];
  state: TopicState;
  /** No positions are stored in it: see `WriterCommit.positionsOpen`. */
  closedToPositions?: boolean;
}

export interface MemoryWriterState {
  epoch: number;
  readonly checkpoints: Map<string, Uint8Array>;
}

let logs = 0;

/** What a {@link MemoryLogEngine} keeps when it is closed: open another engine over the same storage to restart. */
export class MemoryLogStorage {
  readonly logId: string;
  readonly topics = new Map<string, MemoryTopic>();
  readonly groups = new Map<string, Map<string, GroupPosition>>();
  /** Generations that members of a group agreed on. */
  readonly generations = new Map<string, number>();
  readonly writers = new Map<string, MemoryWriterState>();
  /** The highest epoch of a writer that was forgotten: later ones begin behind it. */
  forgottenEpoch = 0;
  readonly holds = new Map<string, readonly HeldPosition[]>();
  topicsCreated = 0;
  /** What an engine answers for the room that copies have. */
  bytesForCopies: number | null = null;
  /** Identities opened under a name, the last one of each. */
  readonly producerNames = new Map<string, ProducerIdentity>();
  /** Producer ids given out; the next one is this number. */
  producersOpened = 0;

  constructor(logId = `memory-${++logs}`) {
    this.logId = logId;
  }

  /** @throws `topic-not-found`. */
  topic(name: string): MemoryTopic {
    const topic = this.topics.get(name);
    if (topic === undefined) throw logErrors.topicNotFound(name);
    return topic;
  }

  /** @throws `topic-not-found`, `partition-not-found`. */
  partition(ref: PartitionRef): MemoryPartition {
    const { partitions } = this.topic(ref.topic);
    const partition = partitions[ref.partition];
    if (partition === undefined) throw logErrors.partitionNotFound(ref.topic, ref.partition, partitions.length);
    return partition;
  }

  /** A topic goes, with what is held of it and the positions in it. @throws `topic-not-found`. */
  deleteTopic(name: string): void {
    this.topic(name);
    this.topics.delete(name);
    for (const [id, positions] of this.holds) {
      this.holds.set(
        id,
        positions.filter((one) => one.topic !== name),
      );
    }
    for (const [group, positions] of this.groups) {
      for (const [key, position] of positions) if (position.topic === name) positions.delete(key);
      if (positions.size === 0) this.groups.delete(group);
    }
  }
}

/** A topic as the port shows it. */
export function describeTopic(topic: MemoryTopic): TopicDescription {
  return {
    name: topic.name,
    id: topic.id,
    state: topic.state,
    createdAtMs: topic.createdAtMs,
    config: Object.fromEntries(topic.config),
    partitions: topic.partitions.map(({ partition, startOffset, endOffset, sizeBytes, degradedAt }) => ({
      partition,
      startOffset,
      endOffset,
      sizeBytes,
      health: degradedAt === undefined ? 'ok' : 'degraded',
    })),
  };
}
