import type { PoolFailures } from '#libs/adapters/worker-threads';
import { AppError } from '#libs/core/kernel';
import { schemaTooHeavy, schemaTooSlow } from '#libs/core/schema';

/** What work on schemas fails with when its thread cannot go on. */
export function schemaFailures(deadlineMs: number, heapBytes: number): PoolFailures {
  return {
    tooSlow: () => schemaTooSlow(deadlineMs),
    tooHeavy: () => schemaTooHeavy(heapBytes),
    closed,
    busy,
    crashed,
  };
}

const closed = (): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'schema-workers-closed',
    message: 'The service is stopping.',
    retryable: true,
  });

const busy = (limit: number, measured: number): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'schema-workers-busy',
    message: `More than ${limit} bytes of work on schemas are waiting.`,
    hint: 'Retry a little later.',
    details: { limit: 'schemas.queueBytes', value: limit, measured },
    retryable: true,
    retryAfterMs: 1_000,
  });

const crashed = (cause: unknown): AppError =>
  new AppError({
    kind: 'internal',
    code: 'schema-worker-crashed',
    message: 'The thread that worked on the schema ended.',
    cause,
  });
