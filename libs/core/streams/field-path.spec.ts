import { describe, expect, it } from 'vitest';
import { parseFieldPath, valueAt } from './field-path.js';

describe('field path', () => {
  it.each([
    ['key', 'key', []],
    ['value', 'value', []],
    ['value.a.b', 'value', ['a', 'b']],
    ['value.legs[0].airport', 'value', ['legs', 0, 'airport']],
    ['value["a b"]["\\"x"]', 'value', ['a b', '"x']],
    ['key.__proto__', 'key', ['__proto__']],
  ])('reads %s', (text, root, steps) => {
    expect(parseFieldPath(text)).toEqual({ root, steps, text });
  });

  it.each([
    '',
    'v',
    'values.a',
    'value.',
    'value..a',
    'value.a b',
    'value[x]',
    'value["a]',
    'value[-1]',
    `value${'.a'.repeat(17)}`,
  ])('refuses %j, saying where', (text) => {
    expect(() => parseFieldPath(text)).toThrow(expect.objectContaining({ code: 'invalid-field-path' }));
  });

  it('sees own members and list items only', () => {
    const at = (path: string, value: unknown) => valueAt(parseFieldPath(path), value as never);
    expect(at('value.a.b', { a: { b: 0 } })).toBe(0);
    expect(at('value.legs[1]', { legs: [1, 2] })).toBe(2);
    expect(at('value.constructor', {})).toBeUndefined();
    expect(at('value.__proto__', JSON.parse('{"__proto__": 7}'))).toBe(7);
    expect(at('value.length', 'text')).toBeUndefined();
    expect(at('value.legs.length', { legs: [1] })).toBeUndefined();
    expect(at('value.a.b', { a: null })).toBeUndefined();
  });
});
