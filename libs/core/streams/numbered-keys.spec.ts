import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberedKeys } from './numbered-keys.js';

const text = (key: string): [Uint8Array, number, number] => [Buffer.from(`<${key}>`), 1, Buffer.byteLength(key)];

describe('keys with numbers', () => {
  it('each key has one number and each number one key, whatever came and went', () => {
    const change = fc.record({ key: fc.oneof(fc.nat(40), fc.nat(4000)).map(String), isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
        const keys = new NumberedKeys('any');
        const expected = new Map<string, number>();
        for (const { key, isAdded } of changes) {
          const known = expected.get(key);
          expect(keys.find(...text(key))).toBe(known ?? -1);
          if (isAdded) {
            const number = keys.number(...text(key));
            expect(number).toBe(known ?? number);
            expected.set(key, number);
          } else if (known !== undefined) {
            keys.remove(known);
            expected.delete(key);
          }
        }
        expect(keys.size).toBe(expected.size);
        expect(new Set(expected.values()).size).toBe(expected.size);
        for (const [key, number] of expected) {
          expect([keys.find(...text(key)), keys.key(number).toString(), number < keys.limit]).toEqual([
            number,
            key,
            true,
          ]);
          expect([keys.is(number, ...text(key)), keys.is(number, ...text(`${key}0`))]).toEqual([true, false]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('an empty key is a key, and long ones are told apart by their last byte', () => {
    const keys = new NumberedKeys('any');
    const long = 'x'.repeat(2 * 1024 * 1024);
    const numbers = ['', '\0', `${long}a`, `${long}b`].map((key) => keys.number(...text(key)));
    expect(new Set(numbers).size).toBe(4);
    expect(keys.find(...text(`${long}b`))).toBe(numbers[3]);
    keys.clear();
    expect([keys.size, keys.find(...text(''))]).toEqual([0, -1]);
  });

  it('keys stay what they are when the bytes of many others that went are left behind', () => {
    const keys = new NumberedKeys('any');
    const pad = 'x'.repeat(1_000);
    const kept = Array.from({ length: 100 }, (_, n) => keys.number(...text(`kept ${n} ${pad}`)));
    for (let n = 0; n < 5_000; n++) keys.remove(keys.number(...text(`gone ${n} ${pad}`)));
    expect(keys.size).toBe(100);
    for (const [n, number] of kept.entries()) expect(keys.find(...text(`kept ${n} ${pad}`))).toBe(number);
  });
});
