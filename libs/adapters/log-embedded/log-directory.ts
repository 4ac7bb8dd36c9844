/**
 * The directory of a log:
 *
 *   weir-log.json          marker: format, identity, checksum (JSON). Without it nothing is touched.
 *   lock.sqlite            carries the lock, holds nothing
 *   state-0, state-1       the state snapshot, twice (state-snapshot.ts)
 *   journal-0, journal-1   the journal, two files that take turns (journal.ts)
 *   topics/<number>/<partition>/<base offset>.log .index .timeindex .sidecar
 *   topics/<number>/<partition>/<base offset>.<revision>.log …      the same of a segment that compaction made
 *   aside/                 what was found and not understood, and cut tails; never read
 *   weir-log.creating      there only while a log is being created
 */
import { dirname } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { LOCK_FILE } from './directory-lock.js';
import { logCorrupt, logDirectoryForeign, logFormatUnknown } from './errors.js';
import type { FileSystem } from './file-system.js';
import { flushDirectory } from './flush.js';
import type { LogIdentity } from './options.js';
import { readWhole, writeWhole } from './whole-file.js';

/**
 * Of everything in the directory. Rises when older versions could misread what this one writes: 2 has facts about producers, starts of partitions, compaction and holds, which a
 * reader of 1 would pass over; 3 has those about generations of groups, topics handed over and writers forgotten. A directory of an older format is read as it is, and gets the new number before anything is written.
 */
export const LOG_FORMAT = 3;
const OLDEST_FORMAT = 1;

export const MARKER = 'weir-log.json';
const CREATING = 'weir-log.creating';

export const topicsDirectory = (directory: string): string => `${directory}/topics`;
export const asideDirectory = (directory: string): string => `${directory}/aside`;
export const topicDirectory = (directory: string, topic: number): string =>
  `${topicsDirectory(directory)}/${String(topic).padStart(10, '0')}`;
export const partitionDirectory = (directory: string, topic: number, partition: number): string =>
  `${topicDirectory(directory, topic)}/${String(partition).padStart(3, '0')}`;

/** Name of a segment's files without their endings: the base offset in 20 digits, as Kafka names them. */
export const segmentName = (baseOffset: number): string => String(baseOffset).padStart(20, '0');

/** Name of a segment's files without their endings, whoever made it. */
export const segmentFileName = (baseOffset: number, revision?: number): string =>
  revision === undefined ? segmentName(baseOffset) : `${segmentName(baseOffset)}.${revision}`;

/** The revision that the name of a file tells, undefined when it is not that of a compacted segment. */
export function revisionIn(name: string): number | undefined {
  const match = /^[0-9]{20}\.([0-9]+)\.[a-z]+$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Endings of the files of a segment. */
export const SEGMENT_FILES = ['log', 'index', 'timeindex', 'sidecar'] as const;
export type SegmentFile = (typeof SEGMENT_FILES)[number];

/** What the marker of a directory says. */
export interface MarkedLog extends LogIdentity {
  /** Of what lies there; see {@link raiseFormat}. */
  readonly format: number;
}

/**
 * What the marker says of the log in a directory, or undefined where there is none yet and one may be created.
 * @throws `log-format-unknown`, `log-directory-foreign`, `log-corrupt`.
 */
export async function readMarker(files: FileSystem, directory: string): Promise<MarkedLog | undefined> {
  const entries = (await files.list(directory)) ?? [];
  const names = entries.map((one) => one.name).filter((name) => !name.startsWith(LOCK_FILE));
  if (!names.includes(MARKER)) {
    if (names.length > 0 && !names.includes(CREATING)) throw logDirectoryForeign(directory, names);
    return undefined;
  }
  const text = Buffer.from((await readWhole(files, `${directory}/${MARKER}`)) ?? []).toString('utf8');
  const marker = parseMarker(text);
  if (marker === undefined) throw logCorrupt('its marker file cannot be read', { file: `${directory}/${MARKER}` });
  const format = knownFormat(directory, marker);
  if (marker.checksum !== checksumOf(marker)) {
    throw logCorrupt('the checksum of its marker file is wrong', { file: `${directory}/${MARKER}` });
  }
  if (names.includes(CREATING)) {
    await files.remove(`${directory}/${CREATING}`);
    await flushDirectory(files, directory);
  }
  return { logId: marker.logId, journalKey: marker.journalKey, format };
}

/**
 * Looks whether this build knows the format of the log in a directory, and touches nothing: for whoever opens, and brings to its own format, what lies beside the log. Of a log that is not there, or is damaged, it says nothing.
 * @throws `log-format-unknown`.
 */
export async function demandKnownFormat(files: FileSystem, directory: string): Promise<void> {
  const marker = parseMarker(Buffer.from((await readWhole(files, `${directory}/${MARKER}`)) ?? []).toString('utf8'));
  if (marker !== undefined) knownFormat(directory, marker);
}

function knownFormat(directory: string, { format }: Marker): number {
  const known = Number.isInteger(format) ? (format as number) : NaN;
  if (known >= OLDEST_FORMAT && known <= LOG_FORMAT) return known;
  throw logFormatUnknown(directory, format, LOG_FORMAT);
}

/** Gives the directory of an older log the present format number. To be called when it can be read, before anything new is written. */
export async function raiseFormat(
  files: FileSystem,
  directory: string,
  { format, ...identity }: MarkedLog,
): Promise<void> {
  if (format !== LOG_FORMAT) await writeMarker(files, directory, identity);
}

/**
 * Creates a log: `fill` makes its files, then the marker makes it a log. Killed before that, it leaves a directory that a later start creates
 * anew; killed after, a whole log.
 */
export async function createLog(
  files: FileSystem,
  directory: string,
  identity: LogIdentity,
  fill: () => Promise<void>,
): Promise<void> {
  await (await files.open(`${directory}/${CREATING}`, 'create')).close();
  await flushDirectory(files, directory);
  await flushDirectory(files, dirname(directory)); // The directory itself may be new.
  for (const slot of [0, 1]) {
    await files.remove(`${directory}/journal-${slot}`);
    await files.remove(`${directory}/state-${slot}`);
  }
  await files.makeDirectory(topicsDirectory(directory));
  await fill();
  await writeMarker(files, directory, identity);
  await files.remove(`${directory}/${CREATING}`);
  await flushDirectory(files, directory);
}

async function writeMarker(files: FileSystem, directory: string, { logId, journalKey }: LogIdentity): Promise<void> {
  const marker = { format: LOG_FORMAT, logId, journalKey };
  const text = JSON.stringify({ ...marker, checksum: checksumOf(marker) }, undefined, 2);
  await writeWhole(files, directory, MARKER, Buffer.from(`${text}\n`, 'utf8'));
}

interface Marker {
  readonly format: unknown;
  readonly logId: string;
  readonly journalKey: string;
  readonly checksum?: string;
}

function parseMarker(text: string): Marker | undefined {
  try {
    const value = JSON.parse(text) as Marker | null;
    return typeof value === 'object' && value !== null && 'format' in value ? value : undefined;
  } catch {
    return undefined;
  }
}

function checksumOf({ format, logId, journalKey }: Marker): string {
  return crc32c(JSON.stringify([format, logId, journalKey]))
    .toString(16)
    .padStart(8, '0');
}
