import { describe, expect, it } from 'vitest';
import { decodeBatch } from './batch-decoder.js';
import { encodeBatch } from './batch-encoder.js';
import { type CompressionName, COMPRESSIONS } from './compression.js';

/** One batch in every compression, as it lies in logs out there. What wrote them has been read by Kafka's own clients. */
const GOLDEN: Readonly<Record<CompressionName, string>> = {
  none: 'AAAAAAAAAAAAAACgAAAAAAI4X96BAAAAAAACAAABi8/laAAAAAGLz+VoAv//////////////////AAAAA0gAAAAKa2V5LTAsZ29sZGVuIGdvbGRlbiBnb2xkZW4gMAICaAFIAAICCmtleS0xLGdvbGRlbiBnb2xkZW4gZ29sZGVuIDECAmgBSAAEBAprZXktMixnb2xkZW4gZ29sZGVuIGdvbGRlbiAyAgJoAQ==',
  gzip: 'AAAAAAAAAAAAAAB0AAAAAAL6eY/PAAEAAAACAAABi8/laAAAAAGLz+VoAv//////////////////AAAAAx+LCAAAAAAAAAPzYGBg4MpOrdQ10EnPz0lJzVNApQyYmDIYPRiYmMCKDLErMoQoYmEBKzLCrsgIpAgADAAKv28AAAA=',
  snappy:
    'AAAAAAAAAAAAAACDAAAAAAKNT47jAAIAAAACAAABi8/laAAAAAGLz+VoAv//////////////////AAAAA4JTTkFQUFkAAAAAAQAAAAEAAAA+b0RIAAAACmtleS0wLGdvbGRlbiA2BwAgMAICaAFIAAICEiUAADFWJQAAMRYlAAQEBBIlAAAyViUAADIOJQA=',
  lz4: 'AAAAAAAAAAAAAAB+AAAAAAJAjqxUAAMAAAACAAABi8/laAAAAAGLz+VoAv//////////////////AAAAAwQiTRhgQII+AAAA+gNIAAAACmtleS0wLGdvbGRlbiAHAJEwAgJoAUgAAgIlAB8xJQADEjElACEEBCUAHzIlAACAZW4gMgICaAEAAAAA',
  zstd: 'AAAAAAAAAAAAAABwAAAAAAK7GMePAAQAAAACAAABi8/laAAAAAGLz+VoAv//////////////////AAAAAyi1L/0gb7UBAFQCSAAAAAprZXktMCxnb2xkZW4gMAICaAFIAAICMTEEBDIyAgJoAQYAQAW4CAYGVCB1HZJLGA==',
};

const RECORDS = [0, 1, 2].map((i) => ({
  key: Buffer.from(`key-${i}`),
  value: Buffer.from(`golden golden golden ${i}`),
  headers: [{ key: 'h', value: null }],
  timestamp: 1_700_000_000_000 + i,
}));

describe('golden batches', () => {
  it.each(COMPRESSIONS)('%s: is read for ever', (compression) => {
    const { records } = decodeBatch(Buffer.from(GOLDEN[compression], 'base64'));
    expect(records.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp }))).toEqual(RECORDS);
  });

  it.each(['none', 'snappy', 'lz4'] as const)('%s: equal records give these bytes, whatever runs it', (compression) => {
    expect(encodeBatch(RECORDS, { compression }).toString('base64')).toBe(GOLDEN[compression]);
  });
});
