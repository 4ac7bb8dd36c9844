import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessageIndexes, envelope, guidHeader, readEnvelope, readMessageIndexes } from './envelope.js';

describe('the wire format', () => {
  it('puts a zero byte and the id before the payload', () => {
    const bytes = envelope(258, Uint8Array.of(9));
    expect([...bytes]).toEqual([0, 0, 0, 1, 2, 9]);
    expect(readEnvelope(bytes)).toEqual({ form: 'id', schemaId: 258, payloadAt: 5 });
  });

  it('takes no bytes for a message that cannot be one', () => {
    for (const bytes of [[], [0], [0, 0, 0, 1], [2, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 255, 0, 0, 1], [1, 2, 3]]) {
      expect(readEnvelope(Uint8Array.from(bytes))).toBeUndefined();
    }
  });

  it('reads from a view into a larger buffer', () => {
    const buffer = Uint8Array.of(7, 7, 0, 0, 0, 0, 5, 1);
    expect(readEnvelope(buffer.subarray(2))).toMatchObject({ schemaId: 5 });
  });

  it('carries a GUID behind the other magic byte', () => {
    const guid = '095d71cf-1255-6b9d-5e33-0ad575b3df5d';
    expect(readEnvelope(guidHeader(guid))).toEqual({ form: 'guid', guid, payloadAt: 17 });
    expect(() => guidHeader('nonsense')).toThrow(/32 hexadecimal/);
  });

  it.each([
    [[0], '00'],
    [[1], '0202'],
    [[0, 0], '040000'],
    [[1, 2], '040204'],
    [[64], '028001'],
    [[100, 3], '04c80106'],
  ])('writes message indexes %j as %s', (path, hex) => {
    const bytes = encodeMessageIndexes(path);
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
    expect(readMessageIndexes(bytes, 0)).toEqual({ path, payloadAt: bytes.length });
  });

  it('reads back every path', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 ** 30 }), { minLength: 1, maxLength: 32 }), (path) => {
        expect(readMessageIndexes(encodeMessageIndexes(path), 0).path).toEqual(path);
      }),
    );
  });

  it.each([
    ['cut off', [4, 2]],
    ['endless', [0x82, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ['too many', [0xfe, 0xff, 0x03]],
    ['negative', [2, 1]],
  ])('refuses message indexes that are %s', (_what, bytes) => {
    expect(() => readMessageIndexes(Uint8Array.from(bytes), 0)).toThrow(
      expect.objectContaining({ code: 'envelope-invalid' }),
    );
  });
});
