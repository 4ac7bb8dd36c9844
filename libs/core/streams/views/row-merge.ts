import { isDeepStrictEqual } from 'node:util';
import type { CellValue } from './column-type.js';
import { endOf } from './newest.js';
import { childIdentity, STATE_ORDER } from './row-changes.js';
import { rowKindOf, tableOfKind } from './row-kinds.js';
import { ShareChanges } from './share-changes.js';
import { childTable, markerTable, rowLayout, ROWS, shareLayout } from './table-shapes.js';
import { TableChanges } from './table-changes.js';
import { takesBack, type ViewDefinition } from './view-definition.js';
import type { StoredRows, TableChange, TableRow } from './view-tables.js';

/** Two sets of tables of one view that stand at the same positions. */
export interface MergeContext {
  readonly view: ViewDefinition;
  readonly source: number;
  /** Where rows were computed anew. */
  readonly shadow: StoredRows;
  /** What is stored in the view. */
  readonly stored: StoredRows;
  readonly nowMs: number;
}

/** What it takes to make the rows of some keys those that were computed anew. */
export interface MergedRows {
  readonly changes: readonly TableChange[];
  /** Keys whose rows are not what they were. */
  readonly changed: number;
}

type Rows = ReadonlyMap<string, readonly CellValue[]>;

/** Rows that are the same are left as they are. */
export async function mergedRows(context: MergeContext, identities: readonly string[]): Promise<MergedRows> {
  const { view, source, shadow, stored } = context;
  const kind = rowKindOf(view, source);
  const table = tableOfKind(view, source);
  const [fresh, present] = [await shadow.rows(table, identities), await stored.rows(table, identities)];
  const changes = new TableChanges();
  const differing = new Set<string>();
  const width = kind === 'share' ? shareLayout(view).group : undefined;
  for (const identity of identities)
    if (!isDeepStrictEqual(fresh.get(identity)?.slice(0, width), present.get(identity)?.slice(0, width)))
      differing.add(identity);
  if (kind === 'row') await mergeChildren(context, identities, fresh, present, changes, differing);
  if (kind === 'states') for (const identity of identities) await mergeStates(context, identity, changes, differing);
  if (kind === 'share') {
    const shares = new ShareChanges(view, stored, changes);
    await shares.again(identities, fresh);
    await shares.store();
  } else {
    for (const identity of differing) {
      const cells = fresh.get(identity);
      if (cells === undefined) changes.delete(table, identity);
      else changes.put(table, identity, cells);
    }
  }
  if (kind === 'reference' && takesBack(view)) {
    const shares = new ShareChanges(view, stored, changes);
    const touched = [...differing].map((identity) => ({ identity, records: [], stored: undefined, marked: false }));
    await shares.references(source - view.sources.length, touched);
    await shares.store();
  }
  if (kind !== 'group') await mergeEnds(context, identities, fresh, changes);
  return {
    changes: changes.list().filter(({ puts, deletes }) => puts.length + deletes.length > 0),
    changed: differing.size,
  };
}

/** Ends that are remembered, so that an older record of another partition does not bring a key back. */
async function mergeEnds(
  { view, source, shadow, stored, nowMs }: MergeContext,
  identities: readonly string[],
  fresh: Rows,
  changes: TableChanges,
): Promise<void> {
  const ends = identities.map((identity) => endOf(source, identity));
  const marks = await shadow.rows(markerTable(view), ends);
  const known = await stored.rows(markerTable(view), ends);
  for (const identity of identities) {
    const end = endOf(source, identity);
    const mark = marks.get(end);
    if (fresh.has(identity) && known.has(end)) changes.delete(markerTable(view), end);
    else if (mark !== undefined && !isDeepStrictEqual(mark.slice(0, -1), known.get(end)?.slice(0, -1)))
      changes.put(markerTable(view), end, [...mark.slice(0, -1), nowMs]);
  }
}

async function mergeChildren(
  { view, shadow, stored }: MergeContext,
  identities: readonly string[],
  fresh: Rows,
  present: Rows,
  changes: TableChanges,
  differing: Set<string>,
): Promise<void> {
  const { children } = rowLayout(view);
  for (const [child] of view.children.entries()) {
    const table = childTable(view, child);
    const placesIn = (rows: Rows): string[] =>
      identities.flatMap((identity) =>
        Array.from({ length: Number(rows.get(identity)?.[children + child] ?? 0) }, (_, place) =>
          childIdentity(identity, place),
        ),
      );
    const [wanted, there] = [placesIn(fresh), placesIn(present)];
    const [items, known] = [
      await shadow.rows(table, wanted),
      await stored.rows(table, [...new Set([...wanted, ...there])]),
    ];
    for (const place of new Set([...wanted, ...there])) {
      const item = items.get(place);
      if (isDeepStrictEqual(item, known.get(place))) continue;
      differing.add(place.slice(0, place.lastIndexOf('#')));
      if (item === undefined) changes.delete(table, place);
      else changes.put(table, place, item);
    }
  }
}

async function mergeStates(
  { shadow, stored }: MergeContext,
  identity: string,
  changes: TableChanges,
  differing: Set<string>,
): Promise<void> {
  const [fresh, present] = [await statesOf(shadow, identity), await statesOf(stored, identity)];
  for (const state of new Set([...fresh.keys(), ...present.keys()])) {
    const cells = fresh.get(state);
    if (isDeepStrictEqual(cells, present.get(state))) continue;
    differing.add(identity);
    if (cells === undefined) changes.delete(ROWS, state);
    else changes.put(ROWS, state, cells);
  }
}

/** States of keys are looked for in pages. */
const PAGE = 1_000;

/** All states of one key: their identities are that of the key and their order, which has a length of its own. */
async function statesOf(rows: StoredRows, identity: string): Promise<Rows> {
  const found = new Map<string, readonly CellValue[]>();
  for (let after = `${identity}@`; ;) {
    const page: readonly TableRow[] = await rows.find({ table: ROWS, after, before: `${identity}A`, limit: PAGE });
    for (const row of page)
      if (STATE_ORDER.test(row.identity.slice(identity.length + 1))) found.set(row.identity, row.cells);
    if (page.length < PAGE) return found;
    after = page.at(-1)!.identity;
  }
}
