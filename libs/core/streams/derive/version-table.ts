import type { PartitionRecord } from '#libs/core/log';
import type { ChangeType } from './derived-headers.js';
import { FoldedTopic, keyText } from './folded-topic.js';
import { versionHeaders } from './versioned-stream.js';

/** One state of a key in a versioned stream, and where its record is. */
export interface VersionPlace {
  /** From 1, without a gap. */
  readonly number: number;
  readonly change: ChangeType;
  /** Epoch ms from which the state holds. */
  readonly validFrom: number;
  /** Epoch ms from which the next one holds; null for the last. */
  readonly validTo: number | null;
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
}

/** Where the states of each key of a versioned stream are: some numbers for each, their values stay in the log. */
export class VersionTable extends FoldedTopic {
  readonly #places = new Map<string, VersionPlace[]>();

  /** All states of a key, by number; empty for an unknown one. */
  versionsOf(key: string): readonly VersionPlace[] {
    return this.#places.get(key) ?? [];
  }

  /** The state with a number. */
  find(key: string, number: number): VersionPlace | undefined {
    return this.versionsOf(key)[number - 1];
  }

  /** The state that held at a time, a deletion too: its interval begins at or before it and ends after it. Undefined before the first. */
  at(key: string, timeMs: number): VersionPlace | undefined {
    return this.versionsOf(key).findLast(({ validFrom }) => validFrom <= timeMs);
  }

  protected override clear(): void {
    this.#places.clear();
  }

  protected override take(record: PartitionRecord, generation: number): void {
    if (record.key === null) return;
    const { number, change, validFrom } = versionHeaders(record);
    const key = keyText(record.key);
    let places = this.#places.get(key);
    if (places === undefined) this.#places.set(key, (places = []));
    const before = places.at(-1);
    if (before !== undefined) places[places.length - 1] = { ...before, validTo: validFrom };
    const { partition, offset } = record;
    places.push({ number, change, validFrom, validTo: null, generation, partition, offset });
  }
}
