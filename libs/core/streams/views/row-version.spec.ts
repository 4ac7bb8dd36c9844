import { describe, expect, it } from 'vitest';
import { succeeding, type RowVersion } from './row-version.js';

const at = (generation: number, offset = 0, timestamp = 0): RowVersion => ({
  generation,
  partition: 0,
  offset,
  timestamp,
});
const newer = (record: RowVersion, known: RowVersion, current: RowVersion): boolean =>
  succeeding(record, known, { generation: current.generation, opening: [current.offset] }) !== undefined;

describe('a record that is taken in out of its turn', () => {
  it('is older than a state of a later generation, and newer than one of an earlier', () => {
    expect(newer(at(1, 900), at(2, 3), at(2))).toBe(false);
    expect(newer(at(2, 3), at(1, 900), at(2))).toBe(true);
    // Between two that were both left.
    expect(newer(at(1, 900), at(2, 3), at(3))).toBe(false);
    expect(newer(at(2, 3), at(1, 900), at(3))).toBe(true);
  });

  it('is newer than a state of a generation that was rolled back only if it came after that', () => {
    const back = at(1, 700);
    expect(newer(at(1, 699), at(2, 3), back)).toBe(false);
    expect(newer(at(1, 700), at(2, 3), back)).toBe(true);
    expect(newer(at(2, 3), at(1, 699), back)).toBe(true);
    expect(newer(at(2, 3), at(1, 700), back)).toBe(false);
  });

  it('is older than what was read since the topic is in another log', () => {
    const elsewhere = 5_000_001;
    expect(newer(at(1, 900, 10), at(elsewhere, 3, 5), at(elsewhere))).toBe(false);
    expect(newer(at(elsewhere, 3, 5), at(1, 900, 10), at(elsewhere))).toBe(true);
    // Between two logs that were both left there is no order but that of times.
    expect(newer(at(elsewhere, 3, 5), at(1, 900, 10), at(7_000_001))).toBe(false);
    expect(newer(at(elsewhere, 3, 11), at(1, 900, 10), at(7_000_001))).toBe(true);
  });

  it('would be taken for newer without a look at where the view stands', () => {
    // What it would be for a record that is read in its turn: generations are read one after another.
    expect(succeeding(at(1, 900), at(2, 3))).toBeDefined();
    expect(newer(at(1, 900), at(2, 3), at(2))).toBe(false);
  });

  it('is newer by its offset within a generation, as any other', () => {
    expect(newer(at(1, 4), at(1, 3), at(2))).toBe(true);
    expect(newer(at(1, 3), at(1, 3), at(2))).toBe(false);
  });
});
