/**
 * Snappy as Kafka's Java client frames it (section 2.5 of the format reference), and the bare blocks that other clients send. The block format is the public one: the length
 * of the content as a varint, then literals and copies.
 *
 *   frame   0  8 bytes  82 53 4e 41 50 50 59 00
 *           8  i32      version 1
 *          12  i32      oldest compatible version 1
 *          16           pieces: i32 length, a block
 */
import type { CompressionCodec } from '../compression.js';
import { readInt32, writeInt32 } from '../int64.js';
import { eachMatch, repeatBytes } from './matches.js';

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const FRAME_HEADER_BYTES = 16;
/** Content of one block we write, as the Java client cuts it. Distances stay below 2^15, so that every copy has the form with two bytes. */
const PIECE_BYTES = 32 * 1024;
const LONGEST_COPY = 64;
/** A copy of 64 bytes takes three: no block stands for more than this many times its size. */
const MOST_GROWTH = 22;

export const snappy: CompressionCodec = {
  name: 'snappy',
  compress,
  decompress(bytes, maxBytes, tooLarge) {
    const blocks = blocksOf(bytes);
    let size = 0;
    for (const block of blocks) size += block.size;
    if (size > maxBytes) throw tooLarge();
    const content = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const block of blocks) at = decodeBlock(bytes, block, content, at);
    return content;
  },
};

interface Block {
  /** Where its literals and copies begin, and the place behind them. */
  readonly from: number;
  readonly to: number;
  /** Bytes of its content. */
  readonly size: number;
}

function blocksOf(bytes: Uint8Array): readonly Block[] {
  if (bytes.length < FRAME_HEADER_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    return [blockAt(bytes, 0, bytes.length)];
  }
  const blocks: Block[] = [];
  for (let at = FRAME_HEADER_BYTES; at < bytes.length;) {
    if (at + 4 > bytes.length) throw new Error('a piece is cut off');
    const to = at + 4 + readInt32(bytes, at);
    if (to <= at + 4 || to > bytes.length) throw new Error('a piece reaches beyond the end');
    blocks.push(blockAt(bytes, at + 4, to));
    at = to;
  }
  return blocks;
}

function blockAt(bytes: Uint8Array, at: number, to: number): Block {
  let size = 0;
  let from = at;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[from++];
    if (from > to || byte === undefined || shift > 28) throw new Error('a block has no length');
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  // The length alone must not make anybody reserve memory.
  if (size > (to - from) * MOST_GROWTH) throw new Error('a block cannot be as long as it says');
  return { from, to, size };
}

/** Decodes a block into `target` from `start` on; answers the place behind its content. */
function decodeBlock(bytes: Uint8Array, { from, to, size }: Block, target: Uint8Array, start: number): number {
  const end = start + size;
  let at = start;
  for (let read = from; read < to;) {
    const tag = bytes[read++]!;
    const kind = tag & 3;
    let length = (tag >> 2) + 1;
    if (kind === 0) {
      if (length > 60) {
        const count = length - 60;
        length = littleEndian(bytes, read, count) + 1;
        read += count;
      }
      if (read + length > to || at + length > end) throw new Error('a literal reaches beyond the end');
      target.set(bytes.subarray(read, read + length), at);
      read += length;
      at += length;
      continue;
    }
    let distance: number;
    if (kind === 1) {
      length = ((tag >> 2) & 7) + 4;
      distance = ((tag >> 5) << 8) | bytes[read]!;
      read += 1;
    } else {
      const count = kind === 2 ? 2 : 4;
      distance = littleEndian(bytes, read, count);
      read += count;
    }
    if (read > to || distance === 0 || distance > at - start || at + length > end)
      throw new Error('a copy has no source');
    at = repeatBytes(target, at, distance, length);
  }
  if (at !== end) throw new Error('a block is shorter than it says');
  return end;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value += (bytes[at + i] ?? 0) * 2 ** (8 * i);
  return value;
}

function compress(bytes: Uint8Array): Uint8Array {
  const pieces = Math.ceil(bytes.length / PIECE_BYTES);
  // A literal of a whole piece takes three bytes more, its length and that of the block up to seven.
  const target = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + bytes.length + (bytes.length >> 5) + pieces * 16);
  target.set(MAGIC);
  writeInt32(target, 8, 1);
  writeInt32(target, 12, 1);
  let at = FRAME_HEADER_BYTES;
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    const end = encodeBlock(bytes, from, Math.min(bytes.length, from + PIECE_BYTES), target, at + 4);
    writeInt32(target, at, end - at - 4);
    at = end;
  }
  return target.subarray(0, at);
}

function encodeBlock(bytes: Uint8Array, from: number, to: number, target: Uint8Array, start: number): number {
  let at = start;
  let size = to - from;
  for (; size > 0x7f; size >>>= 7) target[at++] = (size & 0x7f) | 0x80;
  target[at++] = size;
  const literal = (read: number, end: number): void => {
    const last = end - read - 1;
    if (last < 0) return;
    if (last < 60) target[at++] = last << 2;
    else {
      const count = last < 256 ? 1 : 2;
      target[at++] = (59 + count) << 2;
      for (let i = 0; i < count; i++) target[at++] = (last >> (8 * i)) & 0xff;
    }
    target.set(bytes.subarray(read, end), at);
    at += end - read;
  };
  const rest = eachMatch(bytes, from, to, 0, (literalsAt, place, distance, length) => {
    literal(literalsAt, place);
    for (let left = length; left > 0;) {
      const part = Math.min(left, LONGEST_COPY);
      target[at++] = ((part - 1) << 2) | 2;
      target[at++] = distance & 0xff;
      target[at++] = distance >> 8;
      left -= part;
    }
  });
  literal(rest, to);
  return at;
}
