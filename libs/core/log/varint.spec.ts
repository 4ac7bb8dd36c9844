import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from './int64.js';
import { VarintReader, varintSize, varlongSize, writeVarint, writeVarlong } from './varint.js';

const malformed = (why: string): Error => new Error(why);
const reader = (bytes: Uint8Array, end = bytes.length): VarintReader => new VarintReader(bytes, 0, end, malformed);

describe('zigzag varints', () => {
  it('are written as the format says', () => {
    const cases: [number, string][] = [
      [0, '00'],
      [-1, '01'],
      [1, '02'],
      [63, '7e'],
      [-64, '7f'],
      [64, '8001'],
      [2_147_483_647, 'feffffff0f'],
      [-2_147_483_648, 'ffffffff0f'],
    ];
    for (const [value, hex] of cases) {
      const bytes = Buffer.alloc(10);
      const size = writeVarint(bytes, 0, value);
      expect(bytes.subarray(0, size).toString('hex')).toBe(hex);
      expect(varintSize(value)).toBe(size);
      expect(writeVarlong(bytes, 0, value)).toBe(size);
    }
  });

  it('32-bit numbers come back, in the size foretold', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = Buffer.alloc(5);
        const size = writeVarint(bytes, 0, value);
        expect(varintSize(value)).toBe(size);
        expect(reader(bytes, size).int32()).toBe(value);
      }),
    );
  });

  it('safe integers come back, in the size foretold', () => {
    const edges = [
      2 ** 31,
      -(2 ** 31) - 1,
      2 ** 52 - 1,
      2 ** 52,
      -(2 ** 52),
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ];
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...edges)), (value) => {
        const bytes = Buffer.alloc(10);
        const size = writeVarlong(bytes, 0, value);
        expect(varlongSize(value)).toBe(size);
        const read = reader(bytes, size);
        expect(read.int64()).toBe(value);
        expect(read.at).toBe(size);
      }),
      { examples: edges.map((edge) => [edge]) },
    );
  });

  it('64-bit numbers beyond the safe ones come back as bigint', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = Buffer.alloc(10);
        const size = writeVarlong(bytes, 0, value);
        expect(varlongSize(value)).toBe(size);
        expect(BigInt(reader(bytes, size).int64())).toBe(value);
      }),
    );
  });

  it('a number that is cut short or too long is refused', () => {
    expect(() => reader(Buffer.from('80', 'hex')).int32()).toThrow('ends inside');
    expect(() => reader(Buffer.alloc(0)).int64()).toThrow('ends inside');
    expect(() => reader(Buffer.from('ffffffff1f', 'hex')).int32()).toThrow('longer than 32 bits');
    expect(() => reader(Buffer.alloc(12, 0xff)).int64()).toThrow('longer than 64 bits');
  });
});

describe('fixed integers', () => {
  it('agree with the runtime', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -32768, max: 32767 }), (long, int, short) => {
        const bytes = Buffer.alloc(14);
        writeInt64(bytes, 0, long);
        writeInt32(bytes, 8, int);
        writeInt16(bytes, 12, short);
        expect(bytes.readBigInt64BE(0)).toBe(BigInt(long));
        expect(bytes.readInt32BE(8)).toBe(int);
        expect(bytes.readInt16BE(12)).toBe(short);
        expect([readInt64(bytes, 0), readInt32(bytes, 8), readInt16(bytes, 12)]).toEqual([long, int, short]);
      }),
      {
        examples: [
          [-1, -1, -1],
          [Number.MIN_SAFE_INTEGER, -(2 ** 31), -32768],
          [Number.MAX_SAFE_INTEGER, 2 ** 31 - 1, 32767],
        ],
      },
    );
  });

  it('a 64-bit number that is not safe reads as NaN', () => {
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(value);
      expect(readInt64(bytes, 0)).toBeNaN();
    }
  });
});
