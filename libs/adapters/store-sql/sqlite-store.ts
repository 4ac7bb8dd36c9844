import type BetterSqlite3 from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from '#migrations';
import { Serial } from '#libs/core/kernel';
import { migrate } from './migrate.js';
import { RunnerSession } from './runner-session.js';
import { claimFile, requireSound, requireVersion } from './sqlite-file.js';
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
  readonly #reader: RunnerSession;
  readonly #writes: WriteGroups;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly writer: DataSource,
    private readonly readSource: DataSource,
    private readonly release: () => void,
  ) {
    super();
    this.#reader = new RunnerSession('sqlite', readSource.createQueryRunner());
    this.#writes = new WriteGroups(
      new RunnerSession('sqlite', writer.createQueryRunner()),
      () => connectionOf(writer).inTransaction,
    );
  }

  static async open(options: SqliteStoreOptions): Promise<SqliteStore> {
    const claim = claimFile(options.path);
    const opened: DataSource[] = [];
    try {
      const writer = new DataSource({
        type: 'better-sqlite3',
        database: options.path,
        enableWAL: true,
        migrations: MIGRATIONS,
        prepareDatabase: prepareWriter,
      });
      opened.push(await writer.initialize());
      const runner = writer.createQueryRunner();
      await requireVersion(runner);
      if (claim.uncleanStop) await requireSound(runner, options.path);
      await migrate(writer);
      const reader = new DataSource({
        type: 'better-sqlite3',
        database: options.path,
        readonly: true,
        fileMustExist: true,
        prepareDatabase: prepareReader,
      });
      opened.push(await reader.initialize());
      return new SqliteStore(writer, reader, claim.release);
    } catch (error) {
      for (const source of opened) await source.destroy();
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
      await this.readSource.destroy();
      await this.writer.destroy();
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

/** The driver's connection behind a data source; TypeORM does not publish it in its types. */
function connectionOf(source: DataSource): BetterSqlite3.Database {
  return (source.driver as unknown as { databaseConnection: BetterSqlite3.Database }).databaseConnection;
}

function prepareWriter(connection: BetterSqlite3.Database): void {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('mmap_size = 0');
  connection.pragma('trusted_schema = OFF');
}

function prepareReader(connection: BetterSqlite3.Database): void {
  connection.pragma('query_only = ON');
  connection.pragma('mmap_size = 0');
  connection.pragma('trusted_schema = OFF');
}
