import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** `fdatasync` of a file. A test or a benchmark puts a slow or failing one in its place. */
export type Datasync = (file: FileHandle) => Promise<void>;

/**
 * Flushes of a SQLite file and its write-ahead log that do not stop the event loop: SQLite's own run inside COMMIT, and a disk may take many milliseconds.
 * A flush covers everything written to the file before it began, through whatever descriptor.
 */
export class SqliteFlush {
  private constructor(
    private readonly database: FileHandle,
    private readonly walFile: FileHandle,
    private readonly datasync: Datasync,
  ) {}

  /** Both files must be there. Their names are durable when it resolves, and so is what they hold. */
  static async open(path: string, datasync: Datasync = (file) => file.datasync()): Promise<SqliteFlush> {
    const flush = new SqliteFlush(await open(path, 'r+'), await open(`${path}-wal`, 'r+'), datasync);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
    await flush.wal();
    return flush;
  }

  /** Makes everything that was committed durable. */
  wal(): Promise<void> {
    return this.datasync(this.walFile);
  }

  /** Makes what was copied from the write-ahead log into the database durable. */
  file(): Promise<void> {
    return this.datasync(this.database);
  }

  async close(): Promise<void> {
    await this.database.close();
    await this.walFile.close();
  }
}
