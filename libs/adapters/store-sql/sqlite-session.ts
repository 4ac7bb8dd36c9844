import type { Database, Statement } from 'better-sqlite3';
import type { SqlRow, SqlSession, SqlValue } from './sql-store.js';

/** Makes a transaction take its snapshot, which it does with its first read. */
export const TOUCH = 'select 1 from sqlite_schema limit 1';

/** Statements kept prepared; the oldest goes first. There are a few hundred, lists of values included. */
const MAX_STATEMENTS = 500;

/** A {@link SqlSession} on one connection of the SQLite driver. Answers come at once; the promises are the port's. */
export class SqliteSession implements SqlSession {
  readonly dialect = 'sqlite';
  readonly #prepared = new Map<string, Statement>();

  constructor(private readonly connection: Database) {}

  async all<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row[]> {
    const statement = this.#statement(sql);
    if (statement.reader) return statement.all(...parameters) as Row[];
    statement.run(...parameters);
    return [];
  }

  async one<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.all<Row>(sql, parameters))[0];
  }

  async run(sql: string, parameters: readonly SqlValue[] = []): Promise<number> {
    const statement = this.#statement(sql);
    return statement.reader ? statement.all(...parameters).length : statement.run(...parameters).changes;
  }

  #statement(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement !== undefined) return statement;
    statement = this.connection.prepare(sql);
    this.#prepared.set(sql, statement);
    if (this.#prepared.size > MAX_STATEMENTS) this.#prepared.delete(this.#prepared.keys().next().value!);
    return statement;
  }
}
