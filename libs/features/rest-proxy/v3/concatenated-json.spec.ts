import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcatenatedJson, type StreamedText } from './concatenated-json.js';

function foundIn(text: string | Buffer, pieces: readonly number[] = [], longest = 1_000): readonly string[] {
  const bytes = Buffer.from(text);
  const found = new ConcatenatedJson(longest);
  const all: StreamedText[] = [];
  let from = 0;
  for (const length of [...pieces, bytes.length]) {
    all.push(...found.push(bytes.subarray(from, from + length)));
    from += length;
  }
  all.push(...found.end());
  return all.map((one) => ('text' in one ? one.text.toString() : one.broken));
}

describe('JSON values one after another', () => {
  it('are found with nothing or white space between, whatever they are', () => {
    expect(foundIn('{"a":1}{"b":[{}]}\n [1] "x}"12\ttrue{}')).toEqual([
      '{"a":1}',
      '{"b":[{}]}',
      '[1]',
      '"x}"',
      '12',
      'true',
      '{}',
    ]);
    expect(foundIn('')).toEqual([]);
    expect(foundIn(' \r\n')).toEqual([]);
    expect(foundIn(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{}')]))).toEqual(['{}']);
  });

  it('are the same however their bytes arrive', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.stringify(json));
    const stream = fc.array(fc.tuple(value, fc.constantFrom(' ', '\n', '\r\n\t')), { maxLength: 8 });
    fc.assert(
      fc.property(stream, fc.array(fc.nat(7), { maxLength: 40 }), (values, pieces) => {
        const text = values.map((one) => one.join('')).join('');
        expect(foundIn(text, pieces)).toEqual(values.map(([json]) => json));
      }),
    );
  });

  it('end where something stands between that is no value, and where one has no end', () => {
    expect(foundIn('{"a":1},{"b":2}')).toEqual(['{"a":1}', 'syntax']);
    expect(foundIn('}{}')).toEqual(['syntax']);
    expect(foundIn('{}{"a":"b')).toEqual(['{}', 'syntax']);
  });

  it('are not longer than allowed, and what is too long is not kept', () => {
    expect(foundIn(`{"a":"${'x'.repeat(50)}"}`, [], 20)).toEqual(['too-large']);
    expect(foundIn(`{}{"a":"${'x'.repeat(50)}`, [5, 30], 20)).toEqual(['{}', 'too-large']);
  });
});
