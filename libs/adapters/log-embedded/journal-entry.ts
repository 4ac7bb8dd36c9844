/**
 * One entry of the journal, all of it or nothing: one commit, or the appends of a group. Big-endian, lengths in bytes.
 *
 *   header      0  u32  magic: WJEH (as the trailer: WJET)
 *               4  u32  length of the whole entry, a multiple of 8
 *               8  u32  length of the header, a multiple of 8
 *              12  u32  generation of the journal
 *              16  u64  lsn: place of the entry in the endless journal
 *              24  u64  durableUpTo: everything below this lsn was flushed when the entry was written
 *              32  u64  append time, epoch ms
 *              40  u32  number of sections
 *              44  u32  length of the commands
 *              48       sections, 44 each:
 *                          0 u32 topic number    4 u32 partition      8 u64 base offset   16 u64 base offset of the segment
 *                         24 u32 position in the segment             28 u32 last offset − base offset
 *                         32 u32 length         36 u32 CRC-32C of the batch's first 21 bytes, which hold the CRC-32C of the others
 *                         40 u32 1: the payload lies in the segment only, which was flushed before (a reference); 0: it follows
 *                       commands: JSON array (see commands.ts), empty when there are none
 *                       zeros
 *             −4   u32  CRC-32C of the header from byte 4 on, begun with the salt of the generation
 *   payloads            the record batches as they stand in the segments, one per section that is no reference
 *                       zeros up to a multiple of 8
 *   trailer             the header once more, with its own magic
 *
 * The header says what a commit touches, so its damage would spread over all partitions; therefore it stands twice, and damage to one
 * copy is healed from the other. Payloads are under checksums of their own, so that their damage stays in their partition.
 *
 * Files are used again from the start, so old entries lie behind new ones. They are never mistaken: generation and lsn must be the ones expected
 * at their place. The salt comes from a secret of this log, so that no record a user sends can pass for an entry.
 */
import { crc32c } from '@node-rs/crc32';
import { readInt32, readInt64, writeInt32, writeInt64 } from '#libs/core/log';

const HEADER_MAGIC = 0x574a4548;
const TRAILER_MAGIC = 0x574a4554;
const FIXED_BYTES = 48;
const SECTION_BYTES = 44;
/** Entries begin and end at multiples of this. */
export const ENTRY_ALIGNMENT = 8;

/** One record batch of an entry and where it belongs. */
export interface Section {
  readonly topic: number;
  readonly partition: number;
  readonly baseOffset: number;
  readonly lastOffsetDelta: number;
  /** Base offset, and thereby name, of the segment that holds the batch. */
  readonly segmentBase: number;
  /** Where in the segment file it starts. */
  readonly position: number;
  readonly length: number;
  /** See `headerCrc` in segment-chain.ts. */
  readonly crc: number;
  readonly reference: boolean;
}

export interface EntryHeader {
  readonly entryLength: number;
  readonly headerLength: number;
  readonly generation: number;
  readonly lsn: number;
  readonly durableUpTo: number;
  readonly appendTimeMs: number;
  readonly sections: readonly Section[];
  /** JSON text of the commands, empty for none. */
  readonly commands: Uint8Array;
}

/** Where the parts of an entry lie, before it is written. */
export interface EntryShape {
  readonly headerLength: number;
  /** Of the payloads, padding included. */
  readonly payloadLength: number;
  readonly entryLength: number;
}

/** The initial value of all header checksums of a generation. */
export function saltOf(journalKey: Uint8Array, generation: number): number {
  const text = new Uint8Array(journalKey.length + 4);
  text.set(journalKey);
  writeInt32(text, journalKey.length, generation);
  return crc32c(text);
}

/** `payloadBytes` counts what goes into the entry itself, references do not. */
export function entryShape(sections: number, commandBytes: number, payloadBytes: number): EntryShape {
  const headerLength = aligned(FIXED_BYTES + sections * SECTION_BYTES + commandBytes + 4);
  const payloadLength = aligned(payloadBytes);
  return { headerLength, payloadLength, entryLength: 2 * headerLength + payloadLength };
}

/** What a header says apart from its own lengths. */
export type EntryFacts = Omit<EntryHeader, 'entryLength' | 'headerLength'>;

