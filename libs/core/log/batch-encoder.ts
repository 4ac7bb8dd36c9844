import { batchCrc, AT, ATTRIBUTE, BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES } from './batch-header.js';
import { BUILT_IN_CODECS } from './built-in-codecs.js';
import { COMPRESSION_IDS, type CompressionCodecs, type CompressionName } from './compression.js';
import { batchTooLarge, invalidBatch, invalidRecord } from './errors.js';
import { writeInt16, writeInt32, writeInt64 } from './int64.js';
import { type LogRecord, NO_TIMESTAMP } from './record.js';
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.js';

/** Who writes a batch, so that a repeated one is recognised (section 10 of Kafka's format). */
export interface BatchProducer {
  readonly id: number;
  readonly epoch: number;
  readonly baseSequence: number;
  /** Part of a transaction of this producer. */
  readonly transactional?: boolean;
}

export interface EncodeOptions {
  /** `none` unless given. */
  readonly compression?: CompressionName;
  /** Where the compression is looked up; the built-in codecs unless given. */
  readonly codecs?: CompressionCodecs;
  readonly producer?: BatchProducer;
  /** Bits 3 and 5 of the attributes, for tests and for markers. */
  readonly logAppendTime?: boolean;
  readonly control?: boolean;
  /** Most bytes of the batch: one that compression makes larger than that is not compressed. One that is larger all the same is answered as it is. */
  readonly maxBytes?: number;
}

/** A batch's length is an int32; this leaves room for the prefix. */
const MAX_BATCH_BYTES = 0x7fff_ffff;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Collects records into one batch, encoding each as it comes. The base timestamp is the first record's, as Kafka's own producer does it.
 * `finish` hands out the bytes and empties the encoder; its buffer is used again. Not reentrant.
 */
export class BatchEncoder {
  private buffer: Buffer;
  /** Of the buffer, made when it is first needed. */
  private view: DataView | undefined;
  private at = BATCH_HEADER_BYTES;
  private records = 0;
  private baseTimestamp = NO_TIMESTAMP;
  private maxTimestamp = NO_TIMESTAMP;

