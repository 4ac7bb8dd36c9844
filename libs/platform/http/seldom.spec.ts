import { describe, expect, it } from 'vitest';
import { Seldom } from './seldom.js';

describe('what is said seldom', () => {
  it('is said at once, then once in a while with how often it was left out, each thing by itself', () => {
    let now = 0;
    const seldom = new Seldom(1_000, () => now);
    expect([seldom.due('full'), seldom.due('full'), seldom.due('away'), seldom.due('full')]).toEqual([
      0,
      undefined,
      0,
      undefined,
    ]);
    now = 999;
    expect(seldom.due('full')).toBeUndefined();
    now = 1_000;
    expect([seldom.due('full'), seldom.due('away')]).toEqual([3, 0]);
  });
});
