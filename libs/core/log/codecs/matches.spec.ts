import { describe, expect, it } from 'vitest';
import { repeatBytes } from './matches.js';

describe('a repetition', () => {
  it('is what copying byte by byte makes, however far back it begins and however long it is', () => {
    for (let distance = 1; distance <= 70; distance++) {
      for (const length of [1, 2, 23, 24, 25, 63, 64, 65, 200, 1_000]) {
        const target = new Uint8Array(distance + length + 1).map((_, i) => (i < distance ? i + 1 : 0));
        const expected = Uint8Array.from(target);
        for (let at = distance; at < distance + length; at++) expected[at] = expected[at - distance]!;
        expect(repeatBytes(target, distance, distance, length)).toBe(distance + length);
        expect(target, `${length} bytes from ${distance} before`).toEqual(expected);
      }
    }
  });
});
