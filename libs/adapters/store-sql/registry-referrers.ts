import { setImmediate as turn } from 'node:timers/promises';
import type { Referrer, SchemaUsage, SubjectName } from '#libs/core/registry';
import { MANY, readManyUsages, readUsages } from './registry-usages.js';
import type { Dialect, SqlSession, SqlStore } from './sql-store.js';

/** Rows read in one statement: some milliseconds. */
const AT_ONCE = 500;

interface ReferenceRow {
  readonly context: string;
  readonly schema_id: number;
  readonly target: number;
}

interface ReferrerRow extends ReferenceRow {
  readonly subject: string;
  readonly version: number;
  readonly deleted: number;
}

/**
 * The references `r` with the versions `v` of the schemas that have them. SQLite is told the way: it would take another index, since that has every column asked for, and read
 * all versions of the context for each reference.
 */
export function referencesWithVersions(dialect: Dialect): string {
  const versions =
    dialect === 'sqlite' ? 'registry_versions v indexed by ix_registry_versions_schema' : 'registry_versions v';
  return `registry_references r cross join ${versions}`;
}

/** Every version that refers to a version of the subject: by context, id, subject and version. However many they are, others go on between. */
export async function readReferrers(store: SqlStore, subject: SubjectName): Promise<readonly Referrer[]> {
  const rows = await store.all<ReferrerRow>(
    `select distinct r.context, r.schema_id, r.target_version as target, v.subject, v.version, v.deleted
     from ${referencesWithVersions(store.dialect)} where v.context = r.context and v.schema_id = r.schema_id
     and r.target_context = ? and r.target_subject = ? limit ${AT_ONCE + 1}`,
    [subject.context, subject.name],
  );
  if (rows.length <= AT_ONCE) return rows.map(referrer).sort(inOrder);
  // Nobody waits for the connection of a snapshot.
  const found = await store.snapshot((session) => inPages(session, subject));
  await turn();
  return found.sort(inOrder);
}

async function inPages(session: SqlSession, subject: SubjectName): Promise<Referrer[]> {
  const found: Referrer[] = [];
  const known = new Set<string>();
  const pages = session.dialect === 'postgres' ? postgresPages(session, subject) : sqlitePages(session, subject);
  for await (const page of pages) {
    const fresh = page.filter(({ context, schema_id: id, target }) => {
      const key = `${id}/${target}/${context}`;
      return !known.has(key) && known.add(key);
    });
    for (const context of new Set(fresh.map((one) => one.context))) {
      const references = fresh.filter((one) => one.context === context);
      const ids = [...new Set(references.map((one) => one.schema_id))];
      const usages = await readUsages(session, context, ids);
      for (const { schema_id: schemaId, target } of references) {
        for (const use of await usesOf(session, context, schemaId, usages)) {
          found.push({ context, schemaId, target, subject: use.subject, version: use.version, deleted: use.deleted });
        }
      }
      await turn();
    }
  }
  return found;
}

async function usesOf(
  session: SqlSession,
  context: string,
  id: number,
  usages: ReadonlyMap<number, readonly SchemaUsage[] | typeof MANY>,
): Promise<readonly SchemaUsage[]> {
  const uses = usages.get(id) ?? [];
  return uses === MANY ? ((await readManyUsages(session, context, [id])).get(id) ?? []) : uses;
}

/** One version after the other, and the references to it by the numbers of their rows: in that order an index has them. */
async function* sqlitePages(
  session: SqlSession,
  { context, name }: SubjectName,
): AsyncGenerator<readonly ReferenceRow[]> {
  const to = 'from registry_references where target_context = ? and target_subject = ?';
  for (let version = -1; ;) {
    const next = await session.one<{ target: number }>(
      `select target_version as target ${to} and target_version > ? order by target_version limit 1`,
      [context, name, version],
    );
    if (next === undefined) return;
    version = next.target;
    for (let after = -1; ;) {
      const rows = await session.all<ReferenceRow & { readonly place: number }>(
        `select context, schema_id, target_version as target, rowid as place ${to}
         and target_version = ? and rowid > ? order by rowid limit ${AT_ONCE}`,
        [context, name, version, after],
      );
      yield rows;
      if (rows.length < AT_ONCE) break;
      after = rows.at(-1)!.place;
    }
  }
}

async function* postgresPages(
  session: SqlSession,
  { context, name }: SubjectName,
): AsyncGenerator<readonly ReferenceRow[]> {
  await session.all(
    `declare references_to_subject no scroll cursor for select context, schema_id, target_version as target
     from registry_references where target_context = ? and target_subject = ?`,
    [context, name],
  );
  for (;;) {
    const rows = await session.all<ReferenceRow>(`fetch forward ${AT_ONCE} from references_to_subject`);
    yield rows;
    if (rows.length < AT_ONCE) break;
  }
  await session.all('close references_to_subject');
}

function referrer({ context, schema_id: schemaId, target, subject, version, deleted }: ReferrerRow): Referrer {
  return { context, schemaId, target, subject: { context, name: subject }, version, deleted: deleted !== 0 };
}

function inOrder(one: Referrer, other: Referrer): number {
  return (
    compared(one.context, other.context) ||
    one.schemaId - other.schemaId ||
    compared(one.subject.name, other.subject.name) ||
    one.version - other.version
  );
}

function compared(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
