import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arrivals, type Arrival } from './arrivals.js';

describe('arrivals', () => {
  it('stand in the order in which they came, whichever of them go', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(20), { freq: 2 }), { maxLength: 60 }), (steps) => {
        const arrivals = new Arrivals<number>();
        const places: Arrival<number>[] = [];
        const model = new Set<number>();
        for (const step of steps) {
          if (step === null) {
            model.add(places.length);
            places.push(arrivals.add(places.length));
          } else if (places[step] !== undefined) {
            model.delete(step);
            arrivals.remove(places[step]);
          }
          expect([...arrivals]).toEqual([...model]);
        }
      }),
    );
  });

  it('are gone over while the one in hand goes', () => {
    const arrivals = new Arrivals<number>();
    const places = [1, 2, 3].map((one) => arrivals.add(one));
    const seen: number[] = [];
    for (const one of arrivals) {
      seen.push(one);
      arrivals.remove(places[one - 1]!);
    }
    expect([seen, [...arrivals]]).toEqual([[1, 2, 3], []]);
  });

  it('point at nothing when they went', () => {
    const arrivals = new Arrivals<object>();
    const places = [arrivals.add({}), arrivals.add({}), arrivals.add({})];
    for (const place of places) arrivals.remove(place);
    for (const place of places) expect(Object.values(place)).toEqual([null, null, null]);
  });
});
