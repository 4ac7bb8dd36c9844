import { valueInvalid } from '../errors.js';

/** Bytes of the longest payload that is written. Defaults of defaults can make any number of bytes of a few characters. */
const LONGEST_PAYLOAD = 16 * 1024 * 1024;

/** Bytes of Avro's binary encoding, appended to a buffer that grows. Reused from value to value. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
    // One huge value must not pin its buffer for ever.
    if (this.#bytes.length > 1024 * 1024) this.#bytes = Buffer.allocUnsafeSlow(256);
  }

  /** A copy of what was written. */
  taken(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A 32-bit integer, zigzag and variable length. */
  int(value: number): void {
    this.#reserve(5);
    const bytes = this.#bytes;
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 0x80) {
      bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[this.#length++] = rest;
  }

  /** A 64-bit integer, zigzag and variable length. Numbers must be safe integers. */
  long(value: number | bigint): void {
    if (typeof value === 'number') {
      if ((value | 0) === value) return this.int(value);
      if (Math.abs(value) < 2 ** 52) return this.#wideNumber(value < 0 ? -2 * value - 1 : 2 * value);
    }
    const wide = BigInt(value);
    this.#reserve(10);
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** Length and UTF-8 bytes. */
  text(value: string): void {
    if (value.length < 48 && this.#shortAscii(value)) return;
    const size = Buffer.byteLength(value);
    this.long(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(value, this.#length, size, 'utf8');
  }

  /** Length and bytes. */
  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #wideNumber(zigzag: number): void {
    this.#reserve(10);
    let rest = zigzag;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Most texts are short and ASCII; written without a call out of JavaScript. False, and nothing written, for any other. */
  #shortAscii(value: string): boolean {
    const { length } = value;
    this.#reserve(length + 1);
    const bytes = this.#bytes;
    const start = this.#length;
    // Lengths below 64 take one byte.
    bytes[start] = length << 1;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[start + 1 + i] = code;
    }
    this.#length = start + 1 + length;
    return true;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    if (needed > LONGEST_PAYLOAD) throw valueInvalid('', `takes more than ${LONGEST_PAYLOAD} bytes when written`);
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
