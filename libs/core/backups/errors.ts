import { AppError } from '#libs/core/kernel';

/** Every failure of backups, on one page. Codes are public. */

export const backupNotFound = (id: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'backup-not-found',
    message: `There is no backup '${id}', or it is not complete yet.`,
    hint: 'GET /v1/backups lists those there are.',
    details: { backup: id },
  });

export const backupsNotConfigured = (): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'backups-not-configured',
    message: 'This service has no directory for backups.',
    hint: 'Name one in its configuration: backups.directory (WEIR_BACKUPS_DIRECTORY), best on another disk than data.dir.',
  });

export const nothingToBackUp = (): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'nothing-to-back-up',
    message: 'This service holds nothing itself: its topics are on Apache Kafka and its metadata on PostgreSQL.',
    hint: 'Use pg_dump for the metadata, and what your Kafka cluster offers for its topics.',
  });

export const backupInUse = (id: string, by: { readonly operation: string } | 'download'): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'backup-in-use',
    message: `Backup '${id}' cannot be deleted: ${by === 'download' ? 'somebody downloads it' : `operation ${by.operation} works on it`}.`,
    hint: by === 'download' ? 'Wait until it has ended.' : 'Wait for it, or cancel it.',
    details: { backup: id, ...(by === 'download' ? {} : by) },
  });

export const backupExists = (id: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'backup-exists',
    message: `There is another backup '${id}' here already; nothing was taken in.`,
    hint: `Compare the digests of both. To replace this one: DELETE /v1/backups/${id} first.`,
    details: { backup: id },
  });

export const backupContentDamaged = (id: string, problem: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'backup-content-damaged',
    message: `What arrived is not the content of backup '${id}': ${problem}. Nothing of it was kept.`,
    hint: 'Send the archive exactly as GET /v1/backups/{id}/content gave it; if it is, verify the backup where it came from.',
    details: { backup: id, problem },
  });

export const backupTooLarge = (id: string, bytes: number, limit: string, value: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'backup-too-large',
    message: `Backup '${id}' has ${bytes} bytes; ${value} are the limit (${limit}). Nothing of it was kept.`,
    hint: 'Raise limits.backupBytes (WEIR_LIMITS_BACKUP_BYTES), or copy the directory of the backup into backups.directory.',
    details: { backup: id, limit, value, measured: bytes },
  });

export const backupTransfersBusy = (what: 'downloads' | 'uploads', most: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'backup-transfers-busy',
    message: `${most} ${what} of backups are under way; there are no more at a time.`,
    hint: 'Try again when one has ended.',
    retryable: true,
    retryAfterMs: 10_000,
  });

export const backupDamaged = (id: string, problems: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'backup-damaged',
    message: `Backup '${id}' is damaged: ${problems.slice(0, 3).join('; ')}${problems.length > 3 ? '; …' : ''}.`,
    hint: 'Take another one. Of a damaged backup nothing was restored.',
    details: { backup: id, problems: problems.slice(0, 100) },
  });

export const backupNewer = (id: string, format: unknown, known: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'backup-newer',
    message: `Backup '${id}' has format ${String(format)}; this release knows formats up to ${known}. Nothing was touched.`,
    hint: 'Use the release that made it, or a later one.',
    details: { backup: id, known },
  });

export const serviceNotEmpty = (holds: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'service-not-empty',
    message: `This service holds something already (${holds.join(', ')}); nothing was restored.`,
    hint: 'Start a service on an empty data directory, and restore there.',
    details: { holds },
  });

export const restoreNotPossible = (why: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'restore-not-possible',
    message: `The backup cannot be restored by this service while it runs: ${why}.`,
    hint: 'Restore from the command line, before the service starts: npm start -- --restore <backup>.',
  });

export const sourceChanged = (path: string, expected: number, found: number): AppError =>
  new AppError({
    kind: 'internal',
    code: 'backup-source-short',
    message: `${path} has ${found} of the ${expected} bytes that it should have; the backup was given up.`,
    hint: 'The file is damaged, or the partition it belongs to: see the health of partitions.',
    details: { path, expected, found },
  });
