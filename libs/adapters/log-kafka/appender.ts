import { AppError, type Deferred, deferred, Serial } from '#libs/core/kernel';
import {
  type Appended,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  detachBatch,
  logErrors,
  type PartitionRef,
  type ProducerIdentity,
  readBatchHeader,
} from '#libs/core/log';
import { CODE, isPassing, KafkaRefusal, KafkaSilence } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { newProducerId } from './producer-ids.js';
import { produceFailure } from './produce-failure.js';
import { type ProduceAnswer, produceApi } from './wire-produce.js';

interface Item {
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
  readonly result: Deferred<Appended>;
  readonly until: number;
  pauseMs: number;
  /** It was sent at least once. */
  tried: boolean;
  /** It was sent and may have been stored without an answer. */
  ambiguous: boolean;
}

/** One partition: its batches in order, one under way at a time, and where its producer's sequence stands. */
class Lane {
  readonly order = new Serial();
  readonly queue: Item[] = [];
  topicId = '';
  producer: ProducerIdentity | undefined;
  sequence = 0;
  busy = false;

  constructor(readonly ref: PartitionRef) {}
}

/** Requests to one leader, one under way at a time; what arrives meanwhile rides together on the next. */
class Sender {
  readonly ready = new Set<Lane>();
  sending = false;

  constructor(readonly leader: number) {}
}

/**
 * Plain appends. An idempotent producer of the engine's own carries them: a batch whose answer was lost is sent again under the same sequence, and
 * stored once. So only a cluster that stays away leaves an outcome unknown.
 */
export class Appender {
  readonly #cluster: KafkaCluster;
  readonly #lanes = new Map<string, Lane>();
  readonly #senders = new Map<number, Sender>();
  #producer: Promise<ProducerIdentity> | undefined;
  #closing = false;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /**
   * Runs `check` and then queues the batch it answers, in the order of the calls for this partition.
   * @throws what `check` throws; `outcome-unknown`, `batch-too-large`, `invalid-batch`, `cluster-unavailable`, `log-closed`.
   */
  async append(
    ref: PartitionRef,
    check: () => Promise<{ readonly batch: Uint8Array; readonly topicId: string }>,
  ): Promise<Appended> {
    const key = `${ref.topic}/${ref.partition}`;
    const lane = this.#lanes.get(key) ?? new Lane({ topic: ref.topic, partition: ref.partition });
    this.#lanes.set(key, lane);
    let item: Item;
    try {
      item = await lane.order.run(async () => {
        const { batch, topicId } = await check();
        if (this.#closing) throw logErrors.logClosed();
        if (topicId !== lane.topicId) {
          // A topic of this name was deleted and made anew: it knows nothing of our producer.
          lane.topicId = topicId;
          lane.producer = undefined;
        }
        const queued = this.#item(batch);
        lane.queue.push(queued);
        return queued;
      });
    } catch (error) {
      if (lane.topicId === '' && lane.queue.length === 0) this.#lanes.delete(key);
      throw error;
    }
    if (!lane.busy) void this.#schedule(lane);
    return await item.result.promise;
  }

  /** Forgets a deleted topic. */
  forget(topic: string): void {
    for (const [key, lane] of this.#lanes) {
      if (lane.ref.topic === topic && lane.queue.length === 0) this.#lanes.delete(key);
    }
  }

  /** Refuses what was not sent yet and waits for what was. */
  async close(): Promise<void> {
    this.#closing = true;
    const pending: Promise<unknown>[] = [];
    for (const lane of this.#lanes.values()) {
      for (const item of [...lane.queue]) {
        if (item.tried) pending.push(item.result.promise.catch(() => undefined));
        else this.#reject(lane, item, logErrors.logClosed());
      }
    }
    await Promise.all(pending);
  }

  #item(batch: Uint8Array): Item {
    const result = deferred<Appended>();
    const { clock, settings } = this.#cluster;
    return {
      batch,
      header: readBatchHeader(batch),
      result,
      until: clock.monotonic() + settings.retryForMs,
      pauseMs: settings.retryPauseMs,
      tried: false,
      ambiguous: false,
    };
  }

