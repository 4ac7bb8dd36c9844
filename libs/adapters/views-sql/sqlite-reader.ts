import Database from 'better-sqlite3';

/** A connection that cannot write and hands out every integer as bigint. */
export function openReader(path: string): Database.Database {
  const reader = new Database(path, { readonly: true });
  reader.pragma('query_only = true');
  reader.pragma('trusted_schema = false');
  reader.defaultSafeIntegers(true);
  return reader;
}
