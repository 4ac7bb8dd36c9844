import {
  viewNotFound,
  type EvolvedDeclaration,
  type SeenMember,
  type TablesEvolution,
  type TablesRevision,
  type ViewDefinition,
} from '#libs/core/streams';
import { tableName } from './physical-names.js';
import type { PostgresSession } from './postgres-connections.js';
import { aloneWith, mapNames, publishIn } from './postgres-published.js';
import type { PostgresSchema } from './postgres-schema.js';
import { postgresCellsOf, readableName } from './postgres-tables.js';

/** How long a change in place waits for readers: others wait behind it meanwhile. */
const LOCK_MS = 1_000;

/** Changes the tables of a view in place, as part of a transaction. @returns false, having done nothing, when they are of another revision, or records had what must not have been seen. */
export async function evolveIn(
  session: PostgresSession,
  schema: PostgresSchema,
  id: string,
  view: ViewDefinition,
  { to, definition, cells, unseen }: TablesEvolution,
): Promise<boolean> {
  const { data } = schema;
  await aloneWith(session, schema, view);
  await session.run(`set local lock_timeout = ${LOCK_MS}`);
  // Before the row of the view: a step has its tables first, too. In the order in which queries name them.
  const tables = [...new Set(cells.map(({ table }) => table))].map((table) => `${data}.${tableName(id, table)}`);
  if (tables.length > 0) await session.run(`lock table ${tables.join(', ')} in access exclusive mode`);
  const [known] = await session.rows<[number, string | null]>(
    `select revision, readable from ${data}.weir_views where id = $1 for update`,
    [id],
  );
  if (known === undefined) throw viewNotFound(view.name);
  if (known[0] !== view.evolution.revision || (await hasSeen(session, schema, id, unseen))) return false;
  for (const statement of postgresCellsOf(schema, id, definition, cells)) await session.run(statement);
  // A step by the definition before, and its worker, are refused from now on.
  await session.run(
    `update ${data}.weir_views set revision = $2, evolved = $3, epoch = epoch + 1, commits = commits + 1 where id = $1`,
    [id, to.evolution.revision, JSON.stringify(to)],
  );
  await mapNames(session, schema, id, definition);
  if (known[1] === readableName(view.name)) await publishIn(session, schema, id, definition);
  return true;
}

/** Whether records had one of some members; the empty name stands for all of an object. */
async function hasSeen(
  session: PostgresSession,
  { data }: PostgresSchema,
  id: string,
  members: readonly SeenMember[],
): Promise<boolean> {
  if (members.length === 0) return false;
  const found = await session.rows(
    `select 1 from ${data}.weir_members m join unnest($2::int[], $3::text[], $4::text[]) as t (source, object, name)
     on m.source = t.source and m.object = t.object and m.name in (t.name, '') where m.view = $1 limit 1`,
    [id, members.map(({ source }) => source), members.map(({ object }) => object), members.map(({ name }) => name)],
  );
  return found.length > 0;
}

/** What the tables of a view have become. @throws `view-not-found`. */
export async function revisionIn(
  session: PostgresSession,
  { data }: PostgresSchema,
  id: string,
  view: ViewDefinition,
): Promise<TablesRevision> {
  const [found] = await session.rows<[number, string | null, boolean, [number, string, string][] | null]>(
    `select v.revision, v.evolved, v.remembers,
       (select json_agg(json_build_array(m.source, m.object, m.name)) from ${data}.weir_members m where m.view = v.id)
     from ${data}.weir_views v where v.id = $1`,
    [id],
  );
  if (found === undefined) throw viewNotFound(view.name);
  const [revision, evolved, remembers, members] = found;
  return {
    revision,
    evolved: evolved === null ? null : (JSON.parse(evolved) as EvolvedDeclaration),
    seen: remembers ? (members ?? []).map(([source, object, name]) => ({ source, object, name })) : null,
  };
}
