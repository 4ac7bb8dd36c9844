import type { Database } from 'better-sqlite3';
import type { SqliteFlush } from './sqlite-flush.js';

/** Pages in the write-ahead log that are not in the database yet, from which they are copied there; SQLite's own default. */
const DUE_PAGES = 1_000;

interface WalState {
  /** Pages in the log, and how many of them are in the database. */
  readonly log: number;
  readonly checkpointed: number;
}

/**
 * Copies the write-ahead log into the database when it has grown, so that SQLite begins it anew. To be called with no writer at work and everything
 * committed flushed: SQLite does not flush the copy here, and until that is done nothing may begin the log anew. A copy that fails, for want of space, is
 * tried again at the next call: the log has everything.
 * @throws when the flush of the database fails.
 */
export async function checkpointWhenDue(writer: Database, flush: SqliteFlush): Promise<void> {
  const before = walState(writer, 'NOOP');
  if (before.log - before.checkpointed < DUE_PAGES) return;
  const after = copyUnflushed(writer);
  if (after.checkpointed > before.checkpointed) await flush.file();
}

function copyUnflushed(writer: Database): WalState {
  writer.pragma('synchronous = OFF');
  try {
    return walState(writer, 'PASSIVE');
  } catch {
    return walState(writer, 'NOOP');
  } finally {
    writer.pragma('synchronous = NORMAL');
  }
}

/** How the write-ahead log stands. `PASSIVE` copies what it can into the database before, `NOOP` nothing. */
export function walState(connection: Database, mode: 'NOOP' | 'PASSIVE'): WalState {
  return (connection.pragma(`wal_checkpoint(${mode})`) as [WalState])[0];
}
