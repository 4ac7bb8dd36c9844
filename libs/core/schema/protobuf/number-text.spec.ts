import { describe, expect, it } from 'vitest';
import { plainNumber } from './number-text.js';

describe('numbers in normalised options', () => {
  it.each([
    ['7', '7'],
    ['-0', '0'],
    ['0x1F', '31'],
    ['-0xff', '-255'],
    ['010', '8'],
    ['9223372036854775808', '9223372036854775808'],
    ['5L', '5'],
    ['1.50', '1.5'],
    ['15e-1', '1.5'],
    ['1e5', '100000'],
    ['1.', '1'],
    ['.5', '0.5'],
    ['-0.0', '-0'],
    ['0.0005', '0.001'],
    ['0.0625', '0.062'],
    ['2.5f', '2.5'],
    ['0f', '0'],
  ])('%s is written %s', (text, plain) => {
    expect(plainNumber(text)).toBe(plain);
  });

  it('keeps a short fraction in 32 bits, as the reference does, and so changes it', () => {
    expect(plainNumber('123456.7')).toBe('123456.703');
    expect(plainNumber('123456.71')).toBe('123456.711');
    expect(plainNumber('1234567.1234')).toBe('1234567.123');
  });

  it('writes large numbers out', () => {
    expect(plainNumber('1e30')).toBe('1000000015047466200000000000000');
    expect(plainNumber('1.2345678901234567890e25')).toBe('12345678901234567890000000');
    expect(plainNumber('1e-60')).toBe('0');
  });

  it.each(['inf', '-nan', 'abc', '', '089', '1e', '-', '1e401', '1e-99999', '0x', '1.2.3', '9'.repeat(2_000)])(
    'leaves %s as it is',
    (text) => {
      expect(plainNumber(text)).toBe(text);
    },
  );
});
