import type { PartitionRecord, RecordHeader } from '#libs/core/log';
import type { SourcePosition } from '../source-reader.js';
import { FoldedTopic, keyText } from './folded-topic.js';

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

/** The rows of a latest stream at one position. */
export interface LatestSnapshot {
  readonly position: SourcePosition;
  /** By key, in the order of {@link LatestTable.page}. */
  readonly rows: readonly (readonly [key: string, row: LatestRow])[];
}

/** A latest stream folded by key, kept in memory for lookups: one row per live key at a known position (L5). */
export class LatestTable extends FoldedTopic {
  readonly #rows = new Map<string, LatestRow>();
  /** Keys in order, made when they are asked for and something changed. */
  #ordered: readonly string[] | undefined;

  get size(): number {
    return this.#rows.size;
  }

  find(key: string): LatestRow | undefined {
    return this.#rows.get(key);
  }

  /** Rows by key (by code unit), after `after`, with the prefix, at most `limit`. Keys are UTF-8 text; other bytes show as U+FFFD. */
  page(prefix: string, after: string | undefined, limit: number): readonly (readonly [key: string, row: LatestRow])[] {
    const keys = this.#keys();
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

  /** Every live key once, as of the present end (L5). Rows that change later do not change in it. */
  async snapshot(signal?: AbortSignal): Promise<LatestSnapshot> {
    const position = await this.catchUp(signal);
    return { position, rows: this.#keys().map((key) => [key, this.#rows.get(key)!]) };
  }

  #keys(): readonly string[] {
    this.#ordered ??= [...this.#rows.keys()].sort();
    return this.#ordered;
  }

  protected override clear(): void {
    this.#rows.clear();
    this.#ordered = undefined;
  }

  protected override take(record: PartitionRecord): void {
    if (record.key === null) return;
    const key = keyText(record.key);
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
