import { setImmediate as turn } from 'node:timers/promises';
import type { SchemaUsage } from '#libs/core/registry';
import { usage, type VersionRowData } from './registry-rows.js';
import type { SqlSession } from './sql-store.js';
import { list, pieces } from './statement.js';

/** Versions read in one statement. SQLite hands them all over before anything else happens: some milliseconds. */
const AT_ONCE = 500;

/** Stands for uses that are more than one statement reads; {@link readManyUsages} reads them. */
export const MANY = Symbol('many');

type UsageRow = Omit<VersionRowData, 'guid'> & { readonly revision: number };

/** On SQLite the number of the row, by which its pages go on: an index has the rows of a key in that order. */
interface PlacedRow extends UsageRow {
  readonly place: number;
}

interface OrderedUse {
  readonly revision: number;
  readonly use: SchemaUsage;
}

const COLUMNS = 'context, subject, version, schema_id, deleted, registered_at, revision';

/** Every version that carries one of these ids of a context, in the order of registration; {@link MANY} where it takes several statements to read them. */
export async function readUsages(
  session: SqlSession,
  context: string,
  ids: readonly number[],
): Promise<Map<number, readonly SchemaUsage[] | typeof MANY>> {
  const usages = new Map<number, readonly SchemaUsage[] | typeof MANY>();
  for (const piece of pieces(ids)) {
    const rows = await firstUsages(session, context, piece);
    if (rows.length <= AT_ONCE) {
      for (const [id, some] of byId(rows)) usages.set(id, inOrder(some));
      continue;
    }
    for (const id of piece) {
      await turn();
      const some = await firstUsages(session, context, [id]);
      if (some.length > 0) usages.set(id, some.length > AT_ONCE ? MANY : inOrder(some));
    }
  }
  return usages;
}

/** As {@link readUsages}, however many they are: a page at a time, and others go on between. For a session nobody waits for. */
export async function readManyUsages(
  session: SqlSession,
  context: string,
  ids: readonly number[],
): Promise<Map<number, readonly SchemaUsage[]>> {
  const usages = new Map<number, readonly SchemaUsage[]>();
  for (const id of ids) {
    const found: OrderedUse[] = [];
    for await (const page of session.dialect === 'postgres'
      ? postgresPages(session, context, id)
      : sqlitePages(session, context, id)) {
      for (const row of page) found.push({ revision: row.revision, use: usage(row) });
      await turn();
    }
    // They nearly are: what was stored over an older row is not.
    found.sort(byRegistration);
    await turn();
    if (found.length > 0) {
      usages.set(
        id,
        found.map(({ use }) => use),
      );
    }
  }
  return usages;
}

/** One more than fit in an answer at most, which tells that there are more. */
function firstUsages(session: SqlSession, context: string, ids: readonly number[]): Promise<UsageRow[]> {
  return session.all<UsageRow>(
    `select ${COLUMNS} from registry_versions where context = ? and schema_id in (${list(ids.length)}) limit ${AT_ONCE + 1}`,
    [context, ...ids],
  );
}

async function* sqlitePages(session: SqlSession, context: string, id: number): AsyncGenerator<readonly UsageRow[]> {
  for (let after = -1; ;) {
    const rows = await session.all<PlacedRow>(
      `select ${COLUMNS}, rowid as place from registry_versions
       where context = ? and schema_id = ? and rowid > ? order by rowid limit ${AT_ONCE}`,
      [context, id, after],
    );
    yield rows;
    if (rows.length < AT_ONCE) return;
    after = rows.at(-1)!.place;
  }
}

/** By a cursor: no index of the server's has the versions of an id in an order that a page could go on by. */
async function* postgresPages(session: SqlSession, context: string, id: number): AsyncGenerator<readonly UsageRow[]> {
  await session.all(
    `declare usages_of_schema no scroll cursor for select ${COLUMNS} from registry_versions where context = ? and schema_id = ?`,
    [context, id],
  );
  for (;;) {
    const rows = await session.all<UsageRow>(`fetch forward ${AT_ONCE} from usages_of_schema`);
    yield rows;
    if (rows.length < AT_ONCE) break;
  }
  await session.all('close usages_of_schema');
}

function byId(rows: readonly UsageRow[]): ReadonlyMap<number, readonly UsageRow[]> {
  const known = new Map<number, UsageRow[]>();
  for (const row of rows) {
    const some = known.get(row.schema_id);
    if (some === undefined) known.set(row.schema_id, [row]);
    else some.push(row);
  }
  return known;
}

/** In the order of registration. */
function inOrder(rows: readonly UsageRow[]): readonly SchemaUsage[] {
  const found = rows.map((row): OrderedUse => ({ revision: row.revision, use: usage(row) }));
  return found.sort(byRegistration).map(({ use }) => use);
}

function byRegistration(one: OrderedUse, other: OrderedUse): number {
  return one.revision - other.revision || one.use.version - other.use.version;
}
