import type { FixedFile } from '#libs/core/kernel';

/** Which SQL the statements reach. Differences that a store must know are few; see README.md. */
export type Dialect = 'sqlite' | 'postgres';

/** What may be bound. Booleans are stored as 0 and 1; times as whole milliseconds; JSON as text. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/** A row by column name. Integers arrive as numbers on both databases (PostgreSQL refuses to read one beyond 2^53 − 1 rather than round it). */
export type SqlRow = Record<string, SqlValue>;

/**
 * Statements on one connection. Placeholders are `?` on both databases, in order; a statement contains no other question mark. Text of statements is
 * constant (built from code, never from user input), because statements are prepared and cached by text.
 */
export interface SqlSession {
  readonly dialect: Dialect;
  /** All rows, in the order the statement gives. */
  all<Row extends object = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]>;
  /** The first row, or undefined. */
  one<Row extends object = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<Row | undefined>;
  /** The number of rows inserted, changed or deleted. */
  run(sql: string, parameters?: readonly SqlValue[]): Promise<number>;
}

/** A database at one moment. */
export interface StoreCut {
  readonly files: readonly FixedFile[];
  /** Until then the files cannot shrink. Harmless to repeat. */
  release(): void;
}

/**
 * One database of Weir's own state, SQLite or PostgreSQL, migrated to the current form.
 *
 * The functions given to {@link read} and {@link write} talk to the database through their session only and await nothing else: on SQLite every other
 * write waits for them. They never call `read` or `write` themselves.
 */
export abstract class SqlStore {
  abstract readonly dialect: Dialect;

  /** One statement outside any transaction, seeing everything committed. The quickest read. */
  abstract all<Row extends object = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]>;
  /** First row of {@link all}. */
  abstract one<Row extends object = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<Row | undefined>;

  /** Several statements on one snapshot; a statement that writes fails. */
  abstract read<T>(task: (session: SqlSession) => Promise<T>): Promise<T>;

  /** As {@link read}, for tasks that may take long and may wait for others: nobody waits for them. Few at a time. */
  abstract snapshot<T>(task: (session: SqlSession) => Promise<T>): Promise<T>;

  /**
   * One transaction: when the promise resolves, everything `task` wrote is on disk; when it rejects with what `task` threw, nothing is.
   * SQLite runs tasks one after another (so each sees all earlier ones) and shares one flush between those that wait; PostgreSQL runs them at the same time at
   * READ COMMITTED, so a task locks (`for update` through {@link lockClause}) or compares what it decided on. A task may run more than once and must have no effect
   * outside its session.
   * @throws what `task` throws; `store-unavailable` (retryable), `storage-full`.
   */
  abstract write<T>(task: (session: SqlSession) => Promise<T>): Promise<T>;

  /**
   * As {@link write}, for writes that would wait for one another anyway since all of them begin with the same row: at each instance those that wait share one
   * transaction, and with it one flush.
   */
  abstract writeInLine<T>(task: (session: SqlSession) => Promise<T>): Promise<T>;

  /**
   * The database as it is at the moment of the call, in the same turn of the event loop: as files to be copied while writing goes on. Undefined where the database is a server's, which makes its own backups.
   */
  abstract cut(): StoreCut | undefined;

  /** A cheap round trip for readiness checks; where the last write failed for its disk, also a write that changes nothing. @throws `store-unavailable`, `storage-full`. */
  abstract ping(): Promise<void>;

  /** Ends when running tasks have ended; later calls throw `store-closed`. Repeatable. */
  abstract close(): Promise<void>;
}

/** What ends a `select` that must hold its rows until the transaction ends: a lock on PostgreSQL, nothing on SQLite (one writer). */
export function lockClause(session: SqlSession): string {
  return session.dialect === 'postgres' ? ' for update' : '';
}
