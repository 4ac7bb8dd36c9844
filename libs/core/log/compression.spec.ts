import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeBatch } from './batch-decoder.js';
import { encodeBatch } from './batch-encoder.js';
import { BUILT_IN_CODECS } from './built-in-codecs.js';
import { gzip } from './codecs/gzip.js';
import { type CompressionCodec, CompressionCodecs, decompress, DECOMPRESSION_LIMITS } from './compression.js';

const MIB = 1024 * 1024;
const malformed = (why: string): Error => new Error(why);
const inflate = (bytes: Uint8Array): Uint8Array =>
  decompress(1, bytes, BUILT_IN_CODECS, DECOMPRESSION_LIMITS, malformed);
const record = { key: null, value: Buffer.from('v'), headers: [], timestamp: 0 };

describe('compression', () => {
  it('stops a block that grows over a hundredfold beyond 1 MiB', () => {
    expect(inflate(gzipSync(Buffer.alloc(MIB))).length).toBe(MIB);
    expect(() => inflate(gzipSync(Buffer.alloc(4 * MIB)))).toThrow(
      expect.objectContaining({ code: 'decompression-limit' }),
    );
  });

  it('stops a block above 16 MiB however well it was packed', () => {
    const noise = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 7919) % 251));
    const seventeen = Buffer.concat(Array.from({ length: 17 * 16 }, () => noise));
    const packed = gzipSync(seventeen, { level: 0 });
    expect(() => inflate(packed)).toThrow(expect.objectContaining({ code: 'decompression-limit', kind: 'too-large' }));
    expect(inflate(gzipSync(seventeen.subarray(0, 15 * MIB), { level: 0 })).length).toBe(15 * MIB);
  });

  it('names the codec it lacks and those it has', () => {
    const codecs = new CompressionCodecs([gzip]);
    const call = (): unknown => encodeBatch([record], { compression: 'zstd', codecs });
    expect(call).toThrow(expect.objectContaining({ code: 'unsupported-compression', hint: 'Use one of: none, gzip.' }));
  });

  it('takes a further codec without any other change', () => {
    const flip: CompressionCodec = {
      name: 'lz4',
      compress: (bytes) => bytes.map((byte) => byte ^ 0xff),
      decompress: (bytes, maxBytes, tooLarge) => {
        if (bytes.length > maxBytes) throw tooLarge();
        return bytes.map((byte) => byte ^ 0xff);
      },
    };
    const few = new CompressionCodecs([gzip]);
    const codecs = few.with(flip);
    expect(codecs.names).toEqual(['none', 'gzip', 'lz4']);
    const batch = encodeBatch([record, record], { compression: 'lz4', codecs });
    expect(decodeBatch(batch, { codecs }).records).toHaveLength(2);
    expect(() => decodeBatch(batch, { codecs: few })).toThrow(
      expect.objectContaining({ code: 'unsupported-compression' }),
    );
  });

  it('says that a block is damaged, as what it is for the caller', () => {
    expect(() => inflate(Buffer.from('no gzip'))).toThrow('its gzip block cannot be decompressed');
  });
});
