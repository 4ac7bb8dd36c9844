export { DiskBackups, type ContentChecks } from './disk-backups.js';
export {
  completeRestore,
  decideRestore,
  forgetRestore,
  restoreBackup,
  stageRestore,
  type RestoreOptions,
} from './restore.js';
