import { linkSignals, type Clock } from '#libs/core/kernel';
import type { OperationEvent } from './operation-record.js';
import type { OperationStatus } from './status.js';

/** What a follower is shown: durable events by sequence, and between them the state as of now, which has no number and is never repeated. */
export type Followed =
  | { readonly type: 'event'; readonly event: OperationEvent }
  | { readonly type: 'status'; readonly status: OperationStatus };

/** What following needs of an engine. */
export interface Followable {
  status(id: string): Promise<OperationStatus>;
  events(id: string, after: number, limit: number): Promise<readonly OperationEvent[]>;
  subscribe(id: string, listener: () => void): () => void;
}

const PAGE = 200;

/**
 * Follows an operation: every event after `after`, in order and without gaps, each once; after each batch and then every `everyMs` the status, when it
 * changed. Ends after the last event of an operation that is over, or when the signal aborts. The events come from the store, so it does not matter on
 * which instance the work is done.
 * @throws `operation-not-found`.
 */
export async function* followOperation(
  engine: Followable,
  clock: Clock,
  id: string,
  after: number,
  signal: AbortSignal,
  everyMs = 1_000,
): AsyncGenerator<Followed, void, undefined> {
  let seen = after;
  let shown = '';
  while (!signal.aborted) {
    const hint = linkSignals(signal);
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
      await clock.sleep(everyMs, hint.signal).catch(() => undefined);
    } finally {
      hint.unlink();
      unsubscribe();
    }
  }
}

/**
 * Waits, for `ms` at most, until the operation needs somebody or is over, and answers its status either way. For clients that would rather wait a little
 * than ask again.
 */
export async function awaitRest(
  engine: Followable,
  clock: Clock,
  id: string,
  ms: number,
  signal: AbortSignal,
): Promise<OperationStatus> {
  const over = linkSignals(signal);
  const timer = clock.sleep(ms, over.signal).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    for await (const one of followOperation(engine, clock, id, Number.MAX_SAFE_INTEGER, over.signal)) {
      if (one.type === 'status' && isAtRest(one.status)) return one.status;
    }
    return await engine.status(id);
  } finally {
    over.unlink();
    over.abort();
    await timer;
  }
}

/** Whether nothing happens to the operation unless a person acts. */
export function isAtRest(status: OperationStatus): boolean {
  return status.endedAt !== null || status.nextAction !== null;
}
