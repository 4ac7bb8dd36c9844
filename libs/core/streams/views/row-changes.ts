import type { CellValue } from './column-type.js';
import type { MappedRecord } from './fold.js';
import { mark, newerRecords, type Newer, type NewestContext } from './newest.js';
import { VERSION_CELLS, versionCells, versionIn, versionOrder } from './row-version.js';
import { childTable, rowLayout, ROWS, stateTable } from './table-shapes.js';
import { TableChanges } from './table-changes.js';
import type { ViewDefinition } from './view-definition.js';

/** Puts and ends reference rows in their table. */
export function storeReferences(context: NewestContext, newer: readonly Newer[]): void {
  const { changes } = context;
  for (const { identity, records } of newer) {
    const last = records.at(-1)!;
    if (last.kind === 'put') changes.put(context.table, identity, [...versionCells(last.version), ...last.cells]);
    else changes.delete(context.table, identity);
    mark(context, last, last.kind === 'put');
  }
}

/** Rows of a view without groups: one for each key, or one for each of its states. */
export async function rowChanges(context: NewestContext, records: readonly MappedRecord[]): Promise<void> {
  const { view } = context;
  for (const newer of await newerRecords(context, records)) {
    if (view.history) addHistory(context, newer);
    else replaceRow(context, newer);
  }
}

function replaceRow(context: NewestContext, { identity, records, stored }: Newer): void {
  const { view, changes } = context;
  const layout = rowLayout(view);
  const last = records.at(-1)!;
  const soft = view.deletes.mode === 'soft' && last.kind === 'end';
  // A row that ends softly is the last one it had, also when that came in the same step.
  const shown = soft ? records.findLast((one) => one.kind === 'put') : last.kind === 'put' ? last : undefined;
  let cells = shown === undefined ? undefined : rowCells(view, shown);
  if (soft) {
    // What the view did not show in between is not shown when it ends, either.
    const hidden = records.findLast((one) => one.kind !== 'end')?.kind === 'out';
    cells = hidden ? undefined : (cells ?? stored?.slice());
    if (cells !== undefined) {
      cells.splice(0, VERSION_CELLS, ...versionCells(last.version));
      cells[layout.system] = timeOf(last);
    }
  }
  if (cells === undefined) changes.delete(ROWS, identity);
  else changes.put(ROWS, identity, cells);
  mark(context, last, cells !== undefined);
  const before = view.children.map((_, child) => Number(stored?.[layout.children + child] ?? 0));
  if (soft && cells !== undefined && shown === undefined) return;
  replaceChildren(view, changes, identity, before, cells === undefined ? undefined : shown);
}

/** Puts the items of the lists, and takes away those beyond their ends. */
function replaceChildren(
  view: ViewDefinition,
  changes: TableChanges,
  identity: string,
  before: readonly number[],
  shown: MappedRecord | undefined,
): void {
  view.children.forEach((_, child) => {
    const table = childTable(view, child);
    const rows = shown?.children[child] ?? [];
    rows.forEach((cells, place) => changes.put(table, childIdentity(identity, place), [identity, place, ...cells]));
    for (let place = rows.length; place < before[child]!; place++)
      changes.delete(table, childIdentity(identity, place));
  });
}

/** Sorts as the list does. */
export function childIdentity(parent: string, place: number): string {
  return `${parent}#${String(place).padStart(6, '0')}`;
}

function rowCells(view: ViewDefinition, record: MappedRecord): CellValue[] {
  const system = view.columns.filter((column) => column.kind === 'system');
  return [
    ...versionCells(record.version),
    ...record.cells,
    ...system.map((column) => (column.name === 'valid_from' ? timeOf(record) : null)),
    ...record.refers,
    ...record.children.map((rows) => rows.length),
  ];
}

const timeOf = ({ version }: MappedRecord): CellValue => (version.timestamp < 0 ? null : version.timestamp);

/** Each state is a row, from its record's time to that of the next one. The open one is known by key. */
function addHistory(context: NewestContext, { identity, records, stored }: Newer): void {
  const { view, changes } = context;
  const validTo = rowLayout(view).system + 1;
  let open = stored;
  for (const record of records) {
    if (open !== undefined) {
      const closed = [...open];
      closed[validTo] = timeOf(record);
      changes.put(ROWS, stateIdentity(identity, open), closed);
    }
    open = record.kind === 'put' ? rowCells(view, record) : undefined;
    if (open !== undefined) changes.put(ROWS, stateIdentity(identity, open), open);
  }
  const table = stateTable(view);
  if (open === undefined) changes.delete(table, identity);
  else changes.put(table, identity, open);
  mark(context, records.at(-1)!, open !== undefined);
}

function stateIdentity(identity: string, cells: readonly CellValue[]): string {
  return `${identity}@${versionOrder(versionIn(cells))}`;
}
