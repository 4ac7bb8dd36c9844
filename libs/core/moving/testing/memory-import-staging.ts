import type { JsonObject } from '#libs/core/kernel';
import { sameSubject, type SubjectName } from '#libs/core/registry';
import { keyOf, MOVED_KINDS, type EntryKey, type MovedEntry, type MovedKind, type MovedVersion } from '../entry.js';
import {
  ImportStaging,
  STAGED_PAGE_BYTES,
  type Staged,
  type StagedCount,
  type StagedNumber,
  type StagedPlace,
  type StagedVersion,
  type StagingChange,
} from '../staging.js';

interface Row {
  entry: MovedEntry;
  rank: number;
  skipped: boolean;
}

interface Area {
  staged: Staged;
  readonly rows: Map<string, Row>;
  readonly read: SubjectName[];
}

/** The staging port over maps. Nothing survives the process. */
export class MemoryImportStaging extends ImportStaging {
  readonly #areas = new Map<string, Area>();

  async begin(id: string, createdAt: number): Promise<void> {
    const held = this.#areas.get(id)?.staged.held ?? false;
    const staged = { id, createdAt, facts: {}, complete: false, held };
    this.#areas.set(id, { staged, rows: new Map(), read: [] });
  }

  async find(id: string): Promise<Staged | undefined> {
    return this.#areas.get(id)?.staged;
  }

  async write(id: string, changes: readonly StagingChange[]): Promise<void> {
    const { rows, read } = this.#area(id);
    for (const change of changes) {
      switch (change.type) {
        case 'put':
          rows.set(textOf(keyOf(change.entry)), { entry: change.entry, rank: 0, skipped: false });
          break;
        case 'remove':
          rows.delete(textOf(change.key));
          break;
        case 'delete-up-to':
          for (const [key, row] of versionsIn(rows)) {
            if (!sameSubject(row.entry.subject, change.subject) || row.entry.version > change.version) continue;
            rows.set(key, { ...row, entry: { ...row.entry, deleted: true } });
          }
          break;
        case 'clear-deleted':
          for (const [key, { entry }] of versionsIn(rows)) {
            if (entry.deleted && isWithin(entry.subject, change.scope)) rows.delete(key);
          }
          break;
        case 'subject-read':
          read.push(change.subject);
          break;
      }
    }
  }

  async isRead(id: string, subject: SubjectName): Promise<boolean> {
    return this.#area(id).read.some((one) => sameSubject(one, subject));
  }

  async rank(id: string, ranks: readonly { readonly key: EntryKey; readonly rank: number }[]): Promise<void> {
    const { rows } = this.#area(id);
    for (const { key, rank } of ranks) {
      const row = rows.get(textOf(key));
      if (row !== undefined) row.rank = rank;
    }
  }

  async complete(id: string, facts: JsonObject): Promise<void> {
    const area = this.#area(id);
    area.staged = { ...area.staged, facts, complete: true };
  }

  async hold(id: string): Promise<void> {
    const area = this.#area(id);
    area.staged = { ...area.staged, held: true };
  }

  async release(id: string): Promise<void> {
    const area = this.#area(id);
    for (const row of area.rows.values()) row.skipped = false;
    area.staged = { ...area.staged, held: false };
  }

  async skip(id: string, keys: readonly EntryKey[]): Promise<void> {
    const { rows } = this.#area(id);
    for (const key of keys) {
      const row = rows.get(textOf(key));
      if (row !== undefined) row.skipped = true;
    }
  }

