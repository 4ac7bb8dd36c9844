import { isAppError } from '#libs/core/kernel';
import { EXIT } from './exit-codes.js';

/** Errors of the start that say that the data belongs to somebody else, or is not what it should be. */
const DATA_ERRORS = new Set([
  'log-locked',
  'log-format-unknown',
  'log-directory-foreign',
  'log-corrupt',
  'store-in-use',
  'store-damaged',
  'store-newer',
  'data-directory-missing',
  'data-directory-unusable',
  'data-directory-not-empty',
  'backup-not-found',
  'backup-damaged',
  'backup-newer',
]);

/** Errors that say that what was written may not be on the disk. */
const FATAL_ERRORS = new Set(['flush-failed', 'log-failed']);

/** Of the system, where something it gives has run out: with room, or fewer open files, the same start works. */
const USED_UP = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'SQLITE_FULL', 'SQLITE_NOMEM']);

/** What the process says and ends with when it could not start. */
export interface StartFailure {
  readonly exit: number;
  /** For people. */
  readonly message: string;
  readonly hint: string | undefined;
}

/**
 * Why a start failed, by its error and what caused it: a configuration that does not help to be tried again, data that is somebody else's, a disk that does not answer, something that has run out, or a
 * defect. Nothing was acknowledged by a service that did not start.
 */
export function startFailureOf(error: unknown): StartFailure {
  if (isAppError(error)) {
    const { message, hint, code, kind } = error;
    if (code.startsWith('invalid-') || code === 'cluster-access-denied')
      return { exit: EXIT.configuration, message, hint };
    if (DATA_ERRORS.has(code)) return { exit: EXIT.unusableData, message, hint };
    if (FATAL_ERRORS.has(code)) return { exit: EXIT.fatalStorage, message, hint };
    if (kind === 'unavailable' || kind === 'storage-full') return { exit: EXIT.unavailable, message, hint };
  }
  const code = systemCodeOf(error);
  const message = isAppError(error) ? error.message : 'the service could not start';
  if (code !== undefined && (code === 'EIO' || code.startsWith('SQLITE_IOERR'))) {
    return {
      exit: EXIT.fatalStorage,
      message: `${message}: the disk does not answer (${code})`,
      hint: 'Look at the disk; the next start verifies what is on it.',
    };
  }
  if (code === 'EROFS' || code === 'SQLITE_READONLY') {
    return {
      exit: EXIT.fatalStorage,
      message: `${message}: the file system of the data directory is read-only (${code})`,
      hint: 'The system makes a disk read-only when it has met an error on it: look at its log. Once the disk can be written, start again; the start verifies what is on it.',
    };
  }
  if (code !== undefined && (USED_UP.has(code) || code.startsWith('SQLITE_CANTOPEN'))) {
    return {
      exit: EXIT.unavailable,
      message: `${message}: the system has none left of what it needs (${code})`,
      hint: 'Give the data directory room, or the process more open files and memory, and start again.',
    };
  }
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL' || code === 'EACCES') {
    return {
      exit: EXIT.unavailable,
      message: `${message}: ${(error as Error).message}`,
      hint: 'Where it is an address: stop what listens there, or choose another http.host or http.port. Where it is a file: let the process read and write it.',
    };
  }
  return { exit: EXIT.defect, message, hint: isAppError(error) ? error.hint : undefined };
}

/** The code of the operating system or of SQLite that an error, or what caused it, has. */
function systemCodeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^(E[A-Z0-9]+|SQLITE_[A-Z_]+)$/.test(code)) return code;
  }
  return undefined;
}
