import type { CellValue } from './column-type.js';
import type { MappedRecord } from './fold.js';
import { isNewer, VERSION_CELLS, versionCells, versionIn } from './row-version.js';
import { markerTable } from './table-shapes.js';
import type { TableChanges } from './table-changes.js';
import type { ViewDefinition } from './view-definition.js';
import type { StoredRows } from './view-tables.js';

/** Records of a key that say something newer than what is stored, in order, and what is stored. */
export interface Newer {
  readonly identity: string;
  readonly records: readonly MappedRecord[];
  /** Cells of the row of the key; undefined when it has none. */
  readonly stored: readonly CellValue[] | undefined;
}

/** What decides whether a record is newer than what is known of its key. */
export interface NewestContext {
  readonly view: ViewDefinition;
  readonly source: number;
  /** The table that holds the present row of each key, its version first. */
  readonly table: number;
  readonly stored: StoredRows;
  /** Whether keys can lie in several partitions, so that ends have to be remembered. */
  readonly marks: boolean;
  readonly nowMs: number;
}

const markerOf = (source: number, identity: string): string => `${source}:${identity}`;

/** The records that are newer than all that is known of their key, by key. */
export async function newerRecords(context: NewestContext, records: readonly MappedRecord[]): Promise<Newer[]> {
  const { view, source, table, stored, marks } = context;
  const byKey = new Map<string, MappedRecord[]>();
  for (const record of records) {
    const known = byKey.get(record.identity);
    if (known === undefined) byKey.set(record.identity, [record]);
    else if (isNewer(record.version, known.at(-1)!.version)) known.push(record);
  }
  const identities = [...byKey.keys()];
  const rows = await stored.rows(table, identities);
  const markers = marks
    ? await stored.rows(
        markerTable(view),
        identities.map((identity) => markerOf(source, identity)),
      )
    : undefined;
  const newer: Newer[] = [];
  for (const [identity, candidates] of byKey) {
    const row = rows.get(identity);
    const known = row ?? markers?.get(markerOf(source, identity));
    const present = known === undefined ? undefined : versionIn(known);
    const left = present === undefined ? candidates : candidates.filter((one) => isNewer(one.version, present));
    if (left.length > 0) newer.push({ identity, records: left, stored: row });
  }
  return newer;
}

/** Remembers the end of a key that has no row, or forgets it when the key has one again. */
export function mark(context: NewestContext, changes: TableChanges, record: MappedRecord, hasRow: boolean): void {
  if (!context.marks) return;
  const identity = markerOf(context.source, record.identity);
  const table = markerTable(context.view);
  if (hasRow) changes.delete(table, identity);
  else changes.put(table, identity, [...versionCells(record.version), context.nowMs]);
}

/** The cell of a marker that says when it was made. */
export const MARKED_AT = VERSION_CELLS;
