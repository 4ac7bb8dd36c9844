import Database from 'better-sqlite3';
import type { SqlJob, SqlReply } from './sqlite-sql-protocol.js';

/** The one table of SQLite that reading alone can ask for a path of this machine. No way to quote a name changes how it is spelled. */
const TELLS_PATHS = /pragma_database_list/i;

/**
 * Runs one statement on a connection that can only read. The driver takes one statement and no more; of one that gives no rows (ATTACH, a PRAGMA that sets something) nothing is
 * done. How long it takes is up to whoever started this process.
 */
export function runSqlJob({ path, names, statement, limit, bytes }: SqlJob): SqlReply {
  if (TELLS_PATHS.test(statement)) return { refused: 'it asks where files are' };
  const database = new Database(path, { readonly: true, fileMustExist: true });
  try {
    database.pragma('temp_store = memory');
    database.pragma('trusted_schema = off');
    for (const name of names) database.exec(name);
    database.pragma('query_only = on');
    database.defaultSafeIntegers(true);
    const prepared = database.prepare(statement);
    if (!prepared.reader || !prepared.readonly) return { refused: 'it does not only read' };
    const columns = prepared.columns().map((column) => column.name);
    const rows: (string | number | null)[][] = [];
    let size = 0;
    for (const cells of prepared.raw().iterate()) {
      const row = (cells as unknown[]).map(valueOf);
      size += row.reduce<number>((sum, cell) => sum + (typeof cell === 'string' ? cell.length : 8), 0);
      if (rows.length === limit || size > bytes) return { columns, rows, truncated: true };
      rows.push(row);
    }
    return { columns, rows, truncated: false };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { refused: error.message };
  } finally {
    database.close();
  }
}

/** Integers beyond 2^53 as text, bytes as base64. */
function valueOf(cell: unknown): string | number | null {
  if (typeof cell === 'bigint') return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell);
  if (Buffer.isBuffer(cell)) return cell.toString('base64');
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : String(cell);
  return cell as string | null;
}
