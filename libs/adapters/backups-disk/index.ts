export { DiskBackups, type ContentChecks } from './disk-backups.js';
export { completeRestore, restoreBackup, type RestoreOptions } from './restore.js';
