import type { CellValue } from './column-type.js';
import { KeyFilter } from './key-filter.js';
import type { StoredRows, TableChange } from './view-tables.js';

/**
 * Rows that were never written into tables that began empty. While a view is built nearly all rows are such, and to look for them would be much of the work. Knows
 * most of them, and takes none for one that was written: what was is kept as a filter of bounded size, and once that is full no row is known any more.
 */
export class UnwrittenRows {
  readonly #written = new Map<number, KeyFilter>();

  /** Whether there surely never was a row of this identity. */
  includes(table: number, identity: string): boolean {
    const written = this.#written.get(table);
    return written === undefined || !written.mayHold(identity);
  }

  /** Those are written from now on. To be told before they are: a step that fails may have been stored all the same. */
  written(changes: readonly TableChange[]): void {
    for (const { table, added = [] } of changes) {
      if (added.length === 0) continue;
      let written = this.#written.get(table);
      if (written === undefined) this.#written.set(table, (written = new KeyFilter()));
      for (const { identity } of added) written.add(identity);
    }
  }

  /** What is stored, without looking for rows that cannot be. */
  sparing(stored: StoredRows): StoredRows {
    return {
      find: (search) => stored.find(search),
      isEmpty: (table) => !this.#written.has(table),
      rows: async (table, identities) => {
        const sought = identities.filter((identity) => !this.includes(table, identity));
        return sought.length === 0 ? NONE : stored.rows(table, sought);
      },
    };
  }
}

const NONE: ReadonlyMap<string, readonly CellValue[]> = new Map();
