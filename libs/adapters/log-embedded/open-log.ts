import { randomBytes } from 'node:crypto';
import { AppError } from '#libs/core/kernel';
import { type HeldDirectory, SqliteDirectoryLock } from './directory-lock.js';
import type { FileSystem } from './file-system.js';
import { flushDirectory } from './flush.js';
import { Journal } from './journal.js';
import {
  asideDirectory,
  createLog,
  LOG_FORMAT,
  type MarkedLog,
  partitionDirectory,
  raiseFormat,
  readMarker,
  revisionIn,
  SEGMENT_FILES,
  segmentFileName,
  topicDirectory,
  topicsDirectory,
} from './log-directory.js';
import { LogState } from './log-state.js';
import { NodeFileSystem } from './node-file-system.js';
import {
  EMBEDDED_LOG_LIMITS,
  EMBEDDED_LOG_SETTINGS,
  type EmbeddedLogLimits,
  type EmbeddedLogLogger,
  type EmbeddedLogOptions,
  type EmbeddedLogSettings,
  type FailPoint,
  type LogIdentity,
} from './options.js';
import type { PartitionLog } from './partition-log.js';
import { recoverState, type Recovered } from './recovery.js';
import type { Segment } from './segment.js';
import { SegmentReader } from './segment-reader.js';
import { SegmentStore } from './segment-store.js';
import { SparingFileSystem } from './sparing-file-system.js';
import { encodeSnapshot, readSnapshot, type Snapshot, writeSnapshot } from './state-snapshot.js';
import { writeWhole } from './whole-file.js';

/** An opened directory: recovered, flushed, ready to be written. */
export interface OpenedLog {
  readonly logId: string;
  readonly files: FileSystem;
  readonly held: HeldDirectory;
  readonly state: LogState;
  readonly journal: Journal;
  readonly segments: SegmentStore;
  readonly reader: SegmentReader;
  readonly limits: EmbeddedLogLimits;
  readonly settings: EmbeddedLogSettings;
  readonly logger: EmbeddedLogLogger;
  readonly failPoint: (name: FailPoint) => void;
}

const SILENT: EmbeddedLogLogger = { info: () => undefined, warn: () => undefined, error: () => undefined };
/** At most so many things are kept aside; what comes then is only reported. */
const MAX_ASIDE = 64;
/** Files looked at together. */
const AT_ONCE = 32;

function newIdentity(): LogIdentity {
  return { logId: randomBytes(16).toString('base64url'), journalKey: randomBytes(16).toString('hex') };
}

/**
 * Takes the directory, creates or recovers the log in it, and leaves everything durable that recovery found: the new snapshot is the commit
 * point of the whole start, and until it is written a crash finds what was there before. `failed` learns of errors nobody waits for.
 */
export async function openDirectory(options: EmbeddedLogOptions, failed: (error: unknown) => void): Promise<OpenedLog> {
  const { directory, logger = SILENT, failPoint = () => undefined } = options;
  const files = new SparingFileSystem(options.files ?? new NodeFileSystem());
  const settings = { ...EMBEDDED_LOG_SETTINGS, ...options.settings };
  const limits = { ...EMBEDDED_LOG_LIMITS, ...options.limits };
  await files.makeDirectory(directory);
  const held = (options.lock ?? new SqliteDirectoryLock()).acquire(directory);
  const segments = new SegmentStore(files, directory, limits.openSegments, failed);
  files.spare = async () => {
    const spared = await segments.handles.spare();
    const { openFiles } = segments.handles;
    if (spared) logger.warn('the process has no more descriptors: fewer segment files are kept open', { openFiles });
    return spared;
  };
  const reader = new SegmentReader(segments, settings.indexCacheBytes, settings.indexIntervalBytes);
  let journal: Journal | undefined;
  try {
    const identity = (await readMarker(files, directory)) ?? (await create(options, files, settings));
    const journalKey = Buffer.from(identity.journalKey, 'hex');
    const { logId } = identity;
    failPoint('recovery-begin');
    const snapshot = await readSnapshot(files, directory);
    const { replaying } = options;
    const recovered = await recoverState(
      { files, directory, logId, journalKey, settings, segments, logger, replaying },
      snapshot,
    );
    const opening = { files, directory, segments, reader, logger };
    await settle(opening, snapshot, recovered);
    failPoint('recovery-replayed');
    await raiseFormat(files, directory, identity);
    journal = await Journal.open(files, directory, journalKey, settings.journalStepBytes);
    const { place, state } = recovered;
    const next = encodeSnapshot({
      journal: place,
      clean: false,
      state: state.image(),
    });
    await writeSnapshot(files, directory, next, () => failPoint('recovery-snapshot-renamed'));
    journal.begin(place);
    failPoint('recovery-end');
    return { logId, files, held, state, journal, segments, reader, limits, settings, logger, failPoint };
  } catch (error) {
    await segments.handles.closeAll(false).catch(() => undefined);
    await journal?.close().catch(() => undefined);
    held.release();
    throw error;
  }
}

async function create(
  options: EmbeddedLogOptions,
  files: FileSystem,
  settings: EmbeddedLogSettings,
): Promise<MarkedLog> {
  const { directory } = options;
  const identity = (options.identity ?? newIdentity)();
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(identity.logId) || !/^[0-9a-f]{32}$/.test(identity.journalKey)) {
    const message =
      'The identity of a new log needs a log id of 1 to 64 characters and a key of 32 hexadecimal digits.';
    throw new AppError({ kind: 'invalid', code: 'invalid-log-identity', message });
  }
  await createLog(files, directory, identity, async () => {
    const key = Buffer.from(identity.journalKey, 'hex');
    const journal = await Journal.open(files, directory, key, settings.journalStepBytes);
    await journal.close();
    const state = new LogState(identity.logId, settings.producerExpirationMs).image();
    const place = { generation: 1, startLsn: 0 };
    const bytes = encodeSnapshot({ journal: place, clean: true, state });
    await writeSnapshot(files, directory, bytes);
  });
  return { ...identity, format: LOG_FORMAT };
}

