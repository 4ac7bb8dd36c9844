import type { Change } from './commands.js';
import type { CutoverRetry, CutoverState, OperationRecord } from './operation-record.js';

/** How soon an automatic cutover that was undone is tried again. Times in ms. */
export interface CutoverRetryPolicy {
  /** After the first one that was undone; twice as long after each further one in a row. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** At least so many times as long as the last one held writers, beyond `maxDelayMs` too: trying holds them for a bounded part of the time. */
  readonly pauses: number;
}

export const CUTOVER_RETRY: CutoverRetryPolicy = { firstDelayMs: 5_000, maxDelayMs: 300_000, pauses: 10 };

/** When the next try is made after another one was undone `now`, which had held writers for `pausedMs`. */
export function retryAfter(
  before: CutoverRetry | undefined,
  pausedMs: number,
  now: number,
  policy: CutoverRetryPolicy,
): CutoverRetry {
  const undone = (before?.undone ?? 0) + 1;
  // Beyond 2^30 nothing grows any more.
  const grown = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.min(30, undone - 1));
  return { undone, nextAt: now + Math.max(grown, policy.pauses * pausedMs) };
}

/** The next try that is made by itself; undefined while nothing leads to one: a person took it back, it is asked for already, or something holds the operation. */
export function nextTry(operation: OperationRecord): CutoverRetry | undefined {
  const { cutover, hold, intent, phase } = operation;
  if (cutover.requestedAt !== null || hold !== null || intent !== null || phase === 'CUTTING_OVER') return undefined;
  return cutover.retry;
}

/** Asks for the cutover whose time has come, in the name of whoever started the operation. Null when it has not come, or nothing is to be tried any more. */
export function askAgain(operation: OperationRecord, now: number): Change | null {
  const next = nextTry(operation);
  if (next === undefined || next.nextAt > now) return null;
  const { cutover, createdBy } = operation;
  return {
    next: { cutover: { ...cutover, requestedAt: now, requestedBy: createdBy } },
    events: [{ type: 'cutover-requested', data: { by: createdBy, attempt: next.undone + 1 } }],
  };
}

/** Asked for by a person: from here on it counts anew. */
export function askedByHand({ undo, lastAttempt }: CutoverState, now: number, principal: string): CutoverState {
  return { requestedAt: now, requestedBy: principal, undo, lastAttempt };
}

/** Taken back by a person: nothing asks for it until a person does. */
export function takenBack({ undo, lastAttempt }: CutoverState): CutoverState {
  return { requestedAt: null, requestedBy: null, undo, lastAttempt, takenBack: true };
}
