import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RekeyedRows } from './rekeyed-rows.js';

const KEYS = ['a', 'b', 'c', 'd'] as const;
const change = fc.record({ key: fc.constantFrom(...KEYS), newKey: fc.constantFrom('X', 'Y', null) });

describe('rows by their present key, and who has which new key', () => {
  it('the row shown under a new key is the one written last of those that have it, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const rows = new RekeyedRows();
        // The present rows in the order in which they were written.
        let expected: { key: string; newKey: string; offset: number }[] = [];
        for (const [offset, { key, newKey }] of changes.entries()) {
          expected = expected.filter((one) => one.key !== key);
          if (newKey === null) rows.remove(key);
          else {
            expected.push({ key, newKey, offset });
            rows.put(key, newKey, { partition: 0, offset });
          }
          expect(rows.size).toBe(expected.length);
          for (const one of ['X', 'Y']) {
            const owners = expected.filter((row) => row.newKey === one);
            expect(rows.shownAs(one)).toBe(owners.at(-1)?.key);
          }
          const shared = ['X', 'Y'].filter((one) => expected.filter((row) => row.newKey === one).length > 1);
          expect(rows.shared).toBe(shared.length);
          expect([...rows.newKeys()].sort()).toEqual([...new Set(expected.map((row) => row.newKey))].sort());
          for (const row of expected) expect(rows.get(row.key)?.place.offset).toBe(row.offset);
        }
      }),
      { numRuns: 300 },
    );
  });
});
