import { MARKED_AT } from './newest.js';
import { childIdentity } from './row-changes.js';
import { VERSION_CELLS } from './row-version.js';
import { childTable, markerTable, retentionCell, rowLayout, ROWS, stateTable } from './table-shapes.js';
import { TableChanges } from './table-changes.js';
import { isGrouped, type ViewDefinition } from './view-definition.js';
import type { StoredRows, TableChange } from './view-tables.js';

/** Rows removed in one step. */
const BATCH = 500;
/** How long the end of a key is remembered: records of the key in another partition that are read later than this count as new. */
const MARKER_MS = 7 * 86_400_000;

/** The removal of some rows whose time is over; nothing when there are none left. */
export async function expiredRows(
  view: ViewDefinition,
  stored: StoredRows,
  nowMs: number,
): Promise<readonly TableChange[]> {
  const changes = new TableChanges();
  const markers = await stored.find({
    table: markerTable(view),
    column: MARKED_AT,
    below: nowMs - MARKER_MS,
    limit: BATCH,
  });
  for (const { identity } of markers) changes.delete(markerTable(view), identity);
  const cell = retentionCell(view);
  if (cell !== undefined) await expire(view, stored, cell, nowMs - view.retention!.afterMs, changes);
  return changes.list();
}

async function expire(
  view: ViewDefinition,
  stored: StoredRows,
  column: number,
  below: number,
  changes: TableChanges,
): Promise<void> {
  const { children } = rowLayout(view);
  // A record without time (−1) has none that could be over; a column may name times before 1970.
  const from = column === VERSION_CELLS - 1 && !isGrouped(view) ? 0 : -Number.MAX_SAFE_INTEGER;
  for (const { identity, cells } of await stored.find({ table: ROWS, column, from, below, limit: BATCH })) {
    changes.delete(ROWS, identity);
    view.children.forEach((_, child) => {
      for (let place = 0; place < Number(cells[children + child] ?? 0); place++)
        changes.delete(childTable(view, child), childIdentity(identity, place));
    });
  }
  if (!view.history) return;
  // The open state of a key goes with its row: what comes later begins anew.
  for (const { identity } of await stored.find({ table: stateTable(view), column, from, below, limit: BATCH }))
    changes.delete(stateTable(view), identity);
}
