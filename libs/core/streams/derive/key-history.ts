import { AppError } from '#libs/core/kernel';
import { type LogEngine, physicalName, recordsFrom, type StoredRecord } from '#libs/core/log';
import type { VersionPlace, VersionTable } from './version-table.js';

/** Which state of a key is meant: one by number, the one that held at a time (epoch ms), or the last. */
export type StateChoice = { readonly number: number } | { readonly timeMs: number } | 'last';

/** A state of a key with its record. */
export interface KeyVersion {
  readonly place: VersionPlace;
  readonly record: StoredRecord;
}

/** The states of the keys of one versioned stream, as of one moment. */
export class KeyHistory {
  constructor(
    private readonly topic: string,
    private readonly engine: LogEngine,
    private readonly table: VersionTable,
  ) {}

  /** States of a key after a number, by number. @throws `key-not-found`. */
  async versions(key: string, after: number, limit: number, signal?: AbortSignal): Promise<readonly KeyVersion[]> {
    const places = this.table.versionsOf(key);
    if (places.length === 0) throw this.#unknown(key);
    return await Promise.all(places.slice(after, after + limit).map((place) => this.#read(place, signal)));
  }

  /** One state of a key; a deletion is one, too. @throws `key-not-found`, `version-not-found`. */
  async find(key: string, choice: StateChoice, signal?: AbortSignal): Promise<KeyVersion> {
    const places = this.table.versionsOf(key);
    if (places.length === 0) throw this.#unknown(key);
    if (choice === 'last') return await this.#read(places.at(-1)!, signal);
    const place = 'number' in choice ? this.table.find(key, choice.number) : this.table.at(key, choice.timeMs);
    if (place === undefined) throw this.#noVersion(choice, places);
    return await this.#read(place, signal);
  }

  async #read(place: VersionPlace, signal?: AbortSignal): Promise<KeyVersion> {
    const { generation, partition, offset } = place;
    const topic = physicalName(this.topic, generation);
    const [part] = await this.engine.fetch({ positions: [{ topic, partition, offset }], maxBytes: 1, signal });
    for (const record of part === undefined ? [] : recordsFrom(part, offset)) {
      if (record.offset === offset) return { place, record };
    }
    throw new AppError({
      kind: 'conflict',
      code: 'version-removed',
      message: `The record of version ${place.number} is no longer in '${this.topic}'.`,
      hint: 'Records of a versioned stream are removed only by a deletion of records or by another retention than it was made with.',
      details: { topic: this.topic, partition, offset },
    });
  }

  #unknown(key: string): AppError {
    return new AppError({
      kind: 'not-found',
      code: 'key-not-found',
      message: `Topic '${this.topic}' has no version of this key.`,
      details: { topic: this.topic, key },
    });
  }

  #noVersion(choice: Exclude<StateChoice, 'last'>, places: readonly VersionPlace[]): AppError {
    const first = new Date(places[0]!.validFrom).toISOString();
    const what =
      'number' in choice
        ? `no version ${choice.number} of this key; it has 1 to ${places.length}`
        : `no state of this key at ${new Date(choice.timeMs).toISOString()}; the first one holds from ${first} on`;
    return new AppError({
      kind: 'not-found',
      code: 'version-not-found',
      message: `Topic '${this.topic}' has ${what}.`,
      details: { topic: this.topic, versions: places.length, firstValidFrom: first },
    });
  }
}
