import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_CODECS } from '../built-in-codecs.js';
import { COMPRESSION_IDS, type CompressionCodec, type CompressionName } from '../compression.js';
import { xxHash32 } from './xxhash32.js';

const MIB = 1024 * 1024;
const NAMES = ['gzip', 'snappy', 'lz4', 'zstd'] as const;

function codec(name: CompressionName): CompressionCodec {
  return BUILT_IN_CODECS.of(COMPRESSION_IDS[name]);
}

class TooLarge extends Error {}

function inflate(name: CompressionName, bytes: Uint8Array, maxBytes = 16 * MIB): Buffer {
  return Buffer.from(codec(name).decompress(bytes, maxBytes, () => new TooLarge() as never));
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** Contents that make a codec take every way it has: runs, far repetitions, noise, lengths around those the formats count in one byte. */
function contents(): readonly Uint8Array[] {
  const noise = (length: number): Buffer => {
    const parts: Buffer[] = [];
    for (let i = 0; parts.length * 32 < length; i++) parts.push(createHash('sha256').update(`${length}-${i}`).digest());
    return Buffer.concat(parts).subarray(0, length);
  };
  const lines = Buffer.from(Array.from({ length: 4_000 }, (_, i) => `{"order":${i},"state":"open"}`).join('\n'));
  const far = Buffer.concat([noise(500), Buffer.alloc(40_000), noise(500), noise(70_000), noise(500)]);
  const sizes = [0, 1, 4, 11, 12, 13, 14, 15, 59, 60, 61, 64, 65, 255, 256, 257, 269, 270, 271, 32_768, 65_536, 65_537];
  return [lines, far, ...sizes.flatMap((size) => [Buffer.alloc(size, 7), noise(size)])];
}

describe.each(NAMES)('%s', (name) => {
  it('gives back what it was given, whatever it is', () => {
    for (const content of contents()) {
      const packed = codec(name).compress(content);
      expect(inflate(name, packed).equals(content), `${content.length} bytes`).toBe(true);
    }
    const piece = fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(200));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const content = Buffer.concat(pieces.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes)));
        return inflate(name, codec(name).compress(content)).equals(content);
      }),
      { numRuns: 60 },
    );
  });

  it('makes text much smaller, and noise hardly larger', () => {
    const [lines] = contents();
    expect(codec(name).compress(lines!).length).toBeLessThan(lines!.length / 2);
    const noise = contents().at(-1)!;
    expect(codec(name).compress(noise).length).toBeLessThan(noise.length + 200);
  });

  it('refuses content beyond the limit, by one byte or a thousandfold, and takes what just fits', () => {
    const packed = codec(name).compress(Buffer.alloc(300_000, 'ab'));
    expect(inflate(name, packed, 300_000)).toHaveLength(300_000);
    expect(() => inflate(name, packed, 299_999)).toThrow(TooLarge);
    const bomb = codec(name).compress(Buffer.alloc(32 * MIB));
    expect(() => inflate(name, bomb, MIB)).toThrow(TooLarge);
  });

  it('never takes damage for more than it is: any bytes end in content within the limit or in an error', () => {
    const packed = Buffer.from(codec(name).compress(contents()[0]!.subarray(0, 3_000)));
    for (let at = 0; at < packed.length; at += 1 + Math.floor(packed.length / 300)) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(packed);
        damaged[at]! ^= flip;
        expect(lengthOrError(name, damaged)).toBeLessThanOrEqual(100_000);
      }
      expect(lengthOrError(name, packed.subarray(0, at))).toBeLessThanOrEqual(100_000);
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => lengthOrError(name, bytes) <= 100_000));
  });
});

function lengthOrError(name: CompressionName, bytes: Uint8Array): number {
  try {
    return inflate(name, bytes, 100_000).length;
  } catch {
    return 0;
  }
}

describe('what other writers make', () => {
  it('snappy: a bare block, as clients that are not written in Java send it, and one in pieces', () => {
    // By hand from the format: length 11, a literal of 3, a copy of 8 from 3 back.
    const block = hex('0b 08 61 62 63 1e 03 00');
    expect(inflate('snappy', block).toString()).toBe('abcabcabcab');
    const framed = hex('82 53 4e 41 50 50 59 00 00000001 00000001 00000008 0b08 616263 1e0300 00000003 01 00 7a');
    expect(inflate('snappy', framed).toString()).toBe('abcabcabcabz');
  });

  it('snappy: all four kinds of elements, and none without a source', () => {
    // A literal of 5; a copy with one byte: 4 from 5 back; with two: 2 from 1 back; with four: 3 from 11 back.
    expect(inflate('snappy', hex('0e 10 68656c6c6f 01 05 06 0100 0b 0b000000')).toString()).toBe('hellohellllhel');
  });

  it('snappy: a length that cannot be is not reserved', () => {
    expect(() => inflate('snappy', hex('ff ff ff 07 00 61'))).toThrow('cannot be as long as it says');
  });

  it('lz4: a frame by hand from the format', () => {
    // A literal of 3, a repetition of 4 + 15 + 3 from 3 back, a literal of 5.
    const plain = hex('04224d18 60 40 82 0d000000 3f 616263 0300 03 50 6263616263 00000000');
    expect(inflate('lz4', plain).toString()).toBe('abc'.repeat(10));
  });

  it('lz4: checksums of header, blocks and content are looked at', () => {
    const frame = Buffer.from(codec('lz4').compress(Buffer.from('x'.repeat(1_000))));
    const wrongHeader = Buffer.from(frame);
    wrongHeader[6]! ^= 1;
    expect(() => inflate('lz4', wrongHeader)).toThrow('the checksum of the frame header');
    const flags = 0x60 | (1 << 2);
    const header = Buffer.from([flags, 0x40]);
    const withChecksum = (sum: number): Buffer => {
      const end = Buffer.alloc(4);
      end.writeUInt32LE(sum);
      const check = Buffer.from([(xxHash32(header) >>> 8) & 0xff]);
      return Buffer.concat([frame.subarray(0, 4), header, check, frame.subarray(7), end]);
    };
    expect(inflate('lz4', withChecksum(xxHash32(Buffer.from('x'.repeat(1_000)))))).toHaveLength(1_000);
    expect(() => inflate('lz4', withChecksum(1))).toThrow('the checksum of the content');
  });

  it('lz4: blocks that depend on each other, and dictionaries, are refused as Kafka refuses them', () => {
    expect(() => inflate('lz4', hex('04224d18 40 40 c0 00000000'))).toThrow('depend on each other');
    expect(() => inflate('lz4', hex('04224d18 61 40 00 00000000'))).toThrow('dictionary');
  });

  it('zstd: frames without a content size', () => {
    // Single block, raw, no size: magic, descriptor 0, window 0, header of the last block (raw, 5 bytes).
    expect(inflate('zstd', hex('28b52ffd 00 00 290000 68656c6c6f')).toString()).toBe('hello');
  });

  it('xxHash: the published values', () => {
    expect(xxHash32(Buffer.from(''))).toBe(0x02cc_5d05);
    expect(xxHash32(Buffer.from('abc'))).toBe(0x32d1_53ff);
    expect(xxHash32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe229_3b2f);
  });
});
