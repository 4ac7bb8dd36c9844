import { cellKind, tableShapes, type CellKind, type TableChange, type ViewDefinition } from '#libs/core/streams';
import type { PostgresSession } from './postgres-connections.js';
import { cell, tableName } from './physical-names.js';

/** Arrays of cells as PostgreSQL takes them, one for each column. */
const ARRAYS: Readonly<Record<CellKind, string>> = {
  integer: 'bigint[]',
  real: 'double precision[]',
  text: 'text[]',
};

/** Writes what steps do to the tables of one view: a statement or two for each table, however many rows. */
export class PostgresSteps {
  readonly #tables = new Map<number, { readonly put: string; readonly remove: string; readonly width: number }>();

  constructor(data: string, id: string, view: ViewDefinition) {
    for (const { table, columns } of tableShapes(view)) {
      const name = `${data}.${tableName(id, table)}`;
      const cells = columns.map((_, index) => cell(index));
      const arrays = ['text[]', ...columns.map((type) => ARRAYS[cellKind(type)])].map(
        (type, index) => `$${index + 1}::${type}`,
      );
      const updates = cells.map((one) => `${one} = excluded.${one}`).join(', ') || 'identity = excluded.identity';
      this.#tables.set(table, {
        put: `insert into ${name} (${['identity', ...cells].join(', ')}) select * from unnest(${arrays.join(', ')}) on conflict (identity) do update set ${updates}`,
        remove: `delete from ${name} where identity = any($1::text[])`,
        width: columns.length,
      });
    }
  }

  async apply(session: PostgresSession, { table, puts, deletes }: TableChange): Promise<void> {
    const sql = this.#tables.get(table)!;
    if (deletes.length > 0) await session.run(sql.remove, [deletes]);
    if (puts.length === 0) return;
    const columns: unknown[][] = Array.from({ length: sql.width }, () => []);
    for (const { cells } of puts)
      for (let index = 0; index < sql.width; index++) columns[index]!.push(cells[index] ?? null);
    await session.run(sql.put, [puts.map((row) => row.identity), ...columns]);
  }
}