/** Writes header and trailer of an entry at `at`. The payloads and the zeros between them and the trailer are the caller's. */
export function writeEntryFrame(
  target: Uint8Array,
  at: number,
  shape: EntryShape,
  facts: EntryFacts,
  salt: number,
): void {
  const { headerLength, entryLength } = shape;
  const { sections, commands } = facts;
  writeInt32(target, at, HEADER_MAGIC);
  writeInt32(target, at + 4, entryLength);
  writeInt32(target, at + 8, headerLength);
  writeInt32(target, at + 12, facts.generation);
  writeInt64(target, at + 16, facts.lsn);
  writeInt64(target, at + 24, facts.durableUpTo);
  writeInt64(target, at + 32, facts.appendTimeMs);
  writeInt32(target, at + 40, sections.length);
  writeInt32(target, at + 44, commands.length);
  let cursor = at + FIXED_BYTES;
  for (let i = 0; i < sections.length; i++) {
    writeSection(target, cursor, sections[i]!);
    cursor += SECTION_BYTES;
  }
  if (commands.length > 0) target.set(commands, cursor);
  const end = at + headerLength;
  target.fill(0, cursor + commands.length, end - 4);
  writeInt32(target, end - 4, crc32c(target.subarray(at + 4, end - 4), salt));
  const trailer = at + entryLength - headerLength;
  target.copyWithin(trailer, at, end);
  writeInt32(target, trailer, TRAILER_MAGIC);
}

function writeSection(target: Uint8Array, at: number, section: Section): void {
  writeInt32(target, at, section.topic);
  writeInt32(target, at + 4, section.partition);
  writeInt64(target, at + 8, section.baseOffset);
  writeInt64(target, at + 16, section.segmentBase);
  writeInt32(target, at + 24, section.position);
  writeInt32(target, at + 28, section.lastOffsetDelta);
  writeInt32(target, at + 32, section.length);
  writeInt32(target, at + 36, section.crc);
  writeInt32(target, at + 40, section.reference ? 1 : 0);
}

/** What stands at a place of the journal, by its first four bytes. */
export function markAt(bytes: Uint8Array, at: number): 'header' | 'trailer' | undefined {
  switch (readInt32(bytes, at)) {
    case HEADER_MAGIC:
      return 'header';
    case TRAILER_MAGIC:
      return 'trailer';
    default:
      return undefined;
  }
}

/** The generation a header at `at` claims; nothing else of it is looked at. */
export function claimedGeneration(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 12) >>> 0;
}

/** The header (or trailer) at `at`, undefined unless it lies wholly inside the bytes and its checksum is right. */
export function readEntryHeader(bytes: Uint8Array, at: number, salt: number): EntryHeader | undefined {
  if (at + FIXED_BYTES + 4 > bytes.length) return undefined;
  const entryLength = readInt32(bytes, at + 4) >>> 0;
  const headerLength = readInt32(bytes, at + 8) >>> 0;
  const end = at + headerLength;
  if (headerLength < FIXED_BYTES + 4 || end > bytes.length || headerLength * 2 > entryLength) return undefined;
  if (crc32c(bytes.subarray(at + 4, end - 4), salt) !== readInt32(bytes, end - 4) >>> 0) return undefined;
  const count = readInt32(bytes, at + 40) >>> 0;
  const commandsAt = at + FIXED_BYTES + count * SECTION_BYTES;
  return {
    entryLength,
    headerLength,
    generation: claimedGeneration(bytes, at),
    lsn: readInt64(bytes, at + 16),
    durableUpTo: readInt64(bytes, at + 24),
    appendTimeMs: readInt64(bytes, at + 32),
    sections: Array.from({ length: count }, (_, i) => readSection(bytes, at + FIXED_BYTES + i * SECTION_BYTES)),
    commands: bytes.subarray(commandsAt, commandsAt + (readInt32(bytes, at + 44) >>> 0)),
  };
}

function readSection(bytes: Uint8Array, at: number): Section {
  return {
    topic: readInt32(bytes, at) >>> 0,
    partition: readInt32(bytes, at + 4) >>> 0,
    baseOffset: readInt64(bytes, at + 8),
    segmentBase: readInt64(bytes, at + 16),
    position: readInt32(bytes, at + 24) >>> 0,
    lastOffsetDelta: readInt32(bytes, at + 28),
    length: readInt32(bytes, at + 32) >>> 0,
    crc: readInt32(bytes, at + 36) >>> 0,
    reference: readInt32(bytes, at + 40) === 1,
  };
}

function aligned(bytes: number): number {
  return (bytes + ENTRY_ALIGNMENT - 1) & ~(ENTRY_ALIGNMENT - 1);
}
