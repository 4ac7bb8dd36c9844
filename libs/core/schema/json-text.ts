import { decimalOf, decimalText, doubleText } from './java-numbers.js';
import type { JsonNode } from './lossless-json.js';

/** A string in double quotes, escaped as the reference's printer does: only what must be, control characters in upper case hexadecimal. */
export function quote(text: string): string {
  return `"${text.replace(ESCAPED, escape)}"`;
}

/** How {@link jsonText} spells what can be spelled in several ways. */
export interface JsonTextOptions {
  /** Members of objects by key (UTF-16 order), at every level. In the order of the text by default. */
  readonly sorted?: boolean;
  /** Numbers with a fraction or exponent: as Java doubles, or exactly, as Java's `BigDecimal`. `double` by default. */
  readonly numbers?: 'double' | 'decimal';
}

/**
 * A value as compact text with numbers as Java's JSON tree prints them: integers exactly, all others as asked for, non-finite ones as strings.
 * Depth is that of the value, which was bounded when it was read.
 */
export function jsonText(node: JsonNode, options: JsonTextOptions = {}): string {
  switch (node.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(node.value);
    case 'number':
      return numberText(node.text, options.numbers === 'decimal');
    case 'string':
      return quote(node.value);
    case 'array':
      return `[${node.items.map((item) => jsonText(item, options)).join(',')}]`;
    case 'object': {
      const names = [...node.members.keys()];
      if (options.sorted === true) names.sort();
      return `{${names.map((name) => `${quote(name)}:${jsonText(node.members.get(name)!, options)}`).join(',')}}`;
    }
  }
}

/** The beginning of {@link jsonText}: all of it where it has at most `length` characters, else at least one character more. Costs no more than that. */
export function jsonTextStart(node: JsonNode, length: number, options: JsonTextOptions = {}): string {
  if (node.kind !== 'array' && node.kind !== 'object') return jsonText(node, options);
  const [open, close] = node.kind === 'array' ? ['[', ']'] : ['{', '}'];
  const entries: Iterable<readonly [string, JsonNode]> =
    node.kind === 'array' ? node.items.map((item) => ['', item] as const) : node.members;
  let text = open;
  for (const [name, value] of entries) {
    if (text.length > length) return text;
    if (text !== open) text += ',';
    if (node.kind === 'object') text += `${quote(name)}:`;
    text += jsonTextStart(value, length - text.length, options);
  }
  return text + close;
}

/** Whether the number is spelled as an integer: no fraction and no exponent, as Jackson decides. */
export function isIntegral(text: string): boolean {
  return /^-?[0-9]+$/.test(text);
}

function numberText(text: string, exact: boolean): string {
  if (isIntegral(text)) return text === '-0' ? '0' : text;
  const decimal = exact ? decimalOf(text) : undefined;
  if (decimal !== undefined) return decimalText(decimal);
  const value = Number(text);
  return Number.isFinite(value) ? doubleText(value) : quote(String(value));
}

function escape(character: string): string {
  return SHORT.get(character) ?? `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

const ESCAPED = /["\\\u0000-\u001f]/g;
const SHORT: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);
