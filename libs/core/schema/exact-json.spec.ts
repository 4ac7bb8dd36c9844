import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonInTurns } from '#libs/core/kernel';
import {
  ExactNumber,
  exactText,
  exactTextInTurns,
  isDouble,
  parseExact,
  parseReadable,
  parseSpelled,
  roughLength,
} from './exact-json.js';

describe('numbers in JSON text', () => {
  it.each(['0', '-1.5', '0.1', '1e2', '9007199254740991', '0.30000000000000004', '1.7976931348623157e308', '5e-324'])(
    '%s is what a double says',
    (text) => {
      expect(isDouble(text)).toBe(true);
      expect(parseExact(text, 1)).toBe(Number(text));
    },
  );

  it.each([
    ['9007199254740992', '9007199254740992'],
    ['-12345678901234567890', '-12345678901234567890'],
    ['1e400', '1e400'],
    ['0.12345678901234567890', 0.12345678901234568],
    ['1e-400', 0],
  ])('%s is more than its double, and reads as %j', (text, readable) => {
    expect(isDouble(text)).toBe(false);
    expect(parseExact(text, 1)).toEqual(new ExactNumber(text));
    expect(parseReadable(text, 1)).toBe(readable);
  });

  it.each([
    '{"a":1e400,"a":[-1e400,{"__proto__":12345678901234567890}],"1e400":"12345678901234567890","b":"\\"1e400,"}',
    '[1.5, "x", null, {"toString": 1e999}, -0, 1234567890.5]',
    '[1,2]',
  ])('are the same when the text is parsed in turns: %s', async (text) => {
    const options = { turn: async () => undefined, parse: (piece: string) => parseExact(piece, 10), pieceLength: 16 };
    const value = await parseJsonInTurns(Buffer.from(text), options);
    expect(exactText(value, 10)).toBe(exactText(parseExact(text, 10), 10));
    for (const wrong of ['{1e400:1}', '[1e400', '[01234567890123456789]', '[12345678901234567890x]', '[-]']) {
      expect(() => parseExact(wrong, 10)).toThrow(SyntaxError);
      await expect(parseJsonInTurns(Buffer.from(wrong), options)).rejects.toThrow(SyntaxError);
    }
  });

  it('come back as they were, whatever stands around them', () => {
    const number = fc.oneof(
      fc.bigInt().map(String),
      fc.tuple(fc.bigInt({ min: 0n }), fc.nat({ max: 500 })).map(([digits, exponent]) => `${digits}.5e${exponent}`),
    );
    const texts = fc.array(
      fc.oneof(
        number,
        fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
      ),
    );
    fc.assert(
      fc.property(texts, (items) => {
        const text = `{"a":[${items.join(',')}],"__proto__":1}`;
        const value = parseExact(text, 10) as { a: unknown[] };
        expect(Object.keys(value)).toEqual(['a', '__proto__']);
        expect(value.a.map((one) => (one instanceof ExactNumber ? one.text : JSON.stringify(one)))).toEqual(
          items.map((one) => (one.startsWith('"') || !isDouble(one) ? one : JSON.stringify(Number(one)))),
        );
        expect(parseExact(exactText(value, 10)!, 10)).toEqual(value);
      }),
    );
  });

  it('are written as they were while others have their turn, and so is everything else', async () => {
    const list = Array.from({ length: 20_000 }, (_, i) => [i, `n${i}`, { 'a "name"': null, exact: [] }]);
    const text = `{"list":${JSON.stringify(list)},"big":[12345678901234567890,{"1":1e400}],"__proto__":{}}`;
    const value = parseExact(text, 10);
    let turns = 0;
    const turn = async (): Promise<void> => void turns++;
    expect(await exactTextInTurns(value, 10, turn)).toBe(text);
    expect(turns).toBeGreaterThan(10);
    // A long string is cut where no pair is: the halves of one would be escaped.
    for (const long of ['x'.repeat(200_000), `y${'\u{1f600}'.repeat(100_000)}`, '\u{1f600}\n"'.repeat(60_000)]) {
      expect(await exactTextInTurns(long, 10, turn)).toBe(JSON.stringify(long));
      expect(await exactTextInTurns({ long }, 10, turn)).toBe(JSON.stringify({ long }));
    }
    let taken = 0;
    await exactTextInTurns('x'.repeat(200_000), 10, async () => void taken++);
    expect(taken).toBeGreaterThan(3);
    // Negative control: a short one is written at once.
    await exactTextInTurns('x', 10, async () => expect.unreachable());
    expect(await exactTextInTurns('x', 0, turn)).toBe('"x"');
    await expect(exactTextInTurns([[[]]], 2, turn)).rejects.toThrow(/deeper/);
  });

  it('and all else is estimated as long as it is written, and counted no further than asked', () => {
    const value = { text: 'x'.repeat(1_000), list: Array.from({ length: 1_000 }, (_, i) => i) };
    expect(roughLength(value, 1_000_000)).toBeGreaterThan(2_000);
    expect(roughLength(value, 1_000_000)).toBeLessThan(JSON.stringify(value).length + 1_000);
    expect(roughLength(value, 500)).toBe(501);
    expect(roughLength(null, 500)).toBeLessThan(10);
  });

  it('inside texts are texts', () => {
    const text = '{"card":"12345678901234567890","escaped\\"1e400":"\\ud83d\\ude00"}';
    expect(exactText(parseExact(text, 10), 10)).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('are never written by anything that cannot', () => {
    expect(() => JSON.stringify(parseExact('[12345678901234567890]', 10))).toThrow(/impossible/);
  });

  it('stop neither depth nor length from being bounded', () => {
    expect(() => parseExact('['.repeat(11) + ']'.repeat(11), 10)).toThrow(/deeper than 10/);
    expect(() => parseReadable('[1', 10)).toThrow(SyntaxError);
    const long = `1${'0'.repeat(1_000_000)}1`;
    expect(exactText(parseExact(long, 10), 10)).toBe(long);
  });
});

describe('numbers as they were spelled', () => {
  it.each(['1.50', '1.0', '1e2', '-0', '0.0', '12345678901234567890', '1E-7', '100000000000000000000000'])(
    '%s is kept, wherever it stands',
    (number) => {
      const spelled = { a: [new ExactNumber(number), { b: new ExactNumber(number) }], c: '1.50 " -0', d: 1.5 };
      expect(parseSpelled(`{"a":[${number},{"b":${number}}],"c":"1.50 \\" -0","d":1.5}`, 5)).toEqual(spelled);
    },
  );

  it.each(['0', '1', '-1', '1.5', '1e+21', '1e-7', '0.1'])('%s is a plain one', (number) => {
    expect(parseSpelled(`[${number}]`, 1)).toEqual([Number(number)]);
  });
});
