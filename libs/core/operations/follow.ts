import type { Clock } from '#libs/core/kernel';
import type { OperationEngine } from './operation-engine.js';
import type { OperationEvent } from './operation-record.js';
import type { OperationStatus } from './status.js';

/** What a follower is shown: durable events by sequence, and between them the state as of now, which has no number and is never repeated. */
export type Followed =
  | { readonly type: 'event'; readonly event: OperationEvent }
  | { readonly type: 'status'; readonly status: OperationStatus };

const PAGE = 200;

/**
 * Follows an operation: every event after `after`, in order and without gaps, each once; after each batch and then every `everyMs` the status, when it
 * changed. Ends after the last event of an operation that is over, or when the signal aborts. The events come from the store, so it does not matter on
 * which instance the work is done.
 * @throws `operation-not-found`.
 */
export async function* followOperation(
  engine: OperationEngine,
  clock: Clock,
  id: string,
  after: number,
  signal: AbortSignal,
  everyMs = 1_000,
): AsyncGenerator<Followed, void, undefined> {
  let seen = after;
  let shown = '';
  while (!signal.aborted) {
    const hint = new AbortController();
    const unsubscribe = engine.subscribe(id, () => hint.abort());
    try {
      // The status first: if it is over in there, every event it will ever have is read below.
      const status = await engine.status(id);
      for (;;) {
        const events = await engine.events(id, seen, PAGE);
        for (const event of events) {
          yield { type: 'event', event };
          seen = event.sequence;
        }
        if (events.length < PAGE) break;
      }
      const now = JSON.stringify([status.revision, status.progress, status.throttle]);
      if (now !== shown) yield { type: 'status', status };
      shown = now;
      if (status.endedAt !== null) return;
      await clock.sleep(everyMs, AbortSignal.any([signal, hint.signal])).catch(() => undefined);
    } finally {
      unsubscribe();
    }
  }
}
