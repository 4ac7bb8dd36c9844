import { AppError, type JsonValue } from '#libs/core/kernel';
import {
  formatRowCursor,
  fromCell,
  type CellValue,
  type ColumnType,
  type SelectedChild,
  type ViewDefinition,
  type ViewQuery,
} from '#libs/core/streams';
import { MOST_CHILD_ROWS } from './query-sql.js';

const types = new WeakMap<ViewDefinition, ReadonlyMap<string, ColumnType>>();

/** Types of a view's columns, by name. */
function typesOf(view: ViewDefinition): ReadonlyMap<string, ColumnType> {
  let known = types.get(view);
  if (known === undefined) types.set(view, (known = new Map(view.columns.map(({ name, type }) => [name, type]))));
  return known;
}

/** The lists of child rows of a page, by the identity of the row; one map for each selected list. */
export type ChildLists = readonly ReadonlyMap<string, readonly JsonValue[]>[];

/** A row of a page, whose cells are: identity, order columns, selected columns. */
export function rowOf(
  view: ViewDefinition,
  query: ViewQuery,
  cells: readonly CellValue[],
  lists: ChildLists,
): Readonly<Record<string, JsonValue>> {
  const values = valuesOf(view, query, cells.slice(1 + query.order.length));
  const identity = String(cells[0]);
  // Own properties whatever they are called.
  return Object.fromEntries([
    ...query.select.map((name, index) => [name, values[index]!] as const),
    ...query.children.map(({ name }, index) => [name, [...(lists[index]!.get(identity) ?? [])]] as const),
  ]);
}

/** One list of child rows, by the identity of the row. @param rows identity and selected cells. @throws `too-many-child-rows`. */
export function listsOf(
  view: ViewDefinition,
  child: SelectedChild,
  rows: readonly (readonly CellValue[])[],
): ReadonlyMap<string, readonly JsonValue[]> {
  if (rows.length > MOST_CHILD_ROWS) throw tooMany(child.name);
  const declared = view.children.find((one) => one.name === child.name)!.columns;
  const types = child.columns.map((name) => declared.find((column) => column.name === name)!.field.type);
  const lists = new Map<string, JsonValue[]>();
  for (const [identity, ...cells] of rows) {
    const item = Object.fromEntries(child.columns.map((name, index) => [name, fromCell(types[index]!, cells[index]!)]));
    const list = lists.get(String(identity));
    if (list === undefined) lists.set(String(identity), [item]);
    else list.push(item);
  }
  return lists;
}

function tooMany(name: string): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'too-many-child-rows',
    message: `The rows of this page have more than ${MOST_CHILD_ROWS} rows in '${name}'.`,
    hint: 'Ask for fewer rows with `limit`.',
    details: { limit: MOST_CHILD_ROWS },
  });
}

/** Values of the selected columns. */
export function valuesOf(view: ViewDefinition, query: ViewQuery, cells: readonly CellValue[]): JsonValue[] {
  const types = typesOf(view);
  return query.select.map((name, index) => fromCell(types.get(name)!, cells[index]!));
}

/** The cursor after a page of `query.limit` rows, when more were found. */
export function nextOf(query: ViewQuery, found: readonly (readonly CellValue[])[]): string | null {
  const last = found[query.limit - 1];
  if (found.length <= query.limit || last === undefined) return null;
  return formatRowCursor(query, {
    cells: last.slice(1, 1 + query.order.length).map(plain),
    identity: String(last[0]),
  });
}

/** Databases answer integers as bigint; those that fit are numbers everywhere else. */
export function plain(value: CellValue): CellValue {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
