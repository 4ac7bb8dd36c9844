import type { Database, Statement } from 'better-sqlite3';
import type { CellValue, TableChange, TableRow, TableSearch } from '#libs/core/streams';
import { cell, tableName } from './physical-names.js';
import { plain } from './row-values.js';
import { searchSql } from './search-sql.js';

/** What becomes of one table, in a form that passes quickly from one thread to another. */
export interface FlatChange {
  readonly table: number;
  /** Values of a row: its identity and its cells. */
  readonly width: number;
  /** Values of all rows that are put, one row after the other. */
  readonly puts: readonly CellValue[];
  readonly deletes: readonly string[];
}

export function flat({ table, puts, added = [], deletes }: TableChange): FlatChange {
  const width = 1 + ((added[0] ?? puts[0])?.cells.length ?? 0);
  const values = new Array<CellValue>((added.length + puts.length) * width);
  let place = 0;
  for (const rows of [added, puts])
    for (const { identity, cells } of rows) {
      values[place++] = identity;
      for (const one of cells) values[place++] = one;
    }
  return { table, width, puts: values, deletes };
}

/** Values in a statement that puts many rows. */
const MOST_VALUES = 2_000;

/** The prepared statements that read and write the rows of one view. */
export class StepSql {
  readonly #statements = new Map<string, Statement>();

  constructor(
    private readonly database: Database,
    private readonly id: string,
  ) {}

  change({ table, width, puts, deletes }: FlatChange): void {
    const remove = this.#prepared(`delete from ${tableName(this.id, table)} where identity = ?`);
    for (const identity of deletes) remove.run(identity);
    const many = Math.max(1, Math.floor(MOST_VALUES / width));
    let at = 0;
    for (const rows of [many, 1]) {
      if (puts.length - at < rows * width) continue;
      const put = this.#put(table, width, rows);
      for (; puts.length - at >= rows * width; at += rows * width) put.run(puts.slice(at, at + rows * width));
    }
  }

  rows(table: number, identities: readonly string[]): ReadonlyMap<string, readonly CellValue[]> {
    const found = new Map<string, readonly CellValue[]>();
    // As that of ends is until something ends.
    if (this.#isEmpty(table)) return found;
    // The identity comes first, then the cells by their numbers.
    const select = this.#reading(`select * from ${tableName(this.id, table)} where identity = ?`);
    for (const identity of identities) {
      const row = select.get(identity) as CellValue[] | undefined;
      if (row !== undefined) found.set(identity, row.slice(1).map(plain));
    }
    return found;
  }

  find(search: TableSearch): readonly TableRow[] {
    const { sql, values } = searchSql(tableName(this.id, search.table), search);
    const rows = this.#reading(sql).all(...values.map(bound));
    return (rows as CellValue[][]).map(([identity, ...cells]) => ({
      identity: String(identity),
      cells: cells.map(plain),
    }));
  }

  #isEmpty(table: number): boolean {
    return this.#prepared(`select 1 from ${tableName(this.id, table)} limit 1`).get() === undefined;
  }

  /** Numbers are bound as doubles; the column makes an integer of each that is one, and integers that no double holds come as bigint. */
  #put(table: number, width: number, rows: number): Statement {
    const columns = ['identity', ...Array.from({ length: width - 1 }, (_, index) => cell(index))];
    const row = `(${columns.map(() => '?').join(', ')})`;
    return this.#prepared(
      `insert or replace into ${tableName(this.id, table)} (${columns.join(', ')}) values ${Array.from({ length: rows }, () => row).join(', ')}`,
    );
  }

  #reading(sql: string): Statement {
    return this.#prepared(sql, (made) => made.raw().safeIntegers());
  }

  #prepared(sql: string, as: (statement: Statement) => Statement = (made) => made): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = as(this.database.prepare(sql))));
    return statement;
  }
}

/** The driver binds every number as a double; integers go as bigint, so that they are what they were. */
function bound(value: CellValue): CellValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}
