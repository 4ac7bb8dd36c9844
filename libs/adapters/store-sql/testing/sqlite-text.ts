import Database from 'better-sqlite3';
import { migrateSqlite } from '../migrate.js';

/** {@link sqliteText} of a new file that went through all migrations. */
export async function migratedSqliteText(path: string): Promise<string[]> {
  await migrateSqlite(path);
  const connection = new Database(path, { readonly: true });
  try {
    return sqliteText(connection);
  } finally {
    connection.close();
  }
}

/** Everything in a SQLite file as the statements that make it again: tables and indices as they were declared, then the rows, in order. */
export function sqliteText(connection: Database.Database): string[] {
  const objects = connection
    .prepare(
      `select type, name, sql from sqlite_master where sql is not null and name not like 'sqlite\\_%' escape '\\' order by rowid`,
    )
    .all() as { type: string; name: string; sql: string }[];
  const rows = objects.filter((one) => one.type === 'table').flatMap(({ name }) => insertions(connection, name));
  return [...objects.map((one) => one.sql), ...rows];
}

function insertions(connection: Database.Database, table: string): string[] {
  const columns = (connection.pragma(`table_info("${table}")`) as { name: string }[]).map(({ name }) => `"${name}"`);
  const values = columns.map((column) => `quote(${column})`).join(` || ', ' || `);
  const rows = connection
    .prepare(`select ${values} from "${table}" order by ${columns.join(', ')}`)
    .pluck()
    .all() as string[];
  return rows.map((row) => `INSERT INTO "${table}" (${columns.join(', ')}) VALUES (${row})`);
}
