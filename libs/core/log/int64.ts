/**
 * 64-bit big-endian integers as JavaScript numbers. Only safe integers (−2^53+1 … 2^53−1) have a number of their own, so everything
 * else is refused by the caller: reading answers NaN, writing is only defined for safe integers.
 */

const TWO_32 = 0x1_0000_0000;

/** The signed 64-bit integer at `at`, or NaN when it is not a safe integer. */
export function readInt64(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const low = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
  if (high < -0x20_0000 || high > 0x1f_ffff || (high === -0x20_0000 && low === 0)) return NaN;
  return high * TWO_32 + low;
}

/** Writes a safe integer as signed 64-bit. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  writeInt32(bytes, at, high);
  writeInt32(bytes, at + 4, value - high * TWO_32);
}

/** The signed 32-bit integer at `at`. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Writes the low 32 bits of an integer; unsigned values are written the same way. */
export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** The signed 16-bit integer at `at`. */
export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

/** Writes the low 16 bits of an integer. */
export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
