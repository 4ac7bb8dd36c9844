import { isAppError, type JsonObject } from '#libs/core/kernel';
import type { StagingChange } from './staging.js';
import { changesOf, type DumpRecord } from './topic-dump.js';

/** Sentences that are listed; all are counted. */
const LISTED = 20;

/** Reads the records of a registry's topic one after another, and keeps what is to be known of all of them. */
export class DumpReading {
  readonly #records = new Map<string, number>();
  readonly #invalid: string[] = [];
  #invalidCount = 0;
  /** By context. Ids of versions that are gone again are in no entry; they stood for something all the same. */
  readonly #highestIds = new Map<string, number>();
  readonly #listed = new Set<string>();

  /**
   * @param what the record is called in messages. @param at when it was written, epoch ms; counts as the time of registration where the record tells none.
   * @returns what it changes; nothing for one that cannot be used, which is noted.
   */
  changes(record: DumpRecord, what: string, at?: number): readonly StagingChange[] {
    try {
      const { type, changes } = changesOf(record, what);
      const name = type ?? 'other';
      this.#records.set(name, (this.#records.get(name) ?? 0) + 1);
      for (const change of changes) this.#note(change);
      return changes.map((change) => dated(change, at));
    } catch (error) {
      if (!isAppError(error, 'import-entry-invalid')) throw error;
      this.invalid(error.message);
      return [];
    }
  }

  /** Notes something else that cannot be used. */
  invalid(message: string): void {
    this.#invalidCount++;
    if (this.#invalid.length < LISTED) this.#invalid.push(message);
  }

  /** What follows from all records together, after the last one. */
  conclusion(): readonly StagingChange[] {
    return [...this.#highestIds].map(([context, lastId]) => ({
      type: 'put',
      entry: { kind: 'context', context, lastId, listed: this.#listed.has(context) },
    }));
  }

  /** Records by their type, those of types that are not known here as `other`, and what could not be used. */
  facts() {
    return {
      records: Object.fromEntries(this.#records) as JsonObject,
      invalid: { count: this.#invalidCount, first: [...this.#invalid] },
    };
  }

  #note(change: StagingChange): void {
    if (change.type === 'remove' && change.key.kind === 'context') this.#listed.delete(change.key.context);
    if (change.type !== 'put') return;
    const { entry } = change;
    if (entry.kind === 'context') this.#listed.add(entry.context);
    if (entry.kind !== 'version') return;
    const { context } = entry.subject;
    this.#highestIds.set(context, Math.max(entry.id, this.#highestIds.get(context) ?? 0));
  }
}

function dated(change: StagingChange, at: number | undefined): StagingChange {
  if (at === undefined || change.type !== 'put' || change.entry.kind !== 'version') return change;
  const { entry } = change;
  return entry.registeredAt === null ? { ...change, entry: { ...entry, registeredAt: at } } : change;
}
