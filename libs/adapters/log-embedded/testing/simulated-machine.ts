import { Clock } from '#libs/core/kernel';
import { DirectoryLock, type HeldDirectory } from '../directory-lock.js';
import { logErrors } from '#libs/core/log';

/** A clock that moves a little whenever it is looked at. Sleeping takes a few turns of the event loop, however long it is. */
export class SimulatedClock extends Clock {
  #now = 1_700_000_000_000;

  now(): number {
    return ++this.#now;
  }

  monotonic(): number {
    return ++this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    for (let turns = 0; turns < 4; turns++) {
      signal?.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now += ms;
  }
}

/** The lock of one simulated machine. */
export class SimulatedLock extends DirectoryLock {
  #held = false;

  acquire(directory: string): HeldDirectory {
    if (this.#held) throw logErrors.logLocked(directory);
    this.#held = true;
    return { release: () => (this.#held = false) };
  }
}
