import { type AppError, isAppError } from '#libs/core/kernel';
import { decideDeletion, type DeletedRecords, type DeletePosition, logErrors, type PartitionRef } from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone, KafkaRefusal } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import type { OffsetRange, PartitionOffsets } from './partition-offsets.js';
import type { TopicStates } from './topic-states.js';

/** How long a leader may wait for the replicas to follow. */
const BROKER_TIMEOUT_MS = 10_000;

/**
 * Deletes records before an offset, by DeleteRecords at the partition's leader. Repeating it does no harm, so a lost answer is no matter. What `end` means is
 * the last stable offset: records of a transaction that is still open stay.
 */
export class RecordDeleter {
  readonly #cluster: KafkaCluster;
  readonly #states: TopicStates;
  readonly #offsets: PartitionOffsets;

  constructor(cluster: KafkaCluster, states: TopicStates, offsets: PartitionOffsets) {
    this.#cluster = cluster;
    this.#states = states;
    this.#offsets = offsets;
  }

  /** Answers in the order of the positions. `validateOnly`: the same answers, and nothing is deleted. */
  async delete(positions: readonly DeletePosition[], validateOnly: boolean): Promise<readonly DeletedRecords[]> {
    await this.#states.see();
    return await Promise.all(positions.map((position) => this.#deleteOne(position, validateOnly)));
  }

  async #deleteOne(position: DeletePosition, validateOnly: boolean): Promise<DeletedRecords> {
    const { topic, partition } = position;
    let startOffset = 0;
    try {
      const layout = await this.#cluster.layoutWith(position);
      const range = await this.#offsets.rangeOf(position);
      startOffset = range.start;
      // The policy is the leader's to look at; it refuses by itself.
      const facts = { state: this.#states.of(layout), config: {} };
      const offset = decideDeletion(position, facts, { startOffset, endOffset: range.end });
      if (offset > startOffset) {
        // A deletion up to the present start deletes nothing, and is refused by the leader as any other would be.
        const deleted = await this.#ask(position, validateOnly ? startOffset : offset, range);
        startOffset = validateOnly ? offset : deleted;
      }
      return { topic, partition, startOffset };
    } catch (error) {
      const failure = this.#cluster.failure(error);
      if (!isAppError(failure) || failure.code === 'log-closed') throw failure;
      return { topic, partition, startOffset, error: failure };
    }
  }

  async #ask(ref: PartitionRef, offset: number, range: OffsetRange): Promise<number> {
    const { topic: name, partition: partitionIndex } = ref;
    const what = `DeleteRecords of ${name}/${partitionIndex}`;
    return await this.#cluster.persist(async () => {
      const leader = await this.#cluster.leaderOf(ref);
      const ask = [{ name, partitions: [{ partitionIndex, offset: BigInt(offset) }] }];
      const answer = await this.#cluster.call(leader, 'admin', what, api.deleteRecords, ask, BROKER_TIMEOUT_MS);
      const result = answer.topics[0]?.partitions[0];
      if (result === undefined) throw new KafkaRefusal(what, CODE.REQUEST_TIMED_OUT);
      const refusal = refusalOf(result.errorCode, ref, offset, range);
      if (refusal !== undefined) throw refusal;
      if (result.errorCode !== 0) this.#cluster.forget(name);
      expectNone(what, result.errorCode);
      return Number(result.lowWatermark);
    });
  }
}

/** What the port calls a leader's refusal, undefined for one that says nothing of the records. */
function refusalOf(code: number, ref: PartitionRef, offset: number, { start, end }: OffsetRange): AppError | undefined {
  if (code === CODE.POLICY_VIOLATION) return logErrors.recordsKept(ref, "its cleanup.policy does not contain 'delete'");
  if (code === CODE.INVALID_TOPIC) return logErrors.recordsKept(ref, 'the topic belongs to the brokers');
  if (code === CODE.OFFSET_OUT_OF_RANGE) {
    return logErrors.offsetOutOfRange(ref.topic, ref.partition, offset, start, end);
  }
  return undefined;
}
