import type { Database, Statement } from 'better-sqlite3';
import type { CellValue, TableChange, TableRow, TableSearch } from '#libs/core/streams';
import { FlatRowsReader, flatRows, type FlatRows } from './flat-rows.js';
import { cell, tableName } from './physical-names.js';
import { plain } from './row-values.js';
import { searchSql } from './search-sql.js';

/** What becomes of one table, in a form that passes quickly from one thread to another. */
export interface FlatChange {
  readonly table: number;
  readonly puts: FlatRows;
  readonly deletes: readonly string[];
}

export function flat({ table, puts, added = [], deletes }: TableChange): FlatChange {
  return { table, puts: flatRows([added, puts]), deletes };
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

  change({ table, puts, deletes }: FlatChange): void {
    const remove = this.#prepared(`delete from ${tableName(this.id, table)} where identity = ?`);
    for (const identity of deletes) remove.run(identity);
    const width = puts.columns.length;
    const reader = new FlatRowsReader(puts);
    for (const rows of [Math.max(1, Math.floor(MOST_VALUES / width)), 1]) {
      if (reader.left < rows) continue;
      const put = this.#put(table, width, rows);
      const values = new Array<CellValue>(rows * width);
      while (reader.left >= rows) {
        reader.take(rows, values);
        put.run(values);
      }
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
