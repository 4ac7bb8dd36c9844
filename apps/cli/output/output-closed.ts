import { Failure } from '../failure.js';

/** Whoever reads standard output has seen enough, as `head` does: nothing more can be said there, and what the command came to stays what it is. */
export class OutputClosed extends Error {}

/** Why a result could not be written to standard output. */
export function outputRefused(cause: NodeJS.ErrnoException): OutputClosed | Failure {
  const { code, message } = cause;
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return new OutputClosed(message, { cause });
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new Failure({
    code: full ? 'disk-full' : 'output-not-written',
    exit: 'internal',
    message: full
      ? 'There is no room where standard output goes: the result is not whole.'
      : `The result cannot be written to standard output: ${message}`,
    hint: `${full ? 'Free room on that disk, then repeat. ' : ''}What the command did on the service is done.`,
    cause,
  });
}
