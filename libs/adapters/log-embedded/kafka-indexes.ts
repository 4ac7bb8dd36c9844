/**
 * The index files Kafka's tools look for beside a segment. The log writes them and never reads them: they carry no checksums.
 *
 *   .index       8 each: u32 offset − base offset, u32 byte position.      The last offset of a batch, and where that batch begins.
 *   .timeindex  12 each: i64 timestamp, u32 offset − base offset.         The largest timestamp so far, and the last offset of the batch that had it.
 *
 * One entry in each per index interval, in the rhythm of Kafka's own LogSegment.append: before a batch is counted, when more than the interval
 * was appended since the last entry. Time entries are added only when the timestamp grew.
 */
import { writeInt32, writeInt64 } from '#libs/core/log';

export const OFFSET_ENTRY_BYTES = 8;
export const TIME_ENTRY_BYTES = 12;

/** Entries that wait to be written, as pairs of numbers: (relative offset, position) or (timestamp, relative offset). */
export type IndexPairs = number[];

export function encodeOffsetIndex(pairs: IndexPairs, count: number): Uint8Array {
  const bytes = new Uint8Array(count * OFFSET_ENTRY_BYTES);
  for (let i = 0; i < count; i++) {
    writeInt32(bytes, i * OFFSET_ENTRY_BYTES, pairs[2 * i]!);
    writeInt32(bytes, i * OFFSET_ENTRY_BYTES + 4, pairs[2 * i + 1]!);
  }
  return bytes;
}

export function encodeTimeIndex(pairs: IndexPairs, count: number): Uint8Array {
  const bytes = new Uint8Array(count * TIME_ENTRY_BYTES);
  for (let i = 0; i < count; i++) {
    writeInt64(bytes, i * TIME_ENTRY_BYTES, pairs[2 * i]!);
    writeInt32(bytes, i * TIME_ENTRY_BYTES + 8, pairs[2 * i + 1]!);
  }
  return bytes;
}
