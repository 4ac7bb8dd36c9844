import type { Clock, StorageRoom } from '#libs/core/kernel';
import type { CompressionCodecs } from '#libs/core/log';
import type { CompactionWork } from './compaction-work.js';
import type { DirectoryLock } from './directory-lock.js';
import type { FileSystem } from './file-system.js';

/** Bounds of one embedded log. */
export interface EmbeddedLogLimits {
  readonly topics: number;
  readonly partitionsPerTopic: number;
  /** Over all topics. */
  readonly partitions: number;
  /** Segment files open at the same time. */
  readonly openSegments: number;
  /** Producers that partitions remember, counted in each of them; beyond it new ones are refused with `too-many-producers`. As many names of producers. */
  readonly producers: number;
  /** Bytes of appends and commits that wait for the journal; beyond it they are refused with `log-overloaded`. */
  readonly waitingBytes: number;
}

export const EMBEDDED_LOG_LIMITS: EmbeddedLogLimits = {
  topics: 2_000,
  partitionsPerTopic: 256,
  partitions: 4_000,
  // Above a thousand partitions that are written in turns: a segment that is closed for another one is flushed first.
  openSegments: 2_048,
  producers: 10_000,
  waitingBytes: 256 * 1024 * 1024,
};

/** How the log lays out and paces its work. Changing a value between two starts is safe. */
export interface EmbeddedLogSettings {
  /** A segment is closed before it grows beyond this. */
  readonly segmentBytes: number;
  /** Distance of index entries, in bytes of batches. */
  readonly indexIntervalBytes: number;
  /** Journal bytes after which a checkpoint begins. The journal holds at most four times as much. */
  readonly checkpointBytes: number;
  /** Longest time without a checkpoint while there is something to keep, in milliseconds; 0 for no limit. */
  readonly checkpointIntervalMs: number;
  /** The journal files grow by this, ahead of use. */
  readonly journalStepBytes: number;
  /** Most bytes that ride on one flush. */
  readonly groupBytes: number;
  /** How long a flush waits for company, in milliseconds. 0: whatever arrived during the flush before it rides on the next. */
  readonly groupWaitMs: number;
  /** Topics at level `buffered`: the journal is flushed when so many bytes of them are not, and so long after the first of them, in milliseconds. */
  readonly flushBytes: number;
  readonly flushIntervalMs: number;
  /** Commits larger than this flush their segments first and put only references into the journal. */
  readonly bulkBytes: number;
  /** Groups from this on have their segments written by the thread pool, several at a time: on the calling thread it would take as long as all else that is done with a copied record. */
  readonly pooledBytes: number;
  /** How long a partition remembers a producer that does not write, in milliseconds. */
  readonly producerExpirationMs: number;
  /** How often old segments are looked for and compaction is considered, in milliseconds; 0 for never. */
  readonly retentionCheckMs: number;
  /** Memory for the keys of one compaction; with more keys it takes several passes. */
  readonly compactionMapBytes: number;
  /** Compaction reads and writes at most so many bytes in a second, so that it does not take the disk from those who wait for it. */
  readonly compactionBytesPerSecond: number;
  /** Bytes of index entries of closed segments kept in memory. */
  readonly indexCacheBytes: number;
}

const MIB = 1024 * 1024;

export const EMBEDDED_LOG_SETTINGS: EmbeddedLogSettings = {
  segmentBytes: 128 * MIB,
  indexIntervalBytes: 4096,
  checkpointBytes: 64 * MIB,
  checkpointIntervalMs: 30_000,
  journalStepBytes: 4 * MIB,
  groupBytes: 8 * MIB,
  groupWaitMs: 0,
  flushBytes: 8 * MIB,
  flushIntervalMs: 1_000,
  bulkBytes: MIB,
  pooledBytes: 256 * 1024,
  indexCacheBytes: 64 * MIB,
  producerExpirationMs: 86_400_000,
  retentionCheckMs: 300_000,
  compactionMapBytes: 64 * MIB,
  compactionBytesPerSecond: 32 * MIB,
};

/** Where the log says what it does. Messages are constant, facts are plain JSON; record contents never appear. */
export interface EmbeddedLogLogger {
  info(message: string, facts: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts: Readonly<Record<string, unknown>>): void;
  error(message: string, facts: Readonly<Record<string, unknown>>): void;
}

