import { AppError } from '#libs/core/kernel';
import { detachBatch, FetchMemory, type GroupPosition, type PartitionRef, readBatchHeader } from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone, KafkaRefusal, KafkaSilence } from './error-codes.js';
import { commitRefusal, offsetsByTopic } from './groups.js';
import type { KafkaCluster, Patience } from './kafka-cluster.js';
import { produceFailure } from './produce-failure.js';
import { takeOver } from './producer-ids.js';
import { enlistingProduceApi, type ProduceAnswer, produceApi } from './wire-produce.js';
import { endTxnAndEpoch, enlistingTxnOffsetCommit } from './wire-transactions.js';

/** A batch for a transaction and, once it is stored, its first offset. */
export interface TransactionBatch extends PartitionRef {
  readonly batch: Uint8Array;
}

/** Names a member that no group has: coordinators give their members other ids. */
const OUTSIDER = 'weir-outsider';

/** How the end of a transaction came out. */
export type Ending =
  | 'done'
  /** The coordinator refused: the transaction was aborted by whoever took over. */
  | 'fenced'
  /** No answer told; whatever the transaction's outcome, it is not known here. */
  | 'unknown';

/**
 * One transactional id at the protocol's level: one transaction at a time, each call repeated while it fails in passing. Repeating is safe: a
 * batch has its sequence, the other requests may be said twice.
 *
 * By the second protocol (KIP-890; {@link endsEpochs}) whoever stores something of a transaction takes its partition in by that, and the end of a transaction is the end of the epoch: what comes late is refused
 * whoever sent it.
 *
 * Source: the transaction flow of section 10 of the format reference; KIP-98, KIP-360 (bumping an epoch of one's own), KIP-447, KIP-890.
 */
export class TransactionalProducer {
  readonly #cluster: KafkaCluster;
  readonly transactionalId: string;
  readonly #purpose: string;
  readonly #sequences = new Map<string, number>();
  #id: bigint;
  #epoch: number;
  #uncertain = false;
  /** Something was sent that belongs to the transaction. */
  #begun = false;
  /** Whether its transactions are of the second protocol. */
  readonly endsEpochs: boolean;
  #endedAt = -Infinity;
  /** Of the batches of a round, until all of them are answered: then nobody reads them any more. */
  #memory = new FetchMemory();

  private constructor(cluster: KafkaCluster, transactionalId: string, purpose: string, id: bigint, epoch: number) {
    this.#cluster = cluster;
    this.transactionalId = transactionalId;
    this.#purpose = purpose;
    this.#id = id;
    this.#epoch = epoch;
    this.endsEpochs = cluster.endsEpochs;
  }

  /**
   * Takes the id over: every earlier producer of it is fenced, and its open transaction ended before this resolves. `purpose` names
   * the links of this producer, which nobody else may use.
   */
  static async open(cluster: KafkaCluster, transactionalId: string, purpose: string): Promise<TransactionalProducer> {
    const { id, epoch } = await takeOver(cluster, transactionalId, purpose);
    return new TransactionalProducer(cluster, transactionalId, purpose, id, epoch);
  }

  /** Rises with every opening: ids are given out in rising order, epochs count within one. */
  get epoch(): number {
    return Number(this.#id) * 32_768 + this.#epoch;
  }

  /**
   * A batch was sent and its answer never came: where the sequence of its partition stands is not known, and the next batch there could be taken for a
   * repetition of it, answered as stored and dropped. {@link bumpEpoch} before anything else is produced.
   */
  get uncertain(): boolean {
    return this.#uncertain;
  }

  /** Takes partitions into the transaction: all at once and before anything is sent to them. By the second protocol what is sent does that, mostly. */
  async addPartitions(refs: readonly PartitionRef[], patience: Patience): Promise<void> {
    if (!this.#mustAnnounce) return;
    const topics = new Map<string, Set<number>>();
    for (const { topic, partition } of refs) topics.set(topic, (topics.get(topic) ?? new Set()).add(partition));
    const transaction = {
      transactionalId: this.transactionalId,
      producerId: this.#id,
      producerEpoch: this.#epoch,
      verifyOnly: false,
      topics: [...topics].map(([name, partitions]) => ({ name, partitions: [...partitions] })),
    };
    const what = `AddPartitionsToTxn of ${this.transactionalId}`;
    await this.#withCoordinator(async (node) => {
      const answer = await this.#cluster.call(node, this.#purpose, what, api.addPartitionsToTxn, [transaction]);
      expectNone(what, answer.errorCode);
      const results = answer.resultsByTransaction
        .flatMap((one) => one.topicResults)
        .flatMap((one) => one.resultsByPartition);
      // With one partition refused the others are not attempted (55), so the refusal itself is looked for first.
      const codes = results.map((one) => one.partitionErrorCode).filter((code) => code !== 0);
      expectNone(what, codes.find((code) => code !== OPERATION_NOT_ATTEMPTED) ?? codes[0] ?? 0);
    }, patience);
  }

