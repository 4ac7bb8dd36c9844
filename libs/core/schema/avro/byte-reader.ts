import type { JsonValue } from '#libs/core/kernel';
import { payloadInvalid } from '../errors.js';
import { VALUE_DEPTH } from '../limits.js';
import type { ValueBudget } from '../value-budget.js';

/** Reads Avro's binary encoding. Lengths and counts are checked against what is there before anything is made of them. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  depth = 0;

  constructor(
    bytes: Uint8Array,
    start: number,
    /** What the values that are read take from. */
    readonly values: ValueBudget,
  ) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  /** Where the next value begins. May be set back to read a value again. */
  get position(): number {
    return this.#at;
  }

  set position(at: number) {
    this.#at = at;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) fail(`${left} bytes are left over`);
  }

  boolean(): boolean {
    const byte = this.#byte();
    if (byte > 1) fail('a boolean is neither 0 nor 1');
    return byte === 1;
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'string' || (value | 0) !== value) fail('an int exceeds 32 bits');
    return value as number;
  }

  /** A number, or decimal text where a number would round. */
  long(): number | string {
    const bytes = this.#bytes;
    let byte = this.#byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    let scale = 0x80;
    // Seven bytes hold 49 bits, which a number takes exactly.
    for (let i = 1; i < 7; i++) {
      byte = bytes[this.#at++] ?? this.#short();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 0x80;
    }
    let wide = BigInt(value);
    for (let shift = 49n; ; shift += 7n) {
      byte = this.#byte();
      wide += BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
      if (shift === 63n) fail('a long takes more than ten bytes');
    }
    if (wide >= 1n << 64n) fail('a long exceeds 64 bits');
    const signed = (wide >> 1n) ^ -(wide & 1n);
    const narrow = Number(signed);
    return Number.isSafeInteger(narrow) ? narrow : String(signed);
  }

  float(): number {
    return this.#bytes.readFloatLE(this.#take(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  length(): number {
    const length = this.long();
    if (typeof length === 'string' || length < 0) fail('a length is negative or too large');
    return length as number;
  }

  text(length: number, form: 'utf8' | 'base64' | 'latin1'): string {
    const start = this.#take(length);
    return this.#bytes.toString(form, start, start + length);
  }

  /** Number of items in the next block of an array or map; 0 at its end. */
  block(): number {
    let count = this.long();
    if (typeof count === 'string') return fail('a block count exceeds every limit');
    if (count < 0) {
      this.length();
      count = -count;
    }
    this.values.spend(count);
    return count;
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? this.#short();
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) this.#short();
    this.#at = start + length;
    return start;
  }

  #short(): never {
    return fail('they end in the middle of a value');
  }
}

/** A reading function that counts as one level of nesting. */
export function nested(read: (source: ByteReader) => JsonValue): (source: ByteReader) => JsonValue {
  return (source) => {
    if (++source.depth > VALUE_DEPTH) fail(`they nest deeper than ${VALUE_DEPTH}`);
    const value = read(source);
    source.depth--;
    return value;
  };
}

function fail(reason: string): never {
  throw payloadInvalid(reason);
}
