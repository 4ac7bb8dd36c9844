/**
 * LZ4 frames of version 1 with independent blocks, which is what Kafka's Java reader takes (section 2.5 of the format reference). Little-endian.
 *
 *   0  u32  magic 184d2204
 *   4  u8   flags: version (bits 7 and 6: 01), independent blocks (5), checksum of each block (4), size of the content (3), checksum of the content (2), dictionary (0)
 *   5  u8   largest block (bits 6 to 4): 4 … 7 for 64 KiB, 256 KiB, 1 MiB, 4 MiB
 *   6       size of the content (u64) if there is one
 *      u8   second byte of the xxHash of everything from the flags on
 *           blocks: u32 length (highest bit: not compressed), the block, its xxHash if there is one
 *      u32  0, then the xxHash of the content if there is one
 */
import type { CompressionCodec } from '../compression.js';
import { eachMatch, repeatBytes } from './matches.js';
import { xxHash32 } from './xxhash32.js';

const MAGIC = 0x184d_2204;
const VERSION = 0b0100_0000;
const FLAG = {
  independent: 1 << 5,
  blockChecksum: 1 << 4,
  contentSize: 1 << 3,
  contentChecksum: 1 << 2,
  dictionary: 1,
} as const;
const STORED = 0x8000_0000;
/** What we write, and what Kafka's Java client writes. */
const BLOCK_BYTES = 64 * 1024;
const BLOCK_BYTES_CODE = 4;
/** No repetition begins in the last twelve bytes of a block. */
const LAST_MATCH = 12;
const MIN_MATCH = 4;

export const lz4: CompressionCodec = { name: 'lz4', compress, decompress };

function decompress(bytes: Uint8Array, maxBytes: number, tooLarge: () => Error): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { flags, blockBytes, headerBytes, contentBytes } = readHeader(bytes, view);
  if (contentBytes !== undefined && contentBytes > maxBytes) throw tooLarge();
  let content = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(BLOCK_BYTES, 4 * bytes.length)));
  let size = 0;
  let isMeasured = false;
  let at = headerBytes;
  for (;;) {
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) break;
    const stored = word >= STORED;
    const length = stored ? word - STORED : word;
    if (length > blockBytes || at + length > bytes.length) throw new Error('a block reaches beyond the end');
    const limit = Math.min(blockBytes, stored ? length : 255 * length);
    if (size + limit > content.length && !isMeasured) {
      // A few bytes can stand for very many: what is left is measured before there is room made for it.
      const whole = size + contentLength(bytes, view, at - 4, flags, maxBytes - size);
      if (whole > maxBytes) throw tooLarge();
      isMeasured = true;
      if (whole > content.length) {
        const larger = Buffer.allocUnsafeSlow(whole);
        larger.set(content.subarray(0, size));
        content = larger;
      }
    }
    const end = Math.min(content.length, size + limit);
    const next = stored ? size + length : decodeBlock(bytes, at, at + length, content, size, end);
    if (next > end) throw size + limit > maxBytes ? tooLarge() : new Error('a block is longer than it may be');
    if (stored) content.set(bytes.subarray(at, at + length), size);
    size = next;
    at += length;
    if (flags & FLAG.blockChecksum) {
      if (view.getUint32(at, true) !== xxHash32(bytes, at - length, at))
        throw new Error('the checksum of a block is wrong');
      at += 4;
    }
  }
  if (flags & FLAG.contentChecksum) {
    if (view.getUint32(at, true) !== xxHash32(content, 0, size))
      throw new Error('the checksum of the content is wrong');
    at += 4;
  }
  if (contentBytes !== undefined && contentBytes !== size) throw new Error('the content has another size than it says');
  if (at !== bytes.length) throw new Error('bytes follow the frame');
  return content.subarray(0, size);
}

/** Length of the content of the blocks from `at` on, counted until it is more than `most`. Of blocks that are damaged it may be any: decoding them tells. */
function contentLength(bytes: Uint8Array, view: DataView, at: number, flags: number, most: number): number {
  let size = 0;
  while (size <= most && at + 4 <= bytes.length) {
    const word = view.getUint32(at, true);
    if (word === 0) break;
    const length = word >= STORED ? word - STORED : word;
    const from = at + 4;
    at = from + length;
    if (at > bytes.length) break;
    size += word >= STORED ? length : blockLength(bytes, from, at);
    if (flags & FLAG.blockChecksum) at += 4;
  }
  return size;
}

/** Length of the content of a block, as its lengths of literals and repetitions say. */
function blockLength(bytes: Uint8Array, from: number, to: number): number {
  let size = 0;
  let read = from;
  const length = (short: number): number => {
    let sum = short;
    if (short === 15) {
      for (let byte = 255; byte === 255 && read < to;) {
        byte = bytes[read++]!;
        sum += byte;
      }
    }
    return sum;
  };
  while (read < to) {
    const token = bytes[read++]!;
    const literals = length(token >> 4);
    size += literals;
    read += literals;
    if (read >= to) break;
    read += 2;
    size += length(token & 15) + MIN_MATCH;
  }
  return size;
}

