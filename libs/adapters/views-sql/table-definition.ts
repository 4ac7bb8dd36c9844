import { cellKind, tableShapes, type AddedCell, type TableIndex, type ViewDefinition } from '#libs/core/streams';
import { cell, tableName } from './physical-names.js';
import { literal } from './literal.js';

/** Number of the layout of all tables in a file. One of an earlier layout is emptied: views are built anew from their topics. */
export const LAYOUT = 2;

/**
 * Tables of all views: who may write, where each stands, what was added to it in place, which members its records had, and what was set aside. `position` rows of a source are replaced as a whole.
 * `remembers` is 0 for views that were begun before members were remembered.
 */
export const CATALOGUE = `
  create table if not exists weir_views (
    id text not null primary key,
    epoch integer not null,
    commits integer not null,
    revision integer not null default 0,
    evolved text,
    remembers integer not null default 0
  ) without rowid;
  create table if not exists weir_members (
    view text not null,
    source integer not null,
    object text not null,
    name text not null,
    primary key (view, source, object, name)
  ) without rowid;
  create table if not exists weir_positions (
    view text not null,
    source integer not null,
    partition integer not null,
    generation integer not null,
    next integer not null,
    primary key (view, source, partition)
  ) without rowid;
  create table if not exists weir_refused (
    number integer primary key,
    view text not null,
    source integer not null,
    generation integer not null,
    partition integer not null,
    "offset" integer not null,
    code text not null,
    message text not null,
    unique (view, source, generation, partition, "offset")
  );
`;

/** The statements that make the tables of a view; each may be repeated. */
export function tablesOf(id: string, view: ViewDefinition): string[] {
  return tableShapes(view).map(({ table, columns }) => {
    // The names of SQLite's affinities are those of the kinds: none changes what a cell holds.
    const cells = columns.map((type, index) => `${cell(index)} ${cellKind(type)}`);
    return `create table if not exists ${tableName(id, table)} (${['identity text not null primary key', ...cells].join(', ')}) without rowid`;
  });
}

/** Columns that the catalogue of earlier days has not, by what declares them. */
export const LATER_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['revision', 'integer not null default 0'],
  ['evolved', 'text'],
  ['remembers', 'integer not null default 0'],
]);

/** The statements that add cells to the tables of a view. @param next the view with them */
export function cellsOf(id: string, next: ViewDefinition, cells: readonly AddedCell[]): string[] {
  const shapes = new Map(tableShapes(next).map((shape) => [shape.table, shape]));
  return cells.map(({ table, cell: place, value }) => {
    const kind = cellKind(shapes.get(table)!.columns[place]!);
    return `alter table ${tableName(id, table)} add column ${cell(place)} ${kind} default ${literal(value)}`;
  });
}

/** The statements that make the indexes of one use; each may be repeated. */
export function indexesOf(id: string, view: ViewDefinition, use: TableIndex['use']): string[] {
  return tableShapes(view).flatMap(({ table, indexes }) =>
    indexes.flatMap((index, number) =>
      index.use === use
        ? `create index if not exists ${tableName(id, table)}_k${number} on ${tableName(id, table)} (${index.cells.map(cell).join(', ')})`
        : [],
    ),
  );
}
