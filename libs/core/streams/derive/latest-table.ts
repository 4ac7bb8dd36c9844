import type { PartitionRecord, RecordHeader } from '#libs/core/log';
import type { SourcePosition, SourceReader } from '../source-reader.js';

/** The present state of a key in a latest stream. */
export interface LatestRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** May name the schema of the value. */
  readonly headers: readonly RecordHeader[];
  readonly timestamp: number;
  readonly partition: number;
  readonly offset: number;
}

const CATCH_UP_BYTES = 1024 * 1024;

/**
 * A latest stream folded by key, kept in memory for lookups: one row per live key at a known position (L5). A cache: built by reading the topic, built anew
 * after a restart, and brought up to date by every call of {@link catchUp}.
 */
export class LatestTable {
  readonly #rows = new Map<string, LatestRow>();
  /** Keys in order, made when they are asked for and something changed. */
  #ordered: readonly string[] | undefined;
  #position: SourcePosition | undefined;
  #catchingUp: Promise<SourcePosition> | undefined;

  constructor(private readonly reader: SourceReader) {}

  get size(): number {
    return this.#rows.size;
  }

  /** Reads to the present end. Calls at the same time share one reading. @throws what reading throws; the next call goes on where this one ended. */
  catchUp(signal?: AbortSignal): Promise<SourcePosition> {
    this.#catchingUp ??= this.#read(signal).finally(() => (this.#catchingUp = undefined));
    return this.#catchingUp;
  }

  find(key: string): LatestRow | undefined {
    return this.#rows.get(key);
  }

  /** Rows by key (by code unit), after `after`, with the prefix, at most `limit`. Keys are UTF-8 text; other bytes show as U+FFFD. */
  page(prefix: string, after: string | undefined, limit: number): readonly (readonly [key: string, row: LatestRow])[] {
    this.#ordered ??= [...this.#rows.keys()].sort();
    const keys = this.#ordered;
    const page: [string, LatestRow][] = [];
    for (
      let at = firstAtLeast(keys, after === undefined || after < prefix ? prefix : after);
      at < keys.length && page.length < limit;
      at++
    ) {
      const key = keys[at]!;
      if (!key.startsWith(prefix)) break;
      if (after === undefined || key > after) page.push([key, this.#rows.get(key)!]);
    }
    return page;
  }

  async #read(signal: AbortSignal | undefined): Promise<SourcePosition> {
    let at = this.#position ?? (await this.reader.begin());
    for (;;) {
      const chunk = await this.reader.next(at, { maxBytes: CATCH_UP_BYTES, maxWaitMs: 0, signal });
      for (const record of chunk.records) this.#take(record);
      const still = chunk.records.length === 0 && chunk.to.generation === at.generation && chunk.lag === 0;
      this.#position = at = chunk.to;
      if (still) return at;
    }
  }

  #take(record: PartitionRecord): void {
    if (record.key === null) return;
    const key = Buffer.from(record.key).toString('utf8');
    const known = this.#rows.has(key);
    if (record.value === null) this.#rows.delete(key);
    // Copies: the record's bytes are views of a whole batch.
    else {
      const { timestamp, partition, offset } = record;
      this.#rows.set(key, {
        key: Buffer.from(record.key),
        value: Buffer.from(record.value),
        headers: record.headers.map((header) => ({
          key: header.key,
          value: header.value && Buffer.from(header.value),
        })),
        timestamp,
        partition,
        offset,
      });
    }
    if (known !== (record.value !== null)) this.#ordered = undefined;
  }
}

function firstAtLeast(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! >= key) high = middle;
    else low = middle + 1;
  }
  return low;
}
