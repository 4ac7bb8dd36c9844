import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorBytes, vectorOf, type PlacedPartitions } from './vector-bytes.js';

const malformed = (why: string): Error => new Error(why);
const offset = fc.oneof(fc.nat(1_000), fc.maxSafeNat());
const places = fc.uniqueArray(fc.tuple(fc.nat(300), offset, fc.option(offset, { nil: undefined })), {
  selector: ([partition]) => partition,
  maxLength: 200,
});

describe('a vector as bytes', () => {
  it('is read as it was written, whatever its partitions, offsets and ends', () => {
    fc.assert(
      fc.property(places, (given) => {
        const ends = given.flatMap(([partition, , end]) => (end === undefined ? [] : [[partition, end] as const]));
        const vector: PlacedPartitions = {
          positions: new Map(given.map(([partition, at]) => [partition, at])),
          until: ends.length === 0 ? undefined : new Map(ends),
        };
        expect(vectorOf(vectorBytes(vector), malformed)).toEqual(vector);
      }),
    );
  });

  it('takes a few bytes for each of many partitions, also where they are not equally full', () => {
    const of = (offsetAt: (partition: number) => number): number =>
      vectorBytes({ positions: new Map(Array.from({ length: 2_000 }, (_, at) => [at, offsetAt(at)])) }).length;
    expect(of(() => 0)).toBeLessThan(2_010);
    expect(of((at) => 1_000_000 + ((at * 7_919) % 1_000))).toBeLessThan(4_010);
    expect(of((at) => (at * 104_729) % 1_000_000_000)).toBeLessThan(10_010);
  });

  it('is refused where it ends too early', () => {
    const bytes = vectorBytes({ positions: new Map([[3, 70_000]]), until: new Map([[3, 90_000]]) });
    for (let length = 1; length < bytes.length; length++)
      expect(() => vectorOf(bytes.subarray(0, length), malformed)).toThrow('ends inside a number');
  });
});
