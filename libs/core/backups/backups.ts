import type { FixedFile } from '#libs/core/kernel';
import type { BackupManifest } from './manifest.js';

/** Everything a service holds itself, at one moment. */
export interface BackupCut extends Pick<BackupManifest, 'takenAtMs' | 'madeBy' | 'log' | 'metadata' | 'leftOut'> {
  /** Paths as in the manifest. */
  readonly files: readonly FixedFile[];
  /** Lets go of the files. Harmless to repeat. */
  release(): void;
}

/** What was found when a backup was read back. */
export interface Verification {
  /** Epoch ms. */
  readonly atMs: number;
  /** What is not as it was written, in words; empty for a sound backup. */
  readonly problems: readonly string[];
}

/** A backup that is complete. */
export interface StoredBackup {
  readonly manifest: BackupManifest;
  /** See `digestOf`. */
  readonly digest: string;
  /** The last time it was read back; null for never. */
  readonly verification: Verification | null;
}

/** A backup as one file: see `archiveParts`. */
export interface BackupContent {
  readonly digest: string;
  readonly bytes: number;
  /**
   * The bytes from `from` up to `to`. Each file that is read to its end is compared with its checksum before anything that follows it is given.
   * @throws while it is read: `backup-damaged`, and the signal's reason.
   */
  read(from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array>;
}

/** A backup that was taken in. */
export interface Received {
  readonly backup: StoredBackup;
  /** False when the same backup was here before. */
  readonly isNew: boolean;
}

/** How work on a backup goes on. */
export interface BackupWork {
  /** Between two steps it may end with the signal's reason. */
  readonly signal: AbortSignal;
  /** Called before each step with the bytes that it is about to move. */
  pace(bytes: number): Promise<void>;
  /** Named steps for crash tests. */
  failPoint(name: string): void | Promise<void>;
}

/** `absent`; `begun` and given up, or under way; `complete`. */
export type BackupState = 'absent' | 'begun' | 'complete';

/**
 * Where backups are kept. One is there whole or not at all: what is begun has another name until it is complete and flushed. The class is the type and the injection token.
 */
export abstract class Backups {
  /** The newest first. */
  abstract list(): Promise<readonly StoredBackup[]>;
  /** @throws `backup-not-found`, `backup-damaged`, `backup-newer`. */
  abstract describe(id: string): Promise<StoredBackup>;
  abstract state(id: string): Promise<BackupState>;
  /** Begins a backup anew, forgetting what was begun before under this id. */
  abstract begin(id: string): Promise<void>;
  /**
   * Copies a cut into a backup that was begun, and completes it durably. Files that an earlier backup of the same log holds under the same seal are taken over from there unless `isFull`: both
   * share them on the disk.
   * @throws `backup-source-short`, `storage-full`.
   */
  abstract write(id: string, cut: BackupCut, isFull: boolean, work: BackupWork): Promise<BackupManifest>;
  /** Reads everything back (checksums of files and batches, offsets, the database), and keeps what was found with the backup. @throws `backup-not-found`, `backup-newer`. */
  abstract verify(id: string, work: BackupWork): Promise<Verification>;
  /** A backup to be sent elsewhere. @throws `backup-not-found`, `backup-damaged`, `backup-newer`. */
  abstract content(id: string): Promise<BackupContent>;
  /**
   * Takes in what {@link content} gave elsewhere, at most `maxBytes` of it: read while it arrives, compared with its checksums, flushed, looked into as {@link verify} does, and only then there. Until then, and when anything goes
   * wrong, nothing is. Of the same backup as one that is here already no more than the manifest is read.
   * @throws `backup-content-damaged`, `backup-exists`, `backup-too-large`, `backup-newer`, `storage-full`, and the signal's reason.
   */
  abstract receive(
    id: string,
    chunks: AsyncIterable<Uint8Array>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Received>;
  /** Forgets what a process that died had taken in of a backup. To be called when the service starts. */
  abstract sweep(): Promise<void>;
  /** Removes a backup, or what was begun of one. Harmless to repeat. */
  abstract remove(id: string): Promise<void>;
}
