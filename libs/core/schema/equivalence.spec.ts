import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { characterSketch, storedSketch } from './equivalence.js';
import { SchemaFormats } from './formats.js';
import { standardFormats } from './standard-formats.js';
import { conformanceCases, type CanonicalCase, type ParseCase } from './testing/conformance-cases.js';
import type { ParsedSchema, SchemaType } from './format.js';

type TextCase = Pick<CanonicalCase & ParseCase, 'schema'>;

const formats: SchemaFormats = standardFormats();

/** What is stored of a text, plain and normalised, as it is read again; nothing of what is refused, or needs references. */
function storedForms(type: SchemaType, sent: string): { readonly text: string; readonly stored: ParsedSchema }[] {
  try {
    const parsed = formats.get(type).parse(sent);
    return [parsed.canonical, parsed.normalised().canonical].map((text) => ({
      text,
      stored: formats.get(type).parse(text),
    }));
  } catch (error) {
    if (isAppError(error)) return [];
    throw error;
  }
}

describe('the sketch of a stored text', () => {
  for (const [type, file] of [
    ['AVRO', 'avro'],
    ['JSON', 'json-schema'],
    ['PROTOBUF', 'protobuf'],
  ] as const) {
    it(`is that of the equivalence of the ${type} schema it is read as, plain or normalised`, () => {
      let compared = 0;
      for (const { schema } of [
        ...conformanceCases<TextCase>(`canonical-${file}`),
        ...conformanceCases<TextCase>(`parse-${file}`),
      ]) {
        for (const { text, stored } of storedForms(type, schema)) {
          const sketch = storedSketch(type, text);
          if (sketch === undefined) continue;
          compared++;
          expect(sketch).toBe(characterSketch(stored.equivalence));
        }
      }
      expect(compared).toBeGreaterThan(30);
    });
  }

  it('says nothing of Avro errors, which equal records', () => {
    const [error, record] = ['error', 'record'].map((type) => JSON.stringify({ type, name: 'E', fields: [] }));
    const [one, other] = [error!, record!].map((text) => formats.get('AVRO').parse(text));
    expect(one!.equivalence).toBe(other!.equivalence);
    expect(storedSketch('AVRO', one!.canonical)).toBeUndefined();
    expect(storedSketch('AVRO', other!.canonical)).toBe(characterSketch(one!.equivalence));
  });

  it('differs where a character does', () => {
    expect(characterSketch('ab')).toBe(characterSketch('ba'));
    for (const other of ['a', 'ac', 'abb', 'bb', '']) expect(characterSketch(other)).not.toBe(characterSketch('ab'));
  });
});
