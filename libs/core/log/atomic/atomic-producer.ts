import { createHash } from 'node:crypto';
import { AppError, type Clock, isAppError } from '#libs/core/kernel';
import type { Appended, WriterAppend } from '../engine.js';
import { batchesOf, groupByPartition, type PartitionGroup, type ProducedRecord } from '../partition-groups.js';
import type { KeylessPartitions } from '../partitioner.js';
import type { HoldOptions, ResolvedTopic, TopicDirectory } from '../topic-directory.js';
import type { KeyDeriver, Produced } from '../topic-producer.js';
import { concerns, type KeptResult, outcomesOf, runsOf } from './kept-result.js';
import { SLOTS } from './kept-results.js';
import { ProduceSlot, type SlotTurn } from './produce-slot.js';

export interface AtomicProducerParts {
  readonly directory: TopicDirectory;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** How long a key is known, in ms. */
  readonly windowMs: number;
  /** Most keys known at the same time, in one cluster. */
  readonly maxKeys: number;
}

/** A request that may come again. */
export interface Idempotency {
  /** The client's key, within the topic. */
  readonly key: string;
  /** Digest of what is asked: the same key with another one is refused. */
  readonly requestHash: string;
}

export interface AtomicRequest extends HoldOptions {
  readonly keyless: KeylessPartitions;
  readonly deriveKey?: KeyDeriver;
  readonly idempotency?: Idempotency;
}

export interface AtomicallyProduced extends Produced {
  /** Nothing was written now: this is what became of the same request before. */
  readonly repeated: boolean;
}

/**
 * Writes the records of a request in one commit over partitions: all of them or none. With a key the request is written once within the window, however often
 * and wherever it is sent: its result is kept in the same commit. Over restarts, instances and cutovers, since the key belongs to the logical name.
 */
export class AtomicProducer {
  readonly #slots: readonly ProduceSlot[];

  constructor(private readonly parts: AtomicProducerParts) {
    const { directory, clock, random, windowMs } = parts;
    const slot = { engine: directory.engine, clock, random, windowMs };
    this.#slots = Array.from({ length: SLOTS }, (_, number) => new ProduceSlot(slot, number));
  }

