import { doubleText, floatText } from '../java-numbers.js';

/** Longest number that is looked at, and the largest exponent; what goes beyond is left as spelled. */
const LONGEST = 1_000;
const LARGEST_EXPONENT = 400;

/**
 * A number in an option as the reference rewrites it when it normalises: read as Apache Commons reads a number of unknown type (octal after a leading
 * zero, 32-bit fractions where nothing seems to be lost), printed with Java's `DecimalFormat` (at most three decimals). Ids depend on both. Text that is no
 * number stays as it is.
 */
export function plainNumber(text: string): string {
  if (text.length > LONGEST) return text;
  const whole = wholeNumber(text.replace(/^(-?[0-9]+)[lL]$/, '$1'));
  if (whole !== undefined) return String(whole);
  return fraction(text) ?? text;
}

function wholeNumber(text: string): bigint | undefined {
  const parts = /^(-?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))$/.exec(text);
  if (parts === null) return undefined;
  const [, sign, hexadecimal, octal, decimal] = parts;
  const value =
    hexadecimal !== undefined
      ? BigInt(`0x${hexadecimal}`)
      : octal !== undefined
        ? BigInt(`0o${octal}`)
        : BigInt(decimal!);
  return sign === '-' ? -value : value;
}

function fraction(text: string): string | undefined {
  const parts = /^(-?)([0-9]*)(\.[0-9]*)?(?:[eE](-?[0-9]+))?([fFdD]?)$/.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', before = '', point = '', exponent, suffix = ''] = parts;
  const after = point.slice(1);
  // Whole numbers have been dealt with; what looks like one here has a leading zero and digits that are not octal.
  if (before + after === '' || (point === '' && exponent === undefined && suffix === '')) return undefined;
  const scale = after.length - Number(exponent ?? 0);
  if (Math.abs(scale) > LARGEST_EXPONENT) return undefined;
  const exact: Exact = { digits: BigInt(`${sign}${before}${after}`), scale };
  const value = Number(`${sign}${before || '0'}.${after || '0'}e${exponent ?? 0}`);
  const single = Math.fround(value);
  const lost = (rounded: number): boolean => !Number.isFinite(rounded) || (rounded === 0 && exact.digits !== 0n);
  if (suffix !== '') {
    const read = suffix.toLowerCase() === 'f' && !lost(single) ? single : value;
    return lost(read) || read === 0 ? exactText(exact) : doubleDecimals(read);
  }
  if (!lost(single) && floatText(single) === doubleText(value)) return doubleDecimals(single);
  return !lost(value) && isExactly(value, exact) ? doubleDecimals(value) : exactText(exact);
}

/** `digits` × 10^−`scale`. */
interface Exact {
  readonly digits: bigint;
  readonly scale: number;
}

/** Whether the shortest text that names the double names this very number. */
function isExactly(value: number, exact: Exact): boolean {
  const { digits, scale } = shortest(value);
  const shift = BigInt(Math.abs(scale - exact.scale));
  return scale > exact.scale ? digits === exact.digits * 10n ** shift : digits * 10n ** shift === exact.digits;
}

function shortest(value: number): Exact {
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const [whole, after = ''] = mantissa.split('.') as [string, string?];
  return { digits: BigInt(`${whole}${after}`), scale: after.length - Number(exponent) };
}

/** A double to three decimals. From 2^53 on it is whole, and the digits beyond its shortest text are zeros. */
function doubleDecimals(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Math.abs(value) >= 2 ** 53) return exactText(shortest(value));
  // The exact value, so that a half is only where there is one.
  let scale = 0;
  let scaled = value;
  for (; !Number.isInteger(scaled) && scale < 1_100; scale++) scaled *= 2;
  return rounded(BigInt(scaled) * 1_000n, 2n ** BigInt(scale), value < 0);
}

function exactText({ digits, scale }: Exact): string {
  return rounded(digits * 1_000n * 10n ** BigInt(Math.max(0, -scale)), 10n ** BigInt(Math.max(0, scale)), digits < 0n);
}

/** A fraction that counts thousandths, rounded to the nearest, halves to the even one. */
function rounded(numerator: bigint, denominator: bigint, negative: boolean): string {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const twice = (magnitude % denominator) * 2n;
  let thousandths = magnitude / denominator;
  if (twice > denominator || (twice === denominator && thousandths % 2n === 1n)) thousandths++;
  const digits = String(thousandths).padStart(4, '0');
  const decimals = digits.slice(-3).replace(/0+$/, '');
  return `${negative ? '-' : ''}${digits.slice(0, -3)}${decimals === '' ? '' : `.${decimals}`}`;
}
