import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_ROW, RekeyedRows } from './rekeyed-rows.js';

const KEYS = ['a', 'b', 'c', 'd'] as const;
const change = fc.record({ key: fc.constantFrom(...KEYS), newKey: fc.constantFrom('X', 'Y', null) });

describe('rows by their present key, and who has which new key', () => {
  it('the row shown under a new key is the one written last of those that have it, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const rows = new RekeyedRows('any');
        // The present rows in the order in which they were written.
        let expected: { key: string; newKey: string; offset: number }[] = [];
        for (const [offset, { key, newKey }] of changes.entries()) {
          expected = expected.filter((one) => one.key !== key);
          const row = rows.find(Buffer.from(key));
          if (newKey !== null) {
            expected.push({ key, newKey, offset });
            rows.put(Buffer.from(key), Buffer.from(newKey), { partition: 0, offset });
          } else if (row !== NO_ROW) rows.remove(row);
          expect(rows.size).toBe(expected.length);
          for (const one of ['X', 'Y']) {
            const owners = expected.filter((row) => row.newKey === one);
            const shown = rows.shownAs(Buffer.from(one));
            expect(shown === NO_ROW ? undefined : rows.key(shown).toString()).toBe(owners.at(-1)?.key);
          }
          const shared = ['X', 'Y'].filter((one) => expected.filter((row) => row.newKey === one).length > 1);
          expect(rows.shared).toBe(shared.length);
          const shown = [...rows.shown()].map((one) => rows.newKey(rows.newKeyOf(one)).toString());
          expect(shown.sort()).toEqual([...new Set(expected.map((one) => one.newKey))].sort());
          for (const one of expected) expect(rows.place(rows.find(Buffer.from(one.key))).offset).toBe(one.offset);
        }
      }),
      { numRuns: 300 },
    );
  });
});
