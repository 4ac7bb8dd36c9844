import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureJson, measureJsonInTurns } from './json-measure.js';

const measured = (text: string) => measureJson(Buffer.from(text));

/** The same by walking the parsed value. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Values in a parsed value, empty lists and objects twice. */
function counted(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const inner = Object.values(value);
  return inner.length === 0 ? 2 : 1 + inner.reduce((sum: number, one) => sum + counted(one), 0);
}

describe('JSON text, measured without parsing it', () => {
  it('has the depth and the values that parsing finds', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const value: unknown = JSON.parse(text);
        expect(measured(text)).toMatchObject({ depth: depthOf(value), values: counted(value) });
      }),
    );
  });

  it('is not what stands in strings, however they are escaped', () => {
    for (const text of ['"[[["', '"\\"[[["', '"\\\\"', '{"[[":"{{\\\\\\"[["}', '"[[']) {
      expect(measured(text).depth).toBeLessThanOrEqual(1);
    }
    expect(measured('"\\\\"[[').depth).toBe(2);
    expect(measured('["a,b,{[", "\\",,", "\\\\"]').values).toBe(4);
    expect(measured('{"1e5":"12345678901234567890"}').longNumbers).toBe(false);
  });

  it.each(['1e5', '[-1E5]', '1.5e-3', '1234567890123456', '[0,1234567.12345678]', '{"a":123456789012345.6}', '0e'])(
    'has a number that may be more than its double: %s',
    (text) => expect(measured(text).longNumbers).toBe(true),
  );

  it.each(['-123456789012345', '[true,false]', '{"a":1,"e":2}', '[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7]', '12 e'])(
    'has none: %s',
    (text) => expect(measured(text).longNumbers).toBe(false),
  );

  it('measures the same in turns, wherever it is cut', async () => {
    const pieces = fc.array(
      fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', '1', '123456789.', 'e5', '"a\\"b"', '"[,"', ' ', 'ä'),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          pieces.map((some) => some.join('')),
        ),
        fc.integer({ min: 1, max: 9 }),
        async (text, piece) => {
          const bytes = Buffer.from(text);
          expect([text, await measureJsonInTurns(bytes, async () => undefined, piece)]).toEqual([
            text,
            measureJson(bytes),
          ]);
        },
      ),
      { numRuns: 2_000 },
    );
    let turns = 0;
    const count = async () => void turns++;
    await measureJsonInTurns(Buffer.from(`["${'x'.repeat(500)}",${'1,'.repeat(250)}1]`), count, 100);
    expect(turns).toBe(10);
    // Negative control: a piece as long as the text leaves no turn to anybody.
    await measureJsonInTurns(Buffer.alloc(1_000, '1'), count, 1_000);
    expect(turns).toBe(10);
  });

  it('takes a moment for strings that are all escapes', () => {
    const text = Buffer.from(`"${'\\\\'.repeat(500_000)}${'\\"'.repeat(500_000)}"`);
    const started = performance.now();
    expect(measureJson(text).depth).toBe(0);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
