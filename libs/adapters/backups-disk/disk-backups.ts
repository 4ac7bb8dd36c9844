import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesOf, type Clock, type FixedFile, isAppError } from '#libs/core/kernel';
import {
  BACKUP_FORMAT,
  backupErrors,
  Backups,
  manifestText,
  parseManifest,
  type BackedUpFile,
  type BackupCut,
  type BackupManifest,
  type BackupState,
  type BackupWork,
  type StoredBackup,
  type Verification,
} from '#libs/core/backups';
import { flushDirectory, flushTree, hashFile, writeFixed } from './file-copy.js';

/** Looks into what lies in a backup; the composition knows how. Each answers problems in words. */
export interface ContentChecks {
  /** A log that was left clean. Changes nothing. */
  log(directory: string, pace: (bytes: number) => Promise<void>): Promise<readonly string[]>;
  /** A database with its write-ahead log, which is a copy. */
  metadata(path: string): Promise<readonly string[]>;
}

export const MANIFEST = 'manifest.json';
const VERIFICATION = 'verification.json';
/** Endings of what is under way: none of it is an id. */
const BEGUN = '.begun';
const CHECKED = '.checked';
const REMOVED = '.removed';
const ID = /^[a-z0-9-]{1,64}$/;

/**
 * Backups as directories of one directory: `<id>/manifest.json`, `<id>/log/…`, `<id>/metadata/…`, and after a verification `<id>/verification.json`. What is begun stands
 * under `<id>.begun`; everything is flushed before it is renamed.
 */
export class DiskBackups extends Backups {
  constructor(
    private readonly directory: string,
    private readonly clock: Clock,
    private readonly checks: ContentChecks,
  ) {
    super();
  }

  async list(): Promise<readonly StoredBackup[]> {
    const found: StoredBackup[] = [];
    for (const id of await this.#ids()) {
      // One that is damaged or newer keeps nobody from seeing the others; describing it says what it is.
      const backup = await this.describe(id).catch((error: unknown) => {
        if (isAppError(error)) return undefined;
        throw error;
      });
      if (backup !== undefined) found.push(backup);
    }
    return found.sort((a, b) => b.manifest.takenAtMs - a.manifest.takenAtMs);
  }

