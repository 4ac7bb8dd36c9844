import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '#libs/core/kernel';
import { backupErrors, MANIFEST_NAME, parseManifest, type BackupManifest } from '#libs/core/backups';
import { flushDirectory, flushTree, writeFixed, type Steps } from './file-copy.js';

/** Copied here; nothing yet. */
const BEGUN = 'restore.begun';
/** Its name says that everything is in it and flushed: from here on the restore only goes forward. */
const DECIDED = 'restore.decided';
/** Beside what was copied: what a fresh service made goes first. */
const REPLACES = 'replaces';
/** Everything a service makes in its data directory that a restore takes the place of. */
const REPLACED = [
  'log',
  ...['metadata.sqlite', 'views.sqlite'].flatMap((name) => ['', '-wal', '-shm'].map((end) => name + end)),
];
/** Says which backup a directory came from. */
const RESTORED = 'restored.json';
/** Where a new file system keeps what it finds. */
const OF_THE_SYSTEM = new Set(['lost+found']);

export interface RestoreOptions extends Steps {
  /** Directory of the backup. */
  readonly from: string;
  /** The data directory: empty, or missing in a directory that exists. */
  readonly to: string;
  readonly failPoint: (name: string) => void;
}

/**
 * Copies a backup into an empty data directory, comparing every byte with its checksum. Killed anywhere, it leaves a directory that the next start finds empty, or the whole backup: everything is copied aside and flushed,
 * then one rename decides, then {@link completeRestore} puts it in its place, again at the next start if it has to.
 * Asked again for the backup that the directory came from, it does nothing.
 * @returns what was restored, undefined when it had been before.
 * @throws `data-directory-not-empty`, `backup-not-found`, `backup-newer`, `backup-damaged`, `storage-full`; the directory is as it was then.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupManifest | undefined> {
  const { from, to, failPoint } = options;
  const manifest = await manifestOf(from);
  await mkdir(to, { recursive: true, mode: 0o750 });
  await completeRestore(to);
  if ((await restoredFrom(to)) === manifest.id) return undefined;
  await requireEmpty(to);
  await stage(manifest, options, false);
  await decideRestore(to);
  failPoint('restore:decided');
  await completeRestore(to, failPoint);
  return manifest;
}

/**
 * Copies a backup aside in the data directory of a service that runs and holds nothing. Nothing has happened until {@link decideRestore}; what the service made goes when the restore is completed.
 * @throws `backup-not-found`, `backup-newer`, `backup-damaged`, `storage-full`.
 */
export async function stageRestore(options: RestoreOptions): Promise<void> {
  await forgetRestore(options.to);
  await stage(await manifestOf(options.from), options, true);
}

/** Forgets what was copied aside, unless it was decided. */
export async function forgetRestore(to: string): Promise<void> {
  await rm(join(to, BEGUN), { recursive: true, force: true });
}

/** From here on what was copied aside takes the place of everything else, at the next start at the latest. To be called when nothing of the directory is written any more. */
export async function decideRestore(to: string): Promise<void> {
  await rename(join(to, BEGUN), join(to, DECIDED));
  await flushDirectory(to);
}

async function stage(manifest: BackupManifest, options: RestoreOptions, isReplacing: boolean): Promise<void> {
  const { to, failPoint } = options;
  const begun = join(to, BEGUN);
  failPoint('restore:begun');
  try {
    await copyAll(manifest, begun, options);
    if (isReplacing) await writeFixed({ path: REPLACES, parts: [] }, join(begun, REPLACES), options);
    const restored = Buffer.from(JSON.stringify({ backup: manifest.id, takenAtMs: manifest.takenAtMs }));
    await writeFixed({ path: RESTORED, parts: [{ memory: restored }] }, join(begun, RESTORED), options);
    failPoint('restore:copied');
    await flushTree(begun);
    failPoint('restore:flushed');
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    throw error;
  }
}

/** Puts a restore in its place that was decided, and forgets one that was not. To be called before anything in a data directory is opened. Harmless to repeat. */
export async function completeRestore(to: string, failPoint: (name: string) => void = () => undefined): Promise<void> {
  await forgetRestore(to);
  const decided = join(to, DECIDED);
  if ((await namesIn(decided))?.includes(REPLACES) === true) {
    // Nothing is in its place yet: all of this may be done again.
    for (const name of REPLACED) await rm(join(to, name), { recursive: true, force: true });
    await flushDirectory(to);
    failPoint('restore:cleared');
    await rm(join(decided, REPLACES));
    await flushDirectory(decided);
  }
  const entries = await namesIn(decided);
  if (entries === undefined) return;
  for (const name of entries) {
    await rename(join(decided, name), join(to, name));
    failPoint('restore:placed');
  }
  await flushDirectory(to);
  await rm(decided, { recursive: true });
  failPoint('restore:complete');
  await flushDirectory(to);
}

async function copyAll(manifest: BackupManifest, begun: string, options: RestoreOptions): Promise<void> {
  await mkdir(begun, { mode: 0o750 });
  for (const { path, bytes, sha256 } of manifest.files) {
    const source = join(options.from, path);
    const target = join(begun, placeOf(path));
    const found = await writeFixed({ path, parts: [{ file: source, bytes }] }, target, options).catch(
      (error: unknown) => {
        const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
        const isShort = error instanceof AppError && error.code === 'backup-source-short';
        if (isMissing || isShort) throw backupErrors.backupDamaged(manifest.id, [`${path} is missing or short`]);
        throw error;
      },
    );
    if (found.sha256 !== sha256) throw backupErrors.backupDamaged(manifest.id, [`${path} is not what was written`]);
    options.failPoint('restore:file-copied');
  }
}

/** Where a file of a backup lies in a data directory. */
function placeOf(path: string): string {
  return path.startsWith('metadata/') ? path.slice('metadata/'.length) : path;
}

async function manifestOf(from: string): Promise<BackupManifest> {
  const id = basename(from);
  const text = await readFile(join(from, MANIFEST_NAME), 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw backupErrors.backupNotFound(id);
    throw error;
  });
  return parseManifest(id, text);
}

async function restoredFrom(directory: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(join(directory, RESTORED), 'utf8')) as { backup?: string }).backup;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function requireEmpty(directory: string): Promise<void> {
  const names = ((await namesIn(directory)) ?? []).filter((name) => !OF_THE_SYSTEM.has(name));
  if (names.length === 0) return;
  throw new AppError({
    kind: 'conflict',
    code: 'data-directory-not-empty',
    message: `The data directory ${directory} holds something already (${names.slice(0, 3).join(', ')}); nothing was restored.`,
    hint: 'Restore into a directory of its own: data.dir (WEIR_DATA_DIR).',
    details: { directory },
  });
}

async function namesIn(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
