import { DataSource } from 'typeorm';
import { MIGRATIONS } from '#migrations';
import { requireKnown } from './newer-store.js';
import { prepareWriter } from './sqlite-connections.js';

/**
 * Brings the database to the current form, each pending migration in a transaction of its own.
 * @throws `store-newer` when the database has migrations this build does not know: an older build must not write to it.
 */
export async function migrate(source: DataSource): Promise<void> {
  await source.runMigrations({ transaction: 'each' });
  const applied = (await source.query('select name from migrations order by id')) as { name: string }[];
  requireKnown(
    applied.map((row) => row.name),
    MIGRATIONS.map((one) => one.name),
  );
}

/** {@link migrate} for a SQLite file, on a connection of its own. */
export async function migrateSqlite(path: string): Promise<void> {
  const source = new DataSource({
    type: 'better-sqlite3',
    database: path,
    migrations: MIGRATIONS,
    prepareDatabase: prepareWriter,
  });
  await source.initialize();
  try {
    await migrate(source);
  } finally {
    await source.destroy();
  }
}
