import Database from 'better-sqlite3';

/** Opens a database, with the write-ahead log beside it, and looks at its structure. Problems in words, empty for a sound one. */
export function databaseProblems(path: string): string[] {
  let connection: Database.Database | undefined;
  try {
    connection = new Database(path, { fileMustExist: true });
    const rows = connection.pragma('quick_check(5)') as { quick_check: string }[];
    return rows.map((row) => row.quick_check).filter((text) => text !== 'ok');
  } catch (error) {
    return [`the database cannot be read (${(error as { code?: string }).code ?? 'unknown error'})`];
  } finally {
    connection?.close();
  }
}
