import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReadable, VALUE_DEPTH } from '#libs/core/schema';
import { JsonRecordDecoder } from './record-decoder.js';

describe('a key that no schema describes', () => {
  const key = (text: string) => new JsonRecordDecoder().key('t', Buffer.from(text));

  it.each([
    ['order-1', 'order-1'],
    ['true', true],
    ['tree', 'tree'],
    [' {"a": 1} ', { a: 1 }],
    ['-1.50', -1.5],
    ['1-2', '1-2'],
    ['\ufeff1', '\ufeff1'],
    ['', ''],
  ])('is JSON where it is JSON text, and text otherwise: %j', (text, value) => {
    expect(key(text)).toEqual(value);
  });

  it('is refused where it is no text: it would be taken for others', () => {
    for (const bytes of [[0xff], [0x61, 0xfe], [0xc3, 0x28]])
      expect(() => new JsonRecordDecoder().key('t', Buffer.from(bytes))).toThrow(/it is not UTF-8 text/);
    expect(key('a\ufffdb')).toBe('a\ufffdb');
  });

  it('is what an attempt at JSON comes to, whatever it begins with', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.json().map((json) => `\t\r\n ${json}`),
    );
    fc.assert(
      fc.property(texts, (given) => {
        const text = Buffer.from(given).toString();
        let expected: unknown = text;
        try {
          expected = parseReadable(text, VALUE_DEPTH);
        } catch {
          // It is the text it is.
        }
        expect(key(text)).toEqual(expected);
      }),
    );
  });
});
