import { maxRecordSize, sharedEncoder } from './batch-encoder.js';
import { BATCH_HEADER_BYTES } from './batch-header.js';
import { DEFAULT_MAX_BATCH_BYTES } from './batch-validation.js';
import { batchTooLarge, partitionNotFound } from './errors.js';
import { KeyPlacement } from './key-placement.js';
import type { KeylessPartitions } from './partitioner.js';
import type { LogRecord } from './record.js';
import type { ResolvedTopic } from './topic-directory.js';

/** A record to write, with its partition when the writer chooses it itself. */
export interface ProducedRecord extends LogRecord {
  readonly partition?: number;
}

/** The records of a request that go to one partition. */
export interface PartitionGroup {
  readonly partition: number;
  /** Largest batch the topic takes. */
  readonly limit: number;
  /** Places in the request, each in the order given. */
  readonly indexes: number[];
}

/** A batch of a group: its records are `indexes[from]` up to, without, `indexes[to]`. */
export interface GroupBatch {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

/**
 * Spreads records over the partitions of a topic: the writer's choice, else by key as the topic places them (murmur2 unless told otherwise, as Kafka does), else where keyless records go next.
 * @param pending places in `records` of those that are to be written.
 * @throws `batch-too-large` and `partition-not-found` for a record that cannot be written at all.
 */
export function groupByPartition(
  topic: ResolvedTopic,
  records: readonly ProducedRecord[],
  pending: Iterable<number>,
  keyless: KeylessPartitions,
): PartitionGroup[] {
  const count = topic.description.partitions.length;
  const limit = Number(topic.description.config['max.message.bytes'] ?? DEFAULT_MAX_BATCH_BYTES);
  const placement = new KeyPlacement(topic.partitioner, count);
  const groups = new Map<number, PartitionGroup>();
  for (const index of pending) {
    const record = records[index]!;
    const size = maxRecordSize(record);
    if (size + BATCH_HEADER_BYTES > limit) throw batchTooLarge(size + BATCH_HEADER_BYTES, limit);
    const partition = record.partition ?? placement.ofNew(record.key, keyless) ?? keyless.next(count, size);
    if (partition >= count) throw partitionNotFound(topic.logical, partition, count);
    let group = groups.get(partition);
    if (group === undefined) groups.set(partition, (group = { partition, limit, indexes: [] }));
    group.indexes.push(index);
  }
  return [...groups.values()];
}

/** The batches of a group in its order, each as large as the topic takes. Each is encoded when it is asked for. */
export function* batchesOf(group: PartitionGroup, records: readonly ProducedRecord[]): Generator<GroupBatch, void> {
  const { limit, indexes } = group;
  for (let from = 0; from < indexes.length;) {
    // Finished before this batch is given out: others may use it then.
    const encoder = sharedEncoder();
    let to = from;
    while (to < indexes.length) {
      const record = records[indexes[to]!]!;
      if (to > from && encoder.sizeBytes + maxRecordSize(record) > limit) break;
      encoder.add(record);
      to++;
    }
    yield { from, to, bytes: encoder.finish() };
    from = to;
  }
}
