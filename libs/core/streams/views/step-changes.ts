import type { MappedRecord } from './fold.js';
import { eventChanges } from './group-changes.js';
import { newerRecords, type NewestContext } from './newest.js';
import { rowChanges, storeReferences } from './row-changes.js';
import type { StandingGeneration } from './row-version.js';
import { ShareChanges } from './share-changes.js';
import { referenceTable, ROWS, stateTable } from './table-shapes.js';
import { TableChanges } from './table-changes.js';
import type { UnwrittenRows } from './unwritten-rows.js';
import { takesBack, type ViewDefinition } from './view-definition.js';
import type { StoredRows, TableChange } from './view-tables.js';

/** What a step knows beside its records. */
export interface StepContext {
  readonly view: ViewDefinition;
  /** Place of the source in `sourcesOf(view)`. */
  readonly source: number;
  readonly stored: StoredRows;
  /** Partitions of the source. Keys of a topic with one cannot lie in several. */
  readonly partitions: number;
  readonly nowMs: number;
  /** Where the reader of the source stands, for records that are not read in their turn: others may have come by later generations since. */
  readonly stands?: StandingGeneration | undefined;
  /** Rows that were never written: they are not looked for, and told apart in what the step does. */
  readonly unwritten?: UnwrittenRows;
  /** How many rows a step may change for reference rows that they refer to; as many as fit in memory unless given. */
  readonly mostShares?: number | undefined;
  /** Called between some rows of many: resolves when the work may go on. */
  readonly turn?: () => Promise<void>;
}

/**
 * What records do to the tables of a view, given what is stored. The tables are always the fold of what was read of each source, in whatever order the sources were read: a record
 * that is not newer than what is known of its key changes nothing, and rows that refer to a row of another topic follow it.
 * @throws `too-many-references` with the key at which they were too many
 */
export async function stepChanges(
  context: StepContext,
  records: readonly MappedRecord[],
): Promise<readonly TableChange[]> {
  const { view, source, nowMs, stands, unwritten, turn = AT_ONCE } = context;
  const stored = unwritten?.sparing(context.stored) ?? context.stored;
  const changes = new TableChanges();
  const marks = context.partitions > 1;
  const join = source - view.sources.length;
  if (join >= 0) {
    const newest: NewestContext = { view, source, table: referenceTable(join), stored, changes, marks, nowMs, stands };
    const newer = await newerRecords(newest, records);
    storeReferences(newest, newer);
    if (takesBack(view)) {
      const shares = new ShareChanges(view, stored, changes, context.mostShares);
      await shares.references(join, newer);
      await shares.store();
    }
  } else if (view.mode === 'events') {
    await eventChanges({ view, source, stored, changes }, records);
  } else if (takesBack(view)) {
    const newest: NewestContext = { view, source, table: stateTable(view), stored, changes, marks, nowMs, stands };
    const shares = new ShareChanges(view, stored, changes);
    await shares.records(newest, records);
    await shares.store();
  } else {
    const table = view.history ? stateTable(view) : ROWS;
    await rowChanges({ view, source, table, stored, changes, marks, nowMs, stands }, records, turn);
  }
  return changes.list(unwritten);
}

const AT_ONCE = (): Promise<void> => Promise.resolve();
