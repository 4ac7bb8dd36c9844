import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fnv1a,
  murmur2,
  PARTITIONER_NAMES,
  partitionerInPlaceOf,
  partitionerOf,
  RoundRobinPartitions,
  StickyPartitions,
} from './partitioner.js';

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

describe('murmur2', () => {
  /** Section 9 of the format reference: values of Kafka's Java client. */
  it.each([
    ['', 275646681, 3, 9],
    ['21', -973932308, 0, 0],
    ['abc', 479470107, 3, 3],
    ['foobar', -790332482, 0, 6],
    ['a-little-bit-long-string', -985981536, 2, 8],
    ['key0', 452605474, 4, 10],
    ['订单', 476285782, 4, 10],
  ])("of '%s' is what Java computes, and so are the partitions", (key, hash, ofSix, ofTwelve) => {
    expect(murmur2(utf8(key))).toBe(hash);
    const partitioner = partitionerOf();
    expect(partitioner(utf8(key), 6)).toBe(ofSix);
    expect(partitioner(utf8(key), 12)).toBe(ofTwelve);
  });

  it('sends k times as many partitions to residues of the old ones, so that a raise keeps keys together', () => {
    const partitioner = partitionerOf('murmur2');
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6 }), (key, n, k) => {
        expect(partitioner(key, n * k)! % n).toBe(partitioner(key, n));
      }),
    );
  });
});

describe('other partitioners', () => {
  it('crc32 and fnv1a are the published functions', () => {
    expect(partitionerOf('crc32')(utf8('123456789'), 2 ** 32)).toBe(0xcbf43926);
    expect(fnv1a(utf8('')) >>> 0).toBe(0x811c9dc5);
    expect(fnv1a(utf8('a')) >>> 0).toBe(0xe40c292c);
    expect(fnv1a(utf8('foobar')) >>> 0).toBe(0xbf9cf968);
  });

  it('choose the same for a key that is read where it lies', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PARTITIONER_NAMES),
        fc.option(fc.uint8Array({ maxLength: 20 }), { nil: null }),
        fc.nat(5),
        fc.integer({ min: 1, max: 300 }),
        (name, key, before, count) => {
          const bytes = Buffer.concat([Buffer.alloc(before, 7), key ?? Buffer.alloc(0), Buffer.alloc(3, 9)]);
          const inPlace = partitionerInPlaceOf(name)(bytes, before, key?.length ?? -1, count);
          expect(inPlace).toBe(partitionerOf(name)(key, count) ?? -1);
        },
      ),
    );
  });

  it('choose a partition there is, always the same, and have no opinion on a null key', () => {
    for (const name of PARTITIONER_NAMES) {
      const partitioner = partitionerOf(name);
      expect(partitioner(null, 6)).toBeUndefined();
      fc.assert(
        fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 300 }), (key, count) => {
          const partition = partitioner(key, count);
          expect(partitioner(Uint8Array.from(key), count)).toBe(partition);
          if (name === 'explicit') expect(partition).toBeUndefined();
          else expect(partition! >= 0 && partition! < count && Number.isInteger(partition)).toBe(true);
        }),
      );
    }
  });

  it('an unknown one is refused with the nearest name', () => {
    expect(() => partitionerOf('murmur')).toThrow(
      expect.objectContaining({ code: 'unknown-partitioner', hint: "Did you mean 'murmur2'?" }),
    );
    expect(() => partitionerOf('__proto__')).toThrow(expect.objectContaining({ code: 'unknown-partitioner' }));
  });
});

describe('records without a key', () => {
  it('stick to a partition for a batch, then move to another', () => {
    const draws = [0.5, 0.5, 0, 0.99];
    const sticky = new StickyPartitions(() => draws.shift() ?? 0, 100);
    const chosen = Array.from({ length: 8 }, () => sticky.next(4, 60));
    expect(chosen).toEqual([2, 2, 1, 1, 0, 0, 3, 3]);
  });

  it('sticking reaches every partition and only existing ones, also when there are fewer or one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (count, random) => {
          const sticky = new StickyPartitions(() => random.next().value, 10);
          let previous = -1;
          for (let i = 0; i < 20; i++) {
            const partition = sticky.next(count, 10);
            expect(partition).toBeLessThan(count);
            expect(partition).toBeGreaterThanOrEqual(0);
            if (count > 1) expect(partition).not.toBe(previous);
            previous = partition;
          }
          expect(sticky.next(1, 1)).toBe(0);
        },
      ),
    );
  });

  it('go round in turn', () => {
    const robin = new RoundRobinPartitions(() => 0.5);
    expect(Array.from({ length: 5 }, () => robin.next(4))).toEqual([2, 3, 0, 1, 2]);
    expect(robin.next(2)).toBe(1);
  });
});
