import { isJsonObject, stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { knownDeclaration, type DeclaredView } from './declaration.js';
import { DeclarationComparison, type DeclarationChange } from './declaration-changes.js';
import type { CellValue } from './column-type.js';
import { EMPTY_PART, partCells } from './group-arithmetic.js';
import type { SeenMembers } from './seen-members.js';
import { childTable, placeOf, ROWS, stateTable, tableShapes } from './table-shapes.js';
import { ToldCells } from './told-cells.js';
import type { ViewColumn, ViewDefinition, ViewEvolution } from './view-definition.js';
import type { StoredView } from './view-store.js';
import type { TablesEvolution } from './view-tables.js';

/** A cell that is added to all rows of a table, and its value in those that are there. */
export interface AddedCell {
  readonly table: number;
  readonly cell: number;
  readonly value: CellValue;
}

/** A view as it is declared, with the types it has, and what was added since its tables were made. */
export type EvolvedDeclaration = Pick<StoredView, 'declaration' | 'types' | 'evolution'>;

/** What becomes of a view by a declaration. */
export interface EvolutionPlan {
  /** `unchanged`: it is that already. `in-place`: the running view can be given it. `new-version`: it has to be built. */
  readonly outcome: 'unchanged' | 'in-place' | 'new-version';
  readonly changes: readonly DeclarationChange[];
  /** With `in-place` only. */
  readonly inPlace?: TablesEvolution;
}

/**
 * Decides whether a running view can be changed in place to what a declaration says, by the schemas as they are now: that takes nothing away, and what is added must be known for the rows that
 * are there without their records. The columns that there are keep the types they had.
 * @param present the view as it runs
 * @param wanted as it is declared, read with the schemas as they are now
 * @param seen the members that its records had; undefined when that is not known
 */
export async function planEvolution(
  stored: Pick<StoredView, 'name' | 'cluster' | 'declaration' | 'types' | 'evolution'>,
  present: ViewDefinition,
  declaration: JsonObject,
  wanted: DeclaredView,
  seen: SeenMembers | undefined,
): Promise<EvolutionPlan> {
  const cells = new ToldCells(present, wanted.definition, seen);
  const found = new DeclarationComparison(present, wanted.definition, cells).compare();
  const { changes } = found;
  if (changes.some((change) => !change.inPlace)) return { outcome: 'new-version', changes };
  const isSaid = stableJson(declaration) === stableJson(stored.declaration);
  if (isSaid && !changes.some(({ change }) => change === 'added')) return { outcome: 'unchanged', changes };
  const to: EvolvedDeclaration = {
    declaration: inOrderOf(stored.declaration, declaration),
    types: mergedTypes(stored.types, wanted.types),
    evolution: withAdded(stored.evolution, found),
  };
  const definition = await knownDeclaration(stored.name, stored.cluster, to.declaration, to.types, to.evolution);
  const misfit = misfitOf(present, definition);
  if (misfit !== undefined)
    return {
      outcome: 'new-version',
      changes: [
        ...changes,
        { what: misfit, change: 'changed', inPlace: false, reason: 'its rows would be laid out otherwise' },
      ],
    };
  const added = addedCells(present, definition, found.columns, found.children, cells);
  return { outcome: 'in-place', changes, inPlace: { to, definition, cells: added, unseen: found.unseen } };
}

function withAdded(
  { revision, columns, children, indexes }: ViewEvolution,
  added: Pick<ViewEvolution, 'columns' | 'children' | 'indexes'>,
): ViewEvolution {
  const lists = new Set([...Object.keys(children), ...Object.keys(added.children)]);
  const ofList = (all: ViewEvolution['children'], list: string): readonly string[] =>
    Object.hasOwn(all, list) ? all[list]! : [];
  return {
    revision: revision + 1,
    columns: [...columns, ...added.columns],
    children: Object.fromEntries(
      [...lists].map((list) => [list, [...ofList(children, list), ...ofList(added.children, list)]]),
    ),
    indexes: [...indexes, ...added.indexes],
  };
}

/** Members whose order is that of cells or tables. */
const ORDERED: readonly string[] = ['key', 'columns', 'explode'];

/** A declaration with its columns in the order of the present one, those that are new behind them: their cells lie in that order. */
function inOrderOf(present: JsonObject, next: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(next).map(([name, value]): [string, JsonValue] => [
      name,
      ORDERED.includes(name) ? ordered(present[name], value, name === 'explode' ? 2 : 0) : value,
    ]),
  );
}