  /**
   * @throws `idempotency-key-reused` for a key of another request; `too-many-idempotency-keys`; `topic-fenced` when a fence outlasts the hold; `outcome-unknown`, which with a key only
   * says that asking again will tell; `topic-frozen`, unless it was written before; `topic-not-found`, `partition-not-found`, `batch-too-large`, `produce-contended`.
   */
  async produce(
    logical: string,
    records: readonly ProducedRecord[],
    request: AtomicRequest,
  ): Promise<AtomicallyProduced> {
    const { directory, clock } = this.parts;
    const { id, slot } = this.#placeOf(logical, request.idempotency?.key);
    const deadline = clock.monotonic() + request.maxHoldMs;
    try {
      return await directory.write(logical, request, (topic) =>
        slot.run((turn) => this.#write(topic, records, { ...request, id, turn }), id !== undefined, deadline),
      );
    } catch (error) {
      // What was written before was written, whatever may be written now.
      if (request.idempotency === undefined || !isAppError(error, 'topic-frozen')) throw error;
      const kept = await this.#asked(logical, request.idempotency, deadline, true);
      if (kept === undefined) throw error;
      return kept;
    }
  }

  /**
   * What became of the request before, as far as this instance knows: to be asked before work that a repetition does not need. Undefined where it is not known here; only
   * {@link produce} tells for certain.
   * @throws `idempotency-key-reused`, `topic-not-found`.
   */
  async recall(logical: string, idempotency: Idempotency): Promise<AtomicallyProduced | undefined> {
    return await this.#asked(logical, idempotency, this.parts.clock.monotonic(), false);
  }

  /**
   * What became of the request here before its topic left for another log, as every instance knows it; the topic need not be here any more. Undefined where it was not written here.
   * @throws `idempotency-key-reused`.
   */
  async recallLeft(logical: string, { key, requestHash }: Idempotency): Promise<AtomicallyProduced | undefined> {
    const { id, slot } = this.#placeOf(logical, key);
    const look = async (turn: SlotTurn): Promise<AtomicallyProduced | undefined> => {
      const kept = await turn.find(id!);
      if (kept === undefined) return undefined;
      if (kept.requestHash !== requestHash) throw keyReused(key, kept);
      return this.#answer(logical, kept, true);
    };
    return await slot.run(look, true, this.parts.clock.monotonic(), true);
  }

  /** Looks for a result without writing anything. `certain`: also for what other instances have written. */
  async #asked(
    logical: string,
    idempotency: Idempotency,
    deadline: number,
    certain: boolean,
  ): Promise<AtomicallyProduced | undefined> {
    const topic = await this.parts.directory.resolve(logical);
    const { id, slot } = this.#placeOf(logical, idempotency.key);
    return await slot.run((turn) => this.#recalled(topic, turn, id!, idempotency), true, deadline, certain);
  }

  #placeOf(logical: string, key: string | undefined): { readonly id: string | undefined; readonly slot: ProduceSlot } {
    if (key === undefined) return { id: undefined, slot: this.#slots[Math.floor(this.parts.random() * SLOTS)]! };
    const digest = createHash('sha256').update(`${logical}\0${key}`).digest();
    return { id: digest.subarray(0, 18).toString('base64url'), slot: this.#slots[digest[31]! % SLOTS]! };
  }

  async #recalled(
    topic: ResolvedTopic,
    turn: SlotTurn,
    id: string,
    { key, requestHash }: Idempotency,
  ): Promise<AtomicallyProduced | undefined> {
    const kept = await turn.find(id);
    if (kept === undefined || !(concerns(kept, topic) || (await this.#isRenamed(topic)))) return undefined;
    if (kept.requestHash !== requestHash) throw keyReused(key, kept);
    return this.#answer(topic.logical, kept, true);
  }

  /** Whether the topic had other names, there or on the way back: what was written by one of them has another topic's identity, and is in this one all the same. */
  async #isRenamed({ logical }: ResolvedTopic): Promise<boolean> {
    return (await this.parts.directory.namesOf(logical)).size > 1;
  }

  async #write(
    topic: ResolvedTopic,
    records: readonly ProducedRecord[],
    { turn, id, idempotency, keyless, deriveKey }: AtomicRequest & { readonly turn: SlotTurn; readonly id?: string },
  ): Promise<AtomicallyProduced> {
    if (id !== undefined) {
      const before = await this.#recalled(topic, turn, id, idempotency!);
      if (before !== undefined) return before;
      this.#checkRoom();
    }
    const { keyExpression } = topic;
    const keyed =
      keyExpression === null || deriveKey === undefined
        ? records
        : await Promise.all(records.map(async (one) => ({ ...one, key: await deriveKey(topic, keyExpression, one) })));
    const groups = groupByPartition(topic, keyed, keyed.keys(), keyless);
    const laid = groups.flatMap((group) => [...batchesOf(group, keyed)].map((batch) => ({ group, ...batch })));
    const appends = laid.map(({ group: { partition }, bytes }): WriterAppend => {
      return { topic: topic.physical, partition, batch: bytes };
    });
    const resultOf = (appended: readonly Appended[]): KeptResult => ({
      id: id ?? '',
      requestHash: idempotency?.requestHash ?? '',
      atMs: this.parts.clock.now(),
      topicId: topic.description.id,
      generation: topic.generation,
      durability: appended[0]!.durability,
      runs: runsOf(placesOf(records.length, laid, appended)),
    });
    const appended = await turn.commit(appends, id === undefined ? undefined : resultOf);
    return this.#answer(topic.logical, resultOf(appended), false);
  }

  #answer(topic: string, { runs, generation, durability }: KeptResult, repeated: boolean): AtomicallyProduced {
    const positions = new Map<number, number>();
    for (const [partition, first, count] of runs)
      positions.set(partition, Math.max(positions.get(partition) ?? 0, first + count));
    const token = { logId: this.parts.directory.engine.logId, topic, generation, positions };
    return { outcomes: outcomesOf(runs), token, durability, repeated };
  }

  #checkRoom(): void {
    const { maxKeys, windowMs, clock } = this.parts;
    const known = this.#slots.reduce((sum, { results }) => sum + results.size, 0);
    if (known < maxKeys) return;
    const oldest = Math.min(...this.#slots.map(({ results }) => results.oldestMs ?? Infinity));
    throw new AppError({
      kind: 'exhausted',
      code: 'too-many-idempotency-keys',
      message: `${known} idempotency keys are known, which is the limit; nothing was written.`,
      hint: 'Put more records into a request, send it without a key, or raise records.idempotencyKeys.',
      details: { limit: 'records.idempotencyKeys', value: maxKeys, measured: known },
      retryable: true,
      retryAfterMs: Math.max(1_000, oldest + windowMs - clock.now()),
    });
  }
}

/** The place of each record, in the order of the request. */
function placesOf(
  count: number,
  laid: readonly { readonly group: PartitionGroup; readonly from: number; readonly to: number }[],
  appended: readonly Appended[],
): { partition: number; offset: number }[] {
  const places = new Array<{ partition: number; offset: number }>(count);
  for (const [at, { group, from, to }] of laid.entries()) {
    const { partition, baseOffset } = appended[at]!;
    for (let i = from; i < to; i++) places[group.indexes[i]!] = { partition, offset: baseOffset + (i - from) };
  }
  return places;
}

function keyReused(key: string, { atMs }: KeptResult): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'idempotency-key-reused',
    message: `The idempotency key '${key}' was used for another request; nothing was written.`,
    hint: 'Repeat a request unchanged, and give every other one a key of its own.',
    details: { firstUsedAt: new Date(atMs).toISOString() },
  });
}
