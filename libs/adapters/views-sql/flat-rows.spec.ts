import { describe, expect, it } from 'vitest';
import type { CellValue, TableRow } from '#libs/core/streams';
import { flatRows, FlatRowsReader, memoryOf } from './flat-rows.js';

/** What a thread gets that is sent rows, read some at a time. */
function received(lists: readonly (readonly TableRow[])[], atOnce: number): CellValue[][] {
  const sent = flatRows(lists);
  const rows = structuredClone(sent, { transfer: memoryOf(sent) });
  const width = rows.columns.length;
  const reader = new FlatRowsReader(rows);
  const found: CellValue[][] = [];
  while (reader.left > 0) {
    const count = Math.min(atOnce, reader.left);
    const values = new Array<CellValue>(count * width);
    reader.take(count, values);
    for (let row = 0; row < count; row++) found.push(values.slice(row * width, (row + 1) * width));
  }
  return found;
}

/** Of each kind of column: numbers, texts, and what is neither. */
const ROWS: readonly TableRow[] = [
  { identity: 'a', cells: [1, 'x', null, 1, 'text', 5n, ''] },
  { identity: '', cells: [-0.5, 'a text of more than a few characters', 'y', null, 7, 6, 'ø\ud83d'] },
  { identity: 'b\0', cells: [2 ** 53, '', 3, 2, null, 2n ** 60n, '\ude00'] },
];

describe('rows that pass to another thread', () => {
  for (const atOnce of [1, 2, 3])
    it(`are the same there, ${atOnce} at a time`, () => {
      expect(received([ROWS], atOnce)).toEqual(ROWS.map(({ identity, cells }) => [identity, ...cells]));
    });

  it('come list after list', () => {
    const identities = received([[ROWS[1]!], [], [ROWS[0]!]], 2).map(([identity]) => identity);
    expect(identities).toEqual(['', 'a']);
  });

  it('hand their memory on: it is not copied', () => {
    const cells = Array.from({ length: 3 }, (_, n) => ({ identity: `k${n}`, cells: [n, 'x', null] }));
    const rows = flatRows([cells]);
    expect(memoryOf(rows)).toHaveLength(3);
    structuredClone(rows, { transfer: memoryOf(rows) });
    expect(memoryOf(rows).map((one) => one.byteLength)).toEqual([0, 0, 0]);
  });

  it('may be none', () => {
    expect(received([[], []], 1)).toEqual([]);
  });
});
