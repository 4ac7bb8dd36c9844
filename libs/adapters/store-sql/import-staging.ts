import { setImmediate as turn } from 'node:timers/promises';
import type { JsonObject, StorageRoom } from '#libs/core/kernel';
import {
  ImportStaging,
  keyOf,
  MOVED_KINDS,
  type EntryKey,
  type MovedEntry,
  type MovedKind,
  type MovedVersion,
  STAGED_PAGE_BYTES,
  type Staged,
  type StagedCount,
  type StagedNumber,
  type StagedPlace,
  type StagedVersion,
  type StagingChange,
} from '#libs/core/moving';
import type { SubjectName } from '#libs/core/registry';
import type { SqlSession, SqlStore, SqlValue } from './sql-store.js';

/** The kind under which a subject that was read whole is noted. */
const READ = 'read';

/** Characters of a document that take long to parse. */
const LONG = 262_144;

/** Entries deleted or marked in one go, since other writes wait meanwhile. */
const PIECE = 1_000;

interface EntryRow {
  readonly context: string;
  readonly name: string;
  readonly number: number;
  readonly schema_id: number;
  readonly deleted: number;
  readonly depth: number;
  readonly document: string;
}

interface ImportRow {
  readonly id: string;
  readonly created_at: number;
  readonly facts: string;
  readonly complete: number;
  readonly held: number;
}

const IMPORTS = 'select id, created_at, facts, complete, held from registry_imports';

function stagedOf({ id, created_at: createdAt, facts, complete, held }: ImportRow): Staged {
  return { id, createdAt, facts: JSON.parse(facts) as JsonObject, complete: complete === 1, held: held === 1 };
}

/** Rows in an order, behind the last one seen. */
interface Walk {
  readonly where: string;
  readonly values: readonly SqlValue[];
  readonly order: string;
}

/** Registries on their way in, in the tables of migration 0016. */
export class SqlImportStaging extends ImportStaging {
  /** @param room asked before entries are staged; no limit unless given. */
  constructor(
    private readonly store: SqlStore,
    private readonly room?: StorageRoom,
  ) {
    super();
  }

