import type { QueryRunner } from 'typeorm';
import type { Dialect, SqlRow, SqlSession, SqlValue } from './sql-store.js';
import { numberPlaceholders } from './statement.js';

/** A {@link SqlSession} on one TypeORM query runner, that is, on one connection. */
export class RunnerSession implements SqlSession {
  constructor(
    readonly dialect: Dialect,
    private readonly runner: QueryRunner,
  ) {}

  async all<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row[]> {
    return (await this.#query(sql, parameters)).records as Row[];
  }

  async one<Row extends object = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.#query(sql, parameters)).records[0] as Row | undefined;
  }

  async run(sql: string, parameters: readonly SqlValue[] = []): Promise<number> {
    return (await this.#query(sql, parameters)).affected ?? 0;
  }

  #query(sql: string, parameters: readonly SqlValue[]) {
    const text = this.dialect === 'postgres' ? numberPlaceholders(sql) : sql;
    return this.runner.query(text, parameters as SqlValue[], true);
  }
}
