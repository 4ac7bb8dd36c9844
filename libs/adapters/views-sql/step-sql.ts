import type { Database, Statement } from 'better-sqlite3';
import {
  tableShapes,
  type CellValue,
  type TableChange,
  type TableRow,
  type TableSearch,
  type ViewDefinition,
} from '#libs/core/streams';
import { cell, tableName } from './physical-names.js';
import { plain } from './row-values.js';

/** The prepared statements that read and write the rows of one view. */
export class StepSql {
  readonly #widths = new Map<number, number>();
  readonly #statements = new Map<string, Statement>();

  constructor(
    private readonly database: Database,
    private readonly id: string,
    view: ViewDefinition,
  ) {
    for (const { table, columns } of tableShapes(view)) this.#widths.set(table, columns.length);
  }

  change({ table, puts, deletes }: TableChange): void {
    const name = tableName(this.id, table);
    const columns = ['identity', ...this.#cells(table)];
    const put = this.#prepared(
      `insert or replace into ${name} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
    );
    for (const { identity, cells } of puts) put.run(identity, ...cells.map(bound));
    const remove = this.#prepared(`delete from ${name} where identity = ?`);
    for (const identity of deletes) remove.run(identity);
  }

  rows(table: number, identities: readonly string[]): ReadonlyMap<string, readonly CellValue[]> {
    const select = this.#select(table, 'where identity = ?');
    const found = new Map<string, readonly CellValue[]>();
    // As that of ends is until something ends.
    if (this.#isEmpty(table)) return found;
    for (const identity of identities) {
      const row = select.get(identity) as CellValue[] | undefined;
      if (row !== undefined) found.set(identity, row.slice(1).map(plain));
    }
    return found;
  }

  find({ table, column, equals, from, below, by, descending, after, limit }: TableSearch): readonly TableRow[] {
    const conditions = [`${cell(column)} ${below === undefined ? '=' : '<'} ?`];
    const values: CellValue[] = [below ?? equals ?? null];
    if (from !== undefined) {
      conditions.push(`${cell(column)} >= ?`);
      values.push(from);
    }
    if (by !== undefined) conditions.push(`${cell(by)} is not null`);
    if (after !== undefined) {
      conditions.push('identity > ?');
      values.push(after);
    }
    const order = by === undefined ? 'identity' : `${cell(by)} ${descending === true ? 'desc' : 'asc'}, identity`;
    const rows = this.#select(table, `where ${conditions.join(' and ')} order by ${order} limit ?`).all(
      ...values.map(bound),
      limit,
    );
    return (rows as CellValue[][]).map(([identity, ...cells]) => ({
      identity: String(identity),
      cells: cells.map(plain),
    }));
  }

  #isEmpty(table: number): boolean {
    return this.#prepared(`select 1 from ${tableName(this.id, table)} limit 1`).get() === undefined;
  }

  #select(table: number, rest: string): Statement {
    const columns = ['identity', ...this.#cells(table)].join(', ');
    return this.#prepared(`select ${columns} from ${tableName(this.id, table)} ${rest}`, (made) =>
      made.raw().safeIntegers(),
    );
  }

  #prepared(sql: string, as: (statement: Statement) => Statement = (made) => made): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = as(this.database.prepare(sql))));
    return statement;
  }

  #cells(table: number): string[] {
    return Array.from({ length: this.#widths.get(table) ?? 0 }, (_, index) => cell(index));
  }
}

/** The driver binds every number as a double; integers go as bigint, so that they are what they were. */
function bound(value: CellValue): CellValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}