  async begin(id: string, at: number): Promise<void> {
    await this.#empty(id);
    await this.#set(
      `insert into registry_imports (id, created_at, facts, complete, held) values (?, ?, '{}', 0, 0)
       on conflict (id) do update set created_at = excluded.created_at, facts = excluded.facts, complete = 0`,
      [id, at],
    );
  }

  async find(id: string): Promise<Staged | undefined> {
    const row = await this.store.one<ImportRow>(`${IMPORTS} where id = ?`, [id]);
    return row === undefined ? undefined : stagedOf(row);
  }

  async write(id: string, changes: readonly StagingChange[]): Promise<void> {
    const refusal = this.room?.refusal();
    if (refusal !== undefined) throw refusal;
    const rows = await printed(id, changes);
    await this.store.write(async (session) => {
      for (const [at, change] of changes.entries()) await apply(session, id, change, rows[at]!);
    });
  }

  async isRead(id: string, { context, name }: SubjectName): Promise<boolean> {
    const row = await this.store.one(
      `select 1 as found from registry_import_entries where import_id = ? and kind = ? and context = ? and name = ? and number = 0`,
      [id, READ, context, name],
    );
    return row !== undefined;
  }

  async rank(id: string, ranks: readonly { readonly key: EntryKey; readonly rank: number }[]): Promise<void> {
    await this.store.write(async (session) => {
      for (const { key, rank } of ranks) {
        await session.run(`update registry_import_entries set depth = ? where ${KEY}`, [rank, ...keyValues(id, key)]);
      }
    });
  }

  async complete(id: string, facts: JsonObject): Promise<void> {
    await this.#set('update registry_imports set complete = 1, facts = ? where id = ?', [JSON.stringify(facts), id]);
  }

  async hold(id: string): Promise<void> {
    await this.#set('update registry_imports set held = 1 where id = ?', [id]);
  }

  async release(id: string): Promise<void> {
    await this.store.write(async (session) => {
      await session.run('update registry_import_entries set skipped = 0 where import_id = ? and skipped = 1', [id]);
      await session.run('update registry_imports set held = 0 where id = ?', [id]);
    });
  }

  async skip(id: string, keys: readonly EntryKey[]): Promise<void> {
    for (let at = 0; at < keys.length; at += PIECE) {
      await this.store.write(async (session) => {
        for (const key of keys.slice(at, at + PIECE)) {
          await session.run(`update registry_import_entries set skipped = 1 where ${KEY}`, keyValues(id, key));
        }
      });
    }
  }

  async entries(
    id: string,
    kind: Exclude<MovedKind, 'version'>,
    after: EntryKey | undefined,
    limit: number,
  ): Promise<readonly MovedEntry[]> {
    const rows = await this.#page(
      {
        where: `kind = ?${after === undefined ? '' : ' and (context, name, number) > (?, ?, ?)'}`,
        values: [kind, ...(after === undefined ? [] : [after.context, after.name, after.number])],
        order: 'context, name, number',
      },
      id,
      limit,
    );
    return await parsed(rows, (row) => JSON.parse(row.document) as MovedEntry);
  }

  async versions(id: string, after: StagedPlace | undefined, limit: number): Promise<readonly StagedVersion[]> {
    const rows = await this.#page(
      {
        where: `kind = 'version'${after === undefined ? '' : ' and (depth, context, schema_id, name, number) > (?, ?, ?, ?, ?)'}`,
        values: after === undefined ? [] : placeValues(after),
        order: 'depth, context, schema_id, name, number',
      },
      id,
      limit,
    );
    return await parsed(rows, (row) => {
      const { context, name } = row;
      const place = { rank: row.depth, context, id: row.schema_id, name, version: row.number };
      return { entry: versionOf(row), place };
    });
  }

  async versionsOf(
    id: string,
    { context, name }: SubjectName,
    after: number,
    limit: number,
  ): Promise<readonly MovedVersion[]> {
    const rows = await this.#page(
      {
        where: `kind = 'version' and context = ? and name = ? and number > ?`,
        values: [context, name, after],
        order: 'number',
      },
      id,
      limit,
    );
    return await parsed(rows, versionOf);
  }

  async numbersOf(id: string, { context, name }: SubjectName): Promise<readonly StagedNumber[]> {
    const rows = await this.store.all<Pick<EntryRow, 'number' | 'deleted'>>(
      `select number, deleted from registry_import_entries
       where import_id = ? and skipped = 0 and kind = 'version' and context = ? and name = ? order by number`,
      [id, context, name],
    );
    return rows.map(({ number, deleted }) => ({ version: number, deleted: deleted === 1 }));
  }

  /**
   * The next rows, as many as {@link STAGED_PAGE_BYTES} allow. How long documents are is asked first: neither database reads them for that. What is staged does not change under a reader,
   * and if it did, the page would be too long, not wrong.
   */
  async #page({ where, values, order }: Walk, id: string, limit: number): Promise<readonly EntryRow[]> {
    const from = `from registry_import_entries where import_id = ? and skipped = 0 and ${where} order by ${order} limit ?`;
    const sizes = await this.store.all<{ bytes: number }>(`select octet_length(document) as bytes ${from}`, [
      id,
      ...values,
      limit,
    ]);
    let [bytes, count] = [0, 0];
    for (const one of sizes) {
      bytes += one.bytes;
      if (count > 0 && bytes > STAGED_PAGE_BYTES) break;
      count++;
    }
    if (count === 0) return [];
    // On SQLite nothing else happens between two statements, nor while whoever asked goes through what the last one gave.
    await turn();
    return await this.store.all<EntryRow>(`select context, name, number, schema_id, deleted, depth, document ${from}`, [
      id,
      ...values,
      count,
    ]);
  }

  async counts(id: string): Promise<readonly StagedCount[]> {
    const rows = await this.store.all<{
      kind: MovedKind;
      context: string;
      entries: number;
      subjects: number;
      deleted: number;
      highest_id: number;
    }>(
      `select kind, context, count(*) as entries, count(distinct name) as subjects, sum(deleted) as deleted, max(schema_id) as highest_id
       from registry_import_entries where import_id = ? and kind <> ? and skipped = 0 group by kind, context order by context`,
      [id, READ],
    );
    return MOVED_KINDS.flatMap((kind) =>
      rows
        .filter((row) => row.kind === kind)
        .map(({ context, entries, subjects, deleted, highest_id: highestId }) => {
          const ofVersions = kind === 'version' ? subjects : 0;
          // Sums are of a wider type on PostgreSQL, which its driver gives as text.
          return { kind, context, entries, subjects: ofVersions, deleted: Number(deleted), highestId };
        }),
    );
  }

  async list(): Promise<readonly Staged[]> {
    return (await this.store.all<ImportRow>(`${IMPORTS} order by created_at, id`)).map(stagedOf);
  }

  async drop(id: string): Promise<void> {
    await this.#empty(id);
    await this.#set('delete from registry_imports where id = ?', [id]);
  }

  async prune(createdBefore: number): Promise<void> {
    const old = await this.store.all<{ id: string }>(
      'select id from registry_imports where held = 0 and created_at < ?',
      [createdBefore],
    );
    for (const { id } of old) await this.drop(id);
  }

  async #empty(id: string): Promise<void> {
    for (let gone = PIECE; gone === PIECE;) {
      gone = await this.store.write((session) =>
        session.run(
          `delete from registry_import_entries where (import_id, kind, context, name, number) in
             (select import_id, kind, context, name, number from registry_import_entries where import_id = ? limit ?)`,
          [id, PIECE],
        ),
      );
    }
  }

  async #set(sql: string, values: readonly SqlValue[]): Promise<void> {
    await this.store.write((session) => session.run(sql, values));
  }
}

