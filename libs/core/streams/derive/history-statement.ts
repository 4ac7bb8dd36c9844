import type { PartitionRecord } from '#libs/core/log';
import type { SourcePosition } from '../source-reader.js';

/** What is known of records that the source no longer had when they were to be read. */
export interface HistoryStatement {
  /** Records that compaction had removed: offsets that were not there. Those before the first that was read are not counted. */
  readonly missing: number;
  /** Epoch ms from which on nothing is missing in the partitions that are not {@link open}; null when nothing ever was. */
  readonly completeSince: number | null;
  /** Partitions of which something was missing and no record with a time was read since: from the next one on the history is complete. */
  readonly open: readonly number[];
}

/** Nothing was removed before it could be read, but for what came before the first offsets. */
export function statementAt({ next }: SourcePosition): HistoryStatement {
  return {
    missing: 0,
    completeSince: null,
    open: next.flatMap((offset, partition) => (offset > 0 ? [partition] : [])),
  };
}

/**
 * The statement after a chunk of records.
 * @param areGapsLosses whether an offset that is not there is a record that was removed. Where nothing is compacted it is what an engine keeps for itself.
 */
export function statementAfter(
  at: HistoryStatement,
  from: SourcePosition,
  records: readonly PartitionRecord[],
  to: SourcePosition,
  areGapsLosses: boolean,
): HistoryStatement {
  const open = new Set(at.open);
  const expected = [...from.next];
  let { missing, completeSince } = at;
  const lose = (partition: number, until: number): void => {
    const count = until - (expected[partition] ?? 0);
    expected[partition] = until;
    if (count <= 0 || !areGapsLosses) return;
    missing += count;
    open.add(partition);
  };
  for (const { partition, offset, timestamp } of records) {
    lose(partition, offset);
    expected[partition] = offset + 1;
    // A record without a time does not say since when.
    if (timestamp >= 0 && open.delete(partition)) completeSince = Math.max(completeSince ?? 0, timestamp);
  }
  if (to.generation === from.generation) to.next.forEach((offset, partition) => lose(partition, offset));
  return { missing, completeSince, open: [...open].sort((a, b) => a - b) };
}

/** Whether an offset between the records was not there. */
export function hasGaps(from: SourcePosition, records: readonly PartitionRecord[], to: SourcePosition): boolean {
  return statementAfter({ missing: 0, completeSince: null, open: [] }, from, records, to, true).missing > 0;
}
