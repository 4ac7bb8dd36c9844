import { describe, expect, it } from 'vitest';
import { page, paged } from './query.js';

describe('a page of a list', () => {
  const all = Array.from({ length: 100_001 }, (_, i) => i);

  it('is the whole list where nothing is asked for, but never more than 100,000 entries', () => {
    expect(paged([1, 2, 3], page({}))).toEqual([1, 2, 3]);
    for (const limit of ['', '-1', '0', '100000', '100001', '2147483647']) {
      expect([limit, paged(all, page({ limit })).length]).toEqual([limit, 100_000]);
    }
    expect(paged(all, page({ offset: '100000' }))).toEqual([100_000]);
  });

  it('has a bound of its own where entries are long', () => {
    expect(page({ limit: '1001' }, 1_000)).toEqual({ offset: 0, limit: 1_000 });
    expect(page({ limit: '999', offset: '-5' }, 1_000)).toEqual({ offset: 0, limit: 999 });
  });
});
