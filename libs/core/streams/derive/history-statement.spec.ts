import { describe, expect, it } from 'vitest';
import type { PartitionRecord } from '#libs/core/log';
import { hasGaps, statementAfter, statementAt } from './history-statement.js';

const record = (partition: number, offset: number, timestamp: number): PartitionRecord => ({
  partition,
  offset,
  timestamp,
  key: Buffer.from('k'),
  value: null,
  headers: [],
});

describe('statement of what a history lacks', () => {
  it('is complete from the first record on where records before it are gone, by partition', () => {
    const begun = statementAt({ generation: 1, next: [0, 7] });
    expect(begun).toEqual({ missing: 0, completeSince: null, open: [1] });
    const from = { generation: 1, next: [0, 7] };
    const after = statementAfter(
      begun,
      from,
      [record(0, 0, 5), record(1, 7, 40), record(1, 8, 50)],
      { generation: 1, next: [1, 9] },
      true,
    );
    expect(after).toEqual({ missing: 0, completeSince: 40, open: [] });
  });

  it('counts offsets that compaction removed, and is complete again from the record behind them', () => {
    const from = { generation: 1, next: [0] };
    const first = statementAfter(
      statementAt(from),
      from,
      [record(0, 1, 10), record(0, 4, 20)],
      { generation: 1, next: [7] },
      true,
    );
    expect(first).toEqual({ missing: 5, completeSince: 20, open: [0] });
    const second = statementAfter(
      first,
      { generation: 1, next: [7] },
      [record(0, 7, 30)],
      { generation: 1, next: [8] },
      true,
    );
    expect(second).toEqual({ missing: 5, completeSince: 30, open: [] });
  });

  it('does not take a record without a time for the time since when nothing is missing', () => {
    const from = { generation: 1, next: [3] };
    const read = statementAfter(statementAt(from), from, [record(0, 3, -1)], { generation: 1, next: [4] }, true);
    expect(read).toEqual({ missing: 0, completeSince: null, open: [0] });
  });

  it('takes what an engine keeps for itself between records for nothing', () => {
    const from = { generation: 1, next: [0] };
    const records = [record(0, 0, 10), record(0, 2, 20)];
    const to = { generation: 1, next: [4] };
    expect(hasGaps(from, records, to)).toBe(true);
    expect(statementAfter(statementAt(from), from, records, to, false)).toEqual(statementAt(from));
  });

  it('says nothing about a generation by the offsets of another', () => {
    const from = { generation: 1, next: [5] };
    expect(hasGaps(from, [], { generation: 2, next: [90, 0] })).toBe(false);
  });
});
