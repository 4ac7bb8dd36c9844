import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonValues } from './json-values.js';

/** Values in a parsed value, empty lists and objects twice. */
function counted(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const inner = Object.values(value);
  return inner.length === 0 ? 2 : 1 + inner.reduce((sum: number, one) => sum + counted(one), 0);
}

describe('values of JSON text', () => {
  it('are counted without parsing it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonValues(Buffer.from(text))).toBe(counted(JSON.parse(text)));
      }),
    );
  });

  it('are not looked for in strings', () => {
    expect(jsonValues(Buffer.from('["a,b,{[", "\\",,", "\\\\"]'))).toBe(4);
  });
});
