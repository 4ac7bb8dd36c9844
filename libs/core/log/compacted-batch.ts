import { type DecodeOptions, RecordCursor } from './batch-decoder.js';
import { AT, ATTRIBUTE, BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES, batchCrc, type BatchHeader } from './batch-header.js';
import { BUILT_IN_CODECS } from './built-in-codecs.js';
import { type CompressionCodecs } from './compression.js';
import { writeInt16, writeInt32, writeInt64 } from './int64.js';
import type { LatestOffsets } from './latest-offsets.js';
import { NO_TIMESTAMP } from './record.js';
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.js';

/** One pass of compaction over a partition. */
export interface CompactionPass {
  readonly latest: LatestOffsets;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly codecs?: CompressionCodecs;
}

/** A record that stays: where its bytes lie, and what is new about it. */
interface Kept {
  /** Behind the timestamp. */
  readonly restAt: number;
  readonly end: number;
  readonly timestamp: number;
}

/**
 * What compaction leaves of a stored batch: the batch itself (the same array) when nothing changes, a new one with fewer records, or undefined when none stays.
 * A record stays when it lies outside the pass, or when it is the newest of its key and has a value or is a tombstone whose time is not over; records without a
 * key go. Base offset, last offset, producer and the offsets of the records stay what they were, and so does the compression; the timestamps of the header
 * follow the records. The first pass that keeps a tombstone notes in the batch when it may go (bit 6 of the attributes: the base timestamp is that time).
 * Source: section 8 of the format reference.
 * @throws `corrupt-batch`, `unsupported-compression`, `decompression-limit`.
 */
export function compactBatch(header: BatchHeader, bytes: Uint8Array, pass: CompactionPass): Uint8Array | undefined {
  if (header.control || header.baseOffset >= pass.latest.upTo) return bytes;
  const options: DecodeOptions = pass.codecs === undefined ? {} : { codecs: pass.codecs };
  const horizon = horizonOf(header);
  const kept: Kept[] = [];
  let tombstones = false;
  const cursor = new RecordCursor(header, bytes, options);
  while (cursor.next()) {
    if (!stays(cursor, horizon, pass)) continue;
    if (cursor.valueLength < 0 && cursor.offset < pass.latest.upTo) tombstones = true;
    kept.push({ restAt: cursor.restAt, end: cursor.recordEnd, timestamp: cursor.timestamp });
  }
  if (kept.length === 0) return undefined;
  const mayGoAt = tombstones ? (horizon ?? horizonFrom(pass)) : undefined;
  if (kept.length === header.recordCount && mayGoAt === (tombstones ? horizon : undefined)) return bytes;
  return rewrite(header, bytes, cursor.bytes, kept, mayGoAt, pass.codecs ?? BUILT_IN_CODECS);
}

/** The header alone: it keeps the place of records that went, so that the end of a log does not go back. */
export function emptiedBatch(header: BatchHeader, bytes: Uint8Array): Uint8Array {
  const empty = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES);
  empty.set(bytes.subarray(0, BATCH_HEADER_BYTES));
  const attributes = header.attributes & ~(ATTRIBUTE.compression | ATTRIBUTE.deleteHorizon);
  return sealed(empty, attributes, NO_TIMESTAMP, NO_TIMESTAMP, 0);
}

/** When tombstones that are met now may go, undefined for never. */
function horizonFrom({ nowMs, deleteRetentionMs }: CompactionPass): number | undefined {
  const horizon = nowMs + deleteRetentionMs;
  return Number.isSafeInteger(horizon) ? horizon : undefined;
}

/** When the tombstones of a batch may go, undefined when no compaction has met them yet. */
function horizonOf(header: BatchHeader): number | undefined {
  return (header.attributes & ATTRIBUTE.deleteHorizon) === 0 ? undefined : header.baseTimestamp;
}

function stays(cursor: RecordCursor, horizon: number | undefined, { latest, nowMs }: CompactionPass): boolean {
  if (cursor.offset >= latest.upTo) return true;
  if (cursor.keyLength < 0) return false;
  const newest = latest.of(cursor);
  if (newest !== undefined && newest > cursor.offset) return false;
  return cursor.valueLength >= 0 || horizon === undefined || nowMs < horizon;
}

function rewrite(
  header: BatchHeader,
  bytes: Uint8Array,
  records: Uint8Array,
  kept: readonly Kept[],
  horizon: number | undefined,
  codecs: CompressionCodecs,
): Uint8Array {
  const base = horizon ?? kept[0]!.timestamp;
  let maxTimestamp = NO_TIMESTAMP;
  let size = BATCH_HEADER_BYTES;
  const sizes = kept.map(({ restAt, end, timestamp }) => {
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    const length = 1 + varlongSize(delta(timestamp, base)) + end - restAt;
    size += varintSize(length) + length;
    return length;
  });
  const plain = Buffer.allocUnsafeSlow(size);
  let at = BATCH_HEADER_BYTES;
  kept.forEach(({ restAt, end, timestamp }, index) => {
    at = writeVarint(plain, at, sizes[index]!);
    plain[at++] = 0;
    at = writeVarlong(plain, at, delta(timestamp, base));
    plain.set(records.subarray(restAt, end), at);
    at += end - restAt;
  });
  let batch = plain;
  if (header.compression !== 0) {
    const body = codecs.of(header.compression).compress(plain.subarray(BATCH_HEADER_BYTES));
    batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + body.length);
    batch.set(body, BATCH_HEADER_BYTES);
  }
  batch.set(bytes.subarray(0, BATCH_HEADER_BYTES));
  const bits = header.attributes & ~ATTRIBUTE.deleteHorizon;
  const attributes = horizon === undefined ? bits : bits | ATTRIBUTE.deleteHorizon;
  return sealed(batch, attributes, base, maxTimestamp, kept.length);
}

function delta(timestamp: number, base: number): number | bigint {
  const difference = timestamp - base;
  return Number.isSafeInteger(difference) ? difference : BigInt(timestamp) - BigInt(base);
}

/** Sets the fields of the header that compaction changes, and the checksum. */
function sealed(
  batch: Buffer,
  attributes: number,
  baseTimestamp: number,
  maxTimestamp: number,
  recordCount: number,
): Uint8Array {
  writeInt32(batch, AT.batchLength, batch.length - BATCH_PREFIX_BYTES);
  writeInt16(batch, AT.attributes, attributes);
  writeInt64(batch, AT.baseTimestamp, baseTimestamp);
  writeInt64(batch, AT.maxTimestamp, maxTimestamp);
  writeInt32(batch, AT.recordCount, recordCount);
  writeInt32(batch, AT.crc, batchCrc(batch, 0, batch.length));
  return batch;
}
