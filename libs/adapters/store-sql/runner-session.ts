import type { QueryRunner } from 'typeorm';
import type { SqlRow, SqlSession, SqlValue } from './sql-store.js';
import { numberPlaceholders } from './statement.js';

/** A {@link SqlSession} on one TypeORM query runner, that is, on one connection to PostgreSQL. */
export class RunnerSession implements SqlSession {
  readonly dialect = 'postgres';

  constructor(private readonly runner: QueryRunner) {}

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
    return this.runner.query(numberPlaceholders(sql), parameters as SqlValue[], true);
  }
}
