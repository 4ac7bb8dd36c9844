import type { StoredBackup } from '#libs/core/backups';
import type { BackupSummary, BackupView } from './backup-shapes.js';

/** A backup as the list shows it. */
export function summaryOf({ manifest, digest, verification }: StoredBackup): BackupSummary {
  const { id, takenAtMs, madeBy, log, metadata, files, leftOut } = manifest;
  return {
    id,
    digest,
    takenAt: new Date(takenAtMs).toISOString(),
    madeBy,
    logId: log?.logId ?? null,
    metadata,
    topics: log?.topics.length ?? 0,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    leftOut: [...leftOut],
    verification: verification && {
      at: new Date(verification.atMs).toISOString(),
      sound: verification.problems.length === 0,
      problems: verification.problems.slice(0, 100),
    },
  };
}

/** A backup with its positions. */
export function viewOf(backup: StoredBackup): BackupView {
  const positions = (backup.manifest.log?.topics ?? []).map(({ name, state, partitions }) => ({
    topic: name,
    state,
    partitions: partitions.map(({ partition, startOffset, endOffset, health }) => ({
      partition,
      startOffset: String(startOffset),
      endOffset: String(endOffset),
      health,
    })),
  }));
  return { ...summaryOf(backup), positions };
}
