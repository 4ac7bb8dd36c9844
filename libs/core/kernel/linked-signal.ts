/**
 * One signal that aborts with the first of several, until it is unlinked. For waits that come again and again beside signals that live long: `AbortSignal.any` would
 * leave a trace of each wait on them.
 */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Aborts this signal alone. */
  abort(reason?: unknown): void;
  /** Takes the link back; the signal no longer follows the others. */
  unlink(): void;
}

export function linkSignals(...signals: readonly AbortSignal[]): LinkedSignal {
  const own = new AbortController();
  const links = signals.map((signal) => {
    const follow = () => own.abort(signal.reason);
    if (signal.aborted) follow();
    else signal.addEventListener('abort', follow, { once: true });
    return () => signal.removeEventListener('abort', follow);
  });
  return {
    signal: own.signal,
    abort: (reason) => own.abort(reason),
    unlink: () => links.forEach((unlink) => unlink()),
  };
}
