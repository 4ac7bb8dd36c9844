import { Injectable } from '@nestjs/common';
import { Clock, isAppError, type AppError } from '#libs/core/kernel';
import {
  BATCH_HEADER_BYTES,
  DEFAULT_MAX_BATCH_BYTES,
  integerSetting,
  isCompacted,
  logErrors,
  maxRecordSize,
  textSetting,
  type ProducedRecord,
  type RecordHeader,
  type ResolvedTopic,
} from '#libs/core/log';
import { RecordWriter } from '#libs/core/records';
import type { NamedCluster } from '../cluster-ids.js';
import { partitionMissing, refusal, unhandled } from '../errors.js';

/** A record whose parts are bytes. */
export interface EncodedRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** Epoch ms; undefined: now. */
  readonly timestamp: number | undefined;
  readonly partition: number | undefined;
}

/** What became of one record. */
export type WriteOutcome =
  { readonly partition: number; readonly offset: number; readonly timestamp: number } | { readonly error: AppError };

/**
 * Writes records of which each has its own fate: what a broker would refuse one for is found before any is sent, so that no record fails for its neighbour.
 */
@Injectable()
export class RecordsToWrite {
  constructor(
    private readonly writer: RecordWriter,
    private readonly clock: Clock,
  ) {}

  /** One outcome for each record, in the order given. Records of a partition keep their order. */
  async write(
    cluster: NamedCluster,
    topic: string,
    records: readonly EncodedRecord[],
    signal?: AbortSignal,
  ): Promise<readonly WriteOutcome[]> {
    const outcomes = new Array<WriteOutcome | undefined>(records.length);
    const now = this.clock.now();
    try {
      await this.writer.demandWritable(cluster.name, topic);
      const resolved = await cluster.directory.resolve(topic);
      const accepted: (ProducedRecord & { readonly index: number })[] = [];
      for (const [index, record] of records.entries()) {
        const ready = { ...record, timestamp: record.timestamp ?? now };
        const error = refusalOf(resolved, ready, now);
        if (error === undefined) accepted.push({ ...ready, index });
        else outcomes[index] = { error };
      }
      if (accepted.length > 0) {
        const stamped = textSetting(resolved.description.config, 'message.timestamp.type') === 'LogAppendTime';
        const written = await this.writer.write(cluster.name, topic, accepted, { signal });
        for (const [i, outcome] of written.outcomes.entries()) {
          const { index, timestamp } = accepted[i]!;
          outcomes[index] = 'error' in outcome ? outcome : { ...outcome, timestamp: stamped ? now : timestamp };
        }
      }
    } catch (error) {
      if (!isAppError(error)) throw error;
      for (const index of records.keys()) outcomes[index] ??= { error };
    }
    return outcomes as WriteOutcome[];
  }
}

/** Why the broker would not take a record; undefined when it would. */
function refusalOf(
  { logical, description, keyExpression }: ResolvedTopic,
  record: ProducedRecord & { readonly timestamp: number },
  now: number,
): AppError | undefined {
  const { config, partitions } = description;
  const { partition, timestamp } = record;
  if (partition !== undefined && partition < 0) return partitionMissing();
  if (partition !== undefined && partition >= partitions.length)
    return logErrors.partitionNotFound(logical, partition, partitions.length);
  if (timestamp < 0) return unhandled();
  const size = maxRecordSize(record) + BATCH_HEADER_BYTES;
  const limit = Number(config['max.message.bytes'] ?? DEFAULT_MAX_BATCH_BYTES);
  if (size > limit) return logErrors.batchTooLarge(size, limit);
  if (record.key === null && keyExpression === null && isCompacted(config))
    return refusal(50_002, `Compacted topic cannot accept message without key in topic ${logical}.`);
  const after = integerSetting(config, 'message.timestamp.after.max.ms');
  const before = integerSetting(config, 'message.timestamp.before.max.ms');
  const byWriter = textSetting(config, 'message.timestamp.type') === 'CreateTime';
  if (byWriter && (timestamp - now > after || now - timestamp > before))
    return refusal(50_002, `Timestamp ${timestamp} is out of the range that topic ${logical} takes.`);
  return undefined;
}
