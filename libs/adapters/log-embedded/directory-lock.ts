import Database from 'better-sqlite3';
import { logErrors } from '#libs/core/log';

/** A directory held by this process. */
export interface HeldDirectory {
  release(): void;
}

/** Keeps a directory to one owner at a time. The lock must die with its holder, however it dies. */
export abstract class DirectoryLock {
  /** @throws `log-locked` when someone else holds it. */
  abstract acquire(directory: string): HeldDirectory;
}

/** The file that carries the lock. It holds nothing and may be there without anyone holding it. */
export const LOCK_FILE = 'lock.sqlite';

/**
 * Node has no file lock, SQLite has: an exclusive transaction on a database of its own is a lock of the operating system, which goes when the
 * process goes, kill -9 included. Not for network file systems.
 */
export class SqliteDirectoryLock extends DirectoryLock {
  acquire(directory: string): HeldDirectory {
    const database = new Database(`${directory}/${LOCK_FILE}`, { timeout: 0 });
    try {
      // A rollback journal that lives in memory: the lock leaves no second file, and nothing is ever written.
      database.pragma('journal_mode = MEMORY');
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      const code = (error as { code?: unknown }).code;
      if (typeof code === 'string' && code.startsWith('SQLITE_BUSY')) throw logErrors.logLocked(directory);
      throw error;
    }
    return {
      release: () => {
        database.close();
      },
    };
  }
}
