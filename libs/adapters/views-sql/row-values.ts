import type { JsonValue } from '#libs/core/kernel';
import {
  formatRowCursor,
  fromCell,
  type CellValue,
  type ColumnType,
  type ViewDefinition,
  type ViewQuery,
} from '#libs/core/streams';

const types = new WeakMap<ViewDefinition, ReadonlyMap<string, ColumnType>>();

/** Types of a view's columns, by name. */
function typesOf(view: ViewDefinition): ReadonlyMap<string, ColumnType> {
  let known = types.get(view);
  if (known === undefined) types.set(view, (known = new Map(view.columns.map(({ name, type }) => [name, type]))));
  return known;
}

/** A row of a page, whose cells are: identity, order columns, selected columns. */
export function rowOf(
  view: ViewDefinition,
  query: ViewQuery,
  cells: readonly CellValue[],
): Readonly<Record<string, JsonValue>> {
  const values = valuesOf(view, query, cells.slice(1 + query.order.length));
  // Own properties whatever they are called.
  return Object.fromEntries(query.select.map((name, index) => [name, values[index]!]));
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
