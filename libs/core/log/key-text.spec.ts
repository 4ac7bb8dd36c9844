import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOfText, keyText } from './key-text.js';

describe('the text of a key', () => {
  it('gives the same bytes again, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
        ),
        (key) => {
          expect(Buffer.from(keyOfText(keyText(key))!)).toEqual(Buffer.from(key));
        },
      ),
    );
  });

  it('is what it says where people can read that, and base64 otherwise', () => {
    expect(keyText(Buffer.from('Zürich 8000'))).toBe('Zürich 8000');
    expect(keyText(Buffer.from(''))).toBe('');
    expect(keyText(Buffer.from('a\nb'))).toBe('base64:YQpi');
    expect(keyText(Uint8Array.from([0, 255]))).toBe('base64:AP8=');
    expect(keyText(Buffer.from('base64:AP8='))).toBe('base64:YmFzZTY0OkFQOD0=');
  });

  it('is none where base64 is promised and something else follows', () => {
    expect(keyOfText('base64:!')).toBeUndefined();
    expect(keyOfText('base64:AP8')).toBeUndefined();
  });
});
