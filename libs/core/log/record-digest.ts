import { AppError } from '#libs/core/kernel';
import type { LogRecord } from './record.js';

/**
 * Digests that show whether two sets of records are equal, whatever the order they are visited in: a 128-bit hash per record over where
 * it came from and everything in it, summed lane by lane. Against accidents, not against someone who forges records: the hash
 * (the mixing of MurmurHash3, x86, 128 bits) is quick and not cryptographic.
 */
const C1 = 0x239b_961b;
const C2 = 0xab0e_9789 | 0;
const C3 = 0x38b3_4ae5;
const C4 = 0xa1e3_8b93 | 0;

/** Hash state: four lanes that take 16 bytes at a time. */
class Lanes {
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  private blocks = 0;

  reset(): void {
    this.a = this.b = this.c = this.d = this.blocks = 0;
  }

  block(k1: number, k2: number, k3: number, k4: number): void {
    let { a, b, c, d } = this;
    k1 = Math.imul(k1, C1);
    a ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
    a = (Math.imul(((a << 19) | (a >>> 13)) + b, 5) + 0x561c_cd1b) | 0;
    k2 = Math.imul(k2, C2);
    b ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
    b = (Math.imul(((b << 17) | (b >>> 15)) + c, 5) + 0x0bca_a747) | 0;
    k3 = Math.imul(k3, C3);
    c ^= Math.imul((k3 << 17) | (k3 >>> 15), C4);
    c = (Math.imul(((c << 15) | (c >>> 17)) + d, 5) + 0x96cd_1c35) | 0;
    k4 = Math.imul(k4, C4);
    d ^= Math.imul((k4 << 18) | (k4 >>> 14), C1);
    d = (Math.imul(((d << 13) | (d >>> 19)) + a, 5) + 0x32ac_3b17) | 0;
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
    this.blocks++;
  }

  /** Bytes of a length that was absorbed before; the last block is filled up with zeros. */
  bytes(bytes: Uint8Array): void {
    const length = bytes.length;
    let i = 0;
    for (; i + 16 <= length; i += 16) {
      this.block(word(bytes, i), word(bytes, i + 4), word(bytes, i + 8), word(bytes, i + 12));
    }
    if (i < length) {
      this.block(tail(bytes, i), tail(bytes, i + 4), tail(bytes, i + 8), tail(bytes, i + 12));
    }
  }

  /** Text of a length that was absorbed before, by UTF-16 code units. */
  text(text: string): void {
    for (let i = 0; i < text.length; i += 4) {
      this.block(
        text.charCodeAt(i),
        text.charCodeAt(i + 1) | 0,
        text.charCodeAt(i + 2) | 0,
        text.charCodeAt(i + 3) | 0,
      );
    }
  }

  finish(): void {
    let { a, b, c, d } = this;
    const n = this.blocks;
    a ^= n;
    b ^= n;
    c ^= n;
    d ^= n;
    a = (a + b + c + d) | 0;
    b = (b + a) | 0;
    c = (c + a) | 0;
    d = (d + a) | 0;
    a = mix(a);
    b = mix(b);
    c = mix(c);
    d = mix(d);
    a = (a + b + c + d) | 0;
    this.a = a;
    this.b = (b + a) | 0;
    this.c = (c + a) | 0;
    this.d = (d + a) | 0;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function tail(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = Math.min(at + 4, bytes.length) - 1; i >= at; i--) value = (value << 8) | bytes[i]!;
  return value;
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

const lanes = new Lanes();

/** Hashes a record into `lanes`. Every field is preceded by its length, so that no content can pass for another split of it. */
function digest(source: number, offset: number, record: LogRecord): void {
  const { key, value, headers, timestamp } = record;
  lanes.reset();
  lanes.block(source, Math.floor(offset / 0x1_0000_0000), offset | 0, headers.length);
  lanes.block(
    Math.floor(timestamp / 0x1_0000_0000),
    timestamp | 0,
    key === null ? -1 : key.length,
    value === null ? -1 : value.length,
  );
  if (key !== null) lanes.bytes(key);
  if (value !== null) lanes.bytes(value);
  for (const header of headers) {
    lanes.block(header.key.length, header.value === null ? -1 : header.value.length, 0x6865_6164, 0);
    lanes.text(header.key);
    if (header.value !== null) lanes.bytes(header.value);
  }
  lanes.finish();
}

/** The digest of one record as 32 hexadecimal digits, for naming the records that differ. */
export function digestRecord(source: number, offset: number, record: LogRecord): string {
  digest(source, offset, record);
  return hex(lanes.a) + hex(lanes.b) + hex(lanes.c) + hex(lanes.d);
}

const TEXT = /^d1:(0|[1-9][0-9]*):([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{8})$/;

/** Count and sum of the digests of a set of records. Equal sets have equal sums in any order of visiting, and sums of parts add up. */
export class DigestSum {
  #count = 0;
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** Records summed. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a record. `source` is a number for the partition it came from (of one topic, or as the caller numbers them), `offset` its
   * place there: on the far side of a copy still the source's coordinates.
   */
  add(source: number, offset: number, record: LogRecord): this {
    digest(source, offset, record);
    this.#count++;
    this.#a = (this.#a + lanes.a) | 0;
    this.#b = (this.#b + lanes.b) | 0;
    this.#c = (this.#c + lanes.c) | 0;
    this.#d = (this.#d + lanes.d) | 0;
    return this;
  }

  /** Adds the records of another sum. */
  merge(other: DigestSum): this {
    this.#count += other.#count;
    this.#a = (this.#a + other.#a) | 0;
    this.#b = (this.#b + other.#b) | 0;
    this.#c = (this.#c + other.#c) | 0;
    this.#d = (this.#d + other.#d) | 0;
    return this;
  }

  equals(other: DigestSum): boolean {
    return (
      this.#count === other.#count &&
      this.#a === other.#a &&
      this.#b === other.#b &&
      this.#c === other.#c &&
      this.#d === other.#d
    );
  }

  /** `d1:<count>:<32 hexadecimal digits>`; `d1` names the hash, so that a sum of another kind is never compared with it. */
  toString(): string {
    return `d1:${this.#count}:${hex(this.#a)}${hex(this.#b)}${hex(this.#c)}${hex(this.#d)}`;
  }

  /** The sum {@link toString} wrote. @throws `invalid-digest`. */
  static parse(text: string): DigestSum {
    const match = TEXT.exec(text);
    const sum = new DigestSum();
    sum.#count = match === null ? NaN : Number(match[1]);
    if (match === null || !Number.isSafeInteger(sum.#count)) {
      throw new AppError({
        kind: 'invalid',
        code: 'invalid-digest',
        message: 'This text is not a sum of record digests.',
      });
    }
    [sum.#a, sum.#b, sum.#c, sum.#d] = match.slice(2).map((lane) => parseInt(lane, 16) | 0) as [
      number,
      number,
      number,
      number,
    ];
    return sum;
  }
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}
