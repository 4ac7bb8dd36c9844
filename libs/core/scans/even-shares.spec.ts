import { describe, expect, it } from 'vitest';
import { evenShares } from './even-shares.js';

describe('shares of a total', () => {
  it.each([
    [[10, 10], 6, [3, 3]],
    [[1, 10, 10], 9, [1, 4, 4]],
    [[10, 1, 10], 100, [10, 1, 10]],
    [[5, 5, 5], 2, [0, 1, 1]],
    [[0, 0], 5, [0, 0]],
    [[], 5, []],
  ])('of %j, %i in all, are %j', (sizes, total, shares) => {
    expect(evenShares(sizes, total)).toEqual(shares);
  });
});
