import { statSync } from 'node:fs';
import { basename } from 'node:path';
import Database from 'better-sqlite3';
import type { FixedPart } from '#libs/core/kernel';
import { openReader, prepareWriter } from './sqlite-connections.js';
import { walState } from './sqlite-checkpoint.js';
import { TOUCH } from './sqlite-session.js';
import type { StoreCut } from './sql-store.js';

/** What precedes the frames of a write-ahead log, and each page in it (SQLite's file format). */
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/**
 * A database and its write-ahead log as they are now, without a pause in which another write could come.
 *
 * A reading transaction is left open as long as the cut is held. It keeps SQLite from beginning the log anew, so the frames that are there now stay what they are; and a checkpoint copies none behind them. So the
 * database file, even copied while a checkpoint writes to it, together with these frames is the database of this moment. Where all frames are in the database already the log may begin anew, and the
 * database file is not written to: then it is all there is.
 */
export function cutDatabase(path: string): StoreCut {
  const reader = openReader(path);
  try {
    reader.exec('begin');
    reader.prepare(TOUCH).get();
    const { log, checkpointed } = walStateOf(path);
    const pageSize = reader.pragma('page_size', { simple: true }) as number;
    const name = basename(path);
    const database: FixedPart = { file: path, bytes: statSync(path).size };
    const files = [{ path: name, parts: [database] }];
    if (log > checkpointed) {
      const bytes = WAL_HEADER_BYTES + log * (FRAME_HEADER_BYTES + pageSize);
      files.push({ path: `${name}-wal`, parts: [{ file: `${path}-wal`, bytes }] });
    }
    return {
      files,
      release: () => {
        if (reader.open) reader.close();
      },
    };
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** Asked by a connection that could write, as SQLite demands, and that has no transaction, which the writing one may have. */
function walStateOf(path: string): { readonly log: number; readonly checkpointed: number } {
  const connection = new Database(path);
  try {
    prepareWriter(connection);
    connection.prepare(TOUCH).get();
    return walState(connection, 'NOOP');
  } finally {
    connection.close();
  }
}
