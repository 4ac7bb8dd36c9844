import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureJson } from './json-measure.js';
import { JsonScanner, withoutSpaces, withoutSpacesInTurns, type ScannedText } from './json-scanner.js';

const scanner = (text: string, depth = 64) => new JsonScanner(Buffer.from(text), { depth });

/** Whether a text is JSON to the scanner. */
function takes(text: string): boolean {
  try {
    const scan = scanner(text);
    scan.scan();
    scan.end();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return false;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON text as people and programs write it, with what is unusual in it. */
const json = fc.letrec<{ value: string; space: string }>((tie) => ({
  space: fc.constantFrom('', '', '', ' ', '\n\t', '\r'),
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('0', '-0', '-1.5e3', '12E+7', '1e-9', '123456789012345678', 'true', 'false', 'null', '""'),
    fc.constantFrom('"]},:[{"', '"\\\\"', '"\\"[,"', '"\\u00e4\\/\\b"', '"längere 😀 Texte"', '"\\ud83d"', '"a b"'),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 5 }), tie('space'))
      .map(([items, space]) => `[${space}${items.join(`${space},`)}]${space}`),
    fc
      .tuple(
        fc.array(fc.tuple(fc.constantFrom('a', '7', '__proto__', 'x,\\"{[', '\\u0041'), tie('value')), {
          maxLength: 5,
        }),
        tie('space'),
      )
      .map(
        ([members, space]) =>
          `{${space}${members.map(([name, one]) => `"${name}"${space}:${space}${one}`).join(`,${space}`)}}`,
      ),
  ),
})).value;

/** The same value, put together from what the scanner finds. */
function readBack(text: string): unknown {
  const scan = scanner(text);
  const read = (): unknown => {
    const first = scan.next();
    if (first === 0x5b) {
      const items: unknown[] = [];
      scan.enter();
      while (scan.nextItem()) items.push(read());
      return items;
    }
    if (first === 0x7b) {
      const object: Record<string, unknown> = {};
      scan.enter();
      for (let name = scan.nextMember(); name !== undefined; name = scan.nextMember())
        Object.defineProperty(object, name, { value: read(), enumerable: true, configurable: true, writable: true });
      return object;
    }
    return JSON.parse(scan.bytes(scan.scan()).toString());
  };
  const value = read();
  scan.end();
  return value;
}

