import { ExactNumber, isDouble } from '../exact-json.js';
import { decimalOf } from '../java-numbers.js';

/**
 * Numbers of values and schemas as the decimals they are written as: 0.3 is three times 0.1. Doubles are used wherever they tell the same.
 */

/** −1, 0 or 1. Numbers with exponents beyond all measure count as infinite, or as zero. */
export function compareNumbers(a: number | ExactNumber, b: SchemaNumber): number {
  if (typeof a === 'number' && b.double !== null) return a < b.double ? -1 : a > b.double ? 1 : 0;
  return compareDecimals(textOf(a), b.text);
}

/** A number of a schema. */
export class SchemaNumber {
  /** Null where a double would change it. */
  readonly double: number | null;

  constructor(readonly text: string) {
    this.double = isDouble(text) ? Number(text) : null;
  }
}

/** Whether the number is whole, however written. */
export function isWhole(value: number | ExactNumber): boolean {
  if (typeof value === 'number') return Number.isInteger(value);
  if (value.integral) return true;
  const decimal = normal(value.text);
  return decimal !== undefined && decimal.digits.length <= decimal.exponent + 1;
}

/**
 * Whether `value` is a whole multiple of `of`. Undefined where that takes numbers of more than {@link LONGEST} digits, and for a divisor of zero.
 */
export function isMultiple(value: number | ExactNumber, of: SchemaNumber): boolean | undefined {
  if (Number.isSafeInteger(value) && of.double !== null && Number.isSafeInteger(of.double) && of.double !== 0) {
    return (value as number) % of.double === 0;
  }
  const [a, b] = [normal(textOf(value)), normal(of.text)];
  if (a === undefined || b === undefined || b.digits === '') return undefined;
  if (a.digits === '') return true;
  const low = Math.min(lastPlace(a), lastPlace(b));
  if (Math.max(a.exponent, b.exponent) - low > LONGEST) return undefined;
  return scaled(a, low) % scaled(b, low) === 0n;
}

/** A text that is equal for equal numbers. */
export function numberKey(value: number | ExactNumber): string {
  // Safe integers, and fractions, are never exact numbers, so that their texts can stand for themselves.
  if (typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value))) return String(value + 0);
  const decimal = normal(textOf(value));
  return decimal === undefined ? textOf(value) : `${decimal.negative ? '-' : ''}${decimal.digits}e${decimal.exponent}`;
}

const LONGEST = 2_000;

interface Normal {
  readonly negative: boolean;
  /** Without zeros at either end; empty for zero. */
  readonly digits: string;
  /** Power of ten of the first digit. */
  readonly exponent: number;
}

function textOf(value: number | ExactNumber): string {
  return typeof value === 'number' ? String(value) : value.text;
}

function normal(text: string): Normal | undefined {
  const decimal = decimalOf(text);
  if (decimal === undefined) return undefined;
  const { negative, scale } = decimal;
  let end = decimal.digits.length;
  while (end > 0 && decimal.digits.charCodeAt(end - 1) === ZERO) end--;
  return { negative, digits: decimal.digits.slice(0, end), exponent: decimal.digits.length - 1 - scale };
}

function lastPlace({ digits, exponent }: Normal): number {
  return exponent - digits.length + 1;
}

function scaled(decimal: Normal, low: number): bigint {
  return BigInt(decimal.digits.padEnd(decimal.exponent - low + 1, '0'));
}

function compareDecimals(one: string, other: string): number {
  const [a, b] = [normal(one), normal(other)];
  if (a === undefined || b === undefined) return Math.sign(Number(one) - Number(other)) || 0;
  const sign = signOf(a);
  if (sign === 0 && signOf(b) === 0) return 0;
  if (sign !== signOf(b)) return sign < signOf(b) ? -1 : 1;
  if (a.exponent !== b.exponent) return a.exponent < b.exponent === sign > 0 ? -1 : 1;
  const length = Math.max(a.digits.length, b.digits.length);
  const [x, y] = [a.digits.padEnd(length, '0'), b.digits.padEnd(length, '0')];
  return x === y ? 0 : x < y === sign > 0 ? -1 : 1;
}

function signOf({ negative, digits }: Normal): number {
  return digits === '' ? 0 : negative ? -1 : 1;
}

const ZERO = 0x30;
