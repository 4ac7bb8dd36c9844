import type { FastifyInstance } from 'fastify';
import { AppError } from '#libs/core/kernel';

interface Drain {
  reason: AppError | undefined;
  /** Requests that want to know. Each leaves when it is answered, so that nothing adds up over the life of a service. */
  readonly waiting: Set<(reason: AppError) => void>;
}

const drains = new WeakMap<object, Drain>();

/** Calls back when the service begins to stop; at once when it has begun. @returns how to be forgotten. */
export function onDrain(fastify: FastifyInstance, callback: (reason: AppError) => void): () => void {
  const drain = drainOf(fastify);
  if (drain.reason !== undefined) {
    callback(drain.reason);
    return () => undefined;
  }
  drain.waiting.add(callback);
  return () => void drain.waiting.delete(callback);
}

/** Tells long polls and streams to end: with what they have, or with the reason, which is a retryable `service-stopping`. */
export function beginDrain(fastify: FastifyInstance): void {
  const drain = drainOf(fastify);
  const reason = (drain.reason ??= stopping());
  for (const callback of drain.waiting) callback(reason);
  drain.waiting.clear();
}

/** One per server, whatever encapsulated instance asks. */
function drainOf({ server }: FastifyInstance): Drain {
  let drain = drains.get(server);
  if (drain === undefined) drains.set(server, (drain = { reason: undefined, waiting: new Set() }));
  return drain;
}

function stopping(): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'service-stopping',
    message: 'The service is stopping.',
    hint: 'Try again shortly, or at another instance.',
    retryable: true,
    retryAfterMs: 1_000,
  });
}
