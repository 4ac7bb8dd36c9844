import { stableJson } from '#libs/core/kernel';
import type { ColumnType, FieldType } from './column-type.js';
import { VERSION_CELLS } from './row-version.js';
import {
  aggregatesOf,
  fieldsOf,
  isAdded,
  isGrouped,
  takesBack,
  type Origin,
  type ViewColumn,
  type ViewDefinition,
} from './view-definition.js';

/** A table as an adapter makes it: rows by an identity, with cells that may be null. */
export interface TableShape {
  /** Number of the table within the view. */
  readonly table: number;
  readonly columns: readonly ColumnType[];
  /** In the order of their numbers. */
  readonly indexes: readonly TableIndex[];
}

/** Cells, in order, by which rows are looked up. */
export interface TableIndex {
  readonly cells: readonly number[];
  /** Who looks: steps need theirs from the first row on; those of queries are made when everything has been read, since to fill them row by row takes longer. */
  readonly use: 'steps' | 'queries';
}

const forSteps = (...cells: number[]): TableIndex => ({ cells, use: 'steps' });
const forQueries = (...cells: number[]): TableIndex => ({ cells, use: 'queries' });

/** A cell of a table. */
export interface CellPlace {
  readonly table: number;
  readonly cell: number;
}

/** Cells of an aggregate in its group: the result; how many values took part; and what it takes to go on: the exact sum, or the order of the latest. */
export const AGGREGATE_CELLS = 3;

const VERSION: readonly ColumnType[] = ['integer', 'integer', 'integer', 'timestamp'];

/** What queries read: a row for each key, for each of its states, or for each group. */
export const ROWS = 0;
/** The reference rows of a join. */
export const referenceTable = (join: number): number => 1 + join;
/** What each record has added to its group, or the present state of each key of a history. */
export const stateTable = (view: ViewDefinition): number => 1 + view.joins.length;
/** Ends of keys that have no row any more: an older record from another partition must not bring them back. */
export const markerTable = (view: ViewDefinition): number => 2 + view.joins.length;
export const childTable = (view: ViewDefinition, child: number): number => 3 + view.joins.length + child;

/** All tables of a view. The first one is what queries read. */
export function tableShapes(view: ViewDefinition): readonly TableShape[] {
  const shapes: TableShape[] = [rowShape(view)];
  view.joins.forEach((join, index) => {
    const fields = referenceFields(view, join.as).map((field) => field.type);
    shapes.push({ table: referenceTable(index), columns: [...VERSION, ...fields], indexes: [] });
  });
  const state = stateShape(view);
  if (state !== undefined) shapes.push(state);
  shapes.push({ table: markerTable(view), columns: [...VERSION, 'timestamp'], indexes: [forSteps(VERSION_CELLS)] });
  view.children.forEach((child, index) => {
    const columns = child.columns.map((column) => column.field.type);
    shapes.push({
      table: childTable(view, index),
      columns: ['text', 'integer', ...columns],
      indexes: [forQueries(0, 1)],
    });
  });
  return shapes;
}

/** Where the value of a column lies. */
export function placeOf(view: ViewDefinition, column: ViewColumn): CellPlace {
  switch (column.kind) {
    case 'field':
      return { table: ROWS, cell: fieldCell(view, fieldsOf(view).indexOf(column)) };
    case 'system':
      return { table: ROWS, cell: rowLayout(view).system + systemColumns(view).indexOf(column) };
    case 'aggregate':
      return { table: ROWS, cell: rowLayout(view).aggregates + AGGREGATE_CELLS * aggregatesOf(view).indexOf(column) };
    case 'join': {
      const join = view.joins.findIndex((one) => one.as === column.origin.join);
      return { table: referenceTable(join), cell: referenceCell(view, column.origin) };
    }
  }
}

/** The reference tables that queries join to the rows (left outer), and the cell of the row that holds the identity there. */
export function joinedTables(view: ViewDefinition): readonly { readonly table: number; readonly on: number }[] {
  const { joins } = rowLayout(view);
  return view.joins.map((_, index) => ({ table: referenceTable(index), on: joins + index }));
}

/** Tables of the lists in the records. The first cell of their rows is the identity of the row they belong to, the second the place in the list. */
export function childTables(view: ViewDefinition) {
  return view.children.map((child, index) => ({
    name: child.name,
    table: childTable(view, index),
    columns: child.columns.map(({ name, field }, place) => ({ name, type: field.type, cell: 2 + place })),
  }));
}

/** Fields kept of a reference topic, after the cells of the version. */
export function referenceFields(view: ViewDefinition, join: string): readonly (Origin & { from: 'join' })[] {
  const fields = new Map<string, Origin & { from: 'join' }>();
  for (const origin of originsOf(view))
    if (origin.from === 'join' && origin.join === join) fields.set(textOf(origin), origin);
  return [...fields.values()];
}

/** The cell of a reference row that an origin stands for. */
export function referenceCell(view: ViewDefinition, origin: Origin & { from: 'join' }): number {
  const texts = referenceFields(view, origin.join).map(textOf);
  return VERSION_CELLS + texts.indexOf(textOf(origin));
}

const textOf = (origin: FieldType & { path: { text: string } }): string =>
  stableJson([origin.path.text, origin.type, origin.reading ?? null, origin.default ?? null]);

