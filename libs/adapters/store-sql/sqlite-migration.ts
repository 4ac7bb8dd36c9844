import type { Database } from 'better-sqlite3';
import { MIGRATION_NAMES, SQLITE_SCHEMA } from '#migrations/sqlite-schema';
import { requireKnown } from './newer-store.js';

/**
 * Brings a SQLite file to the current form. A new file gets the schema that all migrations lead to, in one transaction; TypeORM, which takes a good part of a
 * second to load, is asked only when a file of an older release has migrations to come.
 * @throws `store-newer` when the file has migrations this build does not know: an older build must not write to it.
 */
export async function migrateFile(connection: Database, path: string): Promise<void> {
  if (isNew(connection)) createSchema(connection);
  const applied = new Set(appliedTo(connection));
  requireKnown([...applied], MIGRATION_NAMES);
  if (MIGRATION_NAMES.every((name) => applied.has(name))) return;
  const { migrateSqlite } = await import('./migrate.js');
  await migrateSqlite(path);
}

function isNew(connection: Database): boolean {
  return connection.prepare('select 1 from sqlite_master').get() === undefined;
}

function createSchema(connection: Database): void {
  connection.transaction(() => {
    for (const statement of SQLITE_SCHEMA) connection.exec(statement);
  })();
}

/** None where a first migration was cut short before it came to its table. */
function appliedTo(connection: Database): string[] {
  const kept = connection.prepare(`select 1 from sqlite_master where type = 'table' and name = 'migrations'`).get();
  if (kept === undefined) return [];
  return connection.prepare('select name from migrations order by id').pluck().all() as string[];
}