  /**
   * Stores batches of the transaction, in their order within a partition, and answers their first offsets.
   * @throws what {@link produceFailure} makes, {@link KafkaSilence}, {@link KafkaRefusal}: the transaction must be aborted.
   */
  async produce(batches: readonly TransactionBatch[], patience: Patience): Promise<readonly number[]> {
    const offsets = new Array<number>(batches.length);
    const waiting = new Map<string, number[]>();
    for (const [i, { topic, partition }] of batches.entries()) {
      const key = `${topic}/${partition}`;
      const ofPartition = waiting.get(key);
      if (ofPartition === undefined) waiting.set(key, [i]);
      else ofPartition.push(i);
    }
    // One batch per partition and request; the partitions of a round go in parallel.
    for (let round = 0; waiting.size > 0; round++) {
      const heads: number[] = [];
      for (const [key, indexes] of waiting) {
        const index = indexes[round];
        if (index === undefined) waiting.delete(key);
        else heads.push(index);
      }
      await this.#produceRound(heads, batches, offsets, patience);
    }
    return offsets;
  }

  /**
   * Moves positions of a group with the transaction. @returns false when the group has live members and may not have any: the transaction is to be aborted then.
   */
  async addPositions(
    group: string,
    positions: readonly GroupPosition[],
    onlyVacant: boolean,
    patience: Patience,
  ): Promise<boolean> {
    const id = this.transactionalId;
    if (this.#mustAnnounce) await this.#addGroup(group, patience);
    this.#begun = true;
    const what = `TxnOffsetCommit of ${group}`;
    const topics = offsetsByTopic(positions);
    // Coordinators take positions from whoever names no member. Who names one is let in when the group is empty, whatever the name, and refused as a stranger when it is not.
    const memberId = onlyVacant ? OUTSIDER : '';
    return await this.#cluster.withCoordinator(
      'group',
      group,
      async (node) => {
        const args = [id, group, this.#id, this.#epoch, -1, memberId, null, topics] as const;
        const request = this.endsEpochs ? enlistingTxnOffsetCommit : api.txnOffsetCommit;
        const answer = await this.#cluster.call(node, this.#purpose, what, request, ...args);
        return commitRefusal(what, answer.topics) === undefined;
      },
      patience,
    );
  }

  /** Ends the transaction. Never throws for what the brokers say or fail to say; {@link KafkaCluster} closed counts as `unknown`. */
  async end(commit: boolean, patience: Patience): Promise<Ending> {
    let silent = false;
    try {
      await this.#withCoordinator(async (node) => {
        try {
          await (this.endsEpochs ? this.#endWithEpoch(node, commit) : this.#end(node, commit));
        } catch (error) {
          silent ||= error instanceof KafkaSilence && error.sent;
          throw error;
        }
      }, patience);
      return 'done';
    } catch (error) {
      // Fenced after a silence: the first request may have been heard before the other producer came.
      return !silent && error instanceof KafkaRefusal && error.fenced ? 'fenced' : 'unknown';
    }
  }