  constructor(initialBytes = 16 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(initialBytes, 1024));
  }

  /** Records added since the last `finish` or `clear`. */
  get count(): number {
    return this.records;
  }

  /** Bytes it holds whatever is in it. */
  get roomBytes(): number {
    return this.buffer.length;
  }

  /** Bytes the batch has now, header included, before compression. */
  get sizeBytes(): number {
    return this.at;
  }

  /**
   * Adds a record. Its bytes are copied.
   * @throws `invalid-record` for a timestamp that is no safe integer or a header key that UTF-8 cannot carry; the batch is as before.
   */
  add(record: LogRecord): void {
    const { key, value, headers, timestamp } = record;
    let size = varintSize(headers.length);
    size += key === null ? 1 : varintSize(key.length) + key.length;
    size += value === null ? 1 : varintSize(value.length) + value.length;
    for (let i = 0; i < headers.length; i++) size += headerSize(headers[i]!.key, headers[i]!.value);

    let at = this.begin(timestamp, size);
    const buffer = this.buffer;
    at = writeBytes(buffer, at, key);
    at = writeBytes(buffer, at, value);
    at = writeVarint(buffer, at, headers.length);
    for (let i = 0; i < headers.length; i++) {
      at = writeText(buffer, at, headers[i]!.key);
      at = writeBytes(buffer, at, headers[i]!.value);
    }
    this.at = at;
    this.records++;
  }

  /**
   * Adds a record as it lies in another batch: its key, value and headers are the bytes of `view` from `at` up to `end`
   * ({@link RecordCursor.fieldsAt}, {@link RecordCursor.recordEnd}), taken over as they are.
   * @throws `invalid-record` for a timestamp that is no safe integer; the batch is as before.
   */
  addEncoded(timestamp: number, view: DataView, at: number, end: number): void {
    const to = this.begin(timestamp, end - at);
    this.at = copyBytes(view, at, end, (this.view ??= viewOf(this.buffer)), to);
    this.records++;
  }

  /**
   * Adds a record as it lies in another batch, under another key: that lies in `key` from `keyAt` on, and value and headers are the bytes of `view` from `at`, behind the key it has there, up to `end`
   * ({@link RecordCursor.recordEnd}).
   * @throws `invalid-record` for a timestamp that is no safe integer; the batch is as before.
   */
  addUnderKey(
    timestamp: number,
    key: Uint8Array,
    keyAt: number,
    keyLength: number,
    view: DataView,
    at: number,
    end: number,
  ): void {
    let to = this.begin(timestamp, varintSize(keyLength) + keyLength + end - at);
    const { buffer } = this;
    to = writeVarint(buffer, to, keyLength);
    if (keyLength < SMALL) for (let i = 0; i < keyLength; i++) buffer[to + i] = key[keyAt + i]!;
    else buffer.set(key.subarray(keyAt, keyAt + keyLength), to);
    this.at = copyBytes(view, at, end, (this.view ??= viewOf(buffer)), to + keyLength);
    this.records++;
  }

  /** Makes room for a record and writes what stands before its fields. @returns where those come. */
  private begin(timestamp: number, fieldsSize: number): number {
    if (!Number.isSafeInteger(timestamp)) {
      throw invalidRecord(`its timestamp ${timestamp} is not an integer within ±(2^53 − 1)`);
    }
    const first = this.records === 0;
    const base = first ? timestamp : this.baseTimestamp;
    let delta: number | bigint = timestamp - base;
    if (!Number.isSafeInteger(delta)) delta = BigInt(timestamp) - BigInt(base);
    const size = 1 + varlongSize(delta) + varintSize(this.records) + fieldsSize;
    this.reserve(this.at + size + 5);
    const buffer = this.buffer;
    let at = writeVarint(buffer, this.at, size);
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, delta);
    at = writeVarint(buffer, at, this.records);
    if (first) {
      this.baseTimestamp = timestamp;
      this.maxTimestamp = timestamp;
    } else if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
    return at;
  }

  /** The batch, in memory of its own, with base offset 0 and leader epoch 0. @throws `invalid-batch` when there is no record in it. */
  finish(options: EncodeOptions = {}): Buffer {
    const { records, baseTimestamp, maxTimestamp } = this;
    const plain = this.buffer.subarray(BATCH_HEADER_BYTES, this.at);
    const batch = frameBatch(plain, { records, baseTimestamp, maxTimestamp }, options);
    this.clear();
    return batch;
  }

  /** Forgets what was added. */
  clear(): void {
    this.at = BATCH_HEADER_BYTES;
    this.records = 0;
  }

  private reserve(bytes: number): void {
    if (bytes <= this.buffer.length) return;
    if (bytes > MAX_BATCH_BYTES) throw batchTooLarge(bytes, MAX_BATCH_BYTES);
    const larger = Buffer.allocUnsafeSlow(Math.min(MAX_BATCH_BYTES, Math.max(bytes, this.buffer.length * 2)));
    larger.set(this.buffer.subarray(0, this.at));
    this.buffer = larger;
    this.view = undefined;
  }
}

