import Database from 'better-sqlite3';

/** Memory for pages of the file, in KiB. Index pages of a registry with 100,000 versions fit; with SQLite's own 2 MiB they are read again for every row. */
const CACHE_KIB = 16 * 1024;

/**
 * The one connection that writes. SQLite flushes at a commit only where it begins the write-ahead log anew (`NORMAL`); that every commit is flushed before anybody
 * hears of it, and that the log is copied into the file in time, is the store's work, which does not stop the event loop for it.
 */
export function openWriter(path: string): Database.Database {
  return prepared(new Database(path), prepareWriter);
}

/** A connection that cannot write. */
export function openReader(path: string): Database.Database {
  return prepared(new Database(path, { readonly: true, fileMustExist: true }), prepareReader);
}

export function prepareWriter(connection: Database.Database): void {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = NORMAL');
  connection.pragma('wal_autocheckpoint = 0');
  connection.pragma('foreign_keys = ON');
  connection.pragma('mmap_size = 0');
  connection.pragma(`cache_size = -${CACHE_KIB}`);
  connection.pragma('trusted_schema = OFF');
}

function prepareReader(connection: Database.Database): void {
  connection.pragma('query_only = ON');
  connection.pragma('mmap_size = 0');
  connection.pragma(`cache_size = -${CACHE_KIB}`);
  connection.pragma('trusted_schema = OFF');
}

function prepared(connection: Database.Database, prepare: (connection: Database.Database) => void): Database.Database {
  try {
    prepare(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}
