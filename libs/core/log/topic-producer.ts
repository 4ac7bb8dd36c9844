import { AppError, isAppError } from '#libs/core/kernel';
import { BatchEncoder, maxRecordSize } from './batch-encoder.js';
import { BATCH_HEADER_BYTES } from './batch-header.js';
import { DEFAULT_MAX_BATCH_BYTES } from './batch-validation.js';
import type { Durability } from './engine.js';
import { batchTooLarge, partitionNotFound, topicFenced } from './errors.js';
import { type KeylessPartitions, partitionerOf } from './partitioner.js';
import type { PositionToken } from './position-token.js';
import type { LogRecord } from './record.js';
import type { HoldOptions, ResolvedTopic, TopicDirectory } from './topic-directory.js';

/** A record to write, with its partition when the writer chooses it itself. */
export interface ProducedRecord extends LogRecord {
  readonly partition?: number;
}

/** What became of one record. An error with code `outcome-unknown` means it may have been written; any other means it was not. */
export type ProduceOutcome = { readonly partition: number; readonly offset: number } | { readonly error: AppError };

export interface Produced {
  /** One for each record, in the order given. */
  readonly outcomes: readonly ProduceOutcome[];
  /** Covers every record that was written; undefined when none was. */
  readonly token: PositionToken | undefined;
  /** Level the acknowledged records reached; undefined when none was. */
  readonly durability: Durability | undefined;
}

/**
 * The key of a record by the key expression of its topic. Asked once per record and generation. @throws AppError when the record has none: it is refused, others are not.
 */
export type KeyDeriver = (
  topic: ResolvedTopic,
  expression: string,
  record: LogRecord,
) => Uint8Array | null | Promise<Uint8Array | null>;

/**
 * Writes records to a logical topic: partition by key (murmur2, as Kafka does), one batch per partition and request as far as the topic's
 * limit allows. Records of one partition keep their order, also when a cutover comes in between: what was not accepted before the fence goes to the next
 * generation, in order and once. Partitions are independent: one may fail while others succeed.
 */
export class TopicProducer {
  constructor(
    private readonly directory: TopicDirectory,
    private readonly keyless: KeylessPartitions,
    private readonly deriveKey?: KeyDeriver,
  ) {}

  /** @throws `topic-not-found`; `partition-not-found` and `batch-too-large` for a record that cannot be written at all, before any is. */
  async produce(logical: string, records: readonly ProducedRecord[], hold: HoldOptions): Promise<Produced> {
    const outcomes = new Array<ProduceOutcome | undefined>(records.length);
    let pending: readonly number[] = records.map((_, index) => index);
    let token: PositionToken | undefined;
    let durability: Durability | undefined;
    const write = async (topic: ResolvedTopic): Promise<void> => {
      const keyed = await this.keyed(topic, records, pending, outcomes);
      const groups = this.group(
        topic,
        keyed,
        pending.filter((index) => outcomes[index] === undefined),
      );
      const results = await Promise.all(groups.map((group) => this.append(topic, group, keyed)));
      const positions = new Map<number, number>();
      const fenced: number[] = [];
      for (const result of results) {
        for (const [index, outcome] of result.outcomes) outcomes[index] = outcome;
        fenced.push(...result.fenced);
        if (result.nextOffset !== undefined) positions.set(result.partition, result.nextOffset);
        durability = result.durability ?? durability;
      }
      if (positions.size > 0)
        token = { logId: this.directory.engine.logId, topic: logical, generation: topic.generation, positions };
      pending = fenced.sort((a, b) => a - b);
      if (pending.length > 0) throw topicFenced(logical, 'FENCED');
    };
    try {
      await this.directory.write(logical, hold, write);
    } catch (error) {
      // Part of the request was written before the fence came and stayed: the rest is told apart, record by record.
      if (!isAppError(error, 'topic-fenced') || pending.length === records.length) throw error;
      for (const index of pending) outcomes[index] = { error };
    }
    return { outcomes: outcomes as ProduceOutcome[], token, durability };
  }

  /** The records with the keys this generation gives them; those that get none are refused in `outcomes`. */
  private async keyed(
    topic: ResolvedTopic,
    records: readonly ProducedRecord[],
    pending: readonly number[],
    outcomes: (ProduceOutcome | undefined)[],
  ): Promise<readonly ProducedRecord[]> {
    if (topic.keyExpression === null || this.deriveKey === undefined) return records;
    const keyed = [...records];
    for (const index of pending) {
      try {
        keyed[index] = { ...records[index]!, key: await this.deriveKey(topic, topic.keyExpression, records[index]!) };
      } catch (error) {
        if (!(error instanceof AppError) || error.retryable || error.kind === 'internal') throw error;
        outcomes[index] = { error };
      }
    }
    return keyed;
  }

  /** Indexes of the pending records by partition, each in the order given. */
  private group(topic: ResolvedTopic, records: readonly ProducedRecord[], pending: readonly number[]): Group[] {
    const count = topic.description.partitions.length;
    const limit = Number(topic.description.config['max.message.bytes'] ?? DEFAULT_MAX_BATCH_BYTES);
    const partitionOf = partitionerOf();
    const groups = new Map<number, Group>();
    for (const index of pending) {
      const record = records[index]!;
      const size = maxRecordSize(record);
      if (size + BATCH_HEADER_BYTES > limit) throw batchTooLarge(size + BATCH_HEADER_BYTES, limit);
      const partition = record.partition ?? partitionOf(record.key, count) ?? this.keyless.next(count, size);
      if (partition >= count) throw partitionNotFound(topic.logical, partition, count);
      let group = groups.get(partition);
      if (group === undefined) groups.set(partition, (group = { partition, limit, indexes: [] }));
      group.indexes.push(index);
    }
    return [...groups.values()];
  }

  /** Appends the records of one partition batch by batch; the first refusal ends it, so that order is kept. */
  private async append(topic: ResolvedTopic, group: Group, records: readonly ProducedRecord[]): Promise<GroupResult> {
    const { partition, limit, indexes } = group;
    const result: GroupResult = { partition, outcomes: [], fenced: [], nextOffset: undefined, durability: undefined };
    const encoder = new BatchEncoder();
    for (let from = 0; from < indexes.length;) {
      let to = from;
      while (to < indexes.length) {
        const record = records[indexes[to]!]!;
        if (to > from && encoder.sizeBytes + maxRecordSize(record) > limit) break;
        encoder.add(record);
        to++;
      }
      try {
        const appended = await this.directory.engine.append({ topic: topic.physical, partition }, encoder.finish());
        for (let i = from; i < to; i++)
          result.outcomes.push([indexes[i]!, { partition, offset: appended.baseOffset + (i - from) }]);
        result.nextOffset = appended.lastOffset + 1;
        result.durability = appended.durability;
      } catch (error) {
        if (!isAppError(error)) throw error;
        if (error.code === 'topic-fenced') result.fenced.push(...indexes.slice(from));
        else for (const index of indexes.slice(from)) result.outcomes.push([index, { error }]);
        break;
      }
      from = to;
    }
    return result;
  }
}

interface Group {
  readonly partition: number;
  readonly limit: number;
  readonly indexes: number[];
}

interface GroupResult {
  readonly partition: number;
  readonly outcomes: [index: number, outcome: ProduceOutcome][];
  readonly fenced: number[];
  nextOffset: number | undefined;
  durability: Durability | undefined;
}
