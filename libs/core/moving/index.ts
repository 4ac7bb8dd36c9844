export {
  keyOf,
  MOVED_KINDS,
  type EntryKey,
  type MovedAssociation,
  type MovedContent,
  type MovedEntry,
  type MovedKind,
  type MovedVersion,
} from './entry.js';
export {
  ImportStaging,
  STAGED_PAGE_BYTES,
  type Staged,
  type StagedCount,
  type StagedNumber,
  type StagedPlace,
  type StagedVersion,
  type StagingChange,
} from './staging.js';

export { ExportWriter } from './export-format.js';
export { RegistryExport, type ExportFilter } from './export.js';
export { ImportHandler, KEEP_STAGED_MS, type ImportTools } from './import-handler.js';
export { CONFLICT_POLICIES } from './import-parameters.js';
export { UNREADABLE } from './judge.js';
export { SourceRegistries, SourceRegistry, type SourceAnswer } from './source-registry.js';
export { dumpRecordOf } from './topic-dump.js';
export { Upload, type UploadFacts, type UploadLimits } from './upload.js';
