import { Inject, Injectable } from '@nestjs/common';
import { backupErrors, Backups, type BackupContent, type Received } from '#libs/core/backups';

export interface BackupLimits {
  /** Of one that is uploaded. */
  readonly maxBytes: number;
}

export const BACKUP_LIMITS = Symbol('limits of backups');

/** Each reads a disk as fast as its client takes it. */
const MOST_DOWNLOADS = 4;
/** Each may fill the disk of the backups. */
const MOST_UPLOADS = 2;

/** Backups on their way out and in: few at a time, and none is deleted while somebody reads it. */
@Injectable()
export class BackupTransfers {
  /** By backup. */
  readonly #downloads = new Map<string, number>();
  readonly #uploads = new Set<string>();

  constructor(
    private readonly backups: Backups,
    @Inject(BACKUP_LIMITS) private readonly limits: BackupLimits,
  ) {}

  isDownloaded(id: string): boolean {
    return this.#downloads.has(id);
  }

  /** @throws `backup-not-found`, `backup-damaged`, `backup-newer`. */
  content(id: string): Promise<BackupContent> {
    return this.backups.content(id);
  }

  /** Takes a place for a download. @returns how it is given back. @throws `backup-transfers-busy`. */
  download(id: string): () => void {
    const running = [...this.#downloads.values()].reduce((sum, count) => sum + count, 0);
    if (running >= MOST_DOWNLOADS) throw backupErrors.backupTransfersBusy('downloads', MOST_DOWNLOADS);
    this.#downloads.set(id, (this.#downloads.get(id) ?? 0) + 1);
    return () => {
      const left = this.#downloads.get(id)! - 1;
      if (left === 0) this.#downloads.delete(id);
      else this.#downloads.set(id, left);
    };
  }

  /** @throws `backup-transfers-busy`, also while the same backup arrives already; and what `Backups.receive` throws. */
  async receive(id: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Received> {
    if (this.#uploads.size >= MOST_UPLOADS || this.#uploads.has(id))
      throw backupErrors.backupTransfersBusy('uploads', this.#uploads.has(id) ? 1 : MOST_UPLOADS);
    this.#uploads.add(id);
    try {
      return await this.backups.receive(id, chunks, this.limits.maxBytes, signal);
    } finally {
      this.#uploads.delete(id);
    }
  }
}
