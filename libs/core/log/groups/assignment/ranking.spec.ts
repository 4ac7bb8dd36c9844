import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ranking, type Ranked } from './ranking.js';

const steps = fc.array(fc.tuple(fc.nat(19), fc.integer({ min: -3, max: 3 })), { maxLength: 60 });

/** The first by looking at all. */
function firstOf(first: 'least' | 'largest', members: readonly Ranked[]): Ranked | undefined {
  const sign = first === 'least' ? 1 : -1;
  return [...members].sort((a, b) => sign * (a.size - b.size) || a.order - b.order)[0];
}

describe('a ranking', () => {
  it('has at its head whom looking at all finds, through changes, additions and removals', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('least' as const, 'largest' as const), (changes, first) => {
        const all = Array.from({ length: 20 }, (_, order): Ranked => ({ order, size: order % 4 }));
        let ranked = all.slice(0, 10);
        const ranking = new Ranking(first, ranked);
        for (const [at, by] of changes) {
          if (by === 0) {
            const gone = firstOf(first, ranked);
            ranked = ranked.filter((one) => one !== gone);
            ranking.removeFirst();
          } else {
            const one = all[at]!;
            one.size += by;
            if (!ranked.includes(one)) ranked.push(one);
            ranking.changed(one);
          }
          expect(ranking.first).toBe(firstOf(first, ranked));
        }
      }),
    );
  });

  it('control: one that is not told of a change has somebody else at its head', () => {
    const [a, b]: Ranked[] = [
      { order: 0, size: 1 },
      { order: 1, size: 2 },
    ];
    const ranking = new Ranking('least', [a!, b!]);
    a!.size = 5;
    expect(ranking.first).not.toBe(firstOf('least', [a!, b!]));
  });
});
