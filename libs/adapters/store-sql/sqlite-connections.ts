import Database from 'better-sqlite3';

/** The one connection that writes. */
export function openWriter(path: string): Database.Database {
  return prepared(new Database(path), prepareWriter);
}

/** A connection that cannot write. */
export function openReader(path: string): Database.Database {
  return prepared(new Database(path, { readonly: true, fileMustExist: true }), prepareReader);
}

export function prepareWriter(connection: Database.Database): void {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('mmap_size = 0');
  connection.pragma('trusted_schema = OFF');
}

function prepareReader(connection: Database.Database): void {
  connection.pragma('query_only = ON');
  connection.pragma('mmap_size = 0');
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
