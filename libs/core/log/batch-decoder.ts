import {
  type BatchFault,
  type BatchHeader,
  BATCH_HEADER_BYTES,
  batchesIn,
  readBatchHeader,
  verifyBatch,
} from './batch-header.js';
import { BUILT_IN_CODECS } from './built-in-codecs.js';
import { type CompressionCodecs, decompress, DECOMPRESSION_LIMITS, type DecompressionLimits } from './compression.js';
import type { FetchedPartition } from './engine.js';
import { corruptBatch } from './errors.js';
import type { RecordHeader, StoredRecord } from './record.js';
import type { RecordRanges } from './record-digest.js';
import { VarintReader } from './varint.js';

export interface DecodeOptions {
  readonly codecs?: CompressionCodecs | undefined;
  readonly limits?: DecompressionLimits | undefined;
  /** Check the CRC first (default). Leave it out only for bytes whose checksum was just checked, as those of a fetch. */
  readonly verify?: boolean;
  /** The error for bytes that are no batch; `corrupt-batch` unless given. */
  readonly fault?: BatchFault;
}

export interface DecodedBatch {
  readonly header: BatchHeader;
  readonly records: StoredRecord[];
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([]);

/**
 * Walks the records of one batch. Each field of the present record is readable between two calls of `next`; key and value are given as
 * ranges of `bytes`, so that looking costs nothing. Length −1 means null.
 */
export class RecordCursor implements RecordRanges {
  /** What the ranges refer to: the batch itself, or its decompressed records. */
  readonly bytes: Uint8Array;
  offset = 0;
  offsetDelta = 0;
  timestamp = 0;
  keyAt = 0;
  keyLength = 0;
  valueAt = 0;
  valueLength = 0;
  /** What lies behind the timestamp of the record: its offset delta and all the rest, up to {@link recordEnd}. */
  restAt = 0;
  /** Where key, value and headers begin, which are the same bytes in any batch. */
  fieldsAt = 0;
  recordEnd = 0;
  private headerCount = 0;
  private headersAt = 0;
  private index = 0;
  private readonly reader: VarintReader;
  #view: DataView | undefined;

  /** `bytes` begin with the batch of this header. */
  constructor(
    readonly header: BatchHeader,
    bytes: Uint8Array,
    options: DecodeOptions = {},
  ) {
    const fault = options.fault ?? corruptBatch;
    const malformed = (why: string): Error => fault(why, { baseOffset: String(header.baseOffset), record: this.index });
    const { bytes: plain, at, end } = plainRecords(header, bytes, options, malformed);
    this.bytes = plain;
    this.reader = new VarintReader(plain, at, end, malformed);
  }

  /** Where the records begin in {@link bytes}, and where they end. */
  get reach(): { readonly from: number; readonly to: number } {
    return { from: this.header.compression === 0 ? BATCH_HEADER_BYTES : 0, to: this.reader.end };
  }

  /**
   * Moves to the next record; false after the last one.
   * @throws `corrupt-batch` (or the `fault` of the options) when the records are not what the header says, in number or length.
   */
  next(): boolean {
    const { reader, header } = this;
    if (this.index > 0 && reader.at !== this.recordEnd) {
      this.headerBytes();
    }
    if (this.index === header.recordCount) {
      if (reader.at !== reader.end) throw reader.malformed(`${reader.end - reader.at} bytes follow its last record`);
      return false;
    }
    if (!this.short()) this.long();
    this.index++;
    return true;
  }

