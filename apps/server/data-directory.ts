import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { completeRestore } from '#libs/adapters/backups-disk';
import { AppError } from '#libs/core/kernel';

/** Where what lies in the data directory. */
export interface DataDirectory {
  readonly path: string;
  readonly metadata: string;
  readonly views: string;
  readonly log: string;
}

/**
 * Makes sure of the data directory, and completes a restore that was decided. Each part keeps a second process out by a lock of its own.
 * @throws `data-directory-missing` when it must exist and does not (a volume that is not mounted), `data-directory-unusable`.
 */
export async function prepareDataDirectory(
  directory: string,
  create: boolean,
  failPoint?: (name: string) => void,
): Promise<DataDirectory> {
  const path = resolve(directory);
  try {
    if (create) await mkdir(path, { recursive: true, mode: 0o750 });
    if (!(await stat(path)).isDirectory()) throw unusable(path, 'it is no directory');
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code !== 'ENOENT') throw unusable(path, code, error);
    throw new AppError({
      kind: 'unavailable',
      code: 'data-directory-missing',
      message: `The data directory ${path} does not exist, and data.create is false.`,
      hint: 'Mount the volume it lies on, or create it for a new service.',
    });
  }
  await completeRestore(path, failPoint);
  return { path, metadata: join(path, 'metadata.sqlite'), views: join(path, 'views.sqlite'), log: join(path, 'log') };
}

function unusable(path: string, why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'data-directory-unusable',
    message: `The data directory ${path} cannot be used: ${why}.`,
    cause,
  });
}
