/**
 * The head of a journal file, 64 bytes: the same 32 twice, so that damage to one copy does no harm. Big-endian.
 *
 *    0  u32  magic: WJFH
 *    4  u32  number of the file, 0 or 1
 *    8  u64  bytes the file has at least
 *   16       zeros
 *   28  u32  CRC-32C of bytes 0 to 28, begun with a number made of the log's journal key
 *
 * A file is made longer, and that is flushed, before the head says so, and entries are written only where the head (flushed with them at the latest) says that
 * there is file. So a file that is shorter than its head says was cut by someone else, and entries may be missing that were acknowledged.
 */
import { crc32c } from '@node-rs/crc32';
import { readInt32, readInt64, writeInt32, writeInt64 } from '#libs/core/log';

/** Bytes of the head; entries begin behind it. */
export const JOURNAL_HEAD_BYTES = 64;
const COPY_BYTES = 32;
const CRC_AT = 28;
const MAGIC = 0x574a4648;

export function encodeJournalHead(key: Uint8Array, slot: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(JOURNAL_HEAD_BYTES);
  writeInt32(bytes, 0, MAGIC);
  writeInt32(bytes, 4, slot);
  writeInt64(bytes, 8, sizeBytes);
  writeInt32(bytes, CRC_AT, crc32c(bytes.subarray(0, CRC_AT), crc32c(key)));
  bytes.copyWithin(COPY_BYTES, 0, COPY_BYTES);
  return bytes;
}

/** The size a journal file must have at least, undefined when neither copy of its head can be read or it is that of another file. */
export function readJournalHead(key: Uint8Array, slot: number, bytes: Uint8Array): number | undefined {
  let size: number | undefined;
  for (const at of [0, COPY_BYTES]) {
    if (bytes.length < at + COPY_BYTES || readInt32(bytes, at) !== MAGIC || readInt32(bytes, at + 4) !== slot) continue;
    const crc = crc32c(bytes.subarray(at, at + CRC_AT), crc32c(key));
    if (crc === readInt32(bytes, at + CRC_AT) >>> 0) size = Math.max(size ?? 0, readInt64(bytes, at + 8));
  }
  return size;
}