  /**
   * Ends this producer's epoch, and with it a transaction left open, unless somebody else has taken the id over already; that one is not
   * disturbed. The producer itself may go on under the new epoch.
   * @throws {KafkaRefusal} fenced, {@link KafkaSilence}.
   */
  async bumpEpoch(patience: Patience): Promise<void> {
    const known = { id: this.#id, epoch: this.#epoch };
    const { id, epoch } = await takeOver(this.#cluster, this.transactionalId, this.#purpose, known, patience);
    this.#goOnAs(id, epoch);
  }

  /**
   * Whether what belongs to the transaction has to be said beforehand. By the second protocol it may be: a leader that finds markers of the transaction before still being written waits for 20 ms
   * (`add.partitions.to.txn.retry.backoff.ms` of the brokers) where the coordinator, asked here, is asked again after 5.
   */
  get #mustAnnounce(): boolean {
    return !this.endsEpochs || (!this.#begun && this.#cluster.clock.monotonic() - this.#endedAt < MARKERS_MS);
  }

  #goOnAs(id: bigint, epoch: number): void {
    this.#id = id;
    this.#epoch = epoch;
    // Sequences begin at 0 in each epoch.
    this.#sequences.clear();
    this.#uncertain = false;
    this.#begun = false;
  }

  async #addGroup(group: string, patience: Patience): Promise<void> {
    const id = this.transactionalId;
    const what = `AddOffsetsToTxn of ${id}`;
    await this.#withCoordinator(async (node) => {
      const args = [id, this.#id, this.#epoch, group] as const;
      const answer = await this.#cluster.call(node, this.#purpose, what, api.addOffsetsToTxn, ...args);
      expectNone(what, answer.errorCode);
    }, patience);
  }

  async #end(node: number, commit: boolean): Promise<void> {
    const what = `EndTxn of ${this.transactionalId}`;
    const args = [this.transactionalId, this.#id, this.#epoch, commit] as const;
    const answer = await this.#cluster.call(node, this.#purpose, what, api.endTxn, ...args);
    expectNone(what, answer.errorCode);
  }

  async #endWithEpoch(node: number, commit: boolean): Promise<void> {
    const what = `EndTxn of ${this.transactionalId}`;
    // A transaction that nothing was sent of cannot be committed by this protocol; giving it up comes to the same, and tells who was replaced.
    const args = [this.transactionalId, this.#id, this.#epoch, commit && this.#begun] as const;
    const answer = await this.#cluster.call(node, this.#purpose, what, endTxnAndEpoch, ...args);
    expectNone(what, answer.errorCode);
    this.#goOnAs(answer.producerId, answer.producerEpoch);
    this.#endedAt = this.#cluster.clock.monotonic();
  }

  async #produceRound(
    heads: readonly number[],
    batches: readonly TransactionBatch[],
    offsets: number[],
    patience: Patience,
  ): Promise<void> {
    let left = [...heads];
    await this.#cluster.persist(async () => {
      this.#memory.begin();
      const byLeader = new Map<number, number[]>();
      for (const index of left) {
        const leader = await this.#cluster.leaderOf(batches[index]!);
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), index]);
      }
      const outcomes = await Promise.allSettled(
        [...byLeader].flatMap(([leader, indexes]) =>
          this.#inRequests(indexes, batches).map((some) => this.#send(leader, some, batches, offsets)),
        ),
      );
      left = left.filter((index) => offsets[index] === undefined);
      const failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
      if (failures.length === 0) {
        // Whatever was not answered was repeated meanwhile, and answered.
        this.#uncertain = false;
        return;
      }
      // What was not answered may still be on its way out.
      this.#memory = new FetchMemory();
      this.#uncertain ||= failures.some((one) => !(one instanceof AppError));
      for (const index of left) this.#cluster.forget(batches[index]!.topic);
      // What does not pass decides, whatever else failed in passing.
      throw (
        failures.find((one) => !(one instanceof KafkaSilence) && !(one instanceof KafkaRefusal && one.passing)) ??
        failures[0]
      );
    }, patience);
  }

  /** Splits the batches of one leader so that no request grows beyond the limit. */
  #inRequests(indexes: readonly number[], batches: readonly TransactionBatch[]): number[][] {
    const requests: number[][] = [];
    let bytes = Infinity;
    for (const index of indexes) {
      const size = batches[index]!.batch.length;
      if (bytes + size > this.#cluster.settings.produceBytes) {
        requests.push([]);
        bytes = 0;
      }
      requests.at(-1)!.push(index);
      bytes += size;
    }
    return requests;
  }

  async #send(
    leader: number,
    indexes: readonly number[],
    batches: readonly TransactionBatch[],
    offsets: number[],
  ): Promise<void> {
    const memory = this.#memory;
    const asked = indexes.map((index) => {
      const { topic, partition, batch } = batches[index]!;
      const producer = {
        id: Number(this.#id),
        epoch: this.#epoch,
        baseSequence: this.#sequences.get(`${topic}/${partition}`) ?? 0,
        transactional: true,
      };
      return { topic, partition, batch: detachBatch(batch, producer, (bytes) => memory.place(bytes)) };
    });
    const what = `Produce of ${this.transactionalId}`;
    this.#begun = true;
    const request = this.endsEpochs ? enlistingProduceApi : produceApi;
    const answers = await this.#cluster.call(leader, this.#purpose, what, request, {
      transactionalId: this.transactionalId,
      timeoutMs: this.#cluster.settings.requestTimeoutMs / 2,
      batches: asked,
    });
    const byPlace = new Map<string, ProduceAnswer>(answers.map((one) => [`${one.topic}/${one.partition}`, one]));
    let failure: Error | undefined;
    for (const index of indexes) {
      const ref = batches[index]!;
      const key = `${ref.topic}/${ref.partition}`;
      const answer = byPlace.get(key);
      if (answer?.errorCode === 0) {
        const { recordCount } = readBatchHeader(ref.batch);
        offsets[index] = Number(answer.baseOffset);
        this.#sequences.set(key, ((this.#sequences.get(key) ?? 0) + recordCount) % 2_147_483_648);
      } else {
        failure ??=
          answer === undefined
            ? new KafkaRefusal(what, CODE.UNKNOWN_TOPIC_OR_PARTITION)
            : produceFailure(ref, ref.batch, answer);
      }
    }
    if (failure !== undefined) throw failure;
  }

  async #withCoordinator(step: (node: number) => Promise<void>, patience: Patience): Promise<void> {
    await this.#cluster.withCoordinator('transaction', this.transactionalId, step, patience);
  }
}

/** The markers of a transaction are written within this time, mostly. */
const MARKERS_MS = 30;
/** OPERATION_NOT_ATTEMPTED: another part of the same request was refused. */
const OPERATION_NOT_ATTEMPTED = 55;
