import { ExactNumber } from './exact-json.js';

/** Types of JSON values. */
export type JsonKind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** The type of a value as JSON text has it; undefined for what no JSON text denotes. */
export function jsonKind(value: unknown): JsonKind | undefined {
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'string':
      return typeof value as JsonKind;
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'array';
      return value instanceof ExactNumber ? 'number' : 'object';
    default:
      return undefined;
  }
}

/** The type in words, as error texts name it. Contents are never shown. */
export function kindInWords(value: unknown): string {
  const kind = jsonKind(value);
  if (kind === undefined) return 'nothing';
  return kind === 'number' && typeof value === 'number' && !Number.isInteger(value)
    ? 'a number with a fraction'
    : IN_WORDS[kind];
}

/** A member name or index as a segment of a JSON pointer, cut where it is endless. */
export function pointerSegment(name: string | number): string {
  const text = String(name);
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return `/${short.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

const IN_WORDS: Readonly<Record<JsonKind, string>> = {
  null: 'null',
  boolean: 'a boolean',
  number: 'a number',
  string: 'a text',
  array: 'an array',
  object: 'an object',
};
