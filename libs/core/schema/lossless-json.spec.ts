import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from './json-text.js';
import { JsonDepthError, JsonSyntaxError, nestingDepth, parseLossless, positionAt } from './lossless-json.js';

const read = (text: string, options = {}) => parseLossless(text, { maxDepth: 128, ...options });

describe('the lossless JSON reader', () => {
  it('keeps the spelling of numbers and the order of members', () => {
    const node = read('{"b":1.10,"a":[1E+2,-0,12345678901234567890]}');
    expect(node).toMatchObject({ kind: 'object' });
    if (node.kind !== 'object') return;
    expect([...node.members.keys()]).toEqual(['b', 'a']);
    expect(node.members.get('b')).toMatchObject({ text: '1.10' });
    expect(node.members.get('a')).toMatchObject({
      items: [{ text: '1E+2' }, { text: '-0' }, { text: '12345678901234567890' }],
    });
  });

  it('knows where each value stands', () => {
    const text = '{\n  "a": [ 1,\n   true ]}';
    const node = read(text);
    if (node.kind !== 'object') throw new Error('no object');
    const list = node.members.get('a')!;
    expect(positionAt(text, list.at)).toEqual({ line: 2, column: 8 });
    expect(list.kind === 'array' && positionAt(text, list.items[1]!.at)).toEqual({ line: 3, column: 4 });
    expect(positionAt(text, -1)).toBeNull();
  });

  it('reads every JSON text as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const again = JSON.parse(jsonText(read(text))) as unknown;
        // The registry's printer, like JSON.stringify, writes -0 as 0.
        expect(again).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))));
      }),
    );
  });

  it('takes and refuses the same texts as JSON.parse', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      'nul',
      ' ',
      '\\',
      '"',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        expect(accepts(() => read(text))).toBe(accepts(() => JSON.parse(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes the last of two equal names, in the place of the first, or refuses them', () => {
    const node = read('{"a":1,"b":2,"a":3}');
    expect(jsonText(node)).toBe('{"a":3,"b":2}');
    expect(() => read('{"a":1,"a":3}', { duplicates: 'refuse' })).toThrow(/'a' occurs twice at line 1, column 8/);
  });

  it('takes `__proto__` for a name like any other', () => {
    expect(jsonText(read('{"__proto__":{"x":1},"constructor":2}'))).toBe('{"__proto__":{"x":1},"constructor":2}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it('skips comments only where they are allowed', () => {
    const text = '/* a */ // b\n{"a": /* [[[ */ 1}';
    expect(jsonText(read(text, { comments: true }))).toBe('{"a":1}');
    expect(() => read(text)).toThrow(JsonSyntaxError);
    expect(() => read('1 /* a', { comments: true })).toThrow(JsonSyntaxError);
    expect(() => read('/* a', { comments: true })).toThrow(JsonSyntaxError);
  });

  it('refuses text after the value unless told otherwise', () => {
    expect(() => read('{} x')).toThrow(/text after the end/);
    expect(jsonText(read('{}\u0000 '))).toBe('{}');
    expect(jsonText(read('{} x', { trailing: 'anything' }))).toBe('{}');
  });

  it('refuses halves of surrogate pairs, written or escaped', () => {
    for (const text of ['"\ud800"', '"\\ud800"', '"\\udc00\\ud800"', '{"\\ud83d":1}']) {
      expect(() => read(text)).toThrow(/surrogate/);
    }
    expect(read('"\\ud83d\\ude00"')).toMatchObject({ value: '😀' });
  });

  it('counts depth before it builds, and not inside strings', () => {
    const bomb = '['.repeat(1_000_000);
    expect(() => read(bomb)).toThrow(JsonDepthError);
    expect(() => read('{"a":'.repeat(1_000_000))).toThrow(JsonDepthError);
    expect(read(`"${'['.repeat(500)}"`)).toMatchObject({ kind: 'string' });
    expect(jsonText(read('['.repeat(128) + ']'.repeat(128)))).toHaveLength(256);
    expect(nestingDepth('{"[":[{"a":"\\"{"}]}')).toBe(3);
  });
});

function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
