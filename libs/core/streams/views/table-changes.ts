import type { CellValue } from './column-type.js';
import type { UnwrittenRows } from './unwritten-rows.js';
import type { TableChange, TableRow } from './view-tables.js';

/** Changes of the tables of a view while they are put together: the last one of each row counts. */
export class TableChanges {
  readonly #tables = new Map<number, Map<string, readonly CellValue[] | null>>();

  put(table: number, identity: string, cells: readonly CellValue[]): void {
    this.#of(table).set(identity, cells);
  }

  delete(table: number, identity: string): void {
    this.#of(table).set(identity, null);
  }

  /** The row as it will be; null when it goes, undefined when it is not touched. */
  get(table: number, identity: string): readonly CellValue[] | null | undefined {
    return this.#tables.get(table)?.get(identity);
  }

  /** All rows of a table that are touched. */
  entries(table: number): Iterable<readonly [string, readonly CellValue[] | null]> {
    return this.#tables.get(table) ?? [];
  }

  /** @param unwritten rows that were never written before this step: they are added, and need not be deleted. Those that are put are not among them any more. */
  list(unwritten?: UnwrittenRows): readonly TableChange[] {
    return [...this.#tables].map(([table, rows]) => {
      const added: TableRow[] = [];
      const puts: TableRow[] = [];
      const deletes: string[] = [];
      for (const [identity, cells] of rows) {
        if (cells !== null) (unwritten?.write(table, identity) === true ? added : puts).push({ identity, cells });
        else if (unwritten?.includes(table, identity) !== true) deletes.push(identity);
      }
      return { table, added, puts, deletes };
    });
  }

  #of(table: number): Map<string, readonly CellValue[] | null> {
    let rows = this.#tables.get(table);
    if (rows === undefined) this.#tables.set(table, (rows = new Map()));
    return rows;
  }
}
