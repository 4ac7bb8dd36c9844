import { setImmediate as turn } from 'node:timers/promises';
import {
  subjectText,
  type Association,
  type ContextState,
  type KeptSchema,
  type RegistrySnapshot,
  type SubjectName,
  type SubjectState,
  type TakenId,
} from '#libs/core/registry';
import { findAssociations } from './registry-associations.js';
import {
  storedSchema,
  subjectState,
  takenId,
  type SchemaRow,
  type SubjectRow,
  type TakenIdRow,
  type VersionRowData,
} from './registry-rows.js';
import type { SqlSession } from './sql-store.js';
import { list, pairs, pieces, rowsOf } from './statement.js';

/** Bytes of schemas read in one statement, one schema at least: SQLite hands all of them over before anything else happens. */
const BYTES_AT_ONCE = 2 * 1024 * 1024;

/** Versions in one statement: some milliseconds. */
const VERSIONS_AT_ONCE = 2_000;

/** The registry's tables as of the transaction of a session. */
export class SqlRegistrySnapshot implements RegistrySnapshot {
  constructor(
    private readonly session: SqlSession,
    readonly revision: number,
  ) {}

  async contexts(): Promise<readonly ContextState[]> {
    const rows = await this.session.all<{ name: string; last_id: number | null; present: number | null }>(
      `select names.name, c.last_id, c.present
       from (select name from registry_contexts union select context as name from registry_subjects) as names
       left join registry_contexts c on c.name = names.name order by names.name`,
    );
    return rows.map((row) => ({ name: row.name, lastId: row.last_id ?? 0, listed: row.present === 1 }));
  }

  async subjects(context: string, after: string | undefined, limit: number): Promise<readonly SubjectState[]> {
    const beyond = after === undefined ? '' : 'and name > ? ';
    const rows = await this.session.all<{ name: string }>(
      `select name from registry_subjects where context = ? ${beyond}order by name limit ?`,
      [context, ...(after === undefined ? [] : [after]), limit],
    );
    return readSubjects(
      this.session,
      rows.map(({ name }) => ({ context, name })),
    );
  }

  states(names: readonly SubjectName[]): Promise<readonly SubjectState[]> {
    return readSubjects(this.session, names);
  }

  async schemas(context: string, ids: readonly number[]): Promise<ReadonlyMap<number, KeptSchema>> {
    const kept = new Map<number, KeptSchema>();
    for (const row of await readSchemas(this.session, context, ids)) {
      kept.set(row.id, { schema: storedSchema(row), primary: row.identity !== null });
    }
    return kept;
  }

  associations(subjects: readonly SubjectName[]): Promise<readonly Association[]> {
    return findAssociations(this.session, { subjects });
  }

  async retired(context: string, after: number, limit: number): Promise<readonly TakenId[]> {
    const rows = await this.session.all<TakenIdRow>(
      `select id, guid, schema_type, purged from registry_schemas
       where context = ? and purged = 1 and id > ? order by id limit ?`,
      [context, after, limit],
    );
    return rows.map(takenId);
  }
}

/** Schemas of a context that are not purged, by ids. */
export async function readSchemas(session: SqlSession, context: string, ids: readonly number[]): Promise<SchemaRow[]> {
  const rows: SchemaRow[] = [];
  for (const piece of await bounded(session, context, ids)) {
    if (rows.length > 0) await turn();
    const some = await session.all<SchemaRow>(
      `select context, id, guid, identity, schema_type, text, schema_references, metadata, rule_set from registry_schemas
       where context = ? and purged = 0 and id in (${list(piece.length)})`,
      [context, ...piece],
    );
    rows.push(...some);
  }
  return rows;
}