  async entries(
    id: string,
    kind: Exclude<MovedKind, 'version'>,
    after: EntryKey | undefined,
    limit: number,
  ): Promise<readonly MovedEntry[]> {
    const found = [...this.#area(id).rows.values()]
      .filter(({ entry, skipped }) => entry.kind === kind && !skipped)
      .map(({ entry }) => entry)
      .filter((entry) => after === undefined || compareKeys(keyOf(entry), after) > 0)
      .sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
    return pageOf(found, limit, (entry) => entry);
  }

  async versions(id: string, after: StagedPlace | undefined, limit: number): Promise<readonly StagedVersion[]> {
    const found = versionsIn(this.#area(id).rows)
      .filter(([, { skipped }]) => !skipped)
      .map(([, { entry, rank }]) => ({ entry, place: placeOf(entry, rank) }))
      .filter(({ place }) => after === undefined || comparePlaces(place, after) > 0)
      .sort((a, b) => comparePlaces(a.place, b.place));
    return pageOf(found, limit, ({ entry }) => entry);
  }

  async versionsOf(id: string, subject: SubjectName, after: number, limit: number): Promise<readonly MovedVersion[]> {
    const found = this.#versionsOf(id, subject).filter(({ version }) => version > after);
    return pageOf(found, limit, (entry) => entry);
  }

  async numbersOf(id: string, subject: SubjectName): Promise<readonly StagedNumber[]> {
    return this.#versionsOf(id, subject).map(({ version, deleted }) => ({ version, deleted }));
  }

  async counts(id: string): Promise<readonly StagedCount[]> {
    const rows = [...this.#area(id).rows.values()].filter((row) => !row.skipped);
    const contexts = [...new Set(rows.map(({ entry }) => keyOf(entry).context))].sort();
    return MOVED_KINDS.flatMap((kind) =>
      contexts.flatMap((context) => {
        const some = rows
          .map(({ entry }) => entry)
          .filter((one) => one.kind === kind && keyOf(one).context === context);
        if (some.length === 0) return [];
        const versions = some.filter((one) => one.kind === 'version');
        const subjects = new Set(versions.map((one) => one.subject.name)).size;
        const deleted = versions.filter((one) => one.deleted).length;
        const highestId = Math.max(0, ...versions.map((one) => one.id));
        return [{ kind, context, entries: some.length, subjects, deleted, highestId }];
      }),
    );
  }

  async list(): Promise<readonly Staged[]> {
    return [...this.#areas.values()].map(({ staged }) => staged).sort((a, b) => a.createdAt - b.createdAt);
  }

  async drop(id: string): Promise<void> {
    this.#areas.delete(id);
  }

  async prune(createdBefore: number): Promise<void> {
    for (const [id, { staged }] of this.#areas) {
      if (!staged.held && staged.createdAt < createdBefore) this.#areas.delete(id);
    }
  }

  #versionsOf(id: string, subject: SubjectName): readonly MovedVersion[] {
    return versionsIn(this.#area(id).rows)
      .filter(([, { entry, skipped }]) => !skipped && sameSubject(entry.subject, subject))
      .map(([, { entry }]) => entry)
      .sort((a, b) => a.version - b.version);
  }

  #area(id: string): Area {
    const area = this.#areas.get(id);
    if (area === undefined) throw new Error(`nothing is staged under ${id}`);
    return area;
  }
}

function pageOf<T>(found: readonly T[], limit: number, entryOf: (one: T) => MovedEntry): readonly T[] {
  let bytes = 0;
  const beyond = found.findIndex((one, i) => {
    bytes += Buffer.byteLength(JSON.stringify(entryOf(one)));
    return i >= limit || (i > 0 && bytes > STAGED_PAGE_BYTES);
  });
  return beyond < 0 ? found : found.slice(0, beyond);
}

function versionsIn(rows: ReadonlyMap<string, Row>): [string, Row & { entry: MovedVersion }][] {
  return [...rows].filter((pair): pair is [string, Row & { entry: MovedVersion }] => pair[1].entry.kind === 'version');
}

function isWithin(subject: SubjectName, scope: SubjectName | null): boolean {
  return scope === null || (subject.context === scope.context && (scope.name === '' || scope.name === subject.name));
}

function placeOf({ subject: { context, name }, id, version }: MovedVersion, rank: number): StagedPlace {
  return { rank, context, id, name, version };
}

function comparePlaces(a: StagedPlace, b: StagedPlace): number {
  return (
    a.rank - b.rank ||
    byCodePoint(a.context, b.context) ||
    a.id - b.id ||
    byCodePoint(a.name, b.name) ||
    a.version - b.version
  );
}

function compareKeys(a: EntryKey, b: EntryKey): number {
  return byCodePoint(a.context, b.context) || byCodePoint(a.name, b.name) || a.number - b.number;
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function textOf({ kind, context, name, number }: EntryKey): string {
  return JSON.stringify([kind, context, name, number]);
}
