import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleText, floatText, parseJavaDouble } from './java-numbers.js';

describe('numbers as Java spells them', () => {
  it.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [100, '100.0'],
    [0.001, '0.001'],
    [0.0001, '1.0E-4'],
    [9999999, '9999999.0'],
    [1e7, '1.0E7'],
    [1e10, '1.0E10'],
    [123456789.125, '1.23456789125E8'],
    [1e23, '1.0E23'],
    [4.9e-324, '4.9E-324'],
    [-1.5e-7, '-1.5E-7'],
    [1.7976931348623157e308, '1.7976931348623157E308'],
    [Infinity, 'Infinity'],
    [NaN, 'NaN'],
  ])('%d as a double is %s', (value, text) => expect(doubleText(value)).toBe(text));

  it.each([
    [0.1, '0.1'],
    [100, '100.0'],
    [16777216, '1.6777216E7'],
    [3.4028235e38, '3.4028235E38'],
    [1.4e-45, '1.4E-45'],
    [1 / 3, '0.33333334'],
  ])('%d as a float is %s', (value, text) => expect(floatText(value)).toBe(text));

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(parseJavaDouble(doubleText(value))).toBe(value);
        expect(Math.fround(parseJavaDouble(floatText(value))!)).toBe(Math.fround(value));
      }),
    );
  });

  it.each([
    ['1d', 1],
    [' 1.5f\n', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+2', 2],
    ['0x1p3', 8],
    ['-0x1.8p1', -3],
    ['-Infinity', -Infinity],
    ['1e400', Infinity],
  ])('takes %j', (text, value) => expect(parseJavaDouble(text)).toBe(value));

  it.each(['', 'abc', '1,5', '0x10', 'infinity', '1e', '--1', '1_000'])('refuses %j', (text) =>
    expect(parseJavaDouble(text)).toBeUndefined(),
  );
});
