import { mkdir, readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  archiveBytes,
  archiveParts,
  ArchiveReader,
  backupErrors,
  digestOf,
  MANIFEST_NAME,
  type ArchivePart,
  type ArrivedManifest,
  type BackedUpFile,
  type BackupContent,
  type BackupManifest,
} from '#libs/core/backups';
import { chunksOf, flushTree, unpaced, writeChunks, writeFixed } from './file-copy.js';

/** A backup that lies in a directory, as one file. */
export async function contentOf(manifest: BackupManifest, directory: string): Promise<BackupContent> {
  const text = await readFile(join(directory, MANIFEST_NAME));
  return {
    digest: digestOf(text.toString()),
    bytes: archiveBytes(text.length, manifest.files),
    read: async function* (from, to, signal) {
      for (const part of archiveParts(text, manifest)) {
        if (part.at >= to) return;
        if (part.at + part.bytes > from) yield* stretchOf(part, { id: manifest.id, directory, from, to, signal });
      }
    },
  };
}

interface Stretch {
  readonly id: string;
  readonly directory: string;
  readonly from: number;
  readonly to: number;
  readonly signal: AbortSignal;
}

/** What of a part lies between two places of the archive. */
async function* stretchOf(part: ArchivePart, stretch: Stretch): AsyncGenerator<Uint8Array> {
  const { from, to } = stretch;
  const cut = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.subarray(Math.max(0, from - at), Math.max(0, to - at));
  if ('memory' in part) {
    const wanted = cut(part.memory, part.at);
    if (wanted.length > 0) yield wanted;
    return;
  }
  let { at } = part;
  for await (const chunk of checkedFile(part.file, stretch)) {
    const wanted = cut(chunk, at);
    at += chunk.length;
    // The chunk is overwritten by the next, and a stream keeps what it was given.
    if (wanted.length > 0) yield Buffer.from(wanted);
    if (at >= to) return;
  }
}

/** A file, from its beginning; ends with an error when it is not what was written. */
async function* checkedFile(
  { path, bytes, sha256 }: BackedUpFile,
  { id, directory, signal }: Stretch,
): AsyncGenerator<Uint8Array> {
  const damaged = (): Error => backupErrors.backupDamaged(id, [`${path} is not what was written`]);
  const hash = createHash('sha256');
  try {
    for await (const chunk of chunksOf(join(directory, path), unpaced(signal), bytes, damaged)) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? damaged() : error;
  }
  if (hash.digest('hex') !== sha256) throw damaged();
}

interface ArrivalSteps {
  readonly failPoint: (name: string) => void | Promise<void>;
  readonly signal: AbortSignal;
}

/** A backup that arrives, to be written into a directory that has another name until everything in it is flushed. */
export class ContentArrival {
  private constructor(
    private readonly reader: ArchiveReader,
    private readonly arrived: ArrivedManifest,
    private readonly steps: ArrivalSteps,
  ) {}

  /** Reads the manifest. Nothing is written yet. @throws as `Backups.receive`. */
  static async begin(
    id: string,
    chunks: AsyncIterable<Uint8Array>,
    maxBytes: number,
    steps: ArrivalSteps,
  ): Promise<ContentArrival> {
    const reader = new ArchiveReader(id, chunks, maxBytes);
    return new ContentArrival(reader, await reader.manifest(), steps);
  }

  get manifest(): BackupManifest {
    return this.arrived.manifest;
  }

  get digest(): string {
    return this.arrived.digest;
  }

  /** Writes the files while they arrive, and compares each with its checksum. @throws as `Backups.receive`; what has been written is for the caller to remove. */
  async takeInto(directory: string): Promise<void> {
    const { failPoint, signal } = this.steps;
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o750 });
    for (const file of this.manifest.files) {
      signal.throwIfAborted();
      const written = await writeChunks(this.reader.file(file), join(directory, file.path));
      if (written.sha256 !== file.sha256)
        throw backupErrors.backupContentDamaged(this.manifest.id, `${file.path} has another checksum`);
      await failPoint('backup-upload:file-written');
    }
    await this.reader.end();
    await failPoint('backup-upload:arrived');
  }

  /** Writes the manifest beside the files, and flushes everything. */
  async completeIn(directory: string): Promise<void> {
    const path = join(directory, MANIFEST_NAME);
    const parts = [{ memory: this.arrived.text }];
    await writeFixed({ path: MANIFEST_NAME, parts }, path, unpaced(this.steps.signal));
    await flushTree(directory);
    await this.steps.failPoint('backup-upload:flushed');
  }
}