/** Ids in pieces of which one statement reads no more than {@link BYTES_AT_ONCE}. How long schemas are is told without reading them, on both databases. */
async function bounded(
  session: SqlSession,
  context: string,
  ids: readonly number[],
): Promise<readonly (readonly number[])[]> {
  if (ids.length <= 1) return [ids];
  const bounded: number[][] = [];
  for (const piece of pieces(ids)) {
    const sizes = await session.all<{ id: number; bytes: number }>(
      `select id, octet_length(text) + coalesce(octet_length(metadata), 0) + coalesce(octet_length(rule_set), 0) as bytes
       from registry_schemas where context = ? and purged = 0 and id in (${list(piece.length)})`,
      [context, ...piece],
    );
    let room = -1;
    for (const { id, bytes } of sizes) {
      room -= bytes;
      if (room >= 0) bounded.at(-1)!.push(id);
      else {
        bounded.push([id]);
        room = BYTES_AT_ONCE - bytes;
      }
    }
  }
  return bounded;
}

type VersionOfSubject = Omit<VersionRowData, 'context' | 'subject'>;

/** A version with the place of its subject among the names asked for: the names themselves, in every row, take longer to read than all the rest. */
type PlacedRow = VersionOfSubject & { readonly place: string };

type Named = Pick<SubjectRow, 'context' | 'name'>;

/** One state per name, in their order. However many versions they have, others go on between. */
export async function readSubjects(session: SqlSession, names: readonly SubjectName[]): Promise<SubjectState[]> {
  const states = new Map<string, SubjectState>();
  const distinct = [...new Map(names.map((name) => [subjectText(name), name])).values()];
  for (const piece of pieces(distinct)) {
    const rows = await session.all<SubjectRow>(
      `select context, name, revision, config, mode, registration from registry_subjects where (context, name) in (${pairs(piece.length)})`,
      piece.flatMap(({ context, name }) => [context, name]),
    );
    // Whatever has versions has a row.
    const versions = await versionsOf(session, rows);
    rows.forEach((row, place) => {
      const { context, name } = row;
      states.set(subjectText(row), subjectState({ context, name }, row, versions[place]!));
    });
  }
  return names.map((name) => states.get(subjectText(name)) ?? subjectState(name, undefined, []));
}

/** The versions of each subject, ascending: of all in one statement, or of one half after the other where that would be too many. */
async function versionsOf(
  session: SqlSession,
  subjects: readonly Named[],
): Promise<readonly (readonly VersionOfSubject[])[]> {
  if (subjects.length === 0) return [];
  if (subjects.length === 1) return [await versionsInPages(session, subjects[0]!)];
  // SQLite keeps to the order of a cross join; left to choose, it reads all versions of the context.
  const rows = await session.all<PlacedRow>(
    `select n.column3 as place, v.version, v.schema_id, v.guid, v.deleted, v.registered_at
     from (values ${rowsOf(subjects.length, 3)}) n cross join registry_versions v
     where v.context = n.column1 and v.subject = n.column2 limit ${VERSIONS_AT_ONCE + 1}`,
    subjects.flatMap(({ context, name }, place) => [context, name, String(place)]),
  );
  if (rows.length > VERSIONS_AT_ONCE) {
    const half = Math.ceil(subjects.length / 2);
    await turn();
    const first = await versionsOf(session, subjects.slice(0, half));
    await turn();
    return [...first, ...(await versionsOf(session, subjects.slice(half)))];
  }
  const versions: PlacedRow[][] = subjects.map(() => []);
  for (const row of rows) versions[Number(row.place)]!.push(row);
  for (const some of versions) some.sort((one, other) => one.version - other.version);
  return versions;
}

async function versionsInPages(session: SqlSession, { context, name }: Named): Promise<readonly VersionOfSubject[]> {
  const found: VersionOfSubject[] = [];
  for (let after = 0; ;) {
    const rows = await session.all<VersionOfSubject>(
      `select v.version, v.schema_id, v.guid, v.deleted, v.registered_at from registry_versions v
       where v.context = ? and v.subject = ? and v.version > ? order by v.version limit ${VERSIONS_AT_ONCE}`,
      [context, name, after],
    );
    for (const row of rows) found.push(row);
    if (rows.length < VERSIONS_AT_ONCE) return found;
    after = rows.at(-1)!.version;
    await turn();
  }
}
