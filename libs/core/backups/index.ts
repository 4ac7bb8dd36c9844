export { archiveBytes, archiveParts, ARCHIVE_TYPE, MANIFEST_NAME, type ArchivePart } from './archive.js';
export { ArchiveReader, type ArrivedManifest } from './archive-reader.js';
export { BackupHandler, type BackupTools } from './backup-handler.js';
export {
  Backups,
  type BackupContent,
  type BackupCut,
  type BackupState,
  type BackupWork,
  type Received,
  type StoredBackup,
  type Verification,
} from './backups.js';
export * as backupErrors from './errors.js';
export {
  BACKUP_FORMAT,
  digestOf,
  manifestText,
  parseManifest,
  topicsOf,
  type BackedUpFile,
  type BackedUpPartition,
  type BackedUpTopic,
  type BackupManifest,
} from './manifest.js';
export { RestoreHandler } from './restore-handler.js';
export { Restores } from './restores.js';
export { BackupVerificationHandler } from './verification-handler.js';