function originsOf(view: ViewDefinition): Origin[] {
  return view.columns.flatMap((column): Origin[] => {
    if (column.kind === 'aggregate') return column.of === null ? [] : [column.of];
    return column.kind === 'system' ? [] : [column.origin];
  });
}

const systemColumns = (view: ViewDefinition): ViewColumn[] => view.columns.filter((column) => column.kind === 'system');

/** The cell of a field, by its place among the fields, in the table that queries read: fields that were added have theirs behind everything else. */
function fieldCell(view: ViewDefinition, field: number): number {
  const { declared, children } = rowLayout(view);
  if (field >= declared) return children + view.children.length + field - declared;
  return (isGrouped(view) ? 0 : VERSION_CELLS) + field;
}

/** First cells of the parts of a row in the table that queries read. */
export function rowLayout(view: ViewDefinition): {
  /** How many fields there were when the tables were made: those that were added have cells behind everything else. Of groups all of them. */
  readonly declared: number;
  readonly system: number;
  readonly joins: number;
  /** Of rows: how many items each child has. */
  readonly children: number;
  /** Of groups: how many records it has. */
  readonly count: number;
  readonly aggregates: number;
} {
  const declared = fieldsOf(view).filter((column) => !isAdded(view, column)).length;
  const system = (isGrouped(view) ? 0 : VERSION_CELLS) + declared;
  const joins = system + systemColumns(view).length;
  const children = joins + view.joins.length;
  return { declared, system, joins, children, count: children, aggregates: children + 1 };
}

function rowShape(view: ViewDefinition): TableShape {
  const fields = fieldsOf(view).map((column) => column.type);
  const { declared } = rowLayout(view);
  const columns: ColumnType[] = isGrouped(view) ? [...fields] : [...VERSION, ...fields.slice(0, declared)];
  for (const column of systemColumns(view)) columns.push(column.type);
  view.joins.forEach(() => columns.push('text'));
  if (isGrouped(view)) {
    columns.push('integer');
    for (const column of aggregatesOf(view)) columns.push(column.type, 'integer', 'text');
  } else {
    view.children.forEach(() => columns.push('integer'));
    columns.push(...fields.slice(declared));
  }
  const indexes = view.columns
    .filter((column) => view.key.includes(column.name))
    .map((column) => forQueries(placeOf(view, column).cell));
  const named = view.indexes.map((names) => forQueries(...names.map((name) => cellNamed(view, name))));
  const made = named.length - view.evolution.indexes.length;
  indexes.push(...named.slice(0, made));
  const by = retentionCell(view);
  if (by !== undefined) indexes.push(forSteps(by));
  // Their numbers are part of their names: those that were added come last.
  return { table: ROWS, columns, indexes: [...indexes, ...named.slice(made)] };
}

function cellNamed(view: ViewDefinition, name: string): number {
  return placeOf(
    view,
    view.columns.find((column) => column.name === name)!,
  ).cell;
}

/** The cell of a row whose time says how long it stays; undefined when all stay. */
export function retentionCell(view: ViewDefinition): number | undefined {
  if (view.retention === null) return undefined;
  const column = view.columns.find((one) => one.name === view.retention?.by);
  return column === undefined ? VERSION_CELLS - 1 : placeOf(view, column).cell;
}

/**
 * First cells of the parts of a record's share in a group: what the record itself says of key and aggregates, what it refers to, which group it is in, its order in time, and what it counts for there.
 */
export function shareLayout(view: ViewDefinition): {
  readonly own: number;
  readonly joins: number;
  readonly group: number;
  readonly order: number;
  readonly inputs: number;
} {
  const own = VERSION_CELLS;
  const joins = own + sharedOrigins(view).length;
  const group = joins + view.joins.length;
  return { own, joins, group, order: group + 1, inputs: group + 2 };
}

/** What a share is computed from: the key, then what is aggregated (nothing for `count`). */
export function sharedOrigins(
  view: ViewDefinition,
): readonly { readonly name: string; readonly origin: Origin | null }[] {
  return [
    ...fieldsOf(view).map(({ name, origin }) => ({ name, origin })),
    ...aggregatesOf(view).map(({ name, of }) => ({ name, origin: of })),
  ];
}

function stateShape(view: ViewDefinition): TableShape | undefined {
  const table = stateTable(view);
  if (view.history) {
    const by = retentionCell(view);
    return { table, columns: rowShape(view).columns, indexes: by === undefined ? [] : [forSteps(by)] };
  }
  if (!takesBack(view)) return undefined;
  const { joins, group, order, inputs } = shareLayout(view);
  const columns: ColumnType[] = [...VERSION];
  for (const { origin } of sharedOrigins(view)) columns.push(origin?.type ?? 'integer');
  view.joins.forEach(() => columns.push('text'));
  columns.push('text', 'text');
  const indexes = new Map<string, number[]>([[String(group), [group]]]);
  aggregatesOf(view).forEach((column, index) => {
    columns.push(column.of?.type ?? 'integer');
    const by = column.aggregate === 'latest' ? order : inputs + index;
    if (['min', 'max', 'latest'].includes(column.aggregate)) indexes.set(`${group},${by}`, [group, by]);
  });
  view.joins.forEach((join, index) => {
    const decides = sharedOrigins(view).some(({ origin }) => origin?.from === 'join' && origin.join === join.as);
    if (decides) indexes.set(String(joins + index), [joins + index]);
  });
  return { table, columns, indexes: [...indexes.values()].map((cells) => forSteps(...cells)) };
}
