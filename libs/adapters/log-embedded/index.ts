export { CompactionThread } from './compaction-thread.js';
export { CompactionWork, LocalCompactionWork, type CompactedRun, type CompactionOrder } from './compaction-work.js';
export { DirectoryLock, SqliteDirectoryLock, type HeldDirectory } from './directory-lock.js';
export { EmbeddedLog, openEmbeddedLog } from './embedded-log.js';
export type { LogCut } from './log-cut.js';
export { demandKnownFormat, LOG_FORMAT } from './log-directory.js';
export { inspectLog, type InspectedLog } from './log-inspection.js';
export { FileSystem, OpenFile, type DirectoryEntry, type OpenMode } from './file-system.js';
export { FlushWatch } from './flush-watch.js';
export { NodeFileSystem } from './node-file-system.js';
export {
  EMBEDDED_LOG_LIMITS,
  EMBEDDED_LOG_SETTINGS,
  FAIL_POINTS,
  type EmbeddedLogLimits,
  type EmbeddedLogLogger,
  type EmbeddedLogObserver,
  type EmbeddedLogOptions,
  type EmbeddedLogSettings,
  type FailPoint,
  type LogIdentity,
} from './options.js';
