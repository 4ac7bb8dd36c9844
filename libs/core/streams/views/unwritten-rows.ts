import type { CellValue } from './column-type.js';
import { KeyFilter } from './key-filter.js';
import type { StoredRows } from './view-tables.js';

/**
 * Rows that were never written into tables that began empty. While a view is built nearly all rows are such, and to look for them would be most of the work. Knows
 * most of them, and takes none for one that was written: what was is kept as a filter of bounded size, and once that is full no row is known any more.
 */
export class UnwrittenRows {
  /** By table; undefined for one of which nothing is known any more. A table that is not among them is empty. */
  readonly #written = new Map<number, KeyFilter | undefined>();

  /** Whether there surely never was a row of this identity. */
  includes(table: number, identity: string): boolean {
    return this.isEmpty(table) || this.#written.get(table)?.mayHold(identity) === false;
  }

  /** Whether nothing was written into a table. */
  isEmpty(table: number): boolean {
    return !this.#written.has(table);
  }

  /** A row is written from now on. To be told before it is: a step that fails may have been stored all the same. @returns whether there surely never was one of this identity. */
  write(table: number, identity: string): boolean {
    if (this.isEmpty(table)) this.#written.set(table, new KeyFilter());
    return this.#written.get(table)?.add(identity) === true;
  }

  /** Keeps of a table no more than whether it is empty. */
  forget(tables: Iterable<number>): void {
    for (const table of tables) this.#written.set(table, undefined);
  }

  /** Keeps of all tables no more than whether they are empty. */
  forgetRows(): void {
    this.forget(this.#written.keys());
  }

  /** What is stored, without looking for rows that cannot be. */
  sparing(stored: StoredRows): StoredRows {
    return {
      find: (search) => stored.find(search),
      isEmpty: (table) => this.isEmpty(table),
      rows: async (table, identities) => {
        const sought = identities.filter((identity) => !this.includes(table, identity));
        return sought.length === 0 ? NONE : stored.rows(table, sought);
      },
    };
  }
}

const NONE: ReadonlyMap<string, readonly CellValue[]> = new Map();