  /** {@link bytes}, for reading several at once. */
  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length));
  }

  /**
   * Reads a record of the usual shape: each number short, everything where it belongs. False, with nothing changed, for any other, of which
   * {@link long} finds out what it is. Nearly every record goes this way, in a third of the time.
   */
  private short(): boolean {
    const { bytes, reader, header } = this;
    let at = reader.at;
    // What is read before the key takes 12 bytes at most.
    if (at + 16 > reader.end) return false;
    let z = bytes[at++]!;
    if (z >= 0x80) {
      const high = bytes[at++]!;
      if (high >= 0x80) return false;
      z = (z & 0x7f) | (high << 7);
    }
    const end = at + (z >>> 1);
    if ((z & 1) === 1 || end > reader.end) return false;
    at++; // record attributes: none are defined
    z = bytes[at++]!;
    if (z >= 0x80) {
      z &= 0x7f;
      let byte = 0x80;
      for (let shift = 7; byte >= 0x80; shift += 7) {
        if (shift > 21) return false;
        byte = bytes[at++]!;
        z |= (byte & 0x7f) << shift;
      }
    }
    const timestamp = header.logAppendTime ? header.maxTimestamp : header.baseTimestamp + ((z >>> 1) ^ -(z & 1));
    if (!Number.isSafeInteger(timestamp)) return false;
    const restAt = at;
    z = bytes[at++]!;
    if (z >= 0x80) {
      const middle = bytes[at++]!;
      z = (z & 0x7f) | ((middle & 0x7f) << 7);
      if (middle >= 0x80) {
        const high = bytes[at++]!;
        if (high >= 0x80) return false;
        z |= high << 14;
      }
    }
    if ((z & 1) === 1) return false;
    const offsetDelta = z >>> 1;
    const fieldsAt = at;
    z = bytes[at++]!;
    if (z >= 0x80) {
      const high = bytes[at++]!;
      if (high >= 0x80) return false;
      z = (z & 0x7f) | (high << 7);
    }
    const keyLength = (z >>> 1) ^ -(z & 1);
    const keyAt = at;
    if (keyLength > 0) at += keyLength;
    if (keyLength < -1 || at + 2 > end) return false;
    z = bytes[at++]!;
    if (z >= 0x80) {
      const high = bytes[at++]!;
      if (high >= 0x80) return false;
      z = (z & 0x7f) | (high << 7);
    }
    const valueLength = (z >>> 1) ^ -(z & 1);
    const valueAt = at;
    if (valueLength > 0) at += valueLength;
    if (valueLength < -1 || at >= end) return false;
    z = bytes[at++]!;
    const headerCount = z >>> 1;
    if (z >= 0x80 || (z & 1) === 1) return false;
    if (headerCount === 0 ? at !== end : headerCount * 2 > end - at) return false;
    this.recordEnd = end;
    this.timestamp = timestamp;
    this.restAt = restAt;
    this.offsetDelta = offsetDelta;
    this.offset = header.baseOffset + offsetDelta;
    this.fieldsAt = fieldsAt;
    this.keyLength = keyLength;
    this.keyAt = keyAt;
    this.valueLength = valueLength;
    this.valueAt = valueAt;
    this.headerCount = headerCount;
    this.headersAt = at;
    reader.at = at;
    return true;
  }

  private long(): void {
    const { reader, header } = this;
    const length = reader.int32();
    const end = reader.at + length;
    if (length < 0 || end > reader.end) throw reader.malformed('a record reaches beyond the end');
    this.recordEnd = end;
    reader.at++; // record attributes: none are defined
    const delta = reader.int64();
    this.timestamp = header.logAppendTime ? header.maxTimestamp : this.timestampOf(delta);
    this.restAt = reader.at;
    this.offsetDelta = reader.int32();
    this.offset = header.baseOffset + this.offsetDelta;
    this.fieldsAt = reader.at;
    this.keyLength = this.length();
    this.keyAt = reader.at;
    if (this.keyLength > 0) reader.at += this.keyLength;
    this.valueLength = this.length();
    this.valueAt = reader.at;
    if (this.valueLength > 0) reader.at += this.valueLength;
    this.headerCount = reader.int32();
    if (this.headerCount < 0) throw reader.malformed('a record has a negative number of headers');
    this.headersAt = reader.at;
    if (this.headerCount === 0 && reader.at !== end) throw reader.malformed('a record is longer than its fields');
    // A header takes two bytes at least: one that is only counted would be found by whoever reads the record, and by nobody before.
    if (this.headerCount * 2 > end - reader.at) throw reader.malformed('a record has fewer headers than it counts');
  }

  /** Headers of the present record; values are views. Keys that are not UTF-8 read with U+FFFD in place of the wrong bytes, as in Kafka's own client. */
  headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS;
    const { reader } = this;
    const headers: RecordHeader[] = [];
    reader.at = this.headersAt;
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.length();
      if (keyLength < 0) throw reader.malformed('a header has no key');
      const key = text(this.bytes, reader.at, keyLength);
      reader.at += keyLength;
      const valueLength = this.length();
      headers.push({ key, value: view(this.bytes, reader.at, valueLength) });
      if (valueLength > 0) reader.at += valueLength;
    }
    this.endHeaders();
    return headers;
  }

  /** Bytes of the keys and values of the present record's headers. @throws as {@link headers}. */
  headerBytes(): number {
    const { reader } = this;
    if (this.headerCount === 0) return 0;
    let bytes = 0;
    reader.at = this.headersAt;
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.length();
      if (keyLength < 0) throw reader.malformed('a header has no key');
      reader.at += keyLength;
      const valueLength = Math.max(0, this.length());
      reader.at += valueLength;
      bytes += keyLength + valueLength;
    }
    this.endHeaders();
    return bytes;
  }

  /** The key of the present record, a view of the batch. */
  key(): Uint8Array | null {
    return view(this.bytes, this.keyAt, this.keyLength);
  }

  /** The value of the present record, a view of the batch. */
  value(): Uint8Array | null {
    return view(this.bytes, this.valueAt, this.valueLength);
  }

  /** The present record as an object. Key, value and header values are views of the batch. */
  record(): StoredRecord {
    return {
      offset: this.offset,
      timestamp: this.timestamp,
      key: this.key(),
      value: this.value(),
      headers: this.headers(),
    };
  }

  /** Stands before the first record again, without decompressing anew. */
  rewind(): void {
    this.index = 0;
    this.reader.at = this.reach.from;
  }

  private endHeaders(): void {
    if (this.reader.at !== this.recordEnd) throw this.reader.malformed('a record is longer than its fields');
  }

  /** A length that stays inside the record; −1 for null. */
  private length(): number {
    const { reader } = this;
    const length = reader.int32();
    if (length < -1 || reader.at + length > this.recordEnd) throw reader.malformed('a field reaches beyond its record');
    return length;
  }

  private timestampOf(delta: number | bigint): number {
    const base = this.header.baseTimestamp;
    const sum = typeof delta === 'number' ? base + delta : NaN;
    if (Number.isSafeInteger(sum)) return sum;
    const exact = BigInt(base) + BigInt(delta);
    if (exact > BigInt(Number.MAX_SAFE_INTEGER) || exact < BigInt(Number.MIN_SAFE_INTEGER)) {
      throw this.reader.malformed('a timestamp is outside ±(2^53 − 1)');
    }
    return Number(exact);
  }
}