interface Opening {
  readonly files: FileSystem;
  readonly directory: string;
  readonly segments: SegmentStore;
  readonly reader: SegmentReader;
  readonly logger: EmbeddedLogLogger;
}

/** Makes the disk agree with the recovered state: foreign things aside, segments cut to their ends, everything flushed. */
async function settle(opening: Opening, snapshot: Snapshot, recovered: Recovered): Promise<void> {
  const { segments } = opening;
  const { state, touched, torn, place } = recovered;
  if (torn !== undefined && torn.bytes.length > 0) await keepTorn(opening, place.generation, torn.lsn, torn.bytes);
  await putAside(opening, state, place.generation, snapshot.clean);
  await inBatches([...state.partitions()], (partition) => checkSizes(opening, partition));
  for (const segment of touched) {
    if (segment.gone) continue;
    await segments.writeIndexes(segment);
    await segments.flush(segment.binding, segment.baseOffset);
  }
  await segments.syncDirectories();
}

/**
 * Every segment file must reach to its end; what lies behind it was never acknowledged and is cut, in sound partitions. A short or missing
 * file is damage: the partition is degraded where its sound part ends.
 */
async function checkSizes({ segments, reader, logger }: Opening, partition: PartitionLog): Promise<void> {
  for (const segment of partition.segments) {
    const size = partition.degradedAt === undefined ? await segments.trim(segment) : await segments.fileSize(segment);
    if (size !== undefined && size >= segment.sizeBytes) continue;
    const soundUpTo = await soundEnd(reader, segment);
    partition.degradedAt = Math.min(partition.degradedAt ?? Infinity, soundUpTo);
    const { topic, partition: number } = partition.identity;
    const facts = {
      topic,
      partition: number,
      segment: segment.baseOffset,
      bytes: size ?? null,
      expected: segment.sizeBytes,
    };
    logger.error('a segment file was cut or is missing: the partition is degraded', { ...facts, offset: soundUpTo });
    return;
  }
}

async function soundEnd(reader: SegmentReader, segment: Segment): Promise<number> {
  return Math.max(segment.baseOffset, await reader.soundUpTo(segment));
}

/** Moves what the state does not know of out of the way. After a clean stop only topics are looked at. */
async function putAside(opening: Opening, state: LogState, generation: number, clean: boolean): Promise<void> {
  const { files, directory } = opening;
  const known = new Set([...state.byNumber.keys(), ...state.dropped].map((number) => topicDirectory('', number)));
  const root = topicsDirectory('');
  for (const { name } of (await files.list(topicsDirectory(directory))) ?? []) {
    const path = `${root}/${name}`;
    if (!known.has(path)) await moveAside(opening, path, `${generation}-${name}`);
  }
  if (clean) return;
  for (const topic of state.topics.values()) {
    const path = topicDirectory('', topic.number);
    const partitions = new Set(topic.partitions.map((_, number) => partitionDirectory('', topic.number, number)));
    for (const { name } of (await files.list(directory + path)) ?? []) {
      const inner = `${path}/${name}`;
      if (!partitions.has(inner)) await moveAside(opening, inner, `${generation}-${topic.number}-${name}`);
    }
    await inBatches(topic.partitions, (partition) => putSegmentsAside(opening, partition, generation));
  }
}

async function putSegmentsAside(opening: Opening, partition: PartitionLog, generation: number): Promise<void> {
  const { topic, partition: number } = partition.identity;
  const path = partitionDirectory('', topic, number);
  const known = new Set<string>();
  for (const { baseOffset, revision } of [...partition.segments.map((one) => one.binding), ...partition.dropped]) {
    for (const ending of SEGMENT_FILES) known.add(`${segmentFileName(baseOffset, revision)}.${ending}`);
  }
  for (const { name } of (await opening.files.list(opening.directory + path)) ?? []) {
    // A compaction was cut short: what it read from is all there.
    if ((revisionIn(name) ?? 0) > partition.revision) await opening.files.remove(`${opening.directory}${path}/${name}`);
    else if (!known.has(name)) await moveAside(opening, `${path}/${name}`, `${generation}-${topic}-${number}-${name}`);
  }
}

/** Renames `path` (below the log's directory) into the aside directory. */
async function moveAside({ files, directory, logger }: Opening, path: string, name: string): Promise<void> {
  await files.makeDirectory(asideDirectory(directory));
  await files.rename(directory + path, `${asideDirectory(directory)}/${name}`);
  await flushDirectory(files, asideDirectory(directory));
  logger.warn('something unknown was moved aside', { from: path, to: `aside/${name}` });
}

async function keepTorn(
  { files, directory, logger }: Opening,
  generation: number,
  lsn: number,
  bytes: Uint8Array,
): Promise<void> {
  const path = asideDirectory(directory);
  await files.makeDirectory(path);
  if (((await files.list(path)) ?? []).length >= MAX_ASIDE) {
    logger.warn('the torn tail was not kept: enough is kept aside already', { directory: path, limit: MAX_ASIDE });
    return;
  }
  await writeWhole(files, path, `${generation}-journal-${lsn}`, bytes);
}

async function inBatches<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < all.length; from += AT_ONCE) await Promise.all(all.slice(from, from + AT_ONCE).map(work));
}
