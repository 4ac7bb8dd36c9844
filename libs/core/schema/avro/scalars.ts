import { ExactNumber } from '../exact-json.js';
import { LONG_MAX, LONG_MIN } from '../integers.js';
import { LONE_SURROGATE } from '../lossless-json.js';

/** JSON values as Avro scalars; undefined where they are none. The one place that says what fits. */

export function asInt(value: unknown): number | undefined {
  return typeof value === 'number' && (value | 0) === value ? value : undefined;
}

/** A safe integer, decimal text or an exact number, within 64 bits. A plain number beyond 2^53 has lost its last digits already and is refused. */
export function asLong(value: unknown): number | bigint | undefined {
  if (value instanceof ExactNumber) return asLong(value.text);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value === 'string') {
    if (!/^-?[0-9]{1,19}$/.test(value)) return undefined;
    const wide = BigInt(value);
    if (wide < LONG_MIN || wide > LONG_MAX) return undefined;
    const narrow = Number(wide);
    return Number.isSafeInteger(narrow) ? narrow : wide;
  }
  return undefined;
}

export function asDouble(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (value instanceof ExactNumber) return inRange(Number(value.text));
  if (value === 'NaN') return NaN;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  return undefined;
}

function inRange(nearest: number): number | undefined {
  return Number.isFinite(nearest) ? nearest : undefined;
}

/** As a double, unless it is finite and too large for 32 bits. */
export function asFloat(value: unknown): number | undefined {
  const wide = asDouble(value);
  if (wide === undefined || (Number.isFinite(wide) && !Number.isFinite(Math.fround(wide)))) return undefined;
  return wide;
}

/** Text without halves of surrogate pairs, which UTF-8 cannot hold. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && !LONE_SURROGATE.test(value) ? value : undefined;
}

export function asBytes(value: unknown, form: 'base64' | 'latin1'): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  if (form === 'latin1') return WIDE_CHARACTER.test(value) ? undefined : Buffer.from(value, 'latin1');
  if (!BASE64.test(value) || value.replace(/=+$/, '').length % 4 === 1) return undefined;
  return Buffer.from(value, 'base64');
}

/** A finite number as it is, any other as its name. */
export function doubleJson(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

const WIDE_CHARACTER = /[^\u0000-\u00ff]/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
