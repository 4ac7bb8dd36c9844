import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maximumMatching } from './matching.js';

/** The size of a largest matching by trying everything. */
function largest(edges: readonly (readonly number[])[], left = 0, taken: ReadonlySet<number> = new Set()): number {
  if (left === edges.length) return 0;
  let best = largest(edges, left + 1, taken);
  for (const right of edges[left]!) {
    if (!taken.has(right)) best = Math.max(best, 1 + largest(edges, left + 1, new Set([...taken, right])));
  }
  return best;
}

describe('the matching of members', () => {
  it('is as large as can be, and pairs nobody twice', () => {
    const graphs = fc.array(fc.uniqueArray(fc.nat({ max: 5 }), { maxLength: 6 }), { maxLength: 6 });
    fc.assert(
      fc.property(graphs, (edges) => {
        const partners = maximumMatching(edges, 6);
        const used = partners.filter((partner) => partner !== undefined);
        expect(new Set(used).size).toBe(used.length);
        partners.forEach((partner, i) => partner === undefined || expect(edges[i]).toContain(partner));
        expect(used.length).toBe(largest(edges));
      }),
    );
  });

  it('is not what taking the first free partner would give', () => {
    expect(maximumMatching([[0, 1], [0]], 2)).toEqual([1, 0]);
  });

  it('takes 256 members on each side in its stride', () => {
    const all = Array.from({ length: 256 }, () => Array.from({ length: 256 }, (_, i) => 255 - i));
    expect(maximumMatching(all, 256).every((partner) => partner !== undefined)).toBe(true);
  });
});
