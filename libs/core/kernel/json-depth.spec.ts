import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nestsDeeperThan } from './json-depth.js';

/** The same by walking the parsed value. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('the depth of JSON text', () => {
  it('is found without parsing, as parsing would find it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.nat(8), (text, limit) => {
        expect(nestsDeeperThan(Buffer.from(text), limit)).toBe(depthOf(JSON.parse(text)) > limit);
      }),
    );
  });

  it('does not count what stands in strings, however they are escaped', () => {
    for (const text of ['"[[["', '"\\"[[["', '"\\\\"', '{"[[":"{{\\\\\\"[["}', '"[[']) {
      expect(nestsDeeperThan(Buffer.from(text), 1)).toBe(false);
    }
    expect(nestsDeeperThan(Buffer.from('"\\\\"[['), 1)).toBe(true);
  });

  it('takes a moment for strings that are all escapes', () => {
    const text = Buffer.from(`"${'\\\\'.repeat(500_000)}${'\\"'.repeat(500_000)}"`);
    const started = performance.now();
    expect(nestsDeeperThan(text, 1)).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
