import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedCache } from './bounded-cache.js';

function filled(bound: number, ...keys: string[]): BoundedCache<string> {
  const cache = new BoundedCache<string>(bound);
  for (const key of keys) cache.set(key, key.toUpperCase(), 1);
  return cache;
}

function held(cache: BoundedCache<string>, ...keys: string[]): string[] {
  return keys.filter((key) => cache.get(key) !== undefined);
}

describe('a bounded cache', () => {
  it('gives up the oldest first', () => {
    const cache = filled(3, 'a', 'b', 'c', 'd');
    expect(held(cache, 'a', 'b', 'c', 'd')).toEqual(['b', 'c', 'd']);
  });

  it('passes over what was asked for meanwhile, once', () => {
    const cache = filled(3, 'a', 'b', 'c');
    cache.get('a');
    cache.set('d', 'D', 1);
    cache.set('e', 'E', 1);
    cache.set('f', 'F', 1);
    expect(cache.size).toBe(3);
    cache.set('g', 'G', 1);
    expect(held(cache, 'a', 'b', 'c')).toEqual([]);
  });

  it('makes room though everything was asked for', () => {
    const cache = filled(3, 'a', 'b', 'c');
    expect(held(cache, 'a', 'b', 'c')).toHaveLength(3);
    cache.set('d', 'D', 1);
    expect(held(cache, 'a', 'b', 'c', 'd')).toEqual(['b', 'c', 'd']);
  });

  it('makes room for a heavy one, and keeps none that is heavier than the bound', () => {
    const cache = filled(3, 'a', 'b', 'c');
    cache.set('heavy', 'H', 3);
    expect([cache.size, cache.weight]).toEqual([1, 3]);
    cache.set('heavy', 'too heavy', 4);
    expect([cache.size, cache.weight]).toEqual([0, 0]);
  });

  it('is never heavier than its bound, and knows its weight', () => {
    const step = fc.record({
      key: fc.constantFrom(...'abcdefgh'),
      weight: fc.integer({ min: 0, max: 6 }),
      ask: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new BoundedCache<number>(10);
        for (const { key, weight, ask } of steps) {
          if (ask) cache.get(key);
          else cache.set(key, weight, weight);
          const weights = [...'abcdefgh'].map((one) => cache.get(one) ?? 0);
          expect(cache.weight).toBe(weights.reduce((sum, one) => sum + one, 0));
          expect(cache.weight).toBeLessThanOrEqual(10);
        }
      }),
    );
  });
});
