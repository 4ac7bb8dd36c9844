import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainText, plainTextInTurns } from './text-in-turns.js';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const any = (): boolean => true;
const bracketed = (first: number | undefined): boolean => first === 0x5b || first === 0x7b;

describe('a long text without a schema', () => {
  it('is read in turns as it would be at once', async () => {
    const texts = fc.oneof(
      fc.json(),
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify({ text, number: 1e3, more: [text] })),
      fc.string().map((text) => `"${text}`),
    );
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 0, max: 3 }), async (text, broken) => {
        const bytes = Buffer.from(text);
        if (broken === 3 && bytes.length > 0) bytes[bytes.length >>> 1] = 0xff;
        for (const mayBeJson of [any, bracketed]) {
          expect(await plainTextInTurns(bytes, mayBeJson, turn)).toEqual(plainText(bytes, mayBeJson));
        }
      }),
    );
  });

  it.each([
    ['a string of JSON', JSON.stringify('\n\u00e9€'.repeat(300_000))],
    ['a list that holds one', JSON.stringify([1, { a: '\n\u00e9€'.repeat(300_000) }, '9007199254740993'])],
    ['numbers beyond doubles', `[${'12345678901234567890,'.repeat(40_000)}1]`],
    ['text that is no JSON', 'ü€😀'.repeat(300_000)],
    ['text that only begins as JSON', `{"a":"${'é'.repeat(400_000)}`],
    ['JSON that is nested too deeply', '['.repeat(300_000) + ']'.repeat(300_000)],
  ])('is %s, however many pieces it has', async (_what, text) => {
    const bytes = Buffer.from(text);
    expect(await plainTextInTurns(bytes, any, turn)).toEqual(plainText(bytes, any));
  });
});
