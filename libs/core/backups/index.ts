export { BackupHandler, type BackupTools } from './backup-handler.js';
export {
  Backups,
  type BackupCut,
  type BackupState,
  type BackupWork,
  type StoredBackup,
  type Verification,
} from './backups.js';
export * as backupErrors from './errors.js';
export {
  BACKUP_FORMAT,
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
