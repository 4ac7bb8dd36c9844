import type { CellValue } from './column-type.js';
import { groupIdentity } from './group-changes.js';
import type { MappedRecord } from './fold.js';
import { referenceTable, ROWS, stateTable } from './table-shapes.js';
import { fieldsOf, sourcesOf, takesBack, type ViewDefinition } from './view-definition.js';

/**
 * What a row is that records of a source make: the row of a key; all states of one; what a record counts for in its group; a group of events; a reference row.
 */
export type RowKind = 'row' | 'states' | 'share' | 'group' | 'reference';

export function rowKindOf(view: ViewDefinition, source: number): RowKind {
  if (source >= view.sources.length) return 'reference';
  if (view.mode === 'events') return 'group';
  if (takesBack(view)) return 'share';
  return view.history ? 'states' : 'row';
}

/** The table that holds one row for each identity of a kind. */
export function tableOfKind(view: ViewDefinition, source: number): number {
  switch (rowKindOf(view, source)) {
    case 'row':
    case 'group':
      return ROWS;
    case 'states':
    case 'share':
      return stateTable(view);
    case 'reference':
      return referenceTable(source - view.sources.length);
  }
}

/** The sources that rows of this one are made of: groups of events are made of all main topics. */
export function sourcesBehind(view: ViewDefinition, source: number): readonly number[] {
  return rowKindOf(view, source) === 'group' ? view.sources.map((_, place) => place) : [source];
}

/** The identity of the row that a record is of; undefined for one that has none. */
export function identityOfRecord(view: ViewDefinition, source: number, record: MappedRecord): string | undefined {
  if (rowKindOf(view, source) !== 'group') return record.identity;
  if (record.kind !== 'put') return undefined;
  const key: readonly CellValue[] = record.cells.slice(0, fieldsOf(view).length);
  return groupIdentity(key);
}

/** How the rows of a kind are named for people. */
export function kindText(view: ViewDefinition, source: number): string {
  const topic = sourcesOf(view)[source]!;
  const texts: Readonly<Record<RowKind, string>> = {
    row: `rows of keys of ${topic}`,
    states: `all states of keys of ${topic}`,
    share: `what rows of ${topic} count for in their groups`,
    group: 'groups',
    reference: `reference rows of ${topic}`,
  };
  return texts[rowKindOf(view, source)];
}
