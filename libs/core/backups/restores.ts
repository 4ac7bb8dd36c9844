import type { BackupWork } from './backups.js';

/** Puts a backup in the place of a service that runs and holds nothing yet. */
export abstract class Restores {
  /** @throws `service-not-empty`, `restore-not-possible`; `backup-not-found`, `backup-damaged`, `backup-newer`. */
  abstract check(id: string): Promise<void>;
  /** Copies the backup beside what is there, and compares it. Nothing has happened then. Begins anew when repeated. @throws as {@link check}; `storage-full`. */
  abstract stage(id: string, work: BackupWork): Promise<void>;
  /** Lets the service stop and start again on what was staged. Answers at once. */
  abstract proceed(): void;
  /** Forgets what was staged. Harmless to repeat. */
  abstract forget(): Promise<void>;
}
