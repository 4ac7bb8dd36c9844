import { AppError, type Clock, isAppError } from '#libs/core/kernel';
import {
  type Appended,
  type AtomicallyProduced,
  AtomicProducer,
  batchesIn,
  type BatchSlice,
  type Durability,
  generationOf,
  type Idempotency,
  type KeylessPartitions,
  type LogRecord,
  logErrors,
  type Produced,
  type ProducedRecord,
  type ProduceOutcome,
  type ResolvedTopic,
  StickyPartitions,
  type TopicDirectories,
  type TopicDirectory,
  TopicProducer,
  validateForAppend,
} from '#libs/core/log';
import { type Derivations, KeyExpression, type RecordDecoder } from '#libs/core/streams';
import { Turns } from './turns.js';

/** Batches of one request, each of which is flushed by itself, and records in them, each of which has its place in the answer. */
const MOST_BATCHES = 1_000;
const MOST_RECORDS = 50_000;
/** How long a write waits for a cutover of its topic before it is refused. */
export const MAX_HOLD_MS = 30_000;

export interface RecordWriterParts {
  readonly directories: TopicDirectories;
  readonly decoder: RecordDecoder;
  readonly derivations: Derivations;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** How long an idempotency key is known, in ms. */
  readonly idempotencyWindowMs: number;
  /** Most idempotency keys known at the same time, in each cluster. */
  readonly idempotencyKeys: number;
}

export interface WriteOptions {
  /** All records in one commit, or none. */
  readonly atomic?: boolean;
  /** The request is written once, and atomically. */
  readonly idempotency?: Idempotency;
  /** At least this level, where the topic promises less; what is atomic is durable in any case. */
  readonly durability?: Durability;
  readonly signal?: AbortSignal;
}

/** What stored batches may be asked for. */
export type AppendBatchesOptions = Pick<WriteOptions, 'durability' | 'signal'>;

/**
 * Writes encoded records to logical topics for every API: one place for who may write a topic, for keys by expression, for where keyless records go, and for
 * requests that are written once. One instance serves a process. The class is the injection token.
 */
export class RecordWriter {
  readonly #keyless = new Map<string, KeylessPartitions>();
  readonly #expressions = new Map<string, KeyExpression>();
  readonly #atomic = new Map<string, AtomicProducer>();

  constructor(private readonly parts: RecordWriterParts) {}

  /** To be asked before records are encoded. @throws `topic-not-found`, `topic-moved`, `topic-is-derived`. */
  async demandWritable(cluster: string | undefined, topic: string): Promise<void> {
    // The log's own topics hold what promises rest on.
    if (topic.startsWith('__weir')) throw logErrors.topicNotFound(topic);
    const { directories, derivations } = this.parts;
    await directories.following(cluster, async (at) => {
      await directories.of(at).resolve(topic);
      if (await derivations.writes(at, topic)) throw writtenByDerivation(topic);
    });
  }

