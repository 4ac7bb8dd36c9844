import type BetterSqlite3 from 'better-sqlite3';
import { Serial } from '#libs/core/kernel';
import { openReader, openWriter } from './sqlite-connections.js';
import { claimFile, requireSound, requireVersion } from './sqlite-file.js';
import { migrateFile } from './sqlite-migration.js';
import { SqliteSession } from './sqlite-session.js';
import { storeClosed, translateDriverError } from './sql-errors.js';
import { SqlStore, type SqlRow, type SqlSession, type SqlValue } from './sql-store.js';
import { WriteGroups } from './write-groups.js';

export interface SqliteStoreOptions {
  /** Database file; its directory is made when missing. Beside it live `-wal`, `-shm` and `.lock`. Never on a network file system. */
  readonly path: string;
}

/**
 * The store on one SQLite file: one writing connection with all writes in one line ({@link WriteGroups}), one reading connection that cannot write.
 * WAL with `synchronous=FULL`: an acknowledged write survives power loss, and readers see only what has been flushed.
 * One process per file; a second is refused.
 */
export class SqliteStore extends SqlStore {
  readonly dialect = 'sqlite';
  readonly #reads = new Serial();
  readonly #reader: SqliteSession;
  readonly #writes: WriteGroups;
  readonly #snapshots = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly path: string,
    private readonly writing: BetterSqlite3.Database,
    private readonly reading: BetterSqlite3.Database,
    private readonly release: () => void,
  ) {
    super();
    this.#reader = new SqliteSession(reading);
    this.#writes = new WriteGroups(new SqliteSession(writing), () => writing.inTransaction);
  }

  static async open({ path }: SqliteStoreOptions): Promise<SqliteStore> {
    const claim = claimFile(path);
    const opened: BetterSqlite3.Database[] = [];
    try {
      const writing = openWriter(path);
      opened.push(writing);
      requireVersion(writing);
      if (claim.uncleanStop) requireSound(writing, path);
      await migrateFile(writing, path);
      const reading = openReader(path);
      opened.push(reading);
      return new SqliteStore(path, writing, reading, claim.release);
    } catch (error) {
      for (const connection of opened) connection.close();
      claim.release();
      throw translateDriverError(error);
    }
  }

  async all<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row[]> {
    // In line with the snapshots, since the reading connection has one transaction at a time.
    return this.#guarded(() => this.#reads.run(() => this.#reader.all<Row>(sql, parameters)));
  }

  async one<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.all<Row>(sql, parameters))[0];
  }

  async read<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#guarded(() =>
      this.#reads.run(async () => {
        await this.#reader.run('BEGIN');
        try {
          return await task(this.#reader);
        } finally {
          await this.#reader.run('COMMIT');
        }
      }),
    );
  }

  /** On a connection of its own. While it lasts the write-ahead log cannot shrink. */
  async snapshot<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#guarded(() => {
      const running = this.#onOwnConnection(task);
      this.#snapshots.add(running);
      return running.finally(() => this.#snapshots.delete(running));
    });
  }

  async #onOwnConnection<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    const connection = openReader(this.path);
    try {
      const session = new SqliteSession(connection);
      await session.run('BEGIN');
      return await task(session);
    } finally {
      connection.close();
    }
  }

  async write<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#guarded(() => this.#writes.run(task));
  }

  async ping(): Promise<void> {
    await this.all('select 1');
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#writes.idle();
      await this.#reads.idle();
      await Promise.allSettled(this.#snapshots);
      this.reading.close();
      this.writing.close();
      this.release();
    })();
    return this.#closing;
  }

  async #guarded<T>(task: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw storeClosed();
    try {
      return await task();
    } catch (error) {
      throw translateDriverError(error);
    }
  }
}
