import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleOf, integerOf, minus, plus, sumOf } from './exact-sum.js';

const doubles = fc.double({ noNaN: true, noDefaultInfinity: true });
const sum = (values: readonly number[], real: boolean) =>
  values.reduce<string | null>((all, value) => plus(all, sumOf(value, real)), null)!;

describe('an exact sum', () => {
  it('of one double is that double', () => {
    fc.assert(fc.property(doubles, (value) => doubleOf(sumOf(value, true)) === value + 0 || value === 0));
  });

  it('is the same text whatever the order, and after anything was added and taken away again', () => {
    fc.assert(
      fc.property(
        fc.array(doubles, { minLength: 1, maxLength: 20 }),
        fc.array(doubles, { maxLength: 10 }),
        (values, more) => {
          const whole = sum(values, true);
          expect(sum([...values].reverse(), true)).toBe(whole);
          const with_ = more.reduce((all, value) => plus(all, sumOf(value, true)), whole);
          expect(more.reduce((all, value) => minus(all, sumOf(value, true)), with_)).toBe(whole);
        },
      ),
    );
  });

  it('is rounded once, to the nearest double', () => {
    expect(doubleOf(sum([0.1, 0.2, 0.3], true))).toBe(0.6);
    expect(doubleOf(sum([1e300, 1, -1e300], true))).toBe(1);
    expect(doubleOf(sum([2 ** 53, 1, 2 ** -60], true))).toBe(2 ** 53 + 2);
    expect(doubleOf(sum([2 ** 53, 1], true))).toBe(2 ** 53);
    expect(doubleOf(sum([5e-324, 5e-324], true))).toBe(1e-323);
    expect(doubleOf(sum([1.7e308, 1.7e308], true))).toBe(Infinity);
  });

  it('of integers has every digit', () => {
    const big = Number.MAX_SAFE_INTEGER;
    expect(integerOf(sum([big, big, big], false))).toBe(3n * BigInt(big));
    expect(minus(sum([big, 5], false), sumOf(big, false))).toBe('5');
  });
});
