import type { Clock } from '#libs/core/kernel';
import { eventsForgotten } from './errors.js';
import { AFTER_REVISION, type EventPosition } from './registry-event.js';
import type { EventsPage, RegistryStore } from './store.js';

/** How often the store is asked for news while somebody waits for them; all who wait share the question. */
const ASK_MS = 200;

/**
 * Every change of the registry, in the order in which it became visible, to be read from any place that is still kept. A reader that goes on from the place
 * it was given meets each change once and none is left out, whatever was written meanwhile, at whatever instance.
 */
export class RegistryFeed {
  #pause: Promise<void> | undefined;

  constructor(
    private readonly store: RegistryStore,
    private readonly clock: Clock,
  ) {}

  /** The place after everything that has happened. */
  async end(): Promise<EventPosition> {
    return { revision: await this.store.revision(), ordinal: AFTER_REVISION };
  }

  /**
   * Changes after a place.
   * @param after undefined: from the oldest one kept.
   * @throws `events-forgotten` when some between are no longer kept.
   */
  async page(after: EventPosition | undefined, limit: number): Promise<EventsPage> {
    const page = await this.store.events(after, limit);
    if (after !== undefined && isForgotten(after, page)) throw eventsForgotten(after.revision, page.oldest);
    return page;
  }

  /**
   * Resolves when something has happened after a place, or when `ms` are over.
   * @returns whether something has.
   * @throws the signal's reason, soon after it aborts.
   */
  async more(after: EventPosition, ms: number, signal: AbortSignal): Promise<boolean> {
    const end = this.clock.monotonic() + ms;
    for (;;) {
      signal.throwIfAborted();
      if ((await this.store.revision()) > after.revision) return true;
      if (this.clock.monotonic() >= end) return false;
      this.#pause ??= this.clock.sleep(ASK_MS).finally(() => (this.#pause = undefined));
      await untilAborted(this.#pause, signal);
    }
  }
}

/** Resolves with the wait that others share, or as soon as this caller gives up. */
function untilAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    wait.then(done, reject);
  });
}

/** A place after a whole revision needs the next one; a place inside of one needs the rest of it. */
function isForgotten({ revision, ordinal }: EventPosition, { oldest }: EventsPage): boolean {
  return revision > 0 && (ordinal === AFTER_REVISION ? revision + 1 < oldest : revision < oldest);
}
