import { describe, expect, it } from 'vitest';
import { cutPage, type PartitionRecord, type ReadPage } from './topic-reader.js';

const record = (partition: number, offset: number): PartitionRecord => ({
  partition,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: [],
});

describe('a page that is cut', () => {
  const page: ReadPage = {
    records: [record(0, 5), record(0, 6), record(1, 9), record(1, 12)],
    next: {
      generation: 3,
      positions: new Map([
        [0, 7],
        [1, 14],
        [2, 2],
      ]),
    },
    atEnd: true,
  };
  const positions = (count: number) => Object.fromEntries(cutPage(page, count).next.positions);

  it('goes on with the first record of each partition that it does not have, and is not the end', () => {
    expect(positions(1)).toEqual({ 0: 6, 1: 9, 2: 2 });
    expect(positions(2)).toEqual({ 0: 7, 1: 9, 2: 2 });
    expect(positions(3)).toEqual({ 0: 7, 1: 12, 2: 2 });
    expect(cutPage(page, 3)).toMatchObject({
      records: page.records.slice(0, 3),
      next: { generation: 3 },
      atEnd: false,
    });
  });

  it('is the page where nothing is cut off', () => {
    expect(cutPage(page, 4)).toBe(page);
  });
});
