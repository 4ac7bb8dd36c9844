import {
  keyOf,
  type EntryKey,
  type MovedContext,
  type MovedEntry,
  type MovedKind,
  type MovedVersion,
} from './entry.js';
import type { Renaming } from './selection.js';
import type { ImportStaging, StagedPlace } from './staging.js';

/** Entries read from the staging area at a time. */
const PAGE = 100;

/** An entry as it is called here, with what it is staged under. */
export interface Selected<Entry extends MovedEntry> {
  readonly entry: Entry;
  readonly origin: EntryKey;
}

export interface VersionsPage {
  readonly versions: readonly Selected<MovedVersion>[];
  /** Where to go on. */
  readonly place: StagedPlace;
  /** Versions looked at, those that are not selected too. */
  readonly staged: number;
}

/** What is staged, as far as it is selected and under its names here, a page at a time. */
export class SelectedEntries {
  constructor(
    private readonly staging: ImportStaging,
    private readonly stagingId: string,
    private readonly renaming: Renaming,
  ) {}

  /** In the order of their places, each after those it refers to. @param place the one to go on after. */
  async *versions(place: StagedPlace | undefined, limit: number): AsyncGenerator<VersionsPage> {
    for (let after = place; ;) {
      const page = await this.staging.versions(this.stagingId, after, limit);
      const last = page.at(-1);
      if (last === undefined) return;
      const versions = this.#selected(page.map(({ entry }) => entry));
      yield { versions, place: last.place, staged: page.length };
      after = last.place;
    }
  }

  /** In the order of their keys. */
  async *others<Kind extends Exclude<MovedKind, 'version'>>(
    kind: Kind,
  ): AsyncGenerator<readonly Selected<Extract<MovedEntry, { kind: Kind }>>[]> {
    for (let after: EntryKey | undefined; ;) {
      const page = await this.staging.entries(this.stagingId, kind, after, PAGE);
      const last = page.at(-1);
      if (last === undefined) return;
      yield this.#selected(page as readonly Extract<MovedEntry, { kind: Kind }>[]);
      after = keyOf(last);
    }
  }

  /** Contexts with the highest id that any of their versions has, or that is said of them. */
  async contexts(): Promise<readonly MovedContext[]> {
    const contexts = new Map<string, MovedContext>();
    for await (const page of this.others('context')) {
      for (const { entry } of page) contexts.set(entry.context, entry);
    }
    for (const { kind, context, highestId } of await this.staging.counts(this.stagingId)) {
      if (kind !== 'version') continue;
      const renamed = this.renaming.entry({ kind: 'context', context, lastId: highestId, listed: true });
      if (renamed === undefined) continue;
      const lastId = Math.max(renamed.lastId, contexts.get(renamed.context)?.lastId ?? 0);
      contexts.set(renamed.context, { ...renamed, lastId });
    }
    return [...contexts.values()];
  }

  /** Versions staged, those that are not selected too. */
  async versionCount(): Promise<number> {
    const counts = await this.staging.counts(this.stagingId);
    return counts.filter((one) => one.kind === 'version').reduce((sum, one) => sum + one.entries, 0);
  }

  #selected<Entry extends MovedEntry>(entries: readonly Entry[]): readonly Selected<Entry>[] {
    return entries.flatMap((staged) => {
      const entry = this.renaming.entry(staged);
      return entry === undefined ? [] : [{ entry, origin: keyOf(staged) }];
    });
  }
}
