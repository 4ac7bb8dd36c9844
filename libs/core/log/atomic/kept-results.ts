import { type Clock, isAppError } from '#libs/core/kernel';
import { encodeBatch } from '../batch-encoder.js';
import { recordsFrom } from '../batch-decoder.js';
import type { LogEngine } from '../engine.js';
import { decodeKeptResult, encodeKeptResult, type KeptResult } from './kept-result.js';

/** Where results are kept: one partition for each slot. */
export const KEPT_RESULTS_TOPIC = '__weir_idempotency';
/** Slots, for ever: a key's slot follows from its digest. */
export const SLOTS = 8;

/** Bytes of results read at once when a session begins. */
const READ_BYTES = 1024 * 1024;
/** How much longer the log keeps a result than it counts: clocks of instances differ. */
const MARGIN_MS = 3_600_000;

interface Place {
  readonly offset: number;
  readonly atMs: number;
}

/** Makes sure the topic of results is there and keeps them for the window, where the engine drops records by age at all. */
export async function provideKeptResults(engine: LogEngine, windowMs: number): Promise<void> {
  const retention = String(windowMs + MARGIN_MS);
  const timed = engine.capabilities.topicConfigs.includes('retention.ms');
  try {
    const present = await engine.describeTopic(KEPT_RESULTS_TOPIC);
    if (timed && present.config['retention.ms'] !== retention)
      await engine.alterTopicConfig(KEPT_RESULTS_TOPIC, { 'retention.ms': retention });
  } catch (error) {
    if (!isAppError(error, 'topic-not-found')) throw error;
    const config: Record<string, string> = timed ? { 'retention.ms': retention } : {};
    await engine.createTopic({ name: KEPT_RESULTS_TOPIC, partitions: SLOTS, config }).catch((raced: unknown) => {
      if (!isAppError(raced, 'topic-exists')) throw raced;
    });
  }
}

/**
 * The results of one slot: in memory the place of each, in the log what it says. The newest one stands in the slot's checkpoint, since its offsets are known only when its
 * commit is placed; the commit after it carries it into the topic.
 */
export class KeptResults {
  /** Id → place, oldest first. */
  readonly #places = new Map<string, Place>();
  #newest: KeptResult | undefined;
  #next = 0;

  constructor(
    private readonly engine: LogEngine,
    private readonly clock: Clock,
    private readonly slot: number,
    private readonly windowMs: number,
  ) {}

  /** How many are remembered, after those whose time is over were dropped. */
  get size(): number {
    const over = this.clock.now() - this.windowMs;
    for (const [id, { atMs }] of this.#places) {
      if (atMs >= over) break;
      this.#places.delete(id);
    }
    return this.#places.size + (this.#newest === undefined ? 0 : 1);
  }

  /** Epoch ms of the oldest one. */
  get oldestMs(): number | undefined {
    const [first] = this.#places.values();
    return first?.atMs ?? this.#newest?.atMs;
  }

  /** Takes in what other sessions have committed. To be called when the slot's session was opened, with its checkpoint. */
  async refresh(checkpoint: Uint8Array | undefined): Promise<void> {
    for (;;) {
      const position = { topic: KEPT_RESULTS_TOPIC, partition: this.slot, offset: this.#next };
      const [fetched] = await this.engine.fetch({ positions: [position], maxBytes: READ_BYTES });
      if (isAppError(fetched!.error, 'offset-out-of-range')) {
        // What lies before has expired; an end before our place is that of a topic made anew.
        if (this.#next > fetched!.endOffset) this.#places.clear();
        this.#next = fetched!.startOffset;
        continue;
      }
      for (const { offset, value } of recordsFrom(fetched!, this.#next)) {
        const kept = value === null ? undefined : decodeKeptResult(value);
        if (kept !== undefined) this.#remember(kept, offset);
      }
      const moved = fetched!.nextOffset > this.#next;
      this.#next = Math.max(this.#next, fetched!.nextOffset);
      if (!moved || this.#next >= fetched!.endOffset) break;
    }
    this.#newest = checkpoint === undefined ? undefined : decodeKeptResult(checkpoint);
  }

  /** The result kept under an id, undefined where there is none or its time is over. */
  async find(id: string): Promise<KeptResult | undefined> {
    const kept = this.#newest?.id === id ? this.#newest : await this.#read(id);
    return kept !== undefined && kept.atMs >= this.clock.now() - this.windowMs ? kept : undefined;
  }

  /** The batch that carries the newest result into the topic, to be committed with the next one; undefined where there is none. */
  batchOfNewest(): Uint8Array | undefined {
    const newest = this.#newest;
    if (newest === undefined) return undefined;
    const key = Buffer.from(newest.id);
    return encodeBatch([{ key, value: encodeKeptResult(newest), headers: [], timestamp: newest.atMs }]);
  }

  /** @param newestAt where the commit put the batch of the result that was the newest before. */
  committed(kept: KeptResult, newestAt: number | undefined): void {
    if (this.#newest !== undefined && newestAt !== undefined) {
      this.#remember(this.#newest, newestAt);
      this.#next = newestAt + 1;
    }
    this.#newest = kept;
  }

  #remember({ id, atMs }: KeptResult, offset: number): void {
    // Behind all others, also where an earlier one of this id has expired.
    this.#places.delete(id);
    this.#places.set(id, { offset, atMs });
  }

  async #read(id: string): Promise<KeptResult | undefined> {
    const place = this.#places.get(id);
    if (place === undefined) return undefined;
    const position = { topic: KEPT_RESULTS_TOPIC, partition: this.slot, offset: place.offset };
    const [fetched] = await this.engine.fetch({ positions: [position], maxBytes: 1 });
    if (isAppError(fetched!.error, 'offset-out-of-range')) return undefined;
    const [record] = recordsFrom(fetched!, place.offset);
    return record?.offset === place.offset && record.value !== null ? decodeKeptResult(record.value) : undefined;
  }
}
