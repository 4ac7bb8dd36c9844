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
  for (const one of newer) {
    const { identity, records } = one;
    const last = records.at(-1)!;
    if (last.kind === 'put') changes.put(context.table, identity, [...versionCells(last.version), ...last.cells]);
    else changes.delete(context.table, identity);
    mark(context, one, last.kind === 'put');
  }
}

/** Where the parts of a row lie. */
interface RowPlan {
  readonly layout: ReturnType<typeof rowLayout>;
  /** The columns that tell what became of the row: whether each begins with the time of its record. */
  readonly system: readonly boolean[];
}

function planOf(view: ViewDefinition): RowPlan {
  const system = view.columns.filter((column) => column.kind === 'system');
  return { layout: rowLayout(view), system: system.map((column) => column.name === 'valid_from') };
}

/** Rows of a view without groups: one for each key, or one for each of its states. */
export async function rowChanges(
  context: NewestContext,
  records: readonly MappedRecord[],
  turn: () => Promise<void>,
): Promise<void> {
  const { view } = context;
  const plan = planOf(view);
  let done = 0;
  for (const newer of await newerRecords(context, records)) {
    if (view.history) addHistory(context, plan, newer);
    else replaceRow(context, plan, newer);
    if ((++done & TURN_ROWS) === 0) await turn();
  }
}

/** Between two looks at whether others wait; a power of two less one. */
const TURN_ROWS = 127;

function replaceRow(context: NewestContext, plan: RowPlan, newer: Newer): void {
  const { view, changes } = context;
  const { identity, records, stored } = newer;
  const last = records.at(-1)!;
  const soft = view.deletes.mode === 'soft' && last.kind === 'end';
  // A row that ends softly is the last one it had, also when that came in the same step.
  const shown = soft ? records.findLast((one) => one.kind === 'put') : last.kind === 'put' ? last : undefined;
  let cells = shown === undefined ? undefined : rowCells(plan, shown);
  if (soft) {
    // What the view did not show in between is not shown when it ends, either.
    const hidden = records.findLast((one) => one.kind !== 'end')?.kind === 'out';
    cells = hidden ? undefined : (cells ?? stored?.slice());
    if (cells !== undefined) {
      cells.splice(0, VERSION_CELLS, ...versionCells(last.version));
      cells[plan.layout.system] = timeOf(last);
    }
  }
  if (cells === undefined) changes.delete(ROWS, identity);
  else changes.put(ROWS, identity, cells);
  mark(context, newer, cells !== undefined);
  if (view.children.length === 0) return;
  const before = view.children.map((_, child) => Number(stored?.[plan.layout.children + child] ?? 0));
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

/** Of the size it has in the end: one that grows takes several times the room. */
function rowCells({ layout: { declared }, system }: RowPlan, record: MappedRecord): CellValue[] {
  const { generation, partition, offset, timestamp } = record.version;
  const cells = new Array<CellValue>(
    VERSION_CELLS + record.cells.length + system.length + record.refers.length + record.children.length,
  );
  cells[0] = generation;
  cells[1] = partition;
  cells[2] = offset;
  cells[3] = timestamp;
  let place = VERSION_CELLS;
  for (let field = 0; field < declared; field++) cells[place++] = record.cells[field]!;
  for (const fromRecord of system) cells[place++] = fromRecord ? timeOf(record) : null;
  for (const cell of record.refers) cells[place++] = cell;
  for (const rows of record.children) cells[place++] = rows.length;
  for (let field = declared; field < record.cells.length; field++) cells[place++] = record.cells[field]!;
  return cells;
}

const timeOf = ({ version }: MappedRecord): CellValue => (version.timestamp < 0 ? null : version.timestamp);

/** Each state is a row, from its record's time to that of the next one. The open one is known by key. */
function addHistory(context: NewestContext, plan: RowPlan, newer: Newer): void {
  const { view, changes } = context;
  const { identity, records, stored } = newer;
  const validTo = plan.layout.system + 1;
  let open = stored;
  for (const record of records) {
    if (open !== undefined) {
      const closed = [...open];
      closed[validTo] = timeOf(record);
      changes.put(ROWS, stateIdentity(identity, open), closed);
    }
    open = record.kind === 'put' ? rowCells(plan, record) : undefined;
    if (open !== undefined) changes.put(ROWS, stateIdentity(identity, open), open);
  }
  const table = stateTable(view);
  if (open === undefined) changes.delete(table, identity);
  else changes.put(table, identity, open);
  mark(context, newer, open !== undefined);
}

/** What follows the key and `@` in the identity of one of its states, see `versionOrder`. */
export const STATE_ORDER = /^\d{16}\.\d{9}\.\d{7}\.\d{16}$/;

function stateIdentity(identity: string, cells: readonly CellValue[]): string {
  return `${identity}@${versionOrder(versionIn(cells))}`;
}
