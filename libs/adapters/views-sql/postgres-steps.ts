import {
  cellKind,
  tableShapes,
  type CellKind,
  type CellValue,
  type RefusedPlace,
  type RefusedRecord,
  type SeenMember,
  type TableChange,
  type TableRow,
  type TableShape,
  type ViewDefinition,
  type ViewStep,
} from '#libs/core/streams';
import { cell, tableName } from './physical-names.js';
import type { Statement } from './query-sql.js';

/** Arrays of cells as PostgreSQL takes them, one for each column. */
const ARRAYS: Readonly<Record<CellKind, string>> = {
  integer: 'bigint[]',
  real: 'double precision[]',
  text: 'text[]',
};

/** So many rows that are new go by COPY. */
const COPIED_ROWS = 200;

/** Bytes of an entry of an index that PostgreSQL surely takes: it holds three to a page of 8 KiB. */
const INDEXED_BYTES = 2_500;

/** Rows for a COPY into a table. */
export interface RowCopy {
  readonly sql: string;
  readonly rows: readonly TableRow[];
}

/** A step as statements of one transaction. */
export interface StepStatements {
  /**
   * Moves the view on and writes everything but what is copied. Answers a row for each position there was before (or one with nulls), behind commit number and number of records set aside as they are now;
   * none, having done nothing, when the step does not fit where the view stands.
   */
  readonly move: Statement;
  readonly copies: readonly RowCopy[];
}

/** What steps do to the tables of one view, as statements: one, however many tables and rows, and a COPY for many new ones. */
export class PostgresSteps {
  readonly #shapes: ReadonlyMap<number, TableShape>;

  constructor(
    private readonly data: string,
    private readonly id: string,
    readonly view: ViewDefinition,
  ) {
    this.#shapes = new Map(tableShapes(view).map((shape) => [shape.table, shape]));
  }

  /** Rows of a table with one of the identities given as `$1`. */
  rowsSql(table: number): string {
    return `select ${this.#names(table).join(', ')} from ${this.data}.${tableName(this.id, table)} where identity = any($1::text[])`;
  }

  #names(table: number): string[] {
    return ['identity', ...this.#shapes.get(table)!.columns.map((_, index) => cell(index))];
  }

  statements(epoch: number, step: ViewStep): StepStatements {
    const { data, id } = this;
    const { move, refused, redriven = [] } = step;
    const parts = new Parts();
    const view = parts.bind(id);
    const moved = [
      `id = ${view}`,
      `epoch = ${parts.bind(epoch)}`,
      `commits = ${parts.bind(step.commit)}`,
      `revision = ${parts.bind(this.view.evolution.revision)}`,
    ];
    const source = move === undefined ? '' : parts.bind(move.source, 'int');
    if (move !== undefined) {
      const [generation, next] = [parts.bind(move.from.generation, 'bigint'), parts.bind(move.from.next, 'bigint[]')];
      // Partitions that were added since are in the step but not in the store; they begin where the reader found them.
      moved.push(
        `not exists (select from ${data}.weir_positions p where p.view = ${view} and p.source = ${source}
           and (p.generation <> ${generation} or p.next is distinct from (${next})[p.partition + 1]))`,
      );
    }
    // The row is locked until the end: steps of a view come one after the other, and who comes late finds another commit.
    parts.add(
      `update ${data}.weir_views set commits = commits + 1 where ${moved.join(' and ')} returning commits, epoch`,
    );
    const copies = step.changes.flatMap((change) => this.#change(parts, change));
    if (move !== undefined) this.#place(parts, view, source, move);
    if (step.seen !== undefined && step.seen.length > 0) this.#remember(parts, view, step.seen);
    const counts = [`(select count(*) from ${data}.weir_refused r where r.view = m.id)`];
    if (move !== undefined && refused.length > 0)
      counts.push(`+ (select count(*) from ${this.#refuse(parts, view, source, move.from.generation, refused)})`);
    if (redriven.length > 0) counts.push(`- (select count(*) from ${this.#forget(parts, view, redriven)})`);
    const sql = `with ${parts.list.map((part, index) => `s${index} as (${part})`).join(', ')}
      select m.commits, m.epoch, ${counts.join(' ')}, p.source, p.generation, p.next
      from (select ${view} as id, commits, epoch from s0) m left join ${data}.weir_positions p on p.view = m.id order by p.source, p.partition`;
    return { move: { sql, values: parts.values as CellValue[] }, copies };
  }

  /** Whether a row is longer than an index takes without looking at it: which can be told only by an index that is there. */
  mayNotFit(changes: readonly TableChange[]): boolean {
    return changes.some(({ table, puts, added = [] }) => {
      const { columns, indexes } = this.#shapes.get(table)!;
      const later = indexes
        .filter((index) => index.use === 'queries')
        .map(({ cells }) => cells.filter((place) => cellKind(columns[place]!) === 'text'));
      const isLong = ({ identity, cells }: TableRow): boolean =>
        later.some((places) => !fits([identity, ...places.map((place) => String(cells[place] ?? ''))]));
      return later.length > 0 && (added.some(isLong) || puts.some(isLong));
    });
  }

  /** @returns what is to be copied. */
  #change(parts: Parts, { table, added = [], puts, deletes }: TableChange): RowCopy[] {
    const shape = this.#shapes.get(table)!;
    const name = `${this.data}.${tableName(this.id, table)}`;
    const names = this.#names(table);
    if (deletes.length > 0)
      parts.add(
        `delete from ${name} where identity = any(${parts.bind(deletes, 'text[]')}) and exists (select from s0)`,
      );
    const copied = added.length >= COPIED_ROWS;
    const rows = copied ? puts : added.length === 0 ? puts : [...added, ...puts];
    if (rows.length > 0) {
      const arrays = [
        parts.bind(
          rows.map((row) => row.identity),
          'text[]',
        ),
      ];
      for (const [index, type] of shape.columns.entries())
        arrays.push(
          parts.bind(
            rows.map(({ cells }) => cells[index] ?? null),
            ARRAYS[cellKind(type)],
          ),
        );
      const updates = names.slice(1).map((one) => `${one} = excluded.${one}`);
      parts.add(
        `insert into ${name} (${names.join(', ')}) select t.* from unnest(${arrays.join(', ')}) t where exists (select from s0)
         on conflict (identity) do update set ${updates.join(', ') || 'identity = excluded.identity'}`,
      );
    }
    return copied ? [{ sql: `copy ${name} (${names.join(', ')}) from stdin`, rows: added }] : [];
  }

