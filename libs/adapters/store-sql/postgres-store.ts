import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { DataSource, QueryRunnerAlreadyReleasedError, type QueryRunner } from 'typeorm';
import { MIGRATIONS } from '#migrations';
import { AppError } from '#libs/core/kernel';
import { migrate } from './migrate.js';
import { RunnerSession } from './runner-session.js';
import { isRepeatable, storeClosed, storeUnreachable, translateDriverError } from './sql-errors.js';
import { SqlStore, type SqlRow, type SqlSession, type SqlValue } from './sql-store.js';
import { WriteGroups } from './write-groups.js';

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  /** Connections at most; 10 when not given. Needs at least 2. */
  readonly poolSize?: number;
  /** How long a call waits for a free or new connection before `store-unavailable`. */
  readonly connectTimeoutMs?: number;
  /**
   * How long a write may wait for its next statement, in ms; 10,000 when not given. After it the server gives the transaction up and frees what it holds, which all other instances may
   * wait for: this instance is asleep, or cannot be reached. Shorter than a lease, so that whoever takes its work over finds the way free. Snapshots may last.
   */
  readonly abandonedMs?: number;
}

/** Any number; what matters is that every instance asks for the same one. */
const MIGRATION_LOCK = 7_235_911_204;
const MAX_ATTEMPTS = 8;
/** The longest a group of writes stays open for more: each takes some ten round trips, and other instances wait for it. */
const GROUP_MS = 50;
const ABANDONED_MS = 10_000;
const INT8_OID = 20;

/** The store on PostgreSQL, for any number of instances. Transactions run at READ COMMITTED and are repeated after a serialization failure or deadlock. */
export class PostgresStore extends SqlStore {
  readonly dialect = 'postgres';
  #running = 0;
  #idle: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  readonly #line: WriteGroups;
  readonly #beginWrite: string;

  private constructor(
    private readonly source: DataSource,
    abandonedMs: number,
  ) {
    super();
    // One round trip. A setting of the transaction alone, since a pool in between (PgBouncer) passes no others on.
    this.#beginWrite = `START TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = ${abandonedMs}`;
    this.#line = new WriteGroups({
      begin: this.#beginWrite,
      groupMs: GROUP_MS,
      connected: (group) =>
        this.#connected((runner) =>
          group({ session: new RunnerSession(runner), inTransaction: () => !runner.isReleased }),
        ),
      // A commit is durable.
      flush: () => Promise.resolve(),
      tidy: () => Promise.resolve(),
    });
  }

  static async open(options: PostgresStoreOptions): Promise<PostgresStore> {
    const source = new DataSource({
      type: 'postgres',
      url: options.url,
      applicationName: 'weir',
      poolSize: Math.max(2, options.poolSize ?? 10),
      connectTimeoutMS: options.connectTimeoutMs ?? 5_000,
      migrations: MIGRATIONS,
      installExtensions: false,
      // A connection that breaks while idle is dropped by the pool; the next caller gets a new one or `store-unavailable`.
      poolErrorHandler: () => undefined,
      extra: { types: { getTypeParser } },
    });
    try {
      await source.initialize();
      await migrateUnderLock(source);
      return new PostgresStore(source, options.abandonedMs ?? ABANDONED_MS);
    } catch (error) {
      if (source.isInitialized) await source.destroy();
      throw translateDriverError(error);
    }
  }

  all<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#withRunner((runner) => new RunnerSession(runner).all<Row>(sql, parameters));
  }

  async one<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.all<Row>(sql, parameters))[0];
  }

  read<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#withRunner((runner) =>
      inTransaction(runner, 'START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY', task),
    );
  }

  /** A connection of the pool is a connection of its own. */
  snapshot<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.read(task);
  }

  write<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#repeated(() => this.#withRunner((runner) => inTransaction(runner, this.#beginWrite, task)));
  }

  writeInLine<T>(task: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#repeated(async () => {
      if (this.#closing !== undefined) throw storeClosed();
      try {
        return await this.#line.run(task);
      } catch (error) {
        throw translateDriverError(error);
      }
    });
  }

  async #repeated<T>(write: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await write();
      } catch (error) {
        if (!isRepeatable(error)) throw error;
        if (attempt >= MAX_ATTEMPTS) throw contended(error);
        await delay(Math.random() * 5 * 2 ** attempt);
      }
    }
  }

  /** The server's own tools make backups of it. */
  cut(): undefined {
    return undefined;
  }

  async ping(): Promise<void> {
    await this.all('select 1 as up');
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#line.idle();
      if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
      await this.source.destroy();
    })();
    return this.#closing;
  }

  async #withRunner<T>(task: (runner: QueryRunner) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw storeClosed();
    return this.#connected(task);
  }

  async #connected<T>(task: (runner: QueryRunner) => Promise<T>): Promise<T> {
    this.#running++;
    const runner = this.source.createQueryRunner();
    try {
      return await task(runner);
    } catch (error) {
      // TypeORM lets a connection go as soon as it breaks, and tells only whoever asks next.
      throw error instanceof QueryRunnerAlreadyReleasedError ? storeUnreachable(error) : translateDriverError(error);
    } finally {
      await runner.release();
      if (--this.#running === 0) for (const wake of this.#idle.splice(0)) wake();
    }
  }
}

async function inTransaction<T>(
  runner: QueryRunner,
  begin: string,
  task: (session: SqlSession) => Promise<T>,
): Promise<T> {
  await runner.query(begin);
  let result: T;
  try {
    result = await task(new RunnerSession(runner));
  } catch (error) {
    // A lost connection cannot roll back and need not: the server does.
    await runner.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  await runner.query('COMMIT');
  return result;
}

/** Instances that start together migrate one after another. The lock belongs to the connection, so a killed instance frees it. */
async function migrateUnderLock(source: DataSource): Promise<void> {
  const runner = source.createQueryRunner();
  try {
    await runner.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      await migrate(source);
    } finally {
      await runner.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    }
  } finally {
    await runner.release();
  }
}

/** 64-bit integers as numbers, refused rather than rounded beyond 2^53 − 1; set per connection, since the driver's own table is global. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === INT8_OID && format !== 'binary') return parseInt8;
  return pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown;
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new AppError({
      kind: 'internal',
      code: 'integer-too-large',
      message: `the database holds the integer ${text}, beyond 2^53 − 1`,
    });
  }
  return value;
}

function contended(cause: unknown): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'store-contended',
    message: `the transaction met concurrent ones ${MAX_ATTEMPTS} times and was not made`,
    hint: 'retry',
    retryable: true,
    cause,
  });
}
