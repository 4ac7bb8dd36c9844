import { AppError, isAppError } from '#libs/core/kernel';
import type { Durability } from './durability.js';
import { topicFenced } from './errors.js';
import { batchesOf, groupByPartition, type PartitionGroup, type ProducedRecord } from './partition-groups.js';
import type { KeylessPartitions } from './partitioner.js';
import type { PositionToken } from './position-token.js';
import type { LogRecord } from './record.js';
import type { HoldOptions, ResolvedTopic, TopicDirectory } from './topic-directory.js';

/** What became of one record. An error with code `outcome-unknown` means it may have been written; any other means it was not. */
export type ProduceOutcome = { readonly partition: number; readonly offset: number } | { readonly error: AppError };

export interface ProduceOptions extends HoldOptions {
  /** At least this level, where the topic promises less. */
  readonly durability?: Durability;
}

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
 * Writes records to a logical topic: partition by key, as the topic places them, one batch per partition and request as far as the topic's
 * limit allows. Records of one partition keep their order, also when a cutover comes in between: what was not accepted before the fence goes to the next
 * generation, in order and once. Partitions are independent: one may fail while others succeed.
 */
export class TopicProducer {
  constructor(
    private readonly directory: TopicDirectory,
    private readonly keyless: KeylessPartitions,
    private readonly deriveKey?: KeyDeriver,
  ) {}

  /**
   * Uses the records no longer than until it answers, whatever the answer is: their memory is the caller's again then.
   * @throws `topic-not-found`; `partition-not-found` and `batch-too-large` for a record that cannot be written at all, before any is.
   */
  async produce(logical: string, records: readonly ProducedRecord[], options: ProduceOptions): Promise<Produced> {
    const outcomes = new Array<ProduceOutcome | undefined>(records.length);
    let pending: readonly number[] = records.map((_, index) => index);
    let token: PositionToken | undefined;
    let durability: Durability | undefined;
    const write = async (topic: ResolvedTopic): Promise<void> => {
      const keyed = await this.keyed(topic, records, pending, outcomes);
      const written = pending.filter((index) => outcomes[index] === undefined);
      const groups = groupByPartition(topic, keyed, written, this.keyless);
      const results = await allEnded(groups.map((group) => this.append(topic, group, keyed, options.durability)));
      const positions = new Map<number, number>();
      const fenced: number[] = [];
      for (const result of results) {
        for (const [index, outcome] of result.outcomes) outcomes[index] = outcome;
        fenced.push(...result.fenced);
        if (result.nextOffset !== undefined) positions.set(result.partition, result.nextOffset);
        durability = result.durability ?? durability;
      }
      if (positions.size > 0)
        token = { logId: this.directory.engine.logId, topic: topic.logical, generation: topic.generation, positions };
      pending = fenced.sort((a, b) => a - b);
      if (pending.length > 0) throw topicFenced(logical, 'FENCED');
    };
    try {
      await this.directory.write(logical, options, write);
    } catch (error) {
      // Part of the request was written before the topic was closed or went: the rest is told apart, record by record.
      if (!isAppError(error) || pending.length === records.length) throw error;
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

  /** Appends the records of one partition batch by batch; the first refusal ends it, so that order is kept. */
  private async append(
    topic: ResolvedTopic,
    group: PartitionGroup,
    records: readonly ProducedRecord[],
    asked: Durability | undefined,
  ): Promise<GroupResult> {
    const { partition, indexes } = group;
    const result: GroupResult = { partition, outcomes: [], fenced: [], nextOffset: undefined, durability: undefined };
    for (const { from, to, bytes } of batchesOf(group, records)) {
      try {
        const appended = await this.directory.engine.append({ topic: topic.physical, partition }, bytes, {
          durability: asked,
        });
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
    }
    return result;
  }
}

/** As `Promise.all`, but only when each has come to its end. */
async function allEnded<T>(all: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(all);
  return await Promise.all(all);
}

interface GroupResult {
  readonly partition: number;
  readonly outcomes: [index: number, outcome: ProduceOutcome][];
  readonly fenced: number[];
  nextOffset: number | undefined;
  durability: Durability | undefined;
}
