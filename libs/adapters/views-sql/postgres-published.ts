import { placeOf, type ViewDefinition } from '#libs/core/streams';
import { cell, tableName } from './physical-names.js';
import type { PostgresSession } from './postgres-connections.js';
import type { PostgresSchema } from './postgres-schema.js';
import { quoted, readableName, readableViews } from './postgres-tables.js';

/** PostgreSQL's code for a view whose columns are not those it had, with others behind. */
const OTHER_COLUMNS = '42P16';

/** Until the transaction ends nobody else makes, changes or publishes a version of this view: there is one name for SQL clients. */
export async function aloneWith(
  session: PostgresSession,
  { views }: PostgresSchema,
  view: ViewDefinition,
): Promise<void> {
  const name = `${views}.${readableName(view.name)}`;
  await session.run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
}

/** Under the name of the view SQL clients see this one from now on. Where columns only came behind those that were there, what rests on it and who may read it stay. */
export async function publishIn(
  session: PostgresSession,
  schema: PostgresSchema,
  id: string,
  view: ViewDefinition,
): Promise<void> {
  const name = readableName(view.name);
  await session.run(`update ${schema.data}.weir_views set readable = null where readable = $1 and id <> $2`, [
    name,
    id,
  ]);
  await session.run(`update ${schema.data}.weir_views set readable = $1 where id = $2`, [name, id]);
  for (const [readable, made] of readableViews(schema, id, view)) {
    await session.run('savepoint readable');
    try {
      await session.run(`create or replace ${made}`);
    } catch (error) {
      if ((error as { code?: unknown }).code !== OTHER_COLUMNS) throw error;
      await session.run('rollback to savepoint readable');
      await session.run(`drop view ${schema.views}.${quoted(readable)}`);
      await session.run(`create ${made}`);
    }
    await session.run('release savepoint readable');
  }
}

/** Notes which column of which table a name stands for. */
export async function mapNames(
  session: PostgresSession,
  { data }: PostgresSchema,
  id: string,
  view: ViewDefinition,
): Promise<void> {
  await session.run(`delete from ${data}.weir_names where view = $1`, [id]);
  const places = view.columns.map((column) => placeOf(view, column));
  await session.run(
    `insert into ${data}.weir_names (view, view_name, table_name, column_place, column_name, type)
     select $1, $2, * from unnest($3::text[], $4::text[], $5::text[], $6::text[])`,
    [
      id,
      view.name,
      places.map((place) => tableName(id, place.table)),
      places.map((place) => cell(place.cell)),
      view.columns.map((column) => column.name),
      view.columns.map((column) => column.type),
    ],
  );
}
