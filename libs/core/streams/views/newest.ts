import type { CellValue } from './column-type.js';
import type { MappedRecord } from './fold.js';
import {
  succeeding,
  VERSION_CELLS,
  versionCells,
  versionIn,
  type RowVersion,
  type StandingGeneration,
} from './row-version.js';
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
  /** Whether the end of the key is remembered. */
  readonly marked: boolean;
}

/** What decides whether a record is newer than what is known of its key. */
export interface NewestContext {
  readonly view: ViewDefinition;
  readonly source: number;
  /** The table that holds the present row of each key, its version first. */
  readonly table: number;
  readonly stored: StoredRows;
  readonly changes: TableChanges;
  /** Whether keys can lie in several partitions, so that more than their rows has to be remembered. */
  readonly marks: boolean;
  readonly nowMs: number;
  /** Where the reader of the source stands, for records that are not read in their turn. */
  readonly stands?: StandingGeneration | undefined;
}

/** The end of a key that has no row. */
export const endOf = (source: number, identity: string): string => `e${source}:${identity}`;

/**
 * The records that are newer than all that is known of their key, by key: of another generation than what is known, in the same partition later, of another partition with a later time. A time of a key that goes back within a partition counts as the
 * one before; so there is one order of all records of a key, whichever partition is read first: what has not won in a partition is not later than what
 * has, and needs not be remembered for what follows it there.
 */
export async function newerRecords(context: NewestContext, records: readonly MappedRecord[]): Promise<Newer[]> {
  const { view, source, table, stored, marks } = context;
  const byKey = new Map<string, MappedRecord[]>();
  for (const record of records) {
    const all = byKey.get(record.identity);
    if (all === undefined) byKey.set(record.identity, [record]);
    else all.push(record);
  }
  const rows = await stored.rows(table, [...byKey.keys()]);
  const marked = marks && stored.isEmpty?.(markerTable(view)) !== true;
  const ends = marked ? await stored.rows(markerTable(view), endsWithout(rows, source, byKey.keys())) : NONE;
  const newer: Newer[] = [];
  for (const [identity, all] of byKey) {
    const row = rows.get(identity);
    const end = row === undefined && ends.size > 0 ? ends.get(endOf(source, identity)) : undefined;
    const known = row ?? end;
    const accepted = acceptedOf(all, known && versionIn(known), context.stands);
    if (accepted.length > 0) newer.push({ identity, records: accepted, stored: row, marked: end !== undefined });
  }
  return newer;
}

const NONE: ReadonlyMap<string, readonly CellValue[]> = new Map();

/** Ends to look for: a key that has a row has none. */
function endsWithout(
  rows: ReadonlyMap<string, readonly CellValue[]>,
  source: number,
  identities: Iterable<string>,
): string[] {
  const ends: string[] = [];
  for (const identity of identities) if (!rows.has(identity)) ends.push(endOf(source, identity));
  return ends;
}

function acceptedOf(
  all: readonly MappedRecord[],
  known: RowVersion | undefined,
  stands: StandingGeneration | undefined,
): readonly MappedRecord[] {
  let current = known;
  if (current === undefined && all.length === 1) return all;
  const accepted: MappedRecord[] = [];
  for (const record of all) {
    const version = succeeding(record.version, current, stands);
    if (version === undefined) continue;
    current = version;
    accepted.push(version === record.version ? record : { ...record, version });
  }
  return accepted;
}

/** Remembers the end of a key that has no row, or forgets it when the key has one again. */
export function mark(context: NewestContext, { identity, records, marked }: Newer, hasRow: boolean): void {
  if (!context.marks || (hasRow && !marked)) return;
  const { view, source, changes, nowMs } = context;
  const end = endOf(source, identity);
  if (hasRow) changes.delete(markerTable(view), end);
  else changes.put(markerTable(view), end, [...versionCells(records.at(-1)!.version), nowMs]);
}

/** The cell of a marker that says when it was made. */
export const MARKED_AT = VERSION_CELLS;
