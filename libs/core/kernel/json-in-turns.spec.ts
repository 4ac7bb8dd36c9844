import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from './app-error.js';
import { parseJsonInTurns } from './json-in-turns.js';

/** What becomes of a text: its value, or that it is none. */
type Outcome = { readonly value: unknown; readonly names: string } | 'not JSON' | 'name too long';

function atOnce(text: string): Outcome {
  try {
    return outcome(JSON.parse(Buffer.from(text).toString()));
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return 'not JSON';
  }
}

async function inTurns(text: string, pieceLength: number): Promise<Outcome> {
  try {
    return outcome(
      await parseJsonInTurns(Buffer.from(text), { turn: async () => undefined, parse: JSON.parse, pieceLength }),
    );
  } catch (error) {
    if (isAppError(error, 'json-name-too-long')) return 'name too long';
    expect(error).toBeInstanceOf(SyntaxError);
    return 'not JSON';
  }
}

/** Equality does not look at the order of members. */
function outcome(value: unknown): Outcome {
  return { value, names: JSON.stringify(value) };
}

/** Whatever a cut could damage. */
const LONG_TEXT = JSON.stringify(`${'ä€😀'.repeat(4)}\\\n"\u0001\u007f${'\\'.repeat(9)}`);

/** JSON text with spaces, names that come twice and names that objects have by themselves. */
const json = fc.letrec<{ value: string; space: string }>((tie) => ({
  space: fc.constantFrom('', '', '', ' ', '\n\t'),
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('0', '-1.5e3', 'true', 'null', '""', '"]},:[{"', '"\\\\"', '"\\"[,"', '"längere Texte"', LONG_TEXT),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 6 }), tie('space'))
      .map(([items, space]) => `[${space}${items.join(`${space},`)}]${space}`),
    fc
      .tuple(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', '7', '__proto__', 'x,\\"{['), tie('value')), { maxLength: 6 }),
        tie('space'),
      )
      .map(([members, space]) => `${space}{${members.map(([name, one]) => `"${name}"${space}:${one}`).join(',')}}`),
  ),
})).value;

describe('long JSON text', () => {
  it('has the value in turns that it has at once', async () => {
    await fc.assert(
      fc.asyncProperty(json, fc.integer({ min: 14, max: 60 }), async (text, pieceLength) => {
        expect(await inTurns(text, pieceLength)).toEqual(atOnce(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('that is not JSON is refused in turns when it is at once, wherever it breaks', async () => {
    const broken = fc
      .tuple(
        json,
        fc.nat(),
        fc.constantFrom('', ',', '[', ']', '{', '}', ':', '"', '\\', '0', '-', 'x', ',,', '][', '[]'),
      )
      .map(([text, place, put]) => {
        const at = place % (text.length + 1);
        return text.slice(0, at) + put + text.slice(put === '' ? at + 1 : at);
      });
    await fc.assert(
      fc.asyncProperty(broken, fc.integer({ min: 14, max: 60 }), async (text, pieceLength) => {
        const found = await inTurns(text, pieceLength);
        if (found !== 'name too long') expect(found).toEqual(atOnce(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    '[1,]',
    '[,1]',
    '[1,,2]',
    '{"a":1,}',
    '{"a":1,,"b":2}',
    '[[1,2]3]',
    '[3[1,2]]',
    '{[1,2]}',
    '{"a":1[1,2]}',
    '[1,2}',
    '[[1,2],]',
    '[1] 2',
    '{"a"[1,2]}',
  ])('is not %s', async (text) => {
    for (let pieceLength = 4; pieceLength < text.length; pieceLength++) {
      expect(await inTurns(text, pieceLength)).toBe('not JSON');
    }
  });

  it('gives others their turn, after each piece', async () => {
    let turns = 0;
    const options = { turn: async () => void turns++, parse: JSON.parse, pieceLength: 100 };
    const list = JSON.stringify(Array.from({ length: 1_000 }, (_, index) => ({ index, deeper: { list: [index] } })));
    await parseJsonInTurns(Buffer.from(`{"one":${list},"other":${list}}`), options);
    expect(turns).toBeGreaterThan((2 * list.length) / 200);
  });

  it('is cut within strings where neither a character nor an escape is', async () => {
    const escaped = JSON.stringify('a\u0001\\ä"€\n😀\u2028'.repeat(20)).replaceAll('😀', '\\ud83d\\ude00');
    for (let pieceLength = 4; pieceLength < 80; pieceLength++) {
      for (const text of [escaped, `[${escaped}]`, `{"a": ${escaped} , "b":[[${escaped}]]}`]) {
        expect(await inTurns(text, pieceLength)).toEqual(atOnce(text));
        expect(await inTurns(text.slice(0, -2), pieceLength)).toBe('not JSON');
      }
    }
  });

  it('has no name that is longer than a piece', async () => {
    const json = Buffer.from(`{"a":{"${'n'.repeat(200)}":1}}`);
    const refused = parseJsonInTurns(json, { turn: async () => undefined, parse: JSON.parse, pieceLength: 100 });
    await expect(refused).rejects.toMatchObject({ code: 'json-name-too-long', details: { value: 100 } });
  });

  it('tells the place where it breaks', async () => {
    const text = `{"list":[${'1,'.repeat(100)}2 3,4]}`;
    const refused = parseJsonInTurns(Buffer.from(text), {
      turn: async () => undefined,
      parse: JSON.parse,
      pieceLength: 50,
    });
    await expect(refused).rejects.toThrow(/position 211/);
  });
});
