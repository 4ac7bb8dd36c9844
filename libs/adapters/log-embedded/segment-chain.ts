/**
 * The chain of a segment: a running CRC-32C that begins with the segment's binding (log, topic, partition, base offset) and takes in the first 21
 * bytes of each batch: base offset, length, leader epoch, magic and the batch's own CRC, which covers the rest. Base offset, length and epoch lie outside
 * a batch's checksum and a batch names no topic; the chain covers all of it, so a sound batch in the wrong place is caught.
 */
import { crc32c } from '@node-rs/crc32';
import { readInt32, writeInt32, writeInt64 } from '#libs/core/log';

/** Bytes of a batch that go into the chain. */
export const CHAINED_BYTES = 21;
/** Where a batch (Kafka record batch, magic 2) keeps its checksum over everything behind it. */
const BATCH_CRC_AT = 17;

const TABLE = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** What a segment is bound to. */
export interface SegmentBinding {
  /** A number made of the log's id. */
  readonly log: number;
  readonly topic: number;
  readonly partition: number;
  readonly baseOffset: number;
  /** Which compaction of the partition made it; absent for a segment that was appended to. Its name and its checksums tell it from the others of that base. */
  readonly revision?: number;
}

/** The chain before the first batch. */
export function chainStart(binding: SegmentBinding): number {
  const bytes = new Uint8Array(20);
  writeInt32(bytes, 0, binding.log);
  writeInt32(bytes, 4, binding.topic);
  writeInt32(bytes, 8, binding.partition);
  writeInt64(bytes, 12, binding.baseOffset);
  const chain = extend(0, bytes, 0, bytes.length);
  if (binding.revision === undefined) return chain;
  writeInt32(bytes, 0, binding.revision);
  return extend(chain, bytes, 0, 4);
}

/** The chain behind the batch at `at`. Written out here since 21 bytes cost less than a call into native code. */
export function chainBatch(chain: number, bytes: Uint8Array, at: number): number {
  return extend(chain, bytes, at, at + CHAINED_BYTES);
}

/**
 * The checksum by which the journal knows a batch: that of its first 21 bytes, which hold the batch's own checksum over all the others. So the
 * bytes are gone over once, not twice. {@link isBatch} checks both.
 */
export function headerCrc(bytes: Uint8Array, at: number): number {
  return extend(0, bytes, at, at + CHAINED_BYTES);
}

/** Whether these bytes are the batch the journal means, from the first to the last. */
export function isBatch(bytes: Uint8Array, length: number, crc: number): boolean {
  if (bytes.length !== length || length < CHAINED_BYTES || headerCrc(bytes, 0) !== crc) return false;
  return crc32c(bytes.subarray(CHAINED_BYTES)) === readInt32(bytes, BATCH_CRC_AT) >>> 0;
}

function extend(chain: number, bytes: Uint8Array, from: number, to: number): number {
  let value = ~chain >>> 0;
  for (let at = from; at < to; at++) value = TABLE[(value ^ bytes[at]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}