/** What rows stand for. Others have their turn before a long document is parsed, and before anything is done with what it says. */
async function parsed<T>(rows: readonly EntryRow[], parse: (row: EntryRow) => T): Promise<readonly T[]> {
  const all: T[] = [];
  for (const row of rows) {
    const long = row.document.length >= LONG;
    if (long) await turn();
    all.push(parse(row));
    if (long) await turn();
  }
  return all;
}

const KEY = 'import_id = ? and kind = ? and context = ? and name = ? and number = ?';

function keyValues(id: string, { kind, context, name, number }: EntryKey): readonly SqlValue[] {
  return [id, kind, context, name, number];
}

function placeValues({ rank, context, id, name, version }: StagedPlace): readonly SqlValue[] {
  return [rank, context, id, name, version];
}

/** The rows that changes put, none for others; made before the transaction, in which nothing may wait, so that others have their turn behind a long one. */
async function printed(id: string, changes: readonly StagingChange[]): Promise<readonly (readonly SqlValue[])[]> {
  const rows: (readonly SqlValue[])[] = [];
  for (const change of changes) {
    if (change.type !== 'put') {
      rows.push([]);
      continue;
    }
    const { entry } = change;
    const [schemaId, deleted] = entry.kind === 'version' ? [entry.id, entry.deleted ? 1 : 0] : [0, 0];
    const document = JSON.stringify(entry);
    rows.push([...keyValues(id, keyOf(entry)), schemaId, deleted, document]);
    if (document.length >= LONG) await turn();
  }
  return rows;
}

async function apply(session: SqlSession, id: string, change: StagingChange, row: readonly SqlValue[]): Promise<void> {
  switch (change.type) {
    case 'put':
      return insert(session, row);
    case 'remove':
      await session.run(`delete from registry_import_entries where ${KEY}`, keyValues(id, change.key));
      return;
    case 'delete-up-to':
      await session.run(
        `update registry_import_entries set deleted = 1
         where import_id = ? and kind = 'version' and context = ? and name = ? and number <= ?`,
        [id, change.subject.context, change.subject.name, change.version],
      );
      return;
    case 'clear-deleted':
      return clear(session, id, change.scope);
    case 'subject-read':
      return insert(session, [id, READ, change.subject.context, change.subject.name, 0, 0, 0, '']);
  }
}

async function insert(session: SqlSession, values: readonly SqlValue[]): Promise<void> {
  await session.run(
    `insert into registry_import_entries (import_id, kind, context, name, number, schema_id, deleted, document, skipped, depth)
     values (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)
     on conflict (import_id, kind, context, name, number) do update
     set schema_id = excluded.schema_id, deleted = excluded.deleted, document = excluded.document, skipped = 0, depth = 0`,
    values,
  );
}

async function clear(session: SqlSession, id: string, scope: SubjectName | null): Promise<void> {
  const gone = `delete from registry_import_entries where import_id = ? and kind = 'version' and deleted = 1`;
  if (scope === null) await session.run(gone, [id]);
  else if (scope.name === '') await session.run(`${gone} and context = ?`, [id, scope.context]);
  else await session.run(`${gone} and context = ? and name = ?`, [id, scope.context, scope.name]);
}

/** Whether a version is deleted can change after it was written. */
function versionOf({ document, deleted }: Pick<EntryRow, 'document' | 'deleted'>): MovedVersion {
  return { ...(JSON.parse(document) as MovedVersion), deleted: deleted === 1 };
}
