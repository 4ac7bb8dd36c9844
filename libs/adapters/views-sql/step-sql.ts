import type { Database, Statement } from 'better-sqlite3';
import {
  aggregatesOf,
  storedFields,
  type CellValue,
  type GroupChange,
  type RowChange,
  type ViewDefinition,
} from '#libs/core/streams';
import { aggregate, cell, tableName } from './physical-names.js';

/** The prepared statements that write one view. */
export class StepSql {
  readonly #puts: Statement[] = [];
  readonly #deletes: Statement[] = [];
  readonly #merge: Statement | undefined;
  /** By place of the aggregate: whether its values are integers. */
  readonly #integers: readonly boolean[];

  constructor(database: Database, id: string, view: ViewDefinition) {
    this.#integers = aggregatesOf(view).map((column) => column.type !== 'real' && column.type !== 'text');
    for (let source = 0; source <= view.joins.length; source++) {
      const table = tableName(id, source);
      const columns = storedFields(view, source).map((_, index) => cell(index));
      if (source === 0 && view.source.mode === 'events') {
        this.#merge = database.prepare(mergeSql(table, columns, aggregatesOf(view).length));
        continue;
      }
      this.#puts[source] = database.prepare(
        `insert into ${table} (${['identity', ...columns].join(', ')}) values (${['?', ...columns.map(() => '?')].join(', ')})
         on conflict (identity) do update set ${columns.map((name) => `${name} = excluded.${name}`).join(', ') || 'identity = excluded.identity'}`,
      );
      this.#deletes[source] = database.prepare(`delete from ${table} where identity = ?`);
    }
  }

  row(source: number, change: RowChange): void {
    if (change.kind === 'delete') this.#deletes[source]!.run(change.identity);
    else this.#puts[source]!.run(change.identity, ...change.cells);
  }

  group(change: GroupChange): void {
    const parts = change.parts.flatMap((part, index): CellValue[] => {
      // The driver binds every number as a double; integers go as bigint, so that the database adds them exactly.
      const exact = (value: CellValue): CellValue =>
        this.#integers[index] && typeof value === 'number' ? BigInt(value) : value;
      return [part.n, exact(part.sum), exact(part.min), exact(part.max)];
    });
    this.#merge!.run(change.identity, ...change.key, ...parts);
  }
}

/** Adds to a group, making it when it is new. The scalar min and max of SQLite answer null when either is null, hence coalesce. */
function mergeSql(table: string, columns: readonly string[], aggregates: number): string {
  const names = Array.from({ length: aggregates }, (_, index) => aggregate(index));
  const all = ['identity', ...columns, ...names.flatMap(({ n, sum, low, high }) => [n, sum, low, high])];
  const updates = names.flatMap(({ n, sum, low, high }) => [
    `${n} = ${n} + excluded.${n}`,
    `${sum} = ${sum} + excluded.${sum}`,
    `${low} = coalesce(min(${low}, excluded.${low}), ${low}, excluded.${low})`,
    `${high} = coalesce(max(${high}, excluded.${high}), ${high}, excluded.${high})`,
  ]);
  return `insert into ${table} (${all.join(', ')}) values (${all.map(() => '?').join(', ')})
          on conflict (identity) do ${updates.length === 0 ? 'nothing' : `update set ${updates.join(', ')}`}`;
}
