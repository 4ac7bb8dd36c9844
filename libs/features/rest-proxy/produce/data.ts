import { doubleText, ExactNumber } from '#libs/core/schema';
import { badRequest } from '../errors.js';

/** How data without a schema becomes bytes (section 4.2 of the contract). */
export const PLAIN_TYPES = ['BINARY', 'JSON', 'STRING'] as const;
export type PlainType = (typeof PLAIN_TYPES)[number];

/** Null for null. @throws 400 for data that the type does not take. */
export function plainBytes(type: PlainType, data: unknown): Uint8Array | null {
  if (data === null) return null;
  switch (type) {
    case 'BINARY':
      return base64Bytes(data);
    case 'STRING':
      if (typeof data !== 'string') throw badRequest(`data=${shown(data)} is not a string.`);
      return Buffer.from(data, 'utf8');
    case 'JSON':
      return Buffer.from(jsonText(data), 'utf8');
  }
}

/** The standard alphabet, padding optional. @throws 400. */
export function base64Bytes(data: unknown): Buffer {
  if (typeof data !== 'string') throw badRequest(`data=${shown(data)} is not a base64 string.`);
  const digits = data.replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(digits) || digits.length % 4 === 1)
    throw badRequest(`data=${shown(data)} is not a valid base64 string.`);
  return Buffer.from(digits, 'base64');
}

/**
 * JSON as the reference writes it again: without spaces, integers as they were, fractions and exponents as Java's double has them, control characters in
 * capitals. Partitions of JSON keys rest on these bytes.
 */
export function jsonText(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : doubleText(value);
  if (value instanceof ExactNumber) return numberText(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([name, member]) => `${quoted(name)}:${jsonText(member)}`);
  return `{${members.join(',')}}`;
}

function numberText(number: ExactNumber): string {
  if (number.integral) return number.text === '-0' ? '0' : number.text;
  const double = Number(number.text);
  // What no double holds is infinite there, and no number in JSON.
  return Number.isFinite(double) ? doubleText(double) : `"${doubleText(double)}"`;
}

function quoted(text: string): string {
  const json = JSON.stringify(text);
  return CONTROLS.test(text)
    ? json.replace(/\\(u00[0-9a-f]{2}|.)/g, (escape) =>
        escape.startsWith('\\u') ? `\\u${escape.slice(2).toUpperCase()}` : escape,
      )
    : json;
}

const CONTROLS = /[\u0000-\u001f]/;
const LONGEST_SHOWN = 100;

/** A value in a message, cut short. */
function shown(value: unknown): string {
  const text = jsonText(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** Numbers as codecs take them: those a double holds are plain, whatever their spelling. Whole numbers written with a fraction stay what they are: no integers. */
export function plainNumbers(value: unknown): unknown {
  if (value instanceof ExactNumber) return fitting(value);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainNumbers(member)]));
}

function fitting(number: ExactNumber): unknown {
  const double = Number(number.text);
  if (number.integral) return Number.isSafeInteger(double) ? double || 0 : number;
  return Number.isInteger(double) || !Number.isFinite(double) ? number : double;
}