/** Called on the hot path: count and return. */
export interface EmbeddedLogObserver {
  /** One flush of the journal, with everything that rode on it. */
  flushed?(flush: { readonly durationMs: number; readonly bytes: number; readonly commits: number }): void;
  /** Records became visible, as durable as their topics want them. */
  appended?(appended: { readonly records: number; readonly bytes: number }): void;
  checkpointed?(checkpoint: { readonly durationMs: number; readonly segments: number }): void;
  /** Segments went by age or size. */
  retained?(retained: { readonly durationMs: number; readonly segments: number; readonly bytes: number }): void;
  /** A partition was compacted: so many bytes were read and kept, and so many segments replaced. */
  compacted?(compacted: {
    readonly durationMs: number;
    readonly readBytes: number;
    readonly keptBytes: number;
    readonly segments: number;
  }): void;
  /** A partition was not compacted, for a reason that is logged; it is tried again at the next look. */
  compactionFailed?(): void;
}

/** How far the replay of a start has come, in bytes of the journal. */
export interface ReplayProgress {
  readonly replayedBytes: number;
  readonly journalBytes: number;
}

/** Named steps at which a crash test may end the process. */
export type FailPoint =
  | 'journal-append'
  | 'journal-flushed'
  | 'checkpoint-begin'
  | 'checkpoint-segments-flushed'
  | 'checkpoint-snapshot-renamed'
  | 'compaction-written'
  | 'compaction-flushed'
  | 'compaction-swapped'
  | 'start-moved'
  | 'files-removed'
  | 'recovery-begin'
  | 'recovery-replayed'
  | 'recovery-snapshot-renamed'
  | 'recovery-end';

export const FAIL_POINTS: readonly FailPoint[] = [
  'journal-append',
  'journal-flushed',
  'checkpoint-begin',
  'checkpoint-segments-flushed',
  'checkpoint-snapshot-renamed',
  'compaction-written',
  'compaction-flushed',
  'compaction-swapped',
  'start-moved',
  'files-removed',
  'recovery-begin',
  'recovery-replayed',
  'recovery-snapshot-renamed',
  'recovery-end',
];

/** What makes a new log itself. Random in production; given by tests that want the same bytes twice. */
export interface LogIdentity {
  /** 1 … 64 characters of `[a-zA-Z0-9_-]`. */
  readonly logId: string;
  /** 32 hexadecimal digits; seeds the journal's checksums, so that user data cannot pass for a journal entry. Never shown. */
  readonly journalKey: string;
}

export interface EmbeddedLogOptions {
  /** Absolute path of a directory of the log's own. Created when missing (its parent must exist); refused when it holds anything else. */
  readonly directory: string;
  readonly clock: Clock;
  /** The real disk unless given. */
  readonly files?: FileSystem;
  /** Asked before records, topics and partitions are added; no limit unless given. Positions, checkpoints of writers and deletions do not ask. */
  readonly room?: StorageRoom;
  /** How the directory is kept from a second process: an exclusive SQLite transaction unless given. */
  readonly lock?: DirectoryLock;
  readonly limits?: Partial<EmbeddedLogLimits>;
  readonly settings?: Partial<EmbeddedLogSettings>;
  /** Compressions whose batches can be checked and searched; all that Kafka knows unless given. */
  readonly codecs?: CompressionCodecs;
  /** Where compaction does its work; on the thread of the log unless given. It is closed with the log. */
  readonly compaction?: CompactionWork;
  readonly logger?: EmbeddedLogLogger;
  readonly observer?: EmbeddedLogObserver;
  /**
   * Called once, when writing has ended for good because the disk can no longer be trusted (a flush failed). Durable records can still be read; the
   * process should leave with its reserved exit code and start again, so that the log is verified from disk.
   */
  readonly onFatal?: (error: Error) => void;
  readonly failPoint?: (name: FailPoint) => void;
  /** Told again and again while a start replays the journal: how much of it was, of how much. */
  readonly replaying?: (progress: ReplayProgress) => void;
  /** Identity of a log that is created; ignored for one that exists. */
  readonly identity?: () => LogIdentity;
}
