/**
 * The state snapshot, `state-0` and `state-1`: two copies, so that damage to one loses nothing. Big-endian.
 *
 *   0  u32  magic: WSNP
 *   4  u32  length of the content
 *   8  u32  CRC-32C of the content, begun with the number of its length
 *  12       content: JSON of {@link Snapshot}
 *
 * It covers every journal entry below `startLsn`: what those appended lies flushed in the segments. `clean` is true only for the last one of an orderly
 * stop: then the journal holds nothing else. The copies are written one after the other, and what they replace stays usable until both are there.
 */
import { crc32c } from '@node-rs/crc32';
import { readInt32, writeInt32 } from '#libs/core/log';
import { logCorrupt } from './errors.js';
import type { FileSystem } from './file-system.js';
import type { JournalPlace } from './journal.js';
import type { LogStateImage } from './log-state.js';
import { readWhole, writeWhole } from './whole-file.js';

const MAGIC = 0x57534e50;
const HEADER_BYTES = 12;
const COPIES = [0, 1] as const;

export interface Snapshot {
  /** Where the journal goes on. */
  readonly journal: JournalPlace;
  readonly clean: boolean;
  readonly state: LogStateImage;
}

export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const content = Buffer.from(JSON.stringify(snapshot), 'utf8');
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + content.length);
  writeInt32(bytes, 0, MAGIC);
  writeInt32(bytes, 4, content.length);
  writeInt32(bytes, 8, crc32c(content, content.length));
  bytes.set(content, HEADER_BYTES);
  return bytes;
}

/** Undefined when any byte is not as it was written. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot | undefined {
  if (bytes.length < HEADER_BYTES || readInt32(bytes, 0) !== MAGIC) return undefined;
  const length = readInt32(bytes, 4);
  const content = bytes.subarray(HEADER_BYTES);
  if (content.length !== length || crc32c(content, length) !== readInt32(bytes, 8) >>> 0) return undefined;
  return JSON.parse(Buffer.from(content).toString('utf8')) as Snapshot;
}

/** Writes both copies durably. `renamed` is called in the middle, when the first one is in its place. */
export async function writeSnapshot(
  files: FileSystem,
  directory: string,
  bytes: Uint8Array,
  renamed?: () => void,
): Promise<void> {
  for (const copy of COPIES)
    await writeWhole(files, directory, `state-${copy}`, bytes, copy === 0 ? renamed : undefined);
}

/** The newest sound copy. @throws `log-corrupt` when there is none. */
export async function readSnapshot(files: FileSystem, directory: string): Promise<Snapshot> {
  const sound: Snapshot[] = [];
  for (const copy of COPIES) {
    const bytes = await readWhole(files, `${directory}/state-${copy}`);
    const snapshot = bytes === undefined ? undefined : decodeSnapshot(bytes);
    if (snapshot !== undefined) sound.push(snapshot);
  }
  sound.sort((a, b) => b.journal.generation - a.journal.generation);
  const [newest] = sound;
  if (newest === undefined) {
    const expected = COPIES.map((copy) => `state-${copy}`);
    throw logCorrupt('both copies of the state snapshot are damaged or missing', { directory, files: expected });
  }
  return newest;
}
