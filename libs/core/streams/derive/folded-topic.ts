import type { PartitionRecord } from '#libs/core/log';
import type { SourcePosition, SourceReader } from '../source-reader.js';

const CATCH_UP_BYTES = 1024 * 1024;

/**
 * A derived topic folded in memory for lookups. A cache: built by reading the topic, built anew after a restart, and brought up to date by every call of {@link catchUp}.
 * Another generation of such a topic is the topic computed anew, and is folded from its beginning.
 */
export abstract class FoldedTopic {
  #position: SourcePosition | undefined;
  #reading: Promise<SourcePosition> | undefined;
  /** The reading behind that one, of all who have come meanwhile. */
  #next: Promise<SourcePosition> | undefined;

  constructor(private readonly reader: SourceReader) {}

  /**
   * Reads to the present end. Who comes while somebody reads shares the reading behind it with all who do: the one under way may have seen the end already, and ends with who began it.
   * @throws what reading throws; the next call goes on where this one ended.
   */
  catchUp(signal?: AbortSignal): Promise<SourcePosition> {
    if (this.#reading === undefined) {
      this.#reading = this.#read(signal).finally(() => (this.#reading = undefined));
      return this.#reading;
    }
    this.#next ??= this.#reading
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.catchUp();
      });
    return this.#next;
  }

  /** Takes one record in; records of a partition come in their order. What is kept of it must be copied. */
  protected abstract take(record: PartitionRecord, generation: number): void;

  /** Forgets everything that was taken in. */
  protected abstract clear(): void;

  async #read(signal: AbortSignal | undefined): Promise<SourcePosition> {
    let at = this.#position ?? (await this.reader.begin());
    for (;;) {
      const chunk = await this.reader.next(at, { maxBytes: CATCH_UP_BYTES, maxWaitMs: 0, signal });
      for (const record of chunk.records) this.take(record, at.generation);
      const still = chunk.records.length === 0 && chunk.to.generation === at.generation && chunk.lag === 0;
      const isOther = chunk.to.generation !== at.generation;
      if (isOther) this.clear();
      this.#position = at = isOther ? await this.reader.begin() : chunk.to;
      if (still) return at;
    }
  }
}

/** A key as it is looked up by. Keys are UTF-8 text; other bytes show as U+FFFD. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8');
}
