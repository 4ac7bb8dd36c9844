import { describe, expect, it } from 'vitest';
import { parseSpelled } from '#libs/core/schema';
import { base64Bytes, jsonText, plainBytes, plainNumbers } from './data.js';

const again = (text: string) => jsonText(parseSpelled(text, 32));

describe('JSON as the reference writes it again', () => {
  it.each([
    ['{ "a" : [1, true, null] }', '{"a":[1,true,null]}'],
    ['2.50', '2.5'],
    ['1e3', '1000.0'],
    ['1.0', '1.0'],
    ['1E+2', '100.0'],
    ['-0', '0'],
    ['-0.0', '-0.0'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['0.1234567890123456789', '0.12345678901234568'],
    ['1.5e300', '1.5E300'],
    ['1e400', '"Infinity"'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['"\\u00e9\\/\\u0001\\\\u001b"', '"é/\\u0001\\\\u001b"'],
    ['"\\u001b"', '"\\u001B"'],
    ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1}}'],
  ])('%s is %s', (given, written) => expect(again(given)).toBe(written));
});

describe('data without a schema', () => {
  it('is base64 of the standard alphabet, with or without padding', () => {
    for (const text of ['aGk=', 'aGk']) expect(base64Bytes(text).toString()).toBe('hi');
    expect(base64Bytes('').length).toBe(0);
    for (const wrong of ['***', '-_8=', 'a', 'aGk=x', 5, null, {}]) expect(() => base64Bytes(wrong)).toThrow('base64');
  });

  it('is null for null, and text only where text is wanted', () => {
    expect(plainBytes('JSON', null)).toBeNull();
    expect(plainBytes('STRING', 'v\u00e9')).toEqual(Buffer.from('vé'));
    expect(() => plainBytes('STRING', 5)).toThrow('data=5 is not a string.');
  });
});

it('numbers for codecs are plain where a double holds them, and whole ones with a fraction stay no integers', () => {
  const given = parseSpelled('{"a":1.50,"b":[12345678901234567890],"c":1.0,"d":-0}', 32);
  expect(plainNumbers(given)).toEqual({
    a: 1.5,
    b: [expect.objectContaining({ text: '12345678901234567890' })],
    c: expect.objectContaining({ text: '1.0' }) as unknown,
    d: 0,
  });
});