describe('JSON text that is gone over', () => {
  it('is taken wherever JSON.parse takes it, and measured alike', () => {
    fc.assert(
      fc.property(json, (text) => {
        const scan = scanner(text);
        const { longNumbers } = scan.scan();
        scan.end();
        const { values, longestNumber, longNumbers: expected } = measureJson(Buffer.from(text));
        expect({ values: scan.values, longestNumber: scan.longestNumber, longNumbers }).toEqual({
          values,
          longestNumber,
          longNumbers: expected,
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused wherever JSON.parse refuses it', () => {
    const place = fc.nat();
    const put = fc.constantFrom(
      '',
      ',',
      '[',
      ']',
      '{',
      '}',
      ':',
      '"',
      '\\',
      '0',
      '-',
      '.',
      'e',
      'x',
      'null',
      '\u0001',
      '\u00a0',
    );
    fc.assert(
      fc.property(json, place, put, (text, nat, piece) => {
        const at = nat % (text.length + 1);
        const broken = text.slice(0, at) + piece + text.slice(piece === '' ? at + 1 : at);
        expect([broken, takes(broken)]).toEqual([broken, isJson(broken)]);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    '',
    ' ',
    '01',
    '-',
    '-x',
    '1.',
    '.5',
    '1e',
    '1e+',
    '+1',
    'nul',
    'nulls',
    'True',
    '"\\x"',
    '"\\u12g4"',
    '"\\u12',
    '"a',
    '"\t"',
    '[1,]',
    '[,1]',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    '{"a" 1}',
    '[1}',
    '{"a":1]',
    '1 2',
    '[[]',
    '\u00a01',
    '"\\',
  ])('is not JSON: %j', (text) => expect([takes(text), isJson(text)]).toEqual([false, false]));

  it('is read member by member and item by item as it is in one go', () => {
    fc.assert(
      fc.property(json, (text) => {
        expect(JSON.stringify(readBack(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(['[1 2]', '[,1]', '[1,]', '{"a":1 "b":2}', '{,}', '{"a":1,}', '{1:2}', '{"a"}', '[1}', '{"a":1]', '[1', '{'])(
    'is refused member by member, too: %s',
    (text) => expect(() => readBack(text)).toThrow(SyntaxError),
  );

  it('nests no deeper than it may, entered or not', () => {
    const text = '[[[[1]]]]';
    expect(() => scanner(text, 4).scan()).not.toThrow();
    expect(() => scanner(text, 3).scan()).toThrow('nests deeper than 3');
    const entered = scanner(text, 3);
    entered.enter();
    expect(() => entered.scan()).toThrow('nests deeper than 3');
  });

  it('says of a part what is in it, and nothing of its neighbours', () => {
    const scan = scanner('{ "a" : "x\\n" , "b" :1e2 , "c": [1, 2] , "d":"y"}');
    scan.enter();
    const parts = [];
    while (scan.nextMember() !== undefined) {
      const { spaced, escaped, longNumbers } = scan.scan();
      parts.push([spaced, escaped, longNumbers]);
    }
    expect(parts).toEqual([
      [false, true, false],
      [false, false, true],
      [true, false, false],
      [false, false, false],
    ]);
  });

  /** What comes of going over a text: the same whether it is halted or not. */
  const outcome = (text: string, scanned: (scan: JsonScanner) => ScannedText): unknown => {
    const scan = scanner(text, 8);
    try {
      const part = scanned(scan);
      scan.end();
      return { part, values: scan.values, longestNumber: scan.longestNumber };
    } catch (error) {
      return (error as Error).message;
    }
  };
  /** The same some bytes at a time; `halts` counts how often it was halted. */
  const inPieces = (most: number, halts = { count: 0 }) => {
    return (scan: JsonScanner): ScannedText => {
      for (;;) {
        const part = scan.scanSome(most);
        if (part !== undefined) return part;
        halts.count++;
      }
    };
  };

  it('is the same text when it is gone over some bytes at a time, JSON or not', () => {
    const piece = fc.constantFrom('', ',', '[', ']', '{', '"', '\\', 'x', '-', '\u0001');
    fc.assert(
      fc.property(json, fc.nat(), piece, fc.integer({ min: 1, max: 12 }), (text, nat, put, most) => {
        const at = nat % (text.length + 1);
        for (const one of [text, text.slice(0, at) + put + text.slice(at)]) {
          expect([one, outcome(one, inPieces(most))]).toEqual([one, outcome(one, (scan) => scan.scan())]);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['a long list', `[${'1,'.repeat(5_000)}1]`],
    ['a long string', `"${'x\\n'.repeat(3_000)}"`],
    ['strings in objects', `[${`{"a":"${'y'.repeat(90)}"},`.repeat(100)}{}]`],
  ])('is halted often where it is long: %s', (_what, text) => {
    const halts = { count: 0 };
    outcome(text, inPieces(100, halts));
    expect(halts.count).toBeGreaterThan(text.length / 250);
    // Negative control: gone over as a whole it is never halted.
    const whole = { count: 0 };
    outcome(text, inPieces(text.length, whole));
    expect(whole.count).toBe(0);
  });

  it('loses its white space in turns as it does at once', async () => {
    await fc.assert(
      fc.asyncProperty(json, fc.integer({ min: 1, max: 9 }), async (text, piece) => {
        const bytes = Buffer.from(text);
        let turns = 0;
        const compact = await withoutSpacesInTurns(bytes, async () => void turns++, piece);
        expect(Buffer.from(compact)).toEqual(Buffer.from(withoutSpaces(bytes)));
        expect(turns).toBeLessThan(text.length / piece + 1);
      }),
    );
    let turns = 0;
    await withoutSpacesInTurns(Buffer.from('[ ]'.padEnd(1_000)), async () => void turns++, 100);
    expect(turns).toBe(9);
  });

  it('loses the white space between its parts, and nothing else', () => {
    expect(Buffer.from(withoutSpaces(Buffer.from(' { "a b" : [ 1.50 , "\\" c" ] ,\n"d":null } '))).toString()).toBe(
      '{"a b":[1.50,"\\" c"],"d":null}',
    );
    fc.assert(
      fc.property(json, (text) => {
        const compact = Buffer.from(withoutSpaces(Buffer.from(text))).toString();
        expect(JSON.stringify(JSON.parse(compact))).toBe(JSON.stringify(JSON.parse(text)));
        expect(scanner(compact).scan().spaced).toBe(false);
      }),
    );
  });
});
