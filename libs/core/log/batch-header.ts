import { crc32c } from '@node-rs/crc32';
import { AppError } from '#libs/core/kernel';
import { corruptBatch } from './errors.js';
import { readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from './int64.js';

/** Bytes before the records of a batch (Kafka record batch, magic 2). */
export const BATCH_HEADER_BYTES = 61;
/** The two fields in front of what `batchLength` counts. */
export const BATCH_PREFIX_BYTES = 12;

/** Where the fields of the header lie. */
export const AT = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

/** Bits of the attributes field. */
export const ATTRIBUTE = {
  compression: 0b111,
  logAppendTime: 1 << 3,
  transactional: 1 << 4,
  control: 1 << 5,
  deleteHorizon: 1 << 6,
} as const;

/** The header of a record batch as it stands in the bytes. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** `baseOffset + lastOffsetDelta`. */
  readonly lastOffset: number;
  /** Bytes of the whole batch, prefix included. */
  readonly sizeBytes: number;
  readonly leaderEpoch: number;
  /** Unsigned CRC-32C over everything from the attributes on. */
  readonly crc: number;
  readonly attributes: number;
  /** Number of the compression, see `COMPRESSION_IDS`. */
  readonly compression: number;
  /** All records read as having `maxTimestamp`. */
  readonly logAppendTime: boolean;
  readonly transactional: boolean;
  /** A transaction marker, never handed to readers. */
  readonly control: boolean;
  readonly lastOffsetDelta: number;
  /** Epoch ms that the records' timestamps are relative to (with bit 6: the time from which tombstones may go). */
  readonly baseTimestamp: number;
  /** As the writer said; nothing checks it against the records, so time lookups look at those. */
  readonly maxTimestamp: number;
  /** −1: none; the same for epoch and sequence. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Records present; after compaction fewer than `lastOffsetDelta + 1`. */
  readonly recordCount: number;
}

/** What to make of bytes that are no batch: `invalidBatch` where a client sent them, `corruptBatch` where they were stored. */
export type BatchFault = (why: string, details?: Readonly<Record<string, unknown>>) => AppError;

/**
 * The header of the batch at `at`. The bytes must reach to its end. Only what is needed to read it is checked: length, magic, and that
 * 64-bit fields are safe integers. {@link verifyBatch} checks the rest.
 * @throws `corrupt-batch`, or what `fault` makes.
 */
export function readBatchHeader(bytes: Uint8Array, at = 0, fault: BatchFault = corruptBatch): BatchHeader {
  const available = bytes.length - at;
  if (available < BATCH_HEADER_BYTES) {
    throw fault(`it has ${available} bytes where a header alone takes ${BATCH_HEADER_BYTES}`);
  }
  const magic = bytes[at + AT.magic]!;
  if (magic !== 2) throw fault(`its format version (magic) is ${magic}, not 2`, { magic });
  const sizeBytes = readInt32(bytes, at + AT.batchLength) + BATCH_PREFIX_BYTES;
  if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > available) {
    throw fault(`its length field says ${sizeBytes} bytes where ${available} are there`, { sizeBytes, available });
  }
  const attributes = readInt16(bytes, at + AT.attributes);
  const baseOffset = readInt64(bytes, at + AT.baseOffset);
  const lastOffsetDelta = readInt32(bytes, at + AT.lastOffsetDelta);
  const baseTimestamp = readInt64(bytes, at + AT.baseTimestamp);
  const maxTimestamp = readInt64(bytes, at + AT.maxTimestamp);
  const producerId = readInt64(bytes, at + AT.producerId);
  if (!Number.isSafeInteger(baseOffset + lastOffsetDelta)) throw fault('its offset is outside ±(2^53 − 1)');
  if (Number.isNaN(baseTimestamp + maxTimestamp)) throw fault('its timestamp is outside ±(2^53 − 1)');
  if (Number.isNaN(producerId)) throw fault('its producer id is outside ±(2^53 − 1)');
  return {
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    sizeBytes,
    leaderEpoch: readInt32(bytes, at + AT.leaderEpoch),
    crc: readInt32(bytes, at + AT.crc) >>> 0,
    attributes,
    compression: attributes & ATTRIBUTE.compression,
    logAppendTime: (attributes & ATTRIBUTE.logAppendTime) !== 0,
    transactional: (attributes & ATTRIBUTE.transactional) !== 0,
    control: (attributes & ATTRIBUTE.control) !== 0,
    lastOffsetDelta,
    baseTimestamp,
    maxTimestamp,
    producerId,
    producerEpoch: readInt16(bytes, at + AT.producerEpoch),
    baseSequence: readInt32(bytes, at + AT.baseSequence),
    recordCount: readInt32(bytes, at + AT.recordCount),
  };
}

