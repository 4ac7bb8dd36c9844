import { AppError, isAppError } from '#libs/core/kernel';

/** Failures of the embedded log that its port does not name, on one page. Codes are public. */

export const logCorrupt = (what: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): AppError =>
  new AppError({
    kind: 'internal',
    code: 'log-corrupt',
    message: `The log is damaged: ${what}. Nothing was changed.`,
    hint: 'Restore the data directory from a backup. The damage lies in bytes that were flushed, so it was not made by a crash of this service.',
    details,
    cause,
  });

export const logFormatUnknown = (directory: string, format: unknown, known: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'log-format-unknown',
    message: `The log in ${directory} has format ${String(format)}; this version reads formats up to ${known}. Nothing was changed.`,
    hint: 'Start the version that wrote it, or a later one.',
    details: { directory, format: String(format), known },
  });

export const logDirectoryForeign = (directory: string, found: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'log-directory-foreign',
    message: `${directory} is not empty and holds no log: its marker file is missing.`,
    hint: 'Is the volume mounted? A new log wants an empty directory; an existing one must keep its marker file.',
    details: { directory, found: found.slice(0, 10) },
  });

/** Refused before anything took effect. Writing resumes by itself when there is room. */
export const storageFull = (path: string, cause?: unknown): AppError =>
  new AppError({
    kind: 'storage-full',
    code: 'storage-full',
    ...(systemCode(cause) === 'EFBIG' ? NO_LARGER_FILES : NO_ROOM),
    details: { path },
    retryable: true,
    retryAfterMs: 5_000,
    cause,
  });

const NO_ROOM = {
  message: 'The disk of the log is full; nothing was written.',
  hint: 'Make room on the disk; writing resumes by itself.',
};
const NO_LARGER_FILES = {
  message: 'The system lets files of the log grow no larger; nothing was written.',
  hint: 'Raise the limit of file sizes of the process (`ulimit -f`) above log.segmentBytes and twice log.checkpointBytes, and restart the service.',
};

/** Refused before anything took effect: a file that is needed cannot be opened. Writing resumes by itself. */
const tooManyOpenFiles = (path: string, cause: unknown): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'too-many-open-files',
    message: 'The process can open no more files; nothing was written.',
    hint: 'Raise the limit of open files of the process (`ulimit -n`), or lower limits.connections.',
    details: { path },
    retryable: true,
    retryAfterMs: 1_000,
    cause,
  });

/** Writing has ended after a failure that leaves open what is durable. */
export const logFailed = (cause: unknown): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'log-failed',
    message: 'The log takes no writes any more: its disk failed.',
    hint: 'Look at the disk, then restart the service; it verifies the log from disk.',
    cause,
  });

/** The disk could not be read just now. Nothing is known to be damaged. */
export const readFailed = (cause: unknown): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'log-read-failed',
    message: 'The disk of the log could not be read.',
    hint: 'Try again; look at the disk and at the number of open files if it goes on.',
    retryable: true,
    retryAfterMs: 1_000,
    cause,
  });

export const logOverloaded = (waitingBytes: number, limit: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'log-overloaded',
    message: `${waitingBytes} bytes wait for the disk already, the limit is ${limit}; nothing was written.`,
    hint: 'Send less at a time, or try again shortly.',
    details: { limit, measured: waitingBytes },
    retryable: true,
    retryAfterMs: 1_000,
  });

export const tooManyTopics = (limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'too-many-topics',
    message: `The log has ${limit} topics already, which is its limit.`,
    details: { limit, measured: limit + 1 },
  });

export const checkpointsTooLarge = (writer: string, length: number, limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'checkpoints-too-large',
    message: `The checkpoints of one commit take ${limit} characters at most, with their values in base64; nothing was written.`,
    hint: 'Write them with several commits.',
    details: { writer, limit, measured: length },
  });

/** What the system says when a disk, a quota or a limit of the process leaves no room for more bytes. */
const NO_SPACE = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG', 'storage-full']);
/** The same of open files, of the process or of the machine. */
const NO_DESCRIPTOR = new Set<unknown>(['EMFILE', 'ENFILE', 'too-many-open-files']);

/** Whether a file could not be opened since too many are. */
export function isNoDescriptor(error: unknown): boolean {
  return NO_DESCRIPTOR.has(systemCode(error));
}

/** Whether something has run out that comes back by itself: the call did nothing, and may be repeated. */
export function isUsedUp(error: unknown): boolean {
  return NO_SPACE.has(systemCode(error)) || isNoDescriptor(error);
}

/** The refusal that says what has run out, see {@link isUsedUp}. */
export function usedUp(path: string, error: unknown): AppError {
  if (isAppError(error)) return error;
  return isNoDescriptor(error) ? tooManyOpenFiles(path, error) : storageFull(path, error);
}

function systemCode(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}