/** What the header of a batch says of its records, which count up from place 0. */
export interface BatchFacts {
  readonly records: number;
  /** What their timestamps are relative to: the first one's. */
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/**
 * A batch of records that are encoded already, with base offset 0 and leader epoch 0, in memory of its own or of `room`'s.
 * @throws `invalid-batch` for no records, `unsupported-compression`.
 */
export function frameBatch(
  plain: Uint8Array,
  facts: BatchFacts,
  options: EncodeOptions = {},
  room: (bytes: number) => Buffer = (bytes) => Buffer.allocUnsafeSlow(bytes),
): Buffer {
  const { records, baseTimestamp, maxTimestamp } = facts;
  if (records === 0) throw invalidBatch('it has no records');
  const { compression = 'none', codecs = BUILT_IN_CODECS, producer, maxBytes = Infinity } = options;
  let id = COMPRESSION_IDS[compression];
  let body = id === 0 ? plain : codecs.of(id).compress(plain);
  if (BATCH_HEADER_BYTES + body.length > maxBytes && body.length > plain.length) [id, body] = [0, plain];
  const size = BATCH_HEADER_BYTES + body.length;
  const batch = room(size);
  batch.set(body, BATCH_HEADER_BYTES);
  let attributes = id;
  if (options.logAppendTime) attributes |= ATTRIBUTE.logAppendTime;
  if (producer?.transactional) attributes |= ATTRIBUTE.transactional;
  if (options.control) attributes |= ATTRIBUTE.control;
  writeInt64(batch, AT.baseOffset, 0);
  writeInt32(batch, AT.batchLength, size - BATCH_PREFIX_BYTES);
  writeInt32(batch, AT.leaderEpoch, 0);
  batch[AT.magic] = 2;
  writeInt16(batch, AT.attributes, attributes);
  writeInt32(batch, AT.lastOffsetDelta, records - 1);
  writeInt64(batch, AT.baseTimestamp, baseTimestamp);
  writeInt64(batch, AT.maxTimestamp, maxTimestamp);
  writeInt64(batch, AT.producerId, producer?.id ?? -1);
  writeInt16(batch, AT.producerEpoch, producer?.epoch ?? -1);
  writeInt32(batch, AT.baseSequence, producer?.baseSequence ?? -1);
  writeInt32(batch, AT.recordCount, records);
  writeInt32(batch, AT.crc, batchCrc(batch, 0, size));
  return batch;
}

let shared = new BatchEncoder();
/** A larger buffer is not worth keeping for calls that may never come. */
const KEEP_BYTES = 4 * 1024 * 1024;

/**
 * An empty encoder for a batch that is finished before anybody else has a turn: one for all of them, since a buffer that grows anew with each batch leaves twice its bytes behind.
 */
export function sharedEncoder(): BatchEncoder {
  if (shared.roomBytes > KEEP_BYTES) shared = new BatchEncoder();
  shared.clear();
  return shared;
}

/**
 * Encodes records as one batch with base offset 0, offset deltas 0 … n − 1 and the first record's timestamp as base. The
 * result owns its memory. Equal input gives equal bytes.
 * @throws `invalid-batch` for no records, `invalid-record`, `unsupported-compression`.
 */
export function encodeBatch(records: readonly LogRecord[], options?: EncodeOptions): Buffer {
  const encoder = sharedEncoder();
  for (let i = 0; i < records.length; i++) encoder.add(records[i]!);
  return encoder.finish(options);
}

/** Most bytes that stand before the fields of a record: its length, attributes, timestamp and place. */
export const MAX_RECORD_HEAD_BYTES = 5 + 1 + 10 + 5;

/** Most bytes a record can take in a batch: for deciding whether it still fits before adding it. */
export function maxRecordSize(record: LogRecord): number {
  let size = MAX_RECORD_HEAD_BYTES + 15 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) size += headerSize(header.key, header.value);
  return size;
}

function headerSize(key: string, value: Uint8Array | null): number {
  const keyBytes = utf8Size(key);
  return varintSize(keyBytes) + keyBytes + (value === null ? 1 : varintSize(value.length) + value.length);
}

function utf8Size(text: string): number {
  if (isAscii(text)) return text.length;
  if (LONE_SURROGATE.test(text)) throw invalidRecord('a header key holds half of a surrogate pair');
  return Buffer.byteLength(text, 'utf8');
}

function isAscii(text: string): boolean {
  if (text.length > 256) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function writeText(buffer: Buffer, at: number, text: string): number {
  if (isAscii(text)) {
    at = writeVarint(buffer, at, text.length);
    for (let i = 0; i < text.length; i++) buffer[at + i] = text.charCodeAt(i);
    return at + text.length;
  }
  at = writeVarint(buffer, at, Buffer.byteLength(text, 'utf8'));
  return at + buffer.write(text, at, 'utf8');
}

/** Below this many bytes a plain loop beats the call of `set`. */
const SMALL = 48;

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(buffer, at, -1);
  const length = bytes.length;
  at = writeVarint(buffer, at, length);
  if (length < SMALL) for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!;
  else buffer.set(bytes, at);
  return at + length;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** From here on the call of `set` is worth its cost. */
const LARGE = 512;

/** Copies `view` from `at` up to `end`. A call of `set` takes as long as copying two hundred bytes four at a time. @returns the place behind the copy. */
function copyBytes(view: DataView, at: number, end: number, target: DataView, to: number): number {
  if (end - at >= LARGE) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, end - at);
    new Uint8Array(target.buffer, target.byteOffset).set(bytes, to);
    return to + bytes.length;
  }
  for (; at + 4 <= end; at += 4, to += 4) target.setInt32(to, view.getInt32(at));
  for (; at < end; at++, to++) target.setUint8(to, view.getUint8(at));
  return to;
}
