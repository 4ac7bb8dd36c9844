import type { Dirent } from 'node:fs';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesOf, type Clock, type FixedFile, isAppError } from '#libs/core/kernel';
import {
  BACKUP_FORMAT,
  backupErrors,
  Backups,
  MANIFEST_NAME,
  manifestText,
  parseManifest,
  digestOf,
  type BackedUpFile,
  type BackupContent,
  type BackupCut,
  type BackupManifest,
  type BackupState,
  type BackupWork,
  type Received,
  type StoredBackup,
  type Verification,
} from '#libs/core/backups';
import { ContentArrival, contentOf } from './content.js';
import { flushDirectory, flushTree, hashFile, unpaced, writeFixed, type Steps } from './file-copy.js';

/** Looks into what lies in a backup; the composition knows how. Each answers problems in words. */
export interface ContentChecks {
  /** A log that was left clean. Changes nothing. */
  log(directory: string, pace: (bytes: number) => Promise<void>): Promise<readonly string[]>;
  /** A database with its write-ahead log, which is a copy. */
  metadata(path: string): Promise<readonly string[]>;
}

const VERIFICATION = 'verification.json';
/** Endings of what is under way: none of it is an id. */
const BEGUN = '.begun';
const ARRIVING = '.arriving';
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
    private readonly failPoint: (name: string) => void | Promise<void> = () => undefined,
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
    const text = await textOf(this.#path(id, MANIFEST_NAME));
    if (text === undefined) throw backupErrors.backupNotFound(id);
    const manifest = parseManifest(id, text);
    const verification = await textOf(this.#path(id, VERIFICATION));
    const digest = digestOf(text);
    return {
      manifest,
      digest,
      verification: verification === undefined ? null : (JSON.parse(verification) as Verification),
    };
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
      { path: MANIFEST_NAME, parts: [{ memory: Buffer.from(manifestText(manifest)) }] },
      join(begun, MANIFEST_NAME),
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

  async content(id: string): Promise<BackupContent> {
    const { manifest } = await this.describe(id);
    return await contentOf(manifest, this.#path(id));
  }

  async receive(
    id: string,
    chunks: AsyncIterable<Uint8Array>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Received> {
    // Names nothing on the disk before it is known to be an id.
    const arrival = await ContentArrival.begin(id, chunks, maxBytes, { failPoint: this.failPoint, signal });
    const path = this.#path(id);
    if (await exists(path)) {
      const known = await this.describe(id);
      if (known.digest !== arrival.digest) throw backupErrors.backupExists(id);
      return { backup: known, isNew: false };
    }
    const arriving = path + ARRIVING;
    try {
      await arrival.takeInto(arriving);
      const problems = await this.#contentProblems(arriving, arrival.manifest, unpaced(signal));
      if (problems.length > 0) throw backupErrors.backupContentDamaged(id, problems[0]!);
      await arrival.completeIn(arriving);
      signal.throwIfAborted();
      await rename(arriving, path).catch((error: unknown) => {
        const { code } = error as NodeJS.ErrnoException;
        throw code === 'ENOTEMPTY' || code === 'EEXIST' ? backupErrors.backupExists(id) : error;
      });
    } catch (error) {
      await rm(arriving, { recursive: true, force: true });
      throw error;
    }
    await this.failPoint('backup-upload:named');
    await flushDirectory(this.directory);
    return { backup: await this.describe(id), isNew: true };
  }

  async sweep(): Promise<void> {
    for (const { name } of await this.#entries()) {
      const id = name.endsWith(ARRIVING) ? name.slice(0, -ARRIVING.length) : undefined;
      if (id === undefined || !ID.test(id)) continue;
      const removed = this.#path(id) + REMOVED;
      await rm(removed, { recursive: true, force: true });
      // Renamed first: another service that shares the directory and is just taking it in then fails as a whole, and one that has taken it in left no such name.
      const isThere = await rename(join(this.directory, name), removed).then(
        () => true,
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
          throw error;
        },
      );
      if (isThere) await rm(removed, { recursive: true, force: true });
    }
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
    return [...problems, ...(await this.#contentProblems(this.#path(id), manifest, work, problems.length > 0))];
  }

  /** Looks into log and database, whose files are as they were written. */
  async #contentProblems(
    directory: string,
    manifest: BackupManifest,
    steps: Steps,
    isDamaged = false,
  ): Promise<readonly string[]> {
    const problems = manifest.log === null ? [] : await this.#logProblems(join(directory, 'log'), steps);
    if (isDamaged || problems.length > 0 || manifest.metadata !== 'sqlite') return problems;
    return await this.#metadataProblems(directory, manifest, steps);
  }

  async #logProblems(directory: string, steps: Steps): Promise<readonly string[]> {
    try {
      return await this.checks.log(directory, (bytes) => {
        steps.signal.throwIfAborted();
        return steps.pace(bytes);
      });
    } catch (error) {
      if (isAppError(error)) return [error.message];
      throw error;
    }
  }

  /** On a copy: opening a database copies its log into it. */
  async #metadataProblems(directory: string, { id, files }: BackupManifest, steps: Steps): Promise<readonly string[]> {
    const copy = this.#path(id) + CHECKED;
    await rm(copy, { recursive: true, force: true });
    try {
      let database: string | undefined;
      for (const { path, bytes } of files) {
        if (!path.startsWith('metadata/')) continue;
        await writeFixed({ path, parts: [{ file: join(directory, path), bytes }] }, join(copy, path), steps);
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
    const entries = await this.#entries();
    return entries.filter((entry) => entry.isDirectory() && ID.test(entry.name)).map((entry) => entry.name);
  }

  async #entries(): Promise<readonly Dirent[]> {
    return await readdir(this.directory, { withFileTypes: true }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
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
