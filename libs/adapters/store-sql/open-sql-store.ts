import { AppError } from '#libs/core/kernel';
import type { SqlStore } from './sql-store.js';
import type { Datasync } from './sqlite-flush.js';
import { SqliteStore } from './sqlite-store.js';

/** Exactly one of `url` and `path`. */
export interface SqlStoreOptions {
  /** PostgreSQL: `postgres://…` or `postgresql://…`. */
  readonly url?: string;
  /** SQLite: the database file. */
  readonly path?: string;
  readonly poolSize?: number;
  /** PostgreSQL: how long a write waits for its next statement before the server gives it up; see `PostgresStoreOptions`. */
  readonly abandonedMs?: number;
  /** SQLite: what to do when a flush has failed, and another `fdatasync`; see `SqliteStoreOptions`. */
  readonly onFatal?: (error: Error) => void;
  readonly datasync?: Datasync;
}

/**
 * Opens the store and migrates it. On SQLite this process becomes the file's only owner, and the file is checked when the last owner did not close it.
 * @throws `store-in-use`, `store-damaged`, `store-newer`, `sqlite-too-old`, `store-unavailable`, `database-url-unsupported`.
 */
export async function openSqlStore(options: SqlStoreOptions): Promise<SqlStore> {
  if (options.url !== undefined && options.path === undefined) {
    if (!/^postgres(ql)?:\/\//.test(options.url)) {
      throw new AppError({
        kind: 'invalid',
        code: 'database-url-unsupported',
        message: 'the database URL must begin with postgres:// or postgresql://',
        hint: 'leave it out to use SQLite in the data directory',
      });
    }
    // TypeORM and its driver take a good part of a second to load; whoever runs on SQLite does without.
    const { PostgresStore } = await import('./postgres-store.js');
    return PostgresStore.open({ ...options, url: options.url });
  }
  if (options.path !== undefined && options.url === undefined)
    return SqliteStore.open({ ...options, path: options.path });
  throw new AppError({
    kind: 'invalid',
    code: 'database-unnamed',
    message: 'name either a database URL or a file, not both',
  });
}
