import { ScalarType } from '@bufbuild/protobuf';
import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { JsonValue } from '#libs/core/kernel';
import { ExactNumber } from '../exact-json.js';
import { LONE_SURROGATE } from '../lossless-json.js';

/** A scalar of the wire, as JSON has it (the language's own JSON mapping). */
export interface ScalarForm {
  /** The value to write; undefined for JSON that is none. */
  read(value: unknown): ScalarValue | undefined;
  write(value: ScalarValue, out: BinaryWriter): void;
  decode(source: BinaryReader): JsonValue;
  /** What implicit presence leaves out. */
  isZero(value: ScalarValue): boolean;
  readonly zero: JsonValue;
  /** What is expected, in words. */
  readonly expected: string;
  /** 0 varint, 1 eight bytes, 2 with a length, 5 four bytes. */
  readonly wireType: 0 | 1 | 2 | 5;
}

export type ScalarValue = number | bigint | boolean | string | Uint8Array;

/** A whole number, also as decimal text, within bounds. */
export function wholeNumber(value: unknown, min: bigint, max: bigint): bigint | undefined {
  let text: string;
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) return undefined;
    text = String(value + 0);
  } else if (value instanceof ExactNumber) ({ text } = value);
  else if (typeof value === 'string') text = value;
  else return undefined;
  if (!/^-?[0-9]{1,20}$/.test(text)) return undefined;
  const whole = BigInt(text);
  return whole >= min && whole <= max ? whole : undefined;
}

function narrow(min: number, max: number): (value: unknown) => number | undefined {
  const [low, high] = [BigInt(min), BigInt(max)];
  return (value) => {
    if (typeof value === 'number')
      return Number.isInteger(value) && value >= min && value <= max ? value + 0 : undefined;
    const whole = wholeNumber(value, low, high);
    return whole === undefined ? undefined : Number(whole);
  };
}

function floating(largest: number): (value: unknown) => number | undefined {
  return (value) => {
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
    const text = value instanceof ExactNumber ? value.text : value;
    if (typeof text === 'string' && !/^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(text)) return undefined;
    const number = typeof text === 'string' || typeof text === 'number' ? Number(text) : NaN;
    return Number.isFinite(number) && Math.abs(number) <= largest ? number : undefined;
  };
}

function wellFormed(value: unknown): string | undefined {
  return typeof value === 'string' && !LONE_SURROGATE.test(value) ? value : undefined;
}

/** Standard and URL-safe base64, with and without padding. */
export function fromBase64(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) return undefined;
  return value.replace(/=+$/, '').length % 4 === 1 ? undefined : Buffer.from(value, 'base64');
}

/** Integers of 64 bits are decimal text, whatever their size. */
function wideJson(value: bigint | string): JsonValue {
  return String(value);
}

function floatJson(value: number): JsonValue {
  return Number.isFinite(value) ? value : String(value);
}

const isZeroNumber = (value: ScalarValue): boolean => Object.is(value, 0);
const INT32 = narrow(-(2 ** 31), 2 ** 31 - 1);
const UINT32 = narrow(0, 2 ** 32 - 1);
const INT64 = (value: unknown) => wholeNumber(value, -(2n ** 63n), 2n ** 63n - 1n);
const UINT64 = (value: unknown) => wholeNumber(value, 0n, 2n ** 64n - 1n);
const LARGEST_FLOAT = 3.4028234663852886e38;

type Small = 'int32' | 'uint32' | 'sint32' | 'fixed32' | 'sfixed32';
type Wide = 'int64' | 'uint64' | 'sint64' | 'fixed64' | 'sfixed64';

function small(method: Small, read: (value: unknown) => number | undefined, wireType: 0 | 5): ScalarForm {
  return {
    read,
    write: (value, out) => void out[method](value as number),
    decode: (source) => source[method](),
    isZero: isZeroNumber,
    zero: 0,
    expected: `an integer of 32 bits${read === UINT32 ? ' from 0' : ''}`,
    wireType,
  };
}

function wide(method: Wide, read: (value: unknown) => bigint | undefined, wireType: 0 | 1): ScalarForm {
  return {
    read,
    write: (value, out) => void out[method](value as bigint),
    decode: (source) => wideJson(source[method]()),
    isZero: (value) => value === 0n,
    zero: '0',
    expected: `an integer of 64 bits${read === UINT64 ? ' from 0' : ''} (as decimal text beyond ±(2^53 − 1))`,
    wireType,
  };
}

const STRING: ScalarForm = {
  read: wellFormed,
  write: (value, out) => void out.string(value as string),
  decode: (source) => source.string(true),
  isZero: (value) => value === '',
  zero: '',
  expected: 'well-formed text',
  wireType: 2,
};

/** Text of proto2, which nobody promised to be UTF-8: what is not is shown with U+FFFD. */
const LOOSE_STRING: ScalarForm = { ...STRING, decode: (source) => source.string(false) };

const FORMS: Readonly<Record<ScalarType, ScalarForm>> = {
  [ScalarType.INT32]: small('int32', INT32, 0),
  [ScalarType.SINT32]: small('sint32', INT32, 0),
  [ScalarType.SFIXED32]: small('sfixed32', INT32, 5),
  [ScalarType.UINT32]: small('uint32', UINT32, 0),
  [ScalarType.FIXED32]: small('fixed32', UINT32, 5),
  [ScalarType.INT64]: wide('int64', INT64, 0),
  [ScalarType.SINT64]: wide('sint64', INT64, 0),
  [ScalarType.SFIXED64]: wide('sfixed64', INT64, 1),
  [ScalarType.UINT64]: wide('uint64', UINT64, 0),
  [ScalarType.FIXED64]: wide('fixed64', UINT64, 1),
  [ScalarType.FLOAT]: {
    read: floating(LARGEST_FLOAT),
    write: (value, out) => void out.float(value as number),
    decode: (source) => floatJson(source.float()),
    isZero: isZeroNumber,
    zero: 0,
    expected: 'a number within the range of a float',
    wireType: 5,
  },
  [ScalarType.DOUBLE]: {
    read: floating(Number.MAX_VALUE),
    write: (value, out) => void out.double(value as number),
    decode: (source) => floatJson(source.double()),
    isZero: isZeroNumber,
    zero: 0,
    expected: 'a number',
    wireType: 1,
  },
  [ScalarType.BOOL]: {
    read: (value) => (typeof value === 'boolean' ? value : undefined),
    write: (value, out) => void out.bool(value as boolean),
    decode: (source) => source.bool(),
    isZero: (value) => value === false,
    zero: false,
    expected: 'true or false',
    wireType: 0,
  },
  [ScalarType.STRING]: STRING,
  [ScalarType.BYTES]: {
    read: fromBase64,
    write: (value, out) => void out.bytes(value as Uint8Array),
    decode: (source) => {
      const bytes = source.bytes();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
    },
    isZero: (value) => (value as Uint8Array).length === 0,
    zero: '',
    expected: 'bytes as base64 text',
    wireType: 2,
  },
};

export function scalarForm(type: ScalarType, utf8 = true): ScalarForm {
  return type === ScalarType.STRING && !utf8 ? LOOSE_STRING : FORMS[type];
}

/** A key of a map from the name of a member. */
export function mapKey(type: ScalarType, name: string): ScalarValue | undefined {
  if (type === ScalarType.BOOL) return name === 'true' ? true : name === 'false' ? false : undefined;
  return FORMS[type].read(name);
}
