import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#libs/core/kernel';
import { parseFieldPath, valueAt } from './field-path.js';
import { TextField } from './text-field.js';

/** What is found in the text, which lies among other bytes; undefined for nothing. */
function found(path: string, text: string): string | undefined {
  const field = TextField.of(parseFieldPath(path))!;
  const bytes = Buffer.from(`"a":"1"}${text}{"a":"2"}`);
  const [from, to] = [8, bytes.length - 9];
  return field.find(bytes, from, to) ? bytes.toString('latin1', field.at, field.at + field.length) : undefined;
}

/** What parsing the whole text gives; undefined for no text there, or no JSON. */
function parsed(path: string, text: string): JsonValue | undefined {
  try {
    return valueAt(parseFieldPath(path), JSON.parse(text) as JsonValue);
  } catch {
    return undefined;
  }
}

const names = fc.constantFrom('a', 'b', 'c', 'ä', '"', '');
const scalars = fc.oneof(
  fc.constantFrom('x', '', 'y"', '\\', 'ä', '\n', 'long text {[,:"', '\u2028'),
  fc.constantFrom(0, -1, 1.5, 1e300, -2e-7, true, false, null),
);
const { value: anyValue } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  ),
}));
const spaces = fc.constantFrom(undefined, 1, '\t');

describe('the text of one field where it stands', () => {
  it('is what parsing the text gives, wherever it is found, and found where it is plain', () => {
    fc.assert(
      fc.property(anyValue, spaces, fc.constantFrom('value.a', 'value.b.a', 'value.c'), (value, space, path) => {
        const text = JSON.stringify(value, null, space);
        const [one, expected] = [found(path, text), parsed(path, text)];
        if (one !== undefined) expect(one).toBe(expected);
        const isPlain = typeof expected === 'string' && /^[\x20-\x7e]*$/.test(expected) && !/["\\]/.test(expected);
        // Names that can be spelled in several ways are left to whoever parses.
        if (isPlain && !/[^\x20-\x7e]|\\/.test(text)) expect(one).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is found in no text that is not JSON, wherever one byte of it is another', () => {
    const text = '{"a": "x", "n": [-1.5e+3, 0, true, null, {"b": {}, "c": []}], "t": "\\u00e4\\n"}';
    expect(found('value.a', text)).toBe('x');
    for (let at = 0; at <= text.length; at++) {
      for (const other of ['', '"', '\\', ',', ':', '{', '}', '[', ']', '0', '-', '.', 'e', 'u', ' ', '\u0001', 't']) {
        for (const behind of [at, at + 1]) {
          const changed = text.slice(0, at) + other + text.slice(behind);
          const one = found('value.a', changed);
          if (one !== undefined) expect([changed, one]).toEqual([changed, parsed('value.a', changed)]);
        }
      }
    }
  });

  it('is left to whoever parses where a name comes twice, a value is no text, or an escape may stand for it', () => {
    for (const text of [
      '{"a":"x","a":"y"}',
      '{"a":1}',
      '{"a":{"a":"x"}}',
      '{"a":["x"]}',
      '{"a":null}',
      '{"a":"\\u0078"}',
      '{"\\u0061":"x"}',
      '{"a":"ä"}',
      '[{"a":"x"}]',
      '"a"',
      '',
      `${'['.repeat(80)}${']'.repeat(80)}`,
    ]) {
      expect(found('value.a', text)).toBeUndefined();
    }
    expect(found('value.a.b', '{"a":{"b":"x"},"a":{}}')).toBeUndefined();
    expect(found('value.a.b', '{"a":{"b":"x"},"c":{"b":"y"},"b":"z"}')).toBe('x');
    expect(found('value.a', '{"a":""}')).toBe('');
  });

  it('is not looked for by paths through lists, or by names that JSON escapes', () => {
    for (const path of ['value', 'key.a', 'value.a[0]', 'value["ä"]', 'value["\\""]']) {
      expect(TextField.of(parseFieldPath(path))).toBeUndefined();
    }
    expect(found('value["a b"]', '{"a b":"x"}')).toBe('x');
  });
});
