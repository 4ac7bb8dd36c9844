import {
  AT,
  ATTRIBUTE,
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  batchCrc,
  type BatchHeader,
  readBatchHeader,
  verifyBatch,
} from './batch-header.js';
import { type DecodeOptions, RecordCursor } from './batch-decoder.js';
import type { BatchProducer } from './batch-encoder.js';
import { BUILT_IN_CODECS } from './built-in-codecs.js';
import { COMPRESSION_IDS, type CompressionName, decompress, DECOMPRESSION_LIMITS } from './compression.js';
import { batchTooLarge, invalidBatch, invalidTimestamp } from './errors.js';
import { writeInt16, writeInt32, writeInt64 } from './int64.js';
import { NO_TIMESTAMP } from './record.js';

/** `max.message.bytes` of Kafka: one batch with its header and after compression. */
export const DEFAULT_MAX_BATCH_BYTES = 1_048_588;

/** Bytes of the keys and values of one record's headers, as a client gives them. */
export const MOST_HEADER_BYTES = 64 * 1024;
/** What the service may add to them: which schema a key and a value are written with. */
const ADDED_HEADER_BYTES = 256;

export interface AppendLimits extends Pick<DecodeOptions, 'codecs' | 'limits'> {
  /** Longest batch, {@link DEFAULT_MAX_BATCH_BYTES} unless given. */
  readonly maxBytes?: number;
  /** The topic is compacted, so every record needs a key. */
  readonly requireKeys?: boolean;
  /** Times outside are refused, bounds included; a record without a timestamp passes. Not looked at unless given. */
  readonly timestamps?: { readonly fromMs: number; readonly toMs: number } | undefined;
  /** A producer id is refused, as for a writer's commit. */
  readonly anonymous?: boolean;
  /** Headers of a record beyond {@link MOST_HEADER_BYTES} are refused: for what clients write. Copies keep what there is. */
  readonly boundHeaders?: boolean;
}

/**
 * Decides whether a batch may be appended, and answers its header. It must be exactly one batch, with base offset 0, a right checksum, one record for each
 * offset, and records that can be read to the end (compressed ones are decompressed within limits to see that). The header's
 * `maxTimestamp` is taken as it is.
 *
 * Stricter than a Kafka broker in three places: bytes behind the batch are refused instead of cut, offset deltas are looked at in uncompressed batches too,
 * and 64-bit fields must be safe integers.
 * @throws `invalid-batch`, `batch-too-large`, `unsupported-compression`, `decompression-limit`. Source: section 5, rule 1 of the format reference.
 */
export function validateForAppend(bytes: Uint8Array, limits: AppendLimits = {}): BatchHeader {
  const maxBytes = limits.maxBytes ?? DEFAULT_MAX_BATCH_BYTES;
  if (bytes.length > maxBytes) throw batchTooLarge(bytes.length, maxBytes);
  const header = verifyBatch(bytes, 0, invalidBatch);
  if (header.sizeBytes !== bytes.length) {
    throw invalidBatch(`${bytes.length - header.sizeBytes} bytes follow it; one append takes one batch`);
  }
  if (header.baseOffset !== 0) throw invalidBatch(`its base offset is ${header.baseOffset}, not 0`);
  if (header.control) throw invalidBatch('it is a control batch, which only the log itself writes');
  if (header.recordCount < 1) throw invalidBatch('it has no records');
  if (header.lastOffsetDelta + 1 !== header.recordCount) {
    throw invalidBatch(`it counts ${header.recordCount} records over ${header.lastOffsetDelta + 1} offsets`);
  }
  if (header.transactional) throw invalidBatch('it belongs to a transaction of another producer; detach it first');
  if (header.producerId >= 0) {
    if (limits.anonymous) throw invalidBatch('it carries a producer of its own; detach it first');
    if (header.baseSequence < 0) throw invalidBatch('it has a producer id but no sequence');
    if (header.producerEpoch < 0) throw invalidBatch('it has a producer id but no epoch');
  }
  const { codecs, limits: decompression, timestamps, boundHeaders = false } = limits;
  const cursor = new RecordCursor(header, bytes, { codecs, limits: decompression, fault: invalidBatch });
  for (let expected = 0; cursor.next(); expected++) {
    if (cursor.offsetDelta !== expected) {
      throw invalidBatch(`record ${expected} says it is at place ${cursor.offsetDelta}`);
    }
    if (timestamps !== undefined) checkTimestamp(cursor.timestamp, expected, timestamps);
    if (limits.requireKeys && cursor.keyLength < 0) {
      throw invalidBatch(`record ${expected} has no key, which a compacted topic needs`, { record: expected });
    }
    if (boundHeaders) checkHeaders(cursor.headerBytes(), expected);
  }
  return header;
}