/** CRC-32C (Castagnoli) of the part of a batch that is under its checksum. */
export function batchCrc(bytes: Uint8Array, at: number, sizeBytes: number): number {
  return crc32c(bytes.subarray(at + AT.attributes, at + sizeBytes));
}

/**
 * Checks the batch at `at` as a whole: length, magic, CRC-32C, and counts that can be true. The records themselves are not read.
 * @throws `corrupt-batch`, or what `fault` makes.
 */
export function verifyBatch(bytes: Uint8Array, at = 0, fault: BatchFault = corruptBatch): BatchHeader {
  const header = readBatchHeader(bytes, at, fault);
  const crc = batchCrc(bytes, at, header.sizeBytes);
  if (crc !== header.crc) {
    throw fault('its checksum does not match its content', { expected: hex(header.crc), computed: hex(crc) });
  }
  if (header.recordCount < 0 || header.lastOffsetDelta < 0 || header.recordCount > header.lastOffsetDelta + 1) {
    throw fault(`it counts ${header.recordCount} records within ${header.lastOffsetDelta + 1} offsets`);
  }
  return header;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

/**
 * Gives a batch its place, in the bytes themselves. Both fields lie outside the checksum, which therefore stays valid.
 * `baseOffset` is a safe integer ≥ 0; `leaderEpoch` an int32 (the generation of the topic).
 */
export function stampBatch(bytes: Uint8Array, baseOffset: number, leaderEpoch: number, at = 0): void {
  writeInt64(bytes, at + AT.baseOffset, baseOffset);
  writeInt32(bytes, at + AT.leaderEpoch, leaderEpoch);
}

/** Gives all records of a batch the time of its append, in the bytes themselves: bit 3, `maxTimestamp`, and the checksum made anew. */
export function stampAppendTime(bytes: Uint8Array, timeMs: number, at: number, sizeBytes: number): void {
  writeInt16(bytes, at + AT.attributes, readInt16(bytes, at + AT.attributes) | ATTRIBUTE.logAppendTime);
  writeInt64(bytes, at + AT.maxTimestamp, timeMs);
  writeInt32(bytes, at + AT.crc, batchCrc(bytes, at, sizeBytes));
}

/** One batch inside a longer buffer. */
export interface BatchSlice {
  readonly header: BatchHeader;
  /** A view, not a copy. */
  readonly bytes: Uint8Array;
  /** Where it starts in the buffer. */
  readonly at: number;
}

/**
 * The whole batches of a buffer from `from` on, one after another, as views. A partial batch at the end is ignored, as a fetch cut at a byte limit leaves
 * it. Nothing but what {@link readBatchHeader} checks is checked.
 * @throws `corrupt-batch` for bytes that cannot be the start of a batch.
 */
export function* batchesIn(
  buffer: Uint8Array,
  from = 0,
  fault: BatchFault = corruptBatch,
): Generator<BatchSlice, void> {
  for (let at = from; buffer.length - at >= BATCH_PREFIX_BYTES;) {
    const sizeBytes = readInt32(buffer, at + AT.batchLength) + BATCH_PREFIX_BYTES;
    if (sizeBytes < BATCH_HEADER_BYTES) throw fault(`its length field says ${sizeBytes} bytes`, { at });
    if (sizeBytes > buffer.length - at) return;
    yield { header: readBatchHeader(buffer, at, fault), bytes: buffer.subarray(at, at + sizeBytes), at };
    at += sizeBytes;
  }
}
