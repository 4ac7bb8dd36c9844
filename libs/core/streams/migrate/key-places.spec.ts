import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyPlaces } from './key-places.js';

describe('where the records of each key come from', () => {
  it('tells each key of several partitions once', () => {
    const records = fc.array(fc.tuple(fc.nat(400), fc.nat(3)), { maxLength: 3_000 });
    fc.assert(
      fc.property(records, (some) => {
        const places = new KeyPlaces();
        const seen = new Map<number, Set<number>>();
        for (const [key, partition] of some) {
          const before = seen.get(key) ?? new Set();
          const isNews = before.size === 1 && !before.has(partition);
          expect(places.add(Buffer.from(`k${key}`), partition)).toBe(isNews);
          seen.set(key, before.add(partition));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('grows with the keys, and says when there were more than it tells apart', () => {
    const places = new KeyPlaces(10_000);
    for (let n = 0; n < 10_000; n++) expect(places.add(Buffer.from(`k${n}`), 0)).toBe(false);
    expect(places.isFull).toBe(false);
    for (let n = 0; n < 10_000; n++) expect(places.add(Buffer.from(`k${n}`), 1)).toBe(true);
    expect(places.add(Buffer.from('another'), 0)).toBe(false);
    expect(places.isFull).toBe(true);
    expect(places.add(Buffer.from('another'), 1)).toBe(false);
  });
});
