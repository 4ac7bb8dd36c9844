import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DigestSum } from '#libs/core/log';
import { type CopiedChunk, decodeChunk, DROPPED, encodeChunk, sourceOffsetsByTarget } from './chunk.js';

const chunks = fc
  .record({
    source: fc.nat(300),
    sequence: fc.nat(),
    from: fc.nat({ max: 2 ** 50 }),
    gaps: fc.array(fc.record({ skip: fc.nat(5), count: fc.integer({ min: 1, max: 40 }) }), { maxLength: 6 }),
    targets: fc.constantFrom(1, 2, 12, 255, 256, 60_000),
    seed: fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 20 }),
    sticky: fc.boolean(),
    runs: fc.array(fc.record({ target: fc.nat(60_000), base: fc.nat({ max: 2 ** 50 }), count: fc.nat(1000) }), {
      maxLength: 5,
    }),
  })
  .map(({ source, sequence, from, gaps, targets, seed, sticky, runs }): CopiedChunk => {
    let at = from;
    const ranges = gaps.map(({ skip, count }) => {
      const first = at + skip;
      at = first + count;
      return { first, count };
    });
    const records = ranges.reduce((sum, one) => sum + one.count, 0);
    const routes = Uint16Array.from({ length: records }, (_, i) => {
      const value = seed[sticky ? 0 : i % seed.length]!;
      return value % 7 === 6 ? DROPPED : value % targets;
    });
    const sum = new DigestSum().add(source, from, { key: null, value: null, headers: [], timestamp: -1 });
    return { source, sequence, from, until: at + 3, ranges, routes, runs, sum };
  });

describe('a chunk of an offset map', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(chunks, (chunk) => {
        const { sum, ...rest } = decodeChunk(encodeChunk(chunk));
        const { sum: expected, ...others } = chunk;
        expect(rest).toEqual(others);
        expect(sum.equals(expected)).toBe(true);
      }),
    );
  });

  it('is refused when cut short or of another version', () => {
    fc.assert(
      fc.property(chunks, fc.double({ min: 0, max: 0.999, noNaN: true }), (chunk, part) => {
        const bytes = encodeChunk(chunk);
        expect(() => decodeChunk(bytes.subarray(0, Math.floor(bytes.length * part))).routes).toThrow();
        bytes[0] = 9;
        expect(() => decodeChunk(bytes)).toThrow(expect.objectContaining({ code: 'corrupt-offset-map' }));
      }),
    );
  });

  it('takes a byte a record for scattered routes and next to nothing for a straight copy', () => {
    const ranges = [{ first: 0, count: 50_000 }];
    const scattered = Uint16Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 12);
    const base = { source: 0, sequence: 0, from: 0, until: 50_000, ranges, runs: [], sum: new DigestSum() };
    expect(encodeChunk({ ...base, routes: scattered }).length).toBeLessThan(50_200);
    expect(encodeChunk({ ...base, routes: new Uint16Array(50_000) }).length).toBeLessThan(100);
  });

  it('names the source offsets that went to a target, over gaps', () => {
    const ranges = [
      { first: 10, count: 3 },
      { first: 20, count: 2 },
    ];
    const routes = Uint16Array.from([1, 0, 1, DROPPED, 1]);
    const chunk = { source: 0, sequence: 0, from: 5, until: 22, ranges, routes, runs: [], sum: new DigestSum() };
    const offsets = [...sourceOffsetsByTarget(chunk)].map(([target, list]) => [target, [...list]]);
    expect(offsets).toEqual([
      [0, [11]],
      [1, [10, 12, 21]],
    ]);
  });
});