/** @param depth levels below that are ordered, too */
function ordered(present: JsonValue | undefined, next: JsonValue, depth: number): JsonValue {
  if (!isJsonObject(present) || !isJsonObject(next)) return next;
  const names = [...Object.keys(present).filter((name) => Object.hasOwn(next, name)), ...Object.keys(next)];
  return Object.fromEntries(
    [...new Set(names)].map((name): [string, JsonValue] => {
      const value = next[name]!;
      return [name, depth > 0 ? ordered(present[name], value, depth - 1) : value];
    }),
  );
}

/** The types of what is there stay; what flattened objects have more is added to what they had. */
function mergedTypes(present: StoredView['types'], found: StoredView['types']): StoredView['types'] {
  const merged: Record<string, string> = { ...found, ...present };
  for (const [place, types] of Object.entries(found)) {
    if (!place.startsWith('/flatten/') || !Object.hasOwn(present, place)) continue;
    const [known, now] = [present[place]!, types].map((text) => JSON.parse(text) as Record<string, string>);
    merged[place] = JSON.stringify({
      ...known,
      ...Object.fromEntries(Object.entries(now!).filter(([name]) => !Object.hasOwn(known!, name))),
    });
  }
  return merged;
}

/** The first thing of the present view that would lie elsewhere, or be made otherwise, in tables that only have cells added; undefined when there is none. */
function misfitOf(present: ViewDefinition, next: ViewDefinition): string | undefined {
  const columns = new Map(next.columns.map((column) => [column.name, column]));
  const json = (column: ViewColumn): string => stableJson(column as unknown as JsonValue);
  for (const column of present.columns) {
    const other = columns.get(column.name);
    if (other === undefined || json(withoutRest(column)) !== json(withoutRest(other))) return column.name;
    if (stableJson({ ...placeOf(present, column) }) !== stableJson({ ...placeOf(next, other) })) return column.name;
  }
  const shapes = new Map(tableShapes(next).map((shape) => [shape.table, shape]));
  for (const { table, columns: types, indexes } of tableShapes(present)) {
    const shape = shapes.get(table);
    if (!begins(shape?.columns, types) || !begins(shape?.indexes, indexes)) return `table ${table}`;
  }
  return shapes.size === tableShapes(present).length ? undefined : 'explode';
}

function begins(all: readonly unknown[] | undefined, first: readonly unknown[]): boolean {
  return stableJson((all ?? []).slice(0, first.length) as JsonValue) === stableJson(first as JsonValue);
}

/** A column apart from which members its rest leaves out, which is compared by what records have. */
function withoutRest(column: ViewColumn): ViewColumn {
  if (column.kind !== 'field' || column.origin.from !== 'rest') return column;
  return { ...column, origin: { ...column.origin, without: [] } };
}

/** All cells that the tables have more, each with its value in the rows that are there. */
function addedCells(
  present: ViewDefinition,
  next: ViewDefinition,
  columns: readonly string[],
  children: ViewEvolution['children'],
  cells: ToldCells,
): readonly AddedCell[] {
  const widths = new Map(tableShapes(present).map((shape) => [shape.table, shape.columns.length]));
  const added: AddedCell[] = [];
  const add = (table: number, cell: number, value: CellValue): void => {
    // Two columns of one field of a reference row are one cell.
    const isThere = cell < (widths.get(table) ?? 0) || added.some((one) => one.table === table && one.cell === cell);
    if (!isThere) added.push({ table, cell, value });
  };
  for (const name of columns) {
    const column = next.columns.find((one) => one.name === name)!;
    const { table, cell } = placeOf(next, column);
    if (column.kind === 'aggregate') {
      partCells(EMPTY_PART).forEach((value, part) => add(table, cell + part, value));
      continue;
    }
    const value = cellOf(cells.column(column));
    add(table, cell, value);
    if (table === ROWS && next.history) add(stateTable(next), cell, value);
  }
  next.children.forEach((child, number) => {
    const names = Object.hasOwn(children, child.name) ? children[child.name]! : [];
    for (const name of names) {
      const place = child.columns.findIndex((column) => column.name === name);
      add(childTable(next, number), CHILD_CELLS + place, cellOf(cells.item(child, child.columns[place]!)));
    }
  });
  return added.sort((a, b) => a.table - b.table || a.cell - b.cell);
}

/** Cells of a row of a list before those of its columns: the row it belongs to, and its place. */
const CHILD_CELLS = 2;

function cellOf(told: ReturnType<ToldCells['column']>): CellValue {
  if ('reason' in told) throw new Error(`a column that is added ${told.reason}`);
  return told.cell;
}
