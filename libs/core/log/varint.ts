/**
 * Zigzag varints as the records of a Kafka batch use them: sign folded into the lowest bit, then groups of 7 bits, low group first, the
 * high bit of a byte saying that more follow. Not the unsigned varints of Kafka's wire protocol, which have no zigzag.
 */

/** Bytes that {@link writeVarint} needs: 1 to 5. `value` is a signed 32-bit integer. */
export function varintSize(value: number): number {
  const z = ((value << 1) ^ (value >> 31)) >>> 0;
  if (z < 0x80) return 1;
  if (z < 0x4000) return 2;
  if (z < 0x20_0000) return 3;
  return z < 0x1000_0000 ? 4 : 5;
}

/** Writes a signed 32-bit integer and returns the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let z = ((value << 1) ^ (value >> 31)) >>> 0;
  while (z >= 0x80) {
    bytes[at++] = (z & 0x7f) | 0x80;
    z >>>= 7;
  }
  bytes[at++] = z;
  return at;
}

/** Largest magnitude whose zigzag form is still an exact number. */
const EXACT = 2 ** 52 - 1;

/** Bytes that {@link writeVarlong} needs: 1 to 8 for safe integers, up to 10 for a bigint of 64 bits. */
export function varlongSize(value: number | bigint): number {
  if (typeof value === 'bigint' || value > EXACT || value < -EXACT) {
    let size = 1;
    for (let z = zigzag(value); z >= 0x80n; z >>= 7n) size++;
    return size;
  }
  if ((value | 0) === value) return varintSize(value);
  let size = 1;
  for (let z = value < 0 ? -2 * value - 1 : 2 * value; z >= 0x80; z = Math.floor(z / 0x80)) size++;
  return size;
}

/** Writes a signed 64-bit integer, given as a safe integer or a bigint, and returns the position behind it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number | bigint): number {
  if (typeof value === 'bigint' || value > EXACT || value < -EXACT) {
    let z = zigzag(value);
    for (; z >= 0x80n; z >>= 7n) bytes[at++] = Number(z & 0x7fn) | 0x80;
    bytes[at++] = Number(z);
    return at;
  }
  if ((value | 0) === value) return writeVarint(bytes, at, value);
  let z = value < 0 ? -2 * value - 1 : 2 * value;
  while (z >= 0x80) {
    bytes[at++] = (z % 0x80) | 0x80;
    z = Math.floor(z / 0x80);
  }
  bytes[at++] = z;
  return at;
}

function zigzag(value: number | bigint): bigint {
  const n = BigInt(value);
  return BigInt.asUintN(64, (n << 1n) ^ (n >> 63n));
}

/** A read position in bytes. Reading never goes past `end`; what is malformed or cut short is thrown as `malformed(why)`. */
export class VarintReader {
  at: number;

  constructor(
    readonly bytes: Uint8Array,
    at: number,
    readonly end: number,
    readonly malformed: (why: string) => Error,
  ) {
    this.at = at;
  }

  /** A signed 32-bit varint. */
  int32(): number {
    if (this.at >= this.end) throw this.cut();
    let byte = this.bytes[this.at++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let z = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      if (this.at >= this.end) throw this.cut();
      byte = this.bytes[this.at++]!;
      if (shift === 28 && byte > 0x0f) break;
      z |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (z >>> 1) ^ -(z & 1);
    }
    throw this.malformed('a varint is longer than 32 bits');
  }

  /** A signed 64-bit varint: a number where it is a safe integer, a bigint otherwise. */
  int64(): number | bigint {
    let low = 0; // groups 0 to 3
    let middle = 0; // groups 4 to 7
    let high = 0; // groups 8 and 9
    for (let group = 0; group < 10; group++) {
      if (this.at >= this.end) throw this.cut();
      const byte = this.bytes[this.at++]!;
      if (group === 9 && byte > 1) break;
      const bits = byte & 0x7f;
      if (group < 4) low |= bits << (7 * group);
      else if (group < 8) middle |= bits << (7 * (group - 4));
      else high |= bits << (7 * (group - 8));
      if (byte < 0x80) return fold(low, middle, high);
    }
    throw this.malformed('a varint is longer than 64 bits');
  }

  private cut(): Error {
    return this.malformed('it ends inside a number');
  }
}

function fold(low: number, middle: number, high: number): number | bigint {
  if (high === 0 && middle < 2 ** 25) {
    const half = middle * 2 ** 27 + (low >>> 1);
    return (low & 1) === 0 ? half : -half - 1;
  }
  const z = BigInt(low) | (BigInt(middle) << 28n) | (BigInt(high) << 56n);
  const value = (z >> 1n) ^ -(z & 1n);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