  /** What became of a request with an idempotency key before, where this instance knows it. @throws `idempotency-key-reused`, `topic-not-found`, `topic-moved`. */
  async recall(
    cluster: string | undefined,
    topic: string,
    idempotency: Idempotency,
  ): Promise<AtomicallyProduced | undefined> {
    return await this.parts.directories.following(cluster, (at) => this.#atomicOf(at).recall(topic, idempotency));
  }

  /**
   * Without options each partition is written on its own, and each record has its outcome (`TopicProducer`); otherwise all or none is (`AtomicProducer`). Where no cluster is named the records go where
   * the topic is, also when it moves to another one meanwhile.
   * @throws what they throw, `topic-moved`.
   */
  async write(
    cluster: string | undefined,
    topic: string,
    records: readonly ProducedRecord[],
    options: WriteOptions = {},
  ): Promise<AtomicallyProduced> {
    const { directories } = this.parts;
    const { idempotency } = options;
    const left: string[] = [];
    return await directories.following(cluster, async (at) => {
      if (idempotency !== undefined) {
        for (const before of left) {
          const kept = await this.#atomicOf(before).recallLeft(topic, idempotency);
          if (kept !== undefined) return kept;
        }
        left.push(at);
      }
      const written = await this.#writeIn(at, topic, records, options);
      return cluster === undefined ? await this.#writeRest(at, topic, records, options, written) : written;
    });
  }

  /** What was not written any more because the topic left the cluster within the request is written where it went. */
  async #writeRest(
    left: string,
    topic: string,
    records: readonly ProducedRecord[],
    options: WriteOptions,
    written: AtomicallyProduced,
  ): Promise<AtomicallyProduced> {
    const rest: number[] = [];
    written.outcomes.forEach((outcome, index) => {
      if ('error' in outcome && outcome.error.code === 'topic-moved') rest.push(index);
    });
    if (rest.length === 0) return written;
    const { directories } = this.parts;
    const place = (await directories.of(left).nameOf(topic))?.place;
    const pending = rest.map((index) => records[index]!);
    const there = await this.write(undefined, topic, pending, options);
    const outcomes = [...written.outcomes];
    for (const [i, index] of rest.entries()) outcomes[index] = there.outcomes[i]!;
    const { durability = written.durability } = there;
    if (there.token === undefined || place?.kind !== 'moved' || place.logId !== there.token.logId)
      return { ...there, outcomes, token: there.token ?? written.token, durability };
    // What was written before it left lies below the opening there.
    const positions = new Map(there.token.positions);
    for (const partition of written.token?.positions.keys() ?? [])
      positions.set(partition, Math.max(positions.get(partition) ?? 0, place.opensAt[partition] ?? 0));
    return { ...there, outcomes, token: { ...there.token, positions }, durability };
  }

  async #writeIn(
    name: string,
    topic: string,
    records: readonly ProducedRecord[],
    { atomic = false, idempotency, durability, signal }: WriteOptions,
  ): Promise<AtomicallyProduced> {
    const directory = this.parts.directories.of(name);
    const keyless = this.#keylessOf(`${name}/${topic}`);
    const deriveKey = (at: { readonly logical: string }, expression: string, record: LogRecord) =>
      this.#derivedKey(at.logical, expression, record);
    if (!atomic && idempotency === undefined) {
      const producer = new TopicProducer(directory, keyless, deriveKey);
      return {
        ...(await producer.produce(topic, records, { maxHoldMs: MAX_HOLD_MS, durability, signal })),
        repeated: false,
      };
    }
    const request = { maxHoldMs: MAX_HOLD_MS, signal, keyless, deriveKey, idempotency };
    return await this.#atomicOf(name).produce(topic, records, request);
  }

  /**
   * Stores record batches of Kafka's format (magic 2) in a partition, as they are, one after another; their records have consecutive outcomes. Held while the topic is
   * fenced. A batch with a producer id that is repeated is not stored again; it does not follow its topic to another cluster, which knows other producers by the same numbers.
   * @throws `topic-moved`; `too-many-batches`, `too-many-records`: nothing was stored then; `invalid-batch` for any of them, and for bytes behind the last whole one: nothing was stored then; `key-is-derived`; what the first append is refused with. What a later one is
   * refused with is the outcome of its records and of all behind it, which are not stored; those before it are.
   */
  async appendBatches(
    cluster: string | undefined,
    topic: string,
    partition: number,
    bytes: Uint8Array,
    { durability: asked, signal }: AppendBatchesOptions = {},
  ): Promise<Produced> {
    const { clock, directories } = this.parts;
    const first = cluster ?? directories.clusters.defaultName;
    const batches = batchesOf(bytes);
    const turns = new Turns(clock, () => clock.sleep(0));
    const outcomes: ProduceOutcome[] = [];
    let produced: Produced | undefined;
    // One that no topic would take is found before any is written.
    if (batches.length > 1) {
      for (const { bytes: batch } of batches) {
        validateForAppend(batch, { maxBytes: batch.length });
        if (turns.due) await turns.take(signal);
      }
    }
    for (const [index, { bytes: batch, header }] of batches.entries()) {
      const store = async (name: string): Promise<unknown> => {
        const directory = directories.of(name);
        return await directory.write(topic, { maxHoldMs: MAX_HOLD_MS, signal }, (at) => append(directory, at));
      };
      const append = async (directory: TopicDirectory, at: ResolvedTopic): Promise<Appended> => {
        if (at.keyExpression !== null) throw keyIsDerived(topic, at.keyExpression);
        const appended = await directory.engine.append({ topic: at.physical, partition }, batch, { durability: asked });
        const { baseOffset, lastOffset, durability } = appended;
        for (let offset = baseOffset; offset <= lastOffset; offset++) outcomes.push({ partition, offset });
        const { logId } = directory.engine;
        const positions = new Map([[partition, lastOffset + 1]]);
        // A batch that was written before a cutover has its place in the generation of then.
        const { generation } = generationOf(appended.topic);
        produced = { outcomes, durability, token: { logId, topic, generation, positions } };
        return appended;
      };
      try {
        await directories.following(header.producerId < 0 ? cluster : first, store);
      } catch (error) {
        // What was written before is told with its places: whoever is refused everything sends everything again.
        if (produced === undefined || !isAppError(error)) throw error;
        for (const { header: left } of batches.slice(index)) {
          for (let record = 0; record < left.recordCount; record++) outcomes.push({ error });
        }
        return produced;
      }
      if (turns.due) await turns.take(signal);
    }
    return produced!;
  }

  /** The key that a topic repartitioned by a key expression gives to a new record. @throws `key-missing`. */
  async #derivedKey(topic: string, expression: string, record: LogRecord): Promise<Uint8Array | null> {
    let parsed = this.#expressions.get(expression);
    if (parsed === undefined) this.#expressions.set(expression, (parsed = KeyExpression.parse(expression)));
    // A tombstone has no value to take a key from: it keeps the writer's, which must be the new key then.
    if (record.value === null) return record.key;
    const answer = await parsed.evaluate(topic, { ...record, offset: 0 }, this.parts.decoder);
    if ('key' in answer) return answer.key;
    throw new AppError({
      kind: 'unprocessable',
      code: 'key-missing',
      message: `The key of records of '${topic}' is ${expression}, which this record does not have: ${answer.failure}.`,
      hint: `Give every record what ${expression} names.`,
      details: { topic, expression },
    });
  }

  #keylessOf(topic: string): KeylessPartitions {
    let keyless = this.#keyless.get(topic);
    if (keyless === undefined) this.#keyless.set(topic, (keyless = new StickyPartitions(this.parts.random)));
    return keyless;
  }

  #atomicOf(cluster: string): AtomicProducer {
    let producer = this.#atomic.get(cluster);
    if (producer === undefined) {
      const { directories, clock, random, idempotencyWindowMs: windowMs, idempotencyKeys: maxKeys } = this.parts;
      producer = new AtomicProducer({ directory: directories.of(cluster), clock, random, windowMs, maxKeys });
      this.#atomic.set(cluster, producer);
    }
    return producer;
  }
}

