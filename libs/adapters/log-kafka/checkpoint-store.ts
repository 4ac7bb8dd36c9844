import { AppError } from '#libs/core/kernel';
import {
  batchesIn,
  BatchEncoder,
  decodeBatch,
  murmur2,
  type PartitionRef,
  verifyBatch,
  type WriterCheckpoint,
} from '#libs/core/log';
import { CHECKPOINT_PARTITIONS, CHECKPOINTS_TOPIC, provideInternalTopic } from './internal-topics.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { fetchBelow, highWatermarkOf } from './raw-reader.js';
import { markerType } from './visible-batches.js';
import { CODE, KafkaRefusal } from './error-codes.js';

/** Records of one batch are kept below this, so that a batch with one largest checkpoint still fits the topic. */
const BATCH_BYTES = 1024 * 1024;
const COMMIT = 1;

/** Checkpoints of writers in their compacted topic. */
export class CheckpointStore {
  readonly #cluster: KafkaCluster;
  #provided: Promise<void> | undefined;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /** Makes sure that the topic is there and has the partitions that ids are spread over. */
  async provide(): Promise<void> {
    this.#provided ??= this.#provide().catch((error: unknown) => {
      this.#provided = undefined;
      throw error;
    });
    await this.#provided;
  }

  async #provide(): Promise<void> {
    await provideInternalTopic(this.#cluster, CHECKPOINTS_TOPIC);
    const { leaders } = await this.#cluster.layoutOf(CHECKPOINTS_TOPIC);
    if (leaders.length >= CHECKPOINT_PARTITIONS) return;
    throw new AppError({
      kind: 'conflict',
      code: 'internal-topic-unusable',
      message: `Topic '${CHECKPOINTS_TOPIC}' of Kafka cluster '${this.#cluster.name}' has ${leaders.length} partitions, it needs ${CHECKPOINT_PARTITIONS}.`,
      hint: 'Add the missing partitions before the first writer is opened, or remove the topic if no writer ever used it.',
    });
  }

  /** Where the checkpoints of a writer lie, for ever. */
  placeOf(writer: string): PartitionRef {
    const hash = murmur2(Buffer.from(writer)) & 0x7fff_ffff;
    return { topic: CHECKPOINTS_TOPIC, partition: hash % CHECKPOINT_PARTITIONS };
  }

  /**
   * The committed checkpoints of a writer. Its producer must have been initialised before: then every transaction of this id is ended, markers included.
   *
   * The partition is read to the high watermark and the markers decide, not the last stable offset: another writer's open transaction, begun
   * before our last commit, would hold that back and hide what we committed.
   */
  async read(writer: string): Promise<Map<string, Uint8Array>> {
    const place = this.placeOf(writer);
    const committed = new Map<string, Uint8Array>();
    /** Changes of transactions whose marker did not come yet, by producer id. */
    const open = new Map<number, WriterCheckpoint[]>();
    const end = await highWatermarkOf(this.#cluster, 'checkpoints', place);
    for (let next = 0; next < end;) {
      const answer = await fetchBelow(this.#cluster, 'checkpoints', place, next);
      if (answer.errorCode === CODE.OFFSET_OUT_OF_RANGE) {
        const start = Number(answer.logStartOffset);
        if (start <= next) throw new KafkaRefusal(`Fetch of ${place.topic}/${place.partition}`, answer.errorCode);
        next = start;
        continue;
      }
      for (const { bytes } of batchesIn(answer.records.whole())) {
        const header = verifyBatch(bytes);
        next = Math.max(next, header.lastOffset + 1);
        if (header.control) {
          if (markerType(bytes) === COMMIT) apply(committed, open.get(header.producerId) ?? []);
          open.delete(header.producerId);
        } else {
          const changes = changesOf(writer, bytes);
          if (changes.length > 0) open.set(header.producerId, [...(open.get(header.producerId) ?? []), ...changes]);
        }
      }
    }
    return committed;
  }

  /** The batches that carry checkpoints of a writer. */
  encode(writer: string, checkpoints: readonly WriterCheckpoint[]): readonly Uint8Array[] {
    const batches: Uint8Array[] = [];
    const encoder = new BatchEncoder();
    const timestamp = Math.max(0, this.#cluster.clock.now());
    for (const { key, value } of checkpoints) {
      if (encoder.count > 0 && encoder.sizeBytes + (value?.length ?? 0) > BATCH_BYTES) batches.push(encoder.finish());
      encoder.add({ key: Buffer.from(JSON.stringify([writer, key])), value, headers: [], timestamp });
    }
    if (encoder.count > 0) batches.push(encoder.finish());
    return batches;
  }
}

/** Applies changes in their order. */
export function apply(checkpoints: Map<string, Uint8Array>, changes: readonly WriterCheckpoint[]): void {
  for (const { key, value } of changes) {
    if (value === null) checkpoints.delete(key);
    else checkpoints.set(key, value);
  }
}

function changesOf(writer: string, batch: Uint8Array): WriterCheckpoint[] {
  return decodeBatch(batch, { verify: false }).records.flatMap(({ key, value }): WriterCheckpoint[] => {
    if (key === null) return [];
    const [id, name] = JSON.parse(Buffer.from(key).toString()) as unknown[];
    if (id !== writer || typeof name !== 'string') return [];
    // A copy: a view would keep the whole answer of the broker in memory.
    return [{ key: name, value: value === null ? null : Uint8Array.from(value) }];
  });
}
