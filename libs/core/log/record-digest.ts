import { AppError } from '#libs/core/kernel';
import type { LogRecord, RecordHeader } from './record.js';

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

  /**
   * Begins anew with the fields that every record has. Each field is preceded by its length (−1 for null), so that no content can pass for another split of it. One loop over
   * all of it, whose lanes stay in registers: twice as quick as a call of {@link block} for each sixteen bytes.
   */
  begin(numbers: Numbers, keyView: DataView, keyAt: number, valueView: DataView, valueAt: number): void {
    const { source, offset, timestamp, headers, keyLength, valueLength } = numbers;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let blocks = 0;
    let k1 = source;
    let k2 = Math.floor(offset / 0x1_0000_0000);
    let k3 = offset | 0;
    let k4 = headers;
    let view = keyView;
    let at = keyAt;
    let end = keyAt + Math.max(keyLength, 0);
    let inValue = false;
    for (;;) {
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
      if (++blocks === 1) {
        k1 = Math.floor(timestamp / 0x1_0000_0000);
        k2 = timestamp | 0;
        k3 = keyLength;
        k4 = valueLength;
        continue;
      }
      if (at >= end) {
        if (inValue || valueLength <= 0) break;
        inValue = true;
        view = valueView;
        at = valueAt;
        end = valueAt + valueLength;
      }
      if (at + 16 <= end) {
        k1 = view.getInt32(at, true);
        k2 = view.getInt32(at + 4, true);
        k3 = view.getInt32(at + 8, true);
        k4 = view.getInt32(at + 12, true);
      } else {
        k1 = tail(view, at, end);
        k2 = tail(view, at + 4, end);
        k3 = tail(view, at + 8, end);
        k4 = tail(view, at + 12, end);
      }
      at += 16;
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
    this.blocks = blocks;
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

  /** The bytes from `at` up to `end`, whose number was absorbed before; the last block is filled up with zeros. */
  bytes(view: DataView, at: number, end: number): void {
    for (; at + 16 <= end; at += 16) {
      this.block(
        view.getInt32(at, true),
        view.getInt32(at + 4, true),
        view.getInt32(at + 8, true),
        view.getInt32(at + 12, true),
      );
    }
    if (at < end) {
      this.block(tail(view, at, end), tail(view, at + 4, end), tail(view, at + 8, end), tail(view, at + 12, end));
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

/** Four bytes, or those that are left before `end`. */
function tail(view: DataView, at: number, end: number): number {
  if (at + 4 <= end) return view.getInt32(at, true);
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = (value << 8) | view.getUint8(i);
  return value;
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

const lanes = new Lanes();

/** A record that lies in a batch, as a {@link RecordCursor} shows it: where its key and its value are, length −1 for null. */
export interface RecordRanges {
  readonly timestamp: number;
  /** What the ranges refer to. */
  readonly view: DataView;
  readonly keyAt: number;
  readonly keyLength: number;
  readonly valueAt: number;
  readonly valueLength: number;
  headers(): readonly RecordHeader[];
}

/** What stands before the content of a record. */
interface Numbers {
  source: number;
  offset: number;
  timestamp: number;
  headers: number;
  keyLength: number;
  valueLength: number;
}

/** Used again for every record. */
const numbers: Numbers = { source: 0, offset: 0, timestamp: 0, headers: 0, keyLength: 0, valueLength: 0 };
const NOTHING = new DataView(new ArrayBuffer(0));

function end(headers: readonly RecordHeader[]): void {
  for (const { key, value } of headers) {
    lanes.block(key.length, value === null ? -1 : value.length, 0x6865_6164, 0);
    lanes.text(key);
    if (value !== null) lanes.bytes(viewOf(value), 0, value.length);
  }
  lanes.finish();
}

/** Hashes a record into `lanes`. */
function digest(source: number, offset: number, { key, value, headers, timestamp }: LogRecord): void {
  numbers.source = source;
  numbers.offset = offset;
  numbers.timestamp = timestamp;
  numbers.headers = headers.length;
  numbers.keyLength = key?.length ?? -1;
  numbers.valueLength = value?.length ?? -1;
  const keyView = key === null ? NOTHING : viewOf(key);
  lanes.begin(numbers, keyView, 0, value === null ? NOTHING : viewOf(value), 0);
  end(headers);
}

/** The same of a record where it lies, under its own key or under one that lies in other bytes. */
function digestRanges(
  source: number,
  offset: number,
  record: RecordRanges,
  key: DataView,
  keyAt: number,
  keyLength: number,
): void {
  const headers = record.headers();
  numbers.source = source;
  numbers.offset = offset;
  numbers.timestamp = record.timestamp;
  numbers.headers = headers.length;
  numbers.keyLength = keyLength;
  numbers.valueLength = record.valueLength;
  lanes.begin(numbers, key, keyAt, record.view, record.valueAt);
  end(headers);
}

/** Numbers that {@link writeDigest} writes. */
export const DIGEST_NUMBERS = 4;

/** Writes the digest of a record as it would be under another key, without where it came from, into a list of numbers: for whoever keeps those of many records. */
export function writeDigest(
  record: RecordRanges,
  key: DataView,
  keyAt: number,
  keyLength: number,
  into: Int32Array,
  to: number,
): void {
  digestRanges(0, 0, record, key, keyAt, keyLength);
  into[to] = lanes.a;
  into[to + 1] = lanes.b;
  into[to + 2] = lanes.c;
  into[to + 3] = lanes.d;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
    return this.#addLanes();
  }

  /** The same for a record that is read where it lies, which makes no objects. */
  addInPlace(source: number, offset: number, record: RecordRanges): this {
    digestRanges(source, offset, record, record.view, record.keyAt, record.keyLength);
    return this.#addLanes();
  }

  /** The same for one that has another key on the far side, which lies in other bytes. */
  addUnderKey(
    source: number,
    offset: number,
    record: RecordRanges,
    key: DataView,
    keyAt: number,
    keyLength: number,
  ): this {
    digestRanges(source, offset, record, key, keyAt, keyLength);
    return this.#addLanes();
  }

  /** Adds records whose digests are summed already, lane by lane. */
  addSum(count: number, lanes: Int32Array): this {
    this.#count += count;
    this.#a = (this.#a + lanes[0]!) | 0;
    this.#b = (this.#b + lanes[1]!) | 0;
    this.#c = (this.#c + lanes[2]!) | 0;
    this.#d = (this.#d + lanes[3]!) | 0;
    return this;
  }

  #addLanes(): this {
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
