import type { Clock } from './clock.js';

/** A request passes through the event loop five times and more, and may wait so long each time. A turn of others costs some ten microseconds. */
const BREATH_MS = 1;

/** Lets everything else in the process go on between the steps of long work: stores that answer at once never would. */
export class Breath {
  #since: number;

  constructor(private readonly clock: Clock) {
    this.#since = clock.monotonic();
  }

  /** Resolves at once unless the work has had the thread for some milliseconds. */
  async take(): Promise<void> {
    if (this.clock.monotonic() - this.#since < BREATH_MS) return;
    await this.clock.sleep(0);
    this.#since = this.clock.monotonic();
  }
}