function readHeader(
  bytes: Uint8Array,
  view: DataView,
): { flags: number; blockBytes: number; headerBytes: number; contentBytes: number | undefined } {
  if (view.getUint32(0, true) !== MAGIC) throw new Error('it is no LZ4 frame');
  const flags = view.getUint8(4);
  if ((flags & 0b1100_0000) !== VERSION) throw new Error('the version of the frame is not known');
  if (!(flags & FLAG.independent)) throw new Error('its blocks depend on each other, which Kafka does not take');
  if (flags & FLAG.dictionary) throw new Error('it needs a dictionary');
  const code = (view.getUint8(5) >> 4) & 7;
  if (code < BLOCK_BYTES_CODE) throw new Error('the largest block is not known');
  const contentBytes = flags & FLAG.contentSize ? Number(view.getBigUint64(6, true)) : undefined;
  const checksumAt = contentBytes === undefined ? 6 : 14;
  if (view.getUint8(checksumAt) !== ((xxHash32(bytes, 4, checksumAt) >>> 8) & 0xff)) {
    throw new Error('the checksum of the frame header is wrong');
  }
  return { flags, blockBytes: 1 << (2 * code + 8), headerBytes: checksumAt + 1, contentBytes };
}

/** Decodes a block into `target` from `start` on. Answers the place behind its content, or any beyond `end` where it does not fit. */
function decodeBlock(
  bytes: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  start: number,
  end: number,
): number {
  let at = start;
  let read = from;
  const length = (short: number): number => {
    let sum = short;
    if (short === 15) {
      let byte = 255;
      while (byte === 255) {
        if (read >= to) throw new Error('a length is cut off');
        byte = bytes[read++]!;
        sum += byte;
      }
    }
    return sum;
  };
  while (read < to) {
    const token = bytes[read++]!;
    const literals = length(token >> 4);
    if (read + literals > to) throw new Error('a literal reaches beyond the end');
    if (at + literals > end) return Infinity;
    target.set(bytes.subarray(read, read + literals), at);
    read += literals;
    at += literals;
    if (read === to) return at;
    if (read + 2 > to) throw new Error('a distance is cut off');
    const distance = bytes[read]! | (bytes[read + 1]! << 8);
    read += 2;
    const repeated = length(token & 15) + MIN_MATCH;
    if (distance === 0 || distance > at - start) throw new Error('a repetition has no source');
    if (at + repeated > end) return Infinity;
    at = repeatBytes(target, at, distance, repeated);
  }
  throw new Error('a block ends without literals');
}

function compress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const target = Buffer.allocUnsafeSlow(7 + bytes.length + blocks * 4 + 4);
  const scratch = Buffer.allocUnsafe(BLOCK_BYTES + (BLOCK_BYTES >> 7) + 16);
  target.writeUInt32LE(MAGIC, 0);
  target[4] = VERSION | FLAG.independent;
  target[5] = BLOCK_BYTES_CODE << 4;
  target[6] = (xxHash32(target, 4, 6) >>> 8) & 0xff;
  let at = 7;
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const to = Math.min(bytes.length, from + BLOCK_BYTES);
    const length = encodeBlock(bytes, from, to, scratch);
    const stored = length >= to - from;
    const block = stored ? bytes.subarray(from, to) : scratch.subarray(0, length);
    target.writeUInt32LE(stored ? block.length + STORED : block.length, at);
    target.set(block, at + 4);
    at += 4 + block.length;
  }
  target.writeUInt32LE(0, at);
  return target.subarray(0, at + 4);
}

/** Encodes one block at the beginning of `target`; answers its length. */
function encodeBlock(bytes: Uint8Array, from: number, to: number, target: Uint8Array): number {
  let at = 0;
  const length = (left: number): void => {
    for (; left >= 255; left -= 255) target[at++] = 255;
    target[at++] = left;
  };
  const literals = (read: number, end: number, match: number): void => {
    const count = end - read;
    target[at++] = (Math.min(count, 15) << 4) | match;
    if (count >= 15) length(count - 15);
    target.set(bytes.subarray(read, end), at);
    at += count;
  };
  const onMatch = (literalsAt: number, place: number, distance: number, repeated: number): void => {
    const more = repeated - MIN_MATCH;
    literals(literalsAt, place, Math.min(more, 15));
    target[at++] = distance & 0xff;
    target[at++] = distance >> 8;
    if (more >= 15) length(more - 15);
  };
  literals(eachMatch(bytes, from, to, LAST_MATCH - MIN_MATCH, onMatch), to, 0);
  return at;
}
