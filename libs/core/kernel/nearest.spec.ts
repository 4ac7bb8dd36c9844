import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.js';

describe('the name that was probably meant', () => {
  it.each([
    ['colour', ['color', 'cool', 'price'], 'color'],
    ['Amuont', ['amount', 'count'], 'amount'],
    ['id', ['ids', 'name'], 'ids'],
    ['a', ['abc'], 'abc'],
    ['xyzzy', ['amount', 'price'], undefined],
    ['', [], undefined],
  ])('is for %j among %j: %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  it('is given up where there are too many to look at, or too long ones', () => {
    for (const length of [200, 5_000]) {
      let looked = 0;
      const candidates = function* () {
        for (; looked < 1_000_000; looked++) yield 'x'.repeat(length - 1);
      };
      expect(nearest('y'.repeat(length), candidates())).toBeUndefined();
      expect(looked).toBeLessThan(1_000);
    }
  });
});
