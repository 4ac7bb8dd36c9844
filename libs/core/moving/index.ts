export {
  keyOf,
  MOVED_KINDS,
  type EntryKey,
  type MovedContent,
  type MovedEntry,
  type MovedKind,
  type MovedVersion,
} from './entry.js';
export {
  ImportStaging,
  type Staged,
  type StagedCount,
  type StagedPlace,
  type StagedVersion,
  type StagingChange,
} from './staging.js';
