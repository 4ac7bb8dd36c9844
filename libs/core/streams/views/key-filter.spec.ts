import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyFilter } from './key-filter.js';

describe('a filter of keys', () => {
  it('never denies a key that was added', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 30 }), { maxLength: 300 }), (keys) => {
        const filter = new KeyFilter();
        const added = new Set<string>();
        for (const key of keys) {
          // Of a few that are new it is not known; of none that is there it is said.
          if (filter.add(key)) expect(added).not.toContain(key);
          added.add(key);
        }
        expect(keys.every((key) => filter.mayHold(key))).toBe(true);
      }),
    );
  });

  it('takes few others for one, over several layers', () => {
    const filter = new KeyFilter();
    const many = 400_000;
    for (let n = 0; n < many; n++) filter.add(`key-${n}`);
    let taken = 0;
    const fresh = new KeyFilter();
    expect([fresh.add('key-1'), fresh.add('key-1'), fresh.add('key-2')]).toEqual([true, false, true]);
    for (let n = 0; n < many; n++) {
      if (!filter.mayHold(`key-${n}`)) throw new Error(`key-${n} is denied`);
      if (filter.mayHold(`other-${n}`)) taken++;
    }
    // Two full layers and one that has begun, of one in a hundred each.
    expect(taken / many).toBeLessThan(0.05);
    expect(new KeyFilter().mayHold('key-1')).toBe(false);
  });

  it('takes every key for one when it is full', () => {
    const filter = new KeyFilter(1);
    for (let n = 0; n < 20_000; n++) filter.add(`key-${n}`);
    expect([filter.mayHold('other'), filter.add('other')]).toEqual([true, false]);
  });
});
