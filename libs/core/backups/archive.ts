import { impossible } from '#libs/core/kernel';
import type { BackedUpFile, BackupManifest } from './manifest.js';

/** Media type of a backup as one file. */
export const ARCHIVE_TYPE = 'application/x-tar';
/** What a manifest is called, in the directory of a backup and as the first entry of an archive. */
export const MANIFEST_NAME = 'manifest.json';

const BLOCK = 512;
/** What ends an archive: two blocks of zeros. */
const END_BYTES = 2 * BLOCK;
/** Sizes from here on do not fit into eleven octal digits, and are written as bytes (base 256). */
const OCTAL_LIMIT = 8 ** 11;

/** A stretch of an archive: bytes, or a file of the backup. */
export type ArchivePart =
  | { readonly at: number; readonly bytes: number; readonly memory: Uint8Array }
  | { readonly at: number; readonly bytes: number; readonly file: BackedUpFile };

/** What a header says. */
export interface ArchiveEntry {
  readonly path: string;
  readonly bytes: number;
}

/**
 * A backup as one file: a tar archive (POSIX ustar; sizes from 8 GiB on as GNU tar writes them) of the manifest, as it is, and then the files in the manifest's order. Nothing else is in it, and every field
 * follows from the manifest: the same backup always gives the same bytes, so that any stretch of it can be asked for again.
 */
export function* archiveParts(text: Uint8Array, manifest: BackupManifest): Generator<ArchivePart> {
  const seconds = Math.floor(manifest.takenAtMs / 1_000);
  let at = 0;
  const memory = (bytes: Uint8Array): ArchivePart => {
    const part = { at, bytes: bytes.length, memory: bytes };
    at += bytes.length;
    return part;
  };
  yield memory(headerOf({ path: MANIFEST_NAME, bytes: text.length }, seconds));
  yield memory(text);
  yield memory(new Uint8Array(paddingOf(text.length)));
  for (const file of manifest.files) {
    yield memory(headerOf(file, seconds));
    yield { at, bytes: file.bytes, file };
    at += file.bytes;
    yield memory(new Uint8Array(paddingOf(file.bytes)));
  }
  yield memory(new Uint8Array(END_BYTES));
}

/** How long the archive is. */
export function archiveBytes(textBytes: number, files: readonly BackedUpFile[]): number {
  const entry = (bytes: number): number => BLOCK + bytes + paddingOf(bytes);
  return files.reduce((sum, { bytes }) => sum + entry(bytes), entry(textBytes)) + END_BYTES;
}

/** Bytes between the end of an entry and the next block. */
export function paddingOf(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

/** Length of a header. */
export const HEADER_BYTES = BLOCK;

/** Reads a header of a plain file. Undefined for anything else: another kind of entry, a wrong checksum, no header at all. */
export function entryOf(header: Uint8Array): ArchiveEntry | undefined {
  const block = Buffer.from(header.buffer, header.byteOffset, header.length);
  if (octalAt(block, 148, 8) !== checksumOf(block)) return undefined;
  if (block.toString('latin1', 257, 262) !== 'ustar' || block[156] !== 0x30) return undefined;
  const prefix = textAt(block, 345, 155);
  const bytes = sizeAt(block);
  if (bytes === undefined) return undefined;
  return { path: `${prefix === '' ? '' : `${prefix}/`}${textAt(block, 0, 100)}`, bytes };
}

function headerOf({ path, bytes }: ArchiveEntry, seconds: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const [prefix, name] = splitPath(path);
  block.write(name, 0, 'latin1');
  block.write('0000640\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  writeSize(block, bytes);
  block.write(`${seconds.toString(8).padStart(11, '0')}\0`, 136, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(prefix, 345, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A path that is longer than a name goes in two parts, cut at a slash. */
function splitPath(path: string): readonly [prefix: string, name: string] {
  if (path.length <= 100) return ['', path];
  const cut = path.indexOf('/', path.length - 101);
  if (cut < 0 || cut > 155) impossible(`a file of a backup is called ${path}`);
  return [path.slice(0, cut), path.slice(cut + 1)];
}

function writeSize(block: Buffer, bytes: number): void {
  if (bytes < OCTAL_LIMIT) {
    block.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(bytes), 128);
}

function sizeAt(block: Buffer): number | undefined {
  if (block[124] !== 0x80) return octalAt(block, 124, 12);
  const bytes = Number(block.readBigUInt64BE(128));
  return Number.isSafeInteger(bytes) && block.readUIntBE(125, 3) === 0 ? bytes : undefined;
}

function octalAt(block: Buffer, at: number, length: number): number | undefined {
  const text = /^([0-7]+)[ \0]*$/.exec(block.toString('latin1', at, at + length))?.[1];
  return text === undefined ? undefined : Number.parseInt(text, 8);
}

function textAt(block: Buffer, at: number, length: number): string {
  const field = block.toString('latin1', at, at + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

/** The sum of a header's bytes, those of the sum itself taken for blanks. */
function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at]!;
  return sum;
}