  #place(parts: Parts, view: string, source: string, { from, to }: NonNullable<ViewStep['move']>): void {
    const { data } = this;
    const generation = parts.bind(to.generation, 'bigint');
    parts.add(
      `insert into ${data}.weir_positions (view, source, partition, generation, next)
       select ${view}, ${source}, place - 1, ${generation}, next from unnest(${parts.bind(to.next, 'bigint[]')}) with ordinality as t (next, place)
       where exists (select from s0) on conflict (view, source, partition) do update set generation = excluded.generation, next = excluded.next`,
    );
    if (to.generation !== from.generation)
      parts.add(
        `delete from ${data}.weir_positions where view = ${view} and source = ${source} and partition >= ${parts.bind(to.next.length, 'int')} and exists (select from s0)`,
      );
  }

  #remember(parts: Parts, view: string, seen: readonly SeenMember[]): void {
    const column = (name: keyof SeenMember, type: string) =>
      parts.bind(
        seen.map((member) => member[name]),
        type,
      );
    parts.add(
      `insert into ${this.data}.weir_members (view, source, object, name)
       select ${view}, t.* from unnest(${column('source', 'int[]')}, ${column('object', 'text[]')}, ${column('name', 'text[]')}) t
       where exists (select from s0) on conflict do nothing`,
    );
  }

  #refuse(parts: Parts, view: string, source: string, generation: number, refused: readonly RefusedRecord[]): string {
    const column = <Name extends keyof RefusedRecord>(name: Name, type: string) =>
      parts.bind(
        refused.map((record) => record[name]),
        type,
      );
    return parts.add(
      `insert into ${this.data}.weir_refused (view, source, generation, partition, "offset", code, message)
       select ${view}, ${source}, ${parts.bind(generation, 'bigint')}, t.* from unnest(${column('partition', 'int[]')}, ${column('offset', 'bigint[]')}, ${column('code', 'text[]')}, ${column('message', 'text[]')}) t
       where exists (select from s0) on conflict do nothing returning 1`,
    );
  }

  #forget(parts: Parts, view: string, places: readonly RefusedPlace[]): string {
    const column = (name: keyof RefusedPlace, type: string) =>
      parts.bind(
        places.map((place) => place[name]),
        type,
      );
    return parts.add(
      `delete from ${this.data}.weir_refused r using unnest(${column('source', 'int[]')}, ${column('generation', 'bigint[]')}, ${column('partition', 'int[]')}, ${column('offset', 'bigint[]')}) as t (source, generation, partition, "offset")
       where r.view = ${view} and r.source = t.source and r.generation = t.generation and r.partition = t.partition and r."offset" = t."offset" and exists (select from s0) returning 1`,
    );
  }
}

/** Statements of one step that are sent as one, and the values in them. */
class Parts {
  readonly list: string[] = [];
  readonly values: unknown[] = [];

  /** @returns the name of its answer. */
  add(part: string): string {
    this.list.push(part);
    return `s${this.list.length - 1}`;
  }

  bind(value: unknown, type?: string): string {
    this.values.push(value);
    return `$${this.values.length}${type === undefined ? '' : `::${type}`}`;
  }
}

function fits(texts: readonly string[]): boolean {
  const units = texts.reduce((sum, text) => sum + text.length, 0);
  // No unit of UTF-16 takes more than three bytes in UTF-8.
  return units * 3 <= INDEXED_BYTES || texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) <= INDEXED_BYTES;
}
