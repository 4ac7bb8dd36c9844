/**
 * Numbers as Java reads and prints them. The reference registry passes numbers in schema text through Java's types, so its canonical
 * text, and with it ids and GUIDs, carry Java's spelling.
 */

/** `Double.toString` (JDK 19 and later: shortest text that reads back to the same value). Non-finite values as `NaN`, `Infinity`, `-Infinity`. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return layOut(value, digitsOf(value, Number));
}

/** `Float.toString` of the nearest 32-bit value. */
export function floatText(value: number): string {
  const single = Math.fround(value);
  if (!Number.isFinite(single)) return String(single);
  for (let precision = 1; precision <= 9; precision++) {
    const text = single.toExponential(precision - 1);
    if (Math.fround(Number(text)) === single) {
      // As with doubles, two digits are preferred to one where they are nearer to the exact value.
      const two = single.toExponential(1);
      return layOut(single, precision === 1 && Math.fround(Number(two)) === single ? split(two) : split(text));
    }
  }
  return layOut(single, split(single.toExponential(8)));
}

/**
 * `Double.parseDouble`: white space around it, a type suffix, `NaN`, `Infinity` and hexadecimal floats are allowed.
 * Undefined when the text is no number.
 */
export function parseJavaDouble(text: string): number | undefined {
  const trimmed = text.replace(JAVA_SPACE, '');
  if (trimmed.length > 1_000) return undefined;
  const named = /^([+-]?)(NaN|Infinity)$/.exec(trimmed);
  if (named) return named[2] === 'NaN' ? NaN : named[1] === '-' ? -Infinity : Infinity;
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?$/.test(trimmed)) {
    return Number(trimmed.replace(/[fFdD]$/, ''));
  }
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)[fFdD]?$/.exec(trimmed);
  if (hex === null || hex[2]! + hex[3]! === '') return undefined;
  const mantissa = Number(`0x${hex[2]!}${hex[3]!}`);
  const value = mantissa * 2 ** (Number(hex[4]) - 4 * hex[3]!.length);
  return hex[1] === '-' ? -value : value;
}

/** Decimal digits without leading or trailing zeros, and the exponent of the first one. */
interface Digits {
  readonly digits: string;
  readonly exponent: number;
}

function digitsOf(value: number, read: (text: string) => number): Digits {
  const shortest = split(value.toExponential());
  if (shortest.digits.length > 1) return shortest;
  // With a single digit Java also considers two and takes the nearest: 4.9E-324, not 5.0E-324.
  const two = value.toExponential(1);
  return read(two) === value ? split(two) : shortest;
}

function split(exponential: string): Digits {
  const [mantissa, exponent] = exponential.replace('-', '-').split('e') as [string, string];
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '');
  return { digits: digits === '' ? '0' : digits, exponent: Number(exponent) };
}

function layOut(value: number, { digits, exponent }: Digits): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${sign}0.0`;
  if (exponent >= -3 && exponent < 7) {
    if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
    const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
    return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
  }
  return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
}

// `String.trim`, which Java applies first, takes everything up to U+0020.
const JAVA_SPACE = /^[\u0000-\u0020]+|[\u0000-\u0020]+$/g;

/** A decimal number as digits and a power of ten: `digits` × 10^−`scale`. */
export interface Decimal {
  readonly negative: boolean;
  /** Without leading zeros, at least one. */
  readonly digits: string;
  readonly scale: number;
}

/** The exact value of a JSON number. Undefined when its exponent exceeds 32 bits. */
export function decimalOf(text: string): Decimal | undefined {
  const parts = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole, fraction = '', exponent = '0'] = parts;
  const scale = fraction.length - Number(exponent);
  if (!Number.isSafeInteger(scale) || Math.abs(scale) > 2 ** 31 - 1) return undefined;
  const digits = `${whole}${fraction}`.replace(/^0+(?=[0-9])/, '');
  return { negative: sign === '-' && digits !== '0', digits, scale };
}

/** `BigDecimal.toString`: plain where the point is near, scientific elsewhere; trailing zeros stay. */
export function decimalText({ negative, digits, scale }: Decimal): string {
  const sign = negative ? '-' : '';
  const exponent = digits.length - 1 - scale;
  if (scale === 0) return `${sign}${digits}`;
  if (scale > 0 && exponent >= -6) {
    const padded = digits.padStart(scale + 1, '0');
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
  }
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${sign}${mantissa}${exponent === 0 ? '' : `E${exponent > 0 ? '+' : ''}${exponent}`}`;
}