/** The records of a batch as they were before compression, and where they lie. */
function plainRecords(
  header: BatchHeader,
  bytes: Uint8Array,
  options: DecodeOptions,
  malformed: (why: string) => Error,
): { readonly bytes: Uint8Array; readonly at: number; readonly end: number } {
  if (header.compression === 0) return { bytes, at: BATCH_HEADER_BYTES, end: header.sizeBytes };
  const block = bytes.subarray(BATCH_HEADER_BYTES, header.sizeBytes);
  const { codecs = BUILT_IN_CODECS, limits = DECOMPRESSION_LIMITS } = options;
  const plain = decompress(header.compression, block, codecs, limits, malformed);
  return { bytes: plain, at: 0, end: plain.length };
}

/**
 * Reads one batch and its records. The records are views of the bytes (of the decompressed block, where there is one): they stay
 * valid as long as nobody writes there.
 * @throws `corrupt-batch` (or the `fault` of the options), `unsupported-compression`, `decompression-limit`.
 */
export function decodeBatch(bytes: Uint8Array, options: DecodeOptions = {}): DecodedBatch {
  const header =
    options.verify === false ? readBatchHeader(bytes, 0, options.fault) : verifyBatch(bytes, 0, options.fault);
  const cursor = new RecordCursor(header, bytes, options);
  const records: StoredRecord[] = [];
  while (cursor.next()) records.push(cursor.record());
  return { header, records };
}

/**
 * The records of a fetch from `offset` on, in offset order. Records below it, which the first batch may begin with, are dropped;
 * control batches are passed over. The checksums were checked by the engine and are not checked again.
 * @throws the error of the fetched partition, if it has one, before any record.
 */
export function* recordsFrom(
  fetched: FetchedPartition,
  offset: number,
  options: DecodeOptions = {},
): Generator<StoredRecord, void> {
  if (fetched.error !== undefined) throw fetched.error;
  for (const bytes of fetched.batches) {
    for (const { header, bytes: batch } of batchesIn(bytes, 0, options.fault)) {
      if (header.control || header.lastOffset < offset) continue;
      const cursor = new RecordCursor(header, batch, options);
      while (cursor.next()) if (cursor.offset >= offset) yield cursor.record();
    }
  }
}

/** A view of part of a batch, a Buffer so that its text is a call away; null for length −1. */
function view(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
}

function text(bytes: Uint8Array, at: number, length: number): string {
  if (length <= 24) {
    let ascii = '';
    let i = 0;
    for (; i < length; i++) {
      const byte = bytes[at + i]!;
      if (byte > 0x7f) break;
      ascii += String.fromCharCode(byte);
    }
    if (i === length) return ascii;
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8');
}