  /** Brings the head of a lane to its leader. Never rejects: failures are the item's. */
  async #schedule(lane: Lane): Promise<void> {
    lane.busy = true;
    const head = lane.queue[0];
    if (head === undefined) {
      lane.busy = false;
      return;
    }
    try {
      if (!isOwned(head)) lane.producer ??= await this.#begin(lane);
      const leader = await this.#cluster.leaderOf(lane.ref);
      const sender = this.#senders.get(leader) ?? new Sender(leader);
      this.#senders.set(leader, sender);
      sender.ready.add(lane);
      void this.#pump(sender);
    } catch (error) {
      await this.#failed(lane, head, error);
    }
  }

  async #begin(lane: Lane): Promise<ProducerIdentity> {
    this.#producer ??= newProducerId(this.#cluster);
    try {
      const producer = await this.#producer;
      lane.sequence = 0;
      return producer;
    } catch (error) {
      this.#producer = undefined;
      throw error;
    }
  }

  async #pump(sender: Sender): Promise<void> {
    if (sender.sending) return;
    sender.sending = true;
    try {
      // A turn of the event loop, so that lanes answered together leave together.
      for (await turn(); sender.ready.size > 0; await turn()) await this.#send(sender);
    } finally {
      sender.sending = false;
    }
  }

  async #send(sender: Sender): Promise<void> {
    const lanes: Lane[] = [];
    let bytes = 0;
    for (const lane of sender.ready) {
      const head = lane.queue[0];
      if (head === undefined) {
        sender.ready.delete(lane);
        lane.busy = false;
        continue;
      }
      if (lanes.length > 0 && bytes + head.batch.length > this.#cluster.settings.produceBytes) break;
      sender.ready.delete(lane);
      bytes += head.batch.length + BATCH_HEADER_BYTES;
      lanes.push(lane);
    }
    if (lanes.length === 0) return;
    const heads = lanes.map((lane) => lane.queue[0]!);
    let answers: readonly ProduceAnswer[];
    try {
      const batches = lanes.map((lane, i) => ({
        ...lane.ref,
        batch: isOwned(heads[i]!) ? heads[i]!.batch : withProducer(heads[i]!.batch, lane),
      }));
      for (const head of heads) head.tried = true;
      const timeoutMs = this.#cluster.settings.requestTimeoutMs / 2;
      answers = await this.#cluster.call(sender.leader, 'append', 'Produce', produceApi, {
        transactionalId: null,
        timeoutMs,
        batches,
      });
    } catch (error) {
      for (const [i, lane] of lanes.entries()) {
        if (error instanceof KafkaSilence && error.sent) heads[i]!.ambiguous = true;
        void this.#failed(lane, heads[i]!, error);
      }
      return;
    }
    const byPlace = new Map(answers.map((one) => [`${one.topic}/${one.partition}`, one]));
    for (const [i, lane] of lanes.entries()) {
      this.#answered(lane, heads[i]!, byPlace.get(`${lane.ref.topic}/${lane.ref.partition}`));
    }
  }

  #answered(lane: Lane, item: Item, answer: ProduceAnswer | undefined): void {
    if (answer === undefined || answer.errorCode !== 0) {
      if (answer?.errorCode === CODE.REQUEST_TIMED_OUT || answer?.errorCode === CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND) {
        item.ambiguous = true;
      }
      const error =
        answer === undefined
          ? new KafkaRefusal(`Produce to ${lane.ref.topic}/${lane.ref.partition}`, CODE.UNKNOWN_TOPIC_OR_PARTITION)
          : produceFailure(lane.ref, item.batch, answer);
      void this.#failed(lane, item, error);
      return;
    }
    const baseOffset = Number(answer.baseOffset);
    const { recordCount } = item.header;
    // 2147483647 is followed by 0.
    if (!isOwned(item)) lane.sequence = (lane.sequence + recordCount) % 2_147_483_648;
    lane.queue.shift();
    item.result.resolve({
      ...lane.ref,
      baseOffset,
      lastOffset: baseOffset + recordCount - 1,
      durability: 'durable',
    });
    void this.#schedule(lane);
  }

  /** Decides over an item whose sending failed: again later, or its error. */
  async #failed(lane: Lane, item: Item, error: unknown): Promise<void> {
    const { clock } = this.#cluster;
    this.#cluster.forget(lane.ref.topic);
    if (error instanceof KafkaRefusal && isLostSequence(error) && isOwned(item)) {
      this.#reject(lane, item, this.#verdict(item, refusedProducer(item.header, error)));
      void this.#schedule(lane);
      return;
    }
    if (error instanceof KafkaRefusal && isLostSequence(error)) {
      // The leader knows our producer no more, or otherwise. With a new one the batch is new to it, which is right only if it was never stored.
      lane.producer = undefined;
      this.#producer = undefined;
      if (!item.ambiguous && !this.#closing) return await this.#again(lane, item);
    } else if (isPassing(error) && !this.#closing && clock.monotonic() + item.pauseMs <= item.until) {
      return await this.#again(lane, item);
    }
    this.#reject(lane, item, this.#verdict(item, error));
    void this.#schedule(lane);
  }

  async #again(lane: Lane, item: Item): Promise<void> {
    const pause = item.pauseMs;
    item.pauseMs = Math.min(pause * 2, 200);
    try {
      await this.#cluster.pause(pause);
    } catch (error) {
      this.#reject(lane, item, this.#verdict(item, error));
    }
    await this.#schedule(lane);
  }

  #verdict(item: Item, error: unknown): unknown {
    if (!item.ambiguous)
      return this.#closing && !(error instanceof AppError) ? logErrors.logClosed() : this.#cluster.failure(error);
    return logErrors.outcomeUnknown('an append', error);
  }

  #reject(lane: Lane, item: Item, error: unknown): void {
    const at = lane.queue.indexOf(item);
    if (at >= 0) lane.queue.splice(at, 1);
    // What the leader remembers of an unknown batch is unknown too: go on as a new producer.
    if (item.ambiguous && !isOwned(item)) {
      lane.producer = undefined;
      this.#producer = undefined;
    }
    item.result.reject(error);
  }
}

/** Whether the batch has a producer of its caller: it is stored under that one, as it is, and may be repeated by whoever has it. */
function isOwned({ header }: Item): boolean {
  return header.producerId >= 0;
}

function withProducer(batch: Uint8Array, { producer, sequence: baseSequence }: Lane): Uint8Array {
  const { producerId: id, epoch } = producer!;
  return detachBatch(batch, { id, epoch, baseSequence });
}

/** What the caller of a batch with a producer is told when the leader does not go along with its sequence or epoch. */
function refusedProducer({ producerId, producerEpoch, baseSequence }: BatchHeader, error: KafkaRefusal): AppError {
  return error.errorCode === CODE.INVALID_PRODUCER_EPOCH
    ? logErrors.staleProducerEpoch(producerId, producerEpoch)
    : logErrors.outOfOrderSequence(producerId, baseSequence);
}

function isLostSequence({ errorCode }: KafkaRefusal): boolean {
  return (
    errorCode === CODE.OUT_OF_ORDER_SEQUENCE_NUMBER ||
    errorCode === CODE.DUPLICATE_SEQUENCE_NUMBER ||
    errorCode === CODE.UNKNOWN_PRODUCER_ID ||
    errorCode === CODE.INVALID_PRODUCER_EPOCH
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
