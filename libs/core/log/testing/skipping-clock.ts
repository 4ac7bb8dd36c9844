import { WallClock } from './wall-clock.js';

/** Real time that can be moved forward, so that a test need not wait for a timeout. */
export class SkippingClock extends WallClock {
  #skippedMs = 0;
  #skipped = new AbortController();

  override now(): number {
    return super.now() + this.#skippedMs;
  }

  override monotonic(): number {
    return super.monotonic() + this.#skippedMs;
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const untilMs = this.monotonic() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = untilMs - this.monotonic()) {
      const { signal: skipped } = this.#skipped;
      const either = signal === undefined ? skipped : AbortSignal.any([signal, skipped]);
      await super.sleep(leftMs, either).catch((error: unknown) => {
        if (!skipped.aborted || signal?.aborted) throw error;
      });
    }
    signal?.throwIfAborted();
  }

  /** Moves time forward; sleepers whose time has come wake. */
  skip(ms: number): void {
    this.#skippedMs += ms;
    const before = this.#skipped;
    this.#skipped = new AbortController();
    before.abort();
  }
}
