import { AppError } from '#libs/core/kernel';
import { isNoDescriptor, usedUp } from './errors.js';
import type { FileSystem, OpenFile } from './file-system.js';

/**
 * A flush that failed. Whatever the system gave as reason, full disks included: after it nobody knows what is durable, and a second flush that
 * succeeds would prove nothing (the kernel may have dropped the bytes). So it always ends writing (G8).
 */
const flushFailed = (path: string, cause: unknown): AppError =>
  new AppError({
    kind: 'internal',
    code: 'flush-failed',
    message: `The disk failed to make ${path} durable.`,
    hint: 'Look at the disk, then restart the service; it verifies the log from disk.',
    details: { path },
    cause,
  });

/** @throws `flush-failed`. */
export async function flushFile(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    throw flushFailed(file.path, error);
  }
}

/** @throws `flush-failed`; `too-many-open-files` when the directory could not even be opened: nothing was flushed then, so that flushing it later proves as much as now. */
export async function flushDirectory(files: FileSystem, path: string): Promise<void> {
  try {
    await files.syncDirectory(path);
  } catch (error) {
    if (isNoDescriptor(error)) throw usedUp(path, error);
    throw flushFailed(path, error);
  }
}