  async describe(id: string): Promise<StoredBackup> {
    const text = await textOf(this.#path(id, MANIFEST));
    if (text === undefined) throw backupErrors.backupNotFound(id);
    const manifest = parseManifest(id, text);
    const verification = await textOf(this.#path(id, VERIFICATION));
    return { manifest, verification: verification === undefined ? null : (JSON.parse(verification) as Verification) };
  }

  async state(id: string): Promise<BackupState> {
    if (await exists(this.#path(id))) return 'complete';
    return (await exists(this.#path(id) + BEGUN)) ? 'begun' : 'absent';
  }

  async begin(id: string): Promise<void> {
    const path = this.#path(id) + BEGUN;
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true, mode: 0o750 });
    await flushDirectory(this.directory);
  }

  async write(id: string, cut: BackupCut, isFull: boolean, work: BackupWork): Promise<BackupManifest> {
    const begun = this.#path(id) + BEGUN;
    const shared = isFull ? new Map<string, SharedFile>() : await this.#sharedWith(cut);
    const files: BackedUpFile[] = [];
    for (const file of cut.files) {
      files.push((await this.#takeOver(file, shared.get(file.path), begun)) ?? (await copied(file, begun, work)));
      await work.failPoint('backup:file-copied');
    }
    const { takenAtMs, madeBy, log, metadata, leftOut } = cut;
    const manifest = { format: BACKUP_FORMAT, id, takenAtMs, madeBy, log, metadata, leftOut, files };
    await writeFixed(
      { path: MANIFEST, parts: [{ memory: Buffer.from(manifestText(manifest)) }] },
      join(begun, MANIFEST),
      work,
    );
    await work.failPoint('backup:copied');
    await flushTree(begun);
    await work.failPoint('backup:flushed');
    await rename(begun, this.#path(id));
    await work.failPoint('backup:named');
    await flushDirectory(this.directory);
    return manifest;
  }

  async verify(id: string, work: BackupWork): Promise<Verification> {
    const problems = await this.#problemsOf(id, work);
    const verification = { atMs: this.clock.now(), problems };
    const path = this.#path(id, VERIFICATION);
    await writeFile(`${path}.new`, JSON.stringify(verification), { mode: 0o640 });
    await rename(`${path}.new`, path);
    return verification;
  }

  async remove(id: string): Promise<void> {
    const path = this.#path(id);
    if (await exists(path)) await rename(path, path + REMOVED);
    for (const rest of [REMOVED, CHECKED, BEGUN]) await rm(path + rest, { recursive: true, force: true });
  }

  async #problemsOf(id: string, work: BackupWork): Promise<readonly string[]> {
    let manifest: BackupManifest;
    try {
      ({ manifest } = await this.describe(id));
    } catch (error) {
      if (isAppError(error, 'backup-damaged')) return [error.message];
      throw error;
    }
    const problems: string[] = [];
    for (const { path, bytes, sha256 } of manifest.files) {
      const found = await hashFile(this.#path(id, path), work);
      if (found === undefined) problems.push(`${path} is missing`);
      else if (found.bytes !== bytes) problems.push(`${path} has ${found.bytes} bytes instead of ${bytes}`);
      else if (found.sha256 !== sha256) problems.push(`${path} is not what was written`);
    }
    if (manifest.log !== null) problems.push(...(await this.#logProblems(id, work)));
    if (problems.length === 0 && manifest.metadata === 'sqlite')
      problems.push(...(await this.#metadataProblems(id, manifest, work)));
    return problems;
  }

  async #logProblems(id: string, work: BackupWork): Promise<readonly string[]> {
    try {
      return await this.checks.log(this.#path(id, 'log'), (bytes) => {
        work.signal.throwIfAborted();
        return work.pace(bytes);
      });
    } catch (error) {
      if (isAppError(error)) return [error.message];
      throw error;
    }
  }

  /** On a copy: opening a database copies its log into it. */
  async #metadataProblems(id: string, { files }: BackupManifest, work: BackupWork): Promise<readonly string[]> {
    const copy = this.#path(id) + CHECKED;
    await rm(copy, { recursive: true, force: true });
    try {
      let database: string | undefined;
      for (const { path, bytes } of files) {
        if (!path.startsWith('metadata/')) continue;
        await writeFixed({ path, parts: [{ file: this.#path(id, path), bytes }] }, join(copy, path), work);
        if (!path.endsWith('-wal')) database = join(copy, path);
      }
      return database === undefined ? ['the database is missing'] : await this.checks.metadata(database);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }

  /** Files that the last backup of the same log holds and that never change, by path. */
  async #sharedWith({ log }: BackupCut): Promise<ReadonlyMap<string, SharedFile>> {
    const last = (await this.list()).find(({ manifest }) => log !== null && manifest.log?.logId === log.logId);
    const files = (last?.manifest.files ?? []).filter(({ seal }) => seal !== undefined);
    return new Map(files.map((file) => [file.path, { ...file, at: this.#path(last!.manifest.id, file.path) }]));
  }

  /** Gives the file of an earlier backup a second name. Undefined where that is not possible, and it has to be copied. */
  async #takeOver(file: FixedFile, known: SharedFile | undefined, begun: string): Promise<BackedUpFile | undefined> {
    if (known === undefined || file.seal === undefined || known.seal !== file.seal) return undefined;
    if (known.bytes !== bytesOf(file)) return undefined;
    const target = join(begun, file.path);
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    try {
      await link(known.at, target);
    } catch {
      return undefined;
    }
    return { path: file.path, bytes: known.bytes, sha256: known.sha256, seal: file.seal };
  }

  async #ids(): Promise<readonly string[]> {
    const entries = await readdir(this.directory, { withFileTypes: true }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    return entries.filter((entry) => entry.isDirectory() && ID.test(entry.name)).map((entry) => entry.name);
  }

  /** A place in a backup. Ids come from requests: one that could lead elsewhere is of no backup. */
  #path(id: string, ...inside: readonly string[]): string {
    if (!ID.test(id)) throw backupErrors.backupNotFound(id);
    return join(this.directory, id, ...inside);
  }
}

interface SharedFile extends BackedUpFile {
  /** Where it lies. */
  readonly at: string;
}

async function copied(file: FixedFile, begun: string, work: BackupWork): Promise<BackedUpFile> {
  const moved = await writeFixed(file, join(begun, file.path), work);
  return { path: file.path, ...moved, ...(file.seal === undefined ? {} : { seal: file.seal }) };
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