/** @throws `invalid-batch`, `too-many-batches`, `too-many-records`. */
function batchesOf(bytes: Uint8Array): readonly BatchSlice[] {
  const batches: BatchSlice[] = [];
  let [whole, records] = [0, 0];
  for (const batch of batchesIn(bytes, 0, logErrors.invalidBatch)) {
    if (batches.push(batch) > MOST_BATCHES) throw tooMuchAtOnce('batches', MOST_BATCHES, batches.length);
    whole += batch.bytes.length;
    // What a header says is true, or its batch is refused.
    records += Math.max(0, batch.header.recordCount);
    if (records > MOST_RECORDS) throw tooMuchAtOnce('records', MOST_RECORDS, records);
  }
  if (batches.length === 0 || whole < bytes.length)
    throw logErrors.invalidBatch(`${bytes.length - whole} bytes are no whole batch`);
  return batches;
}

function tooMuchAtOnce(what: 'batches' | 'records', value: number, measured: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: `too-many-${what}`,
    message: `At least ${measured} ${what} in one request are more than the limit of ${value}; nothing was stored.`,
    hint: 'Send them in several requests.',
    details: { limit: what, value, measured },
  });
}

function keyIsDerived(topic: string, expression: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'key-is-derived',
    message: `The key of records of '${topic}' is ${expression}, so they cannot be stored as they are.`,
    hint: 'Write them as JSON, or as lines of it.',
    details: { topic, expression },
  });
}

/** One writer per fact: a derived topic is written by its derivation alone. */
function writtenByDerivation(topic: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-is-derived',
    message: `Topic '${topic}' is written by a derivation; nobody else may write it.`,
    hint: 'Write to the source of the derivation.',
    details: { topic },
  });
}
