import type { Clock } from '#libs/core/kernel';

/** Reads of the test double that wait for something to be written. */
export class WaitingReads {
  readonly #wakers = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** Resolves after so many milliseconds, with the next {@link wake}, or when the signal is aborted. */
  async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const done = new AbortController();
    const woken = new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake);
        resolve();
      };
      this.#wakers.add(wake);
      done.signal.addEventListener('abort', wake, { once: true });
    });
    const stop = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
    const slept = this.clock.sleep(ms, stop).catch(() => undefined);
    await Promise.race([woken, slept]);
    done.abort();
  }

  /** All that wait look again. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}
