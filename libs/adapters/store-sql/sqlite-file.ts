import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { AppError } from '#libs/core/kernel';

/** Older releases can lose committed frames when the write-ahead log is reset (reliability page, G23). */
const LEAST_VERSION = [3, 51, 3] as const;

export interface FileClaim {
  /** A write-ahead log was left behind, so the last process did not close the file. */
  readonly uncleanStop: boolean;
  /** Gives the file up. Repeatable. */
  readonly release: () => void;
}

/**
 * Makes this process the only owner of a database file, by holding an exclusive transaction on `<path>.lock`: the lock dies with its holder, however that ends.
 * @throws `store-in-use` when another process, or another store of this process, owns it.
 */
export function claimFile(path: string): FileClaim {
  mkdirSync(dirname(path), { recursive: true });
  const lock = new Database(`${path}.lock`, { timeout: 0 });
  try {
    lock.pragma('journal_mode = DELETE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    throw new AppError({
      kind: 'conflict',
      code: 'store-in-use',
      message: `the database ${path} is in use by another process`,
      hint: 'stop the other process, give this one a data directory of its own, or use PostgreSQL for several instances',
    });
  }
  const wal = `${path}-wal`;
  return { uncleanStop: existsSync(wal) && statSync(wal).size > 0, release: () => lock.close() };
}

/** @throws `sqlite-too-old` */
export function requireVersion(connection: Database.Database): void {
  const version = connection.prepare('select sqlite_version()').pluck().get() as string;
  if (isOlder(version, LEAST_VERSION)) {
    throw new AppError({
      kind: 'internal',
      code: 'sqlite-too-old',
      message: `SQLite ${version} is bundled, at least ${LEAST_VERSION.join('.')} is needed: older ones can lose committed writes when the write-ahead log is reset`,
      hint: 'reinstall the dependencies from the lock file',
    });
  }
}

/** Whether a dotted version comes before `least`. */
export function isOlder(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (let i = 0; i < least.length; i++) {
    const difference = (parts[i] ?? 0) - least[i]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Checks the file's structure. @throws `store-damaged` */
export function requireSound(connection: Database.Database, path: string): void {
  const rows = connection.pragma('quick_check(5)') as { quick_check: string }[];
  const problems = rows.map((row) => row.quick_check).filter((text) => text !== 'ok');
  if (problems.length === 0) return;
  throw new AppError({
    kind: 'internal',
    code: 'store-damaged',
    message: `the database ${path} is damaged: ${problems.join('; ')}`,
    hint: 'restore it from a backup; keep the damaged file',
    details: { path, problems },
  });
}
