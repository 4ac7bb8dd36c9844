import type { PostgresTargetOptions } from './postgres-connections.js';
import type { PostgresViewTables } from './postgres-view-tables.js';

export { SqliteViewTables } from './sqlite-view-tables.js';
export { startSqliteThread } from './calls-in-thread.js';
export type { PostgresTargetOptions, PostgresViewTables };

/** Opens a target in PostgreSQL. The driver takes a good part of a second to load: whoever keeps views in SQLite does without. @throws `views-unavailable`, `invalid-views-schema`. */
export async function openPostgresViewTables(options: PostgresTargetOptions): Promise<PostgresViewTables> {
  const { PostgresViewTables: Tables } = await import('./postgres-view-tables.js');
  return Tables.open(options);
}
