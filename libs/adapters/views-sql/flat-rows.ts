import type { CellValue, TableRow } from '#libs/core/streams';

/** The values of one column. Most columns are numbers alone, or texts alone: these pass as one piece of memory. */
type FlatColumn =
  | { readonly kind: 'numbers'; readonly values: Float64Array }
  | { readonly kind: 'texts'; readonly text: string; readonly ends: Uint32Array }
  | { readonly kind: 'mixed'; readonly values: readonly CellValue[] };

/** Rows column by column: so they pass from one thread to another in half of the time that it takes value by value. The first column is the identity. */
export interface FlatRows {
  readonly count: number;
  readonly columns: readonly FlatColumn[];
}

/** The pieces of memory of rows: they may be handed on, and are gone here then. */
export function memoryOf({ columns }: FlatRows): ArrayBuffer[] {
  return columns.flatMap((column) => {
    if (column.kind === 'mixed') return [];
    return [(column.kind === 'numbers' ? column.values : column.ends).buffer as ArrayBuffer];
  });
}

/** Rows of one table; all of them have as many cells. */
export function flatRows(lists: readonly (readonly TableRow[])[]): FlatRows {
  const filled = lists.filter((list) => list.length > 0);
  const rows = filled.length === 1 ? filled[0]! : filled.flat();
  const [first] = rows;
  if (first === undefined) return { count: 0, columns: [] };
  // The identity stands before the cells.
  const columns = Array.from({ length: 1 + first.cells.length }, (_, column) => flatColumn(rows, column - 1));
  return { count: rows.length, columns };
}

function flatColumn(rows: readonly TableRow[], column: number): FlatColumn {
  const first = cellOf(rows[0]!, column);
  if (typeof first === 'number') return numbers(rows, column) ?? mixed(rows, column);
  if (typeof first === 'string') return texts(rows, column) ?? mixed(rows, column);
  return mixed(rows, column);
}

function numbers(rows: readonly TableRow[], column: number): FlatColumn | undefined {
  const values = new Float64Array(rows.length);
  for (let place = 0; place < rows.length; place++) {
    const cell = cellOf(rows[place]!, column);
    if (typeof cell !== 'number') return undefined;
    values[place] = cell;
  }
  return { kind: 'numbers', values };
}

function texts(rows: readonly TableRow[], column: number): FlatColumn | undefined {
  const all = new Array<string>(rows.length);
  const ends = new Uint32Array(rows.length);
  let end = 0;
  for (let place = 0; place < rows.length; place++) {
    const cell = cellOf(rows[place]!, column);
    if (typeof cell !== 'string') return undefined;
    all[place] = cell;
    ends[place] = end += cell.length;
  }
  return end > LONGEST ? undefined : { kind: 'texts', text: all.join(''), ends };
}

/** Characters of the texts of a column that pass as one; far below what a text can hold. */
const LONGEST = 64 * 1024 * 1024;

function mixed(rows: readonly TableRow[], column: number): FlatColumn {
  return { kind: 'mixed', values: rows.map((row) => cellOf(row, column)) };
}

const cellOf = (row: TableRow, column: number): CellValue => (column < 0 ? row.identity : row.cells[column]!);

/** Gives rows back, from the first to the last: their values one row after the other. */
export class FlatRowsReader {
  #row = 0;

  constructor(private readonly rows: FlatRows) {}

  /** How many are left. */
  get left(): number {
    return this.rows.count - this.#row;
  }

  /** Puts the values of the next rows into a list of `count` times the number of columns. */
  take(count: number, into: CellValue[]): void {
    const { columns } = this.rows;
    const from = this.#row;
    for (let number = 0; number < columns.length; number++)
      take(columns[number]!, from, count, into, number, columns.length);
    this.#row += count;
  }
}

function take(column: FlatColumn, from: number, count: number, into: CellValue[], at: number, width: number): void {
  if (column.kind === 'texts') {
    const { text, ends } = column;
    let begin = from === 0 ? 0 : ends[from - 1]!;
    for (let row = from; row < from + count; row++) {
      const end = ends[row]!;
      into[at + (row - from) * width] = text.slice(begin, end);
      begin = end;
    }
    return;
  }
  const { values } = column;
  for (let row = from; row < from + count; row++) into[at + (row - from) * width] = values[row]!;
}
