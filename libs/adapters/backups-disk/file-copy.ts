import { createHash } from 'node:crypto';
import { mkdir, open, readdir, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AppError, type FixedFile } from '#libs/core/kernel';
import { backupErrors } from '#libs/core/backups';

/** Bytes moved in one step: reading, hashing and writing so many takes a fraction of a millisecond. */
const STEP_BYTES = 256 * 1024;

/**
 * Bytes that are written between two flushes. Flushed at the end only, a large file would keep the disk from whoever waits for a flush of the journal meanwhile, for as long as
 * all of it takes.
 */
const FLUSH_BYTES = 1024 * 1024;

/** What is moved, and how it goes on. */
export interface Steps {
  readonly signal: AbortSignal;
  /** Called before each step with its bytes. */
  pace(bytes: number): Promise<void>;
}

/** What was copied or read. */
export interface Moved {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** Writes a fixed file anew and flushes it; its directory is made, and not flushed. @throws `backup-source-short`, `storage-full`. */
export async function writeFixed(file: FixedFile, target: string, steps: Steps): Promise<Moved> {
  return await writeChunks(chunksOfFixed(file, steps), target);
}

/** Writes what comes to a file anew and flushes it; its directory is made, and not flushed. @throws `storage-full`, and what reading throws. */
export async function writeChunks(chunks: AsyncIterable<Uint8Array>, target: string): Promise<Moved> {
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const hash = createHash('sha256');
  let bytes = 0;
  let flushed = 0;
  try {
    const output = await open(target, 'w', 0o640);
    try {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        await output.writeFile(chunk);
        if (bytes - flushed < FLUSH_BYTES) continue;
        await output.datasync();
        flushed = bytes;
      }
      const began = performance.now();
      await output.datasync();
      await restSince(began);
    } finally {
      await output.close();
    }
  } catch (error) {
    throw isNoSpace(error) ? storageFull(target, error) : error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function* chunksOfFixed(file: FixedFile, steps: Steps): AsyncGenerator<Uint8Array> {
  for (const part of file.parts) {
    if ('memory' in part) yield part.memory;
    else
      yield* chunksOf(part.file, steps, part.bytes, (found) =>
        backupErrors.sourceChanged(file.path, part.bytes, found),
      );
  }
}

/** Leaves disk and thread to others for as long as they were taken up since a moment of `performance.now()`. */
async function restSince(began: number): Promise<void> {
  await wait(performance.now() - began);
}

/** Reads a whole file for its checksum; undefined when there is none. */
export async function hashFile(path: string, steps: Steps): Promise<Moved | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of chunksOf(path, steps)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** The first `length` bytes of a file, all of it when none is given, with a rest after each chunk. Each is overwritten by the next. */
export async function* chunksOf(
  path: string,
  { signal, pace }: Steps,
  length = Infinity,
  short?: (found: number) => Error,
): AsyncGenerator<Uint8Array> {
  const input: FileHandle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(STEP_BYTES, length));
    for (let done = 0; done < length;) {
      signal.throwIfAborted();
      const wanted = Math.min(buffer.length, length - done);
      await pace(wanted);
      const { bytesRead } = await input.read(buffer, 0, wanted, done);
      if (bytesRead === 0) {
        if (short !== undefined) throw short(done);
        return;
      }
      done += bytesRead;
      const began = performance.now();
      yield buffer.subarray(0, bytesRead);
      await restSince(began);
    }
  } finally {
    await input.close();
  }
}

/** Steps at full speed. */
export function unpaced(signal: AbortSignal): Steps {
  return { signal, pace: () => Promise.resolve() };
}

/** Makes the names in a directory and below durable. */
export async function flushTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await flushTree(join(directory, entry.name));
  }
  await flushDirectory(directory);
}

/** Makes the names in a directory durable. */
export async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isNoSpace(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function storageFull(path: string, cause: unknown): AppError {
  return new AppError({
    kind: 'storage-full',
    code: 'storage-full',
    message: `There is no room for ${path}.`,
    hint: 'Make room, or delete backups that are not needed any more: DELETE /v1/backups/{id}.',
    details: { path },
    retryable: true,
    retryAfterMs: 60_000,
    cause,
  });
}