function checkHeaders(measured: number, record: number): void {
  if (measured <= MOST_HEADER_BYTES + ADDED_HEADER_BYTES) return;
  throw invalidBatch(`the headers of record ${record} take ${measured} bytes; ${MOST_HEADER_BYTES} are the limit`, {
    record,
    limit: 'recordHeaderBytes',
    value: MOST_HEADER_BYTES,
    measured,
  });
}

function checkTimestamp(timestamp: number, record: number, { fromMs, toMs }: { fromMs: number; toMs: number }): void {
  if (timestamp === NO_TIMESTAMP || (timestamp >= fromMs && timestamp <= toMs)) return;
  const ahead = timestamp > toMs;
  const bound = ahead ? toMs : fromMs;
  const why = `${timestamp} of record ${record} is ${ahead ? 'later' : 'earlier'} than ${bound}`;
  throw invalidTimestamp(why, { record, timestamp, [ahead ? 'latest' : 'earliest']: bound });
}

/**
 * The batch with its records compressed otherwise, everything else as it was, the checksum made anew.
 * @throws `invalid-batch`, `decompression-limit`, `unsupported-compression`.
 */
export function recompressBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  compression: CompressionName,
  options: Pick<DecodeOptions, 'codecs' | 'limits'> = {},
): Buffer {
  const { codecs = BUILT_IN_CODECS, limits = DECOMPRESSION_LIMITS } = options;
  const block = bytes.subarray(BATCH_HEADER_BYTES, header.sizeBytes);
  const plain =
    header.compression === 0
      ? block
      : decompress(header.compression, block, codecs, limits, (why) => invalidBatch(why));
  const id = COMPRESSION_IDS[compression];
  const body = id === 0 ? plain : codecs.of(id).compress(plain);
  const copy = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + body.length);
  copy.set(bytes.subarray(0, BATCH_HEADER_BYTES));
  copy.set(body, BATCH_HEADER_BYTES);
  writeInt32(copy, AT.batchLength, copy.length - BATCH_PREFIX_BYTES);
  writeInt16(copy, AT.attributes, (header.attributes & ~ATTRIBUTE.compression) | id);
  writeInt32(copy, AT.crc, batchCrc(copy, 0, copy.length));
  return copy;
}

/**
 * A copy of a stored batch that can be appended elsewhere: base offset and leader epoch 0, producer fields cleared or replaced, the
 * checksum made anew. The records stay byte for byte, compressed or not. It lies in memory of its own or of `room`'s.
 * @throws `corrupt-batch` when the bytes are not one sound batch.
 */
export function detachBatch(
  bytes: Uint8Array,
  producer?: BatchProducer,
  room: (bytes: number) => Buffer = (size) => Buffer.allocUnsafeSlow(size),
): Buffer {
  const { sizeBytes, attributes } = verifyBatch(bytes);
  const copy = room(sizeBytes);
  copy.set(bytes.subarray(0, sizeBytes));
  writeInt64(copy, AT.baseOffset, 0);
  writeInt32(copy, AT.leaderEpoch, 0);
  const bits = producer?.transactional ? attributes | ATTRIBUTE.transactional : attributes & ~ATTRIBUTE.transactional;
  writeInt16(copy, AT.attributes, bits);
  writeInt64(copy, AT.producerId, producer?.id ?? -1);
  writeInt16(copy, AT.producerEpoch, producer?.epoch ?? -1);
  writeInt32(copy, AT.baseSequence, producer?.baseSequence ?? -1);
  writeInt32(copy, AT.crc, batchCrc(copy, 0, sizeBytes));
  return copy;
}

/** Whether a stored batch can be appended elsewhere as a whole with {@link detachBatch}: after compaction it cannot, its places have gaps. */
export function isWholeBatch(bytes: Uint8Array): boolean {
  const header = readBatchHeader(bytes);
  return !header.control && header.recordCount > 0 && header.recordCount === header.lastOffsetDelta + 1;
}
