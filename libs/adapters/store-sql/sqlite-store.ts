import type BetterSqlite3 from 'better-sqlite3';
import { Serial } from '#libs/core/kernel';
import { checkpointWhenDue } from './sqlite-checkpoint.js';
import { openReader, openWriter } from './sqlite-connections.js';
import { claimFile, requireSound, requireVersion } from './sqlite-file.js';
import { SqliteFlush, type Datasync } from './sqlite-flush.js';
import { migrateFile } from './sqlite-migration.js';
import { cutDatabase } from './sqlite-cut.js';
import { SqliteSession, TOUCH } from './sqlite-session.js';
import { isDiskRefusal, storeClosed, storeFlushFailed, translateDriverError } from './sql-errors.js';
import { SqlStore, type SqlRow, type SqlSession, type SqlValue, type StoreCut } from './sql-store.js';
import { WriteGroups } from './write-groups.js';

/** Writes a page as it is: nothing here looks at this number. */
const UNCHANGED = 'pragma user_version = 0';

/** The longest a group of writes stays open: nothing else has a turn meanwhile. */
const GROUP_MS = 10;

export interface SqliteStoreOptions {
  /** Database file; its directory is made when missing. Beside it live `-wal`, `-shm` and `.lock`. Never on a network file system. */
  readonly path: string;
  /** Told once when a flush has failed and nothing can be promised any more; the process should end. */
  readonly onFatal?: (error: Error) => void;
  /** `fdatasync` unless given. */
  readonly datasync?: Datasync;
}

/**
 * The store on one SQLite file: one writing connection with all writes in one line ({@link WriteGroups}), one reading connection that cannot write.
 * WAL, every commit flushed before it is answered: an acknowledged write survives power loss, and readers see only what has been flushed. The flushes do not stop the
 * event loop.
 * One process per file; a second is refused.
 */
export class SqliteStore extends SqlStore {
  readonly dialect = 'sqlite';
  readonly #reads = new Serial();
  readonly #reader: SqliteSession;
  readonly #writes: WriteGroups;
  readonly #snapshots = new Set<Promise<unknown>>();
  readonly #begin: BetterSqlite3.Statement;
  readonly #touch: BetterSqlite3.Statement;
  readonly #commit: BetterSqlite3.Statement;
  /** The disk refused the last write that came to it. */
  #refused = false;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly path: string,
    private readonly writing: BetterSqlite3.Database,
    private readonly reading: BetterSqlite3.Database,
    private readonly flush: SqliteFlush,
    private readonly release: () => void,
    onFatal: (error: Error) => void,
  ) {
    super();
    this.#reader = new SqliteSession(reading);
    this.#begin = reading.prepare('begin');
    this.#touch = reading.prepare(TOUCH);
    this.#commit = reading.prepare('commit');
    const orFatal = async (task: Promise<void>): Promise<void> => {
      try {
        await task;
      } catch (error) {
        const failed = storeFlushFailed(error);
        onFatal(failed);
        throw failed;
      }
    };
    const writer = { session: new SqliteSession(writing), inTransaction: () => writing.inTransaction };
    this.#writes = new WriteGroups({
      begin: 'BEGIN IMMEDIATE',
      groupMs: GROUP_MS,
      connected: (group) => group(writer),
      flush: () => orFatal(flush.wal()),
      tidy: () => orFatal(checkpointWhenDue(writing, flush)),
    });
  }

  static async open({ path, onFatal = () => undefined, datasync }: SqliteStoreOptions): Promise<SqliteStore> {
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
      // The log is made when it is first written or read.
      writing.exec('BEGIN IMMEDIATE; COMMIT');
      const flush = await SqliteFlush.open(path, datasync);
      return new SqliteStore(path, writing, reading, flush, claim.release, onFatal);
    } catch (error) {
      for (const connection of opened) connection.close();
      claim.release();
      throw translateDriverError(error);
    }
  }

  async all<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row[]> {
    // In line with the snapshots, since the reading connection has one transaction at a time.
    return this.#guarded(() => this.#reads.run(() => this.#whenFlushed(() => this.#reader.all<Row>(sql, parameters))));
  }

  async one<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.all<Row>(sql, parameters))[0];
  }

  async read<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#guarded(() =>
      this.#reads.run(async () => {
        await this.#whenFlushed(() => {
          this.#begin.run();
          this.#touch.get();
        });
        try {
          return await task(this.#reader);
        } finally {
          this.#commit.run();
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
      await this.#whenFlushed(() => {
        connection.exec('begin');
        connection.prepare(TOUCH).get();
      });
      return await task(new SqliteSession(connection));
    } finally {
      connection.close();
    }
  }

  async write<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#guarded(async () => {
      try {
        const result = await this.#writes.run(task);
        this.#refused = false;
        return result;
      } catch (error) {
        this.#refused ||= isDiskRefusal(error);
        throw error;
      }
    });
  }

  writeInLine<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.write(task);
  }

  /** What is committed and not flushed yet is in it, too: it was not acknowledged, and may be kept. */
  cut(): StoreCut {
    if (this.#closing !== undefined) throw storeClosed();
    return cutDatabase(this.path);
  }

  async ping(): Promise<void> {
    await this.all('select 1');
    if (this.#refused) await this.write((session) => session.run(UNCHANGED));
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#writes.idle();
      await this.#reads.idle();
      await Promise.allSettled(this.#snapshots);
      this.reading.close();
      this.writing.close();
      await this.flush.close();
      this.release();
    })();
    return this.#closing;
  }

  /** Runs a reading statement at a moment at which everything committed is durable. @param read begins to read before it returns. */
  async #whenFlushed<T>(read: () => T): Promise<Awaited<T>> {
    while (this.#writes.flushing !== undefined) await this.#writes.flushing;
    if (this.#writes.failure !== undefined) throw this.#writes.failure.error;
    return await read();
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
