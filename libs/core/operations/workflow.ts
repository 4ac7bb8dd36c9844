import { AppError, impossible } from '#libs/core/kernel';
import type { Change } from './commands.js';
import { retryAfter, type CutoverRetryPolicy } from './cutover-retry.js';
import { describeFailure } from './failure.js';
import type { PhaseResult } from './handler.js';
import type { Phase } from './operation.js';
import { isTerminal, type CutoverState, type NewEvent, type OperationRecord } from './operation-record.js';
import { WORK_TRANSITIONS } from './transitions.js';

/** What a worker has to do now. `none` with the reason why there is nothing. */
export type Activity =
  | { readonly type: 'none'; readonly because: 'ended' | 'held' | 'awaiting-approval' }
  | { readonly type: 'cancel' | 'finish' }
  | { readonly type: 'phase'; readonly phase: Phase; readonly undo: boolean };

/** Read off the durable state alone, so that a worker that takes over does what the former one was told to. */
export function activityOf(operation: OperationRecord): Activity {
  if (isTerminal(operation.phase)) return { type: 'none', because: 'ended' };
  if (operation.hold !== null) return { type: 'none', because: 'held' };
  return assignmentOf(operation);
}

/** {@link activityOf} as if it were not held: a result that arrives while somebody pauses still counts for the same assignment. */
export function assignmentOf(operation: OperationRecord): Activity {
  if (isTerminal(operation.phase)) return { type: 'none', because: 'ended' };
  if (operation.intent !== null) return { type: operation.intent };
  if (operation.approval.required && operation.approval.by === null)
    return { type: 'none', because: 'awaiting-approval' };
  const undo = operation.phase === 'CUTTING_OVER' && operation.cutover.undo !== null;
  return { type: 'phase', phase: operation.phase, undo };
}

/** Two activities with the same key are one; the work goes on while the key stays. */
export function keyOf(activity: Activity): string {
  if (activity.type === 'phase') return `${activity.phase}${activity.undo ? ':undo' : ''}`;
  return activity.type === 'none' ? `none:${activity.because}` : activity.type;
}

/**
 * The transition a phase function asked for.
 * @param retry how an undone cutover is tried again by itself; null where a person has to ask
 * @throws `impossible-state` for one that the table does not allow: a defect of the handler.
 */
export function afterPhase(
  operation: OperationRecord,
  result: PhaseResult,
  now: number,
  retry: CutoverRetryPolicy | null = null,
): Change {
  const from = operation.phase;
  if (!WORK_TRANSITIONS[from].includes(result.next)) {
    impossible(`an operation of kind '${operation.kind}' went from ${from} to ${result.next}`, {
      operation: operation.id,
    });
  }
  const asked = operation.cutover.requestedAt !== null;
  const to = operation.verifyOnly && result.next === 'CUTTING_OVER' && !asked ? 'READY' : result.next;
  const reason = result.reason ?? (from === 'CUTTING_OVER' ? operation.cutover.undo : null);
  const cutover = from === 'CUTTING_OVER' ? afterCutover(operation, to, reason, now, retry) : undefined;
  const again = cutover?.retry;
  const events: NewEvent[] = [
    { type: 'phase', data: { from, to, ...(reason === null ? {} : { reason }) } },
    ...(again === undefined
      ? []
      : [{ type: 'cutover-postponed', data: { undone: again.undone, inMs: again.nextAt - now } }]),
  ];
  const next: Partial<OperationRecord> = {
    phase: to,
    phaseSince: now,
    reason,
    verifyOnly: false,
    notes: { ...operation.notes, ...result.notes },
    failures: 0,
    ...(cutover === undefined ? {} : { cutover }),
    ...(to === 'SWITCHED' && operation.switchedAt === null ? { switchedAt: now } : {}),
    ...(isTerminal(to) ? { endedAt: now, worker: null, hold: null } : {}),
  };
  return { next, events };
}

function afterCutover(
  { cutover, phaseSince }: OperationRecord,
  to: Phase,
  reason: string | null,
  now: number,
  policy: CutoverRetryPolicy | null,
): CutoverState {
  const switched = to === 'SWITCHED' || to === 'FINISHED';
  const pausedMs = Math.max(0, now - phaseSince);
  const outcome = switched ? ('switched' as const) : ('undone' as const);
  const lastAttempt = { at: phaseSince, outcome, reason: switched ? null : reason, pausedMs };
  const { requestedAt, requestedBy } = cutover;
  if (switched) return { requestedAt, requestedBy, undo: null, lastAttempt };
  const undone = { requestedAt: null, requestedBy: null, undo: null, lastAttempt };
  // What undid it may pass: where nobody has to ask for it, nobody has to ask for it again, unless somebody took it back.
  if (cutover.takenBack) return { ...undone, takenBack: true };
  return policy === null ? undone : { ...undone, retry: retryAfter(cutover.retry, pausedMs, now, policy) };
}

/** The end of `cancel` or `finish`. */
export function afterEnding(operation: OperationRecord, type: 'cancel' | 'finish', now: number): Change {
  const to: Phase = type === 'cancel' ? 'CANCELLED' : 'FINISHED';
  return {
    next: {
      phase: to,
      phaseSince: now,
      reason: null,
      intent: null,
      hold: null,
      failures: 0,
      endedAt: now,
      worker: null,
    },
    events: [{ type: 'phase', data: { from: operation.phase, to } }],
  };
}

/** How failures are met: `attempts` runs in a row without progress, with growing pauses, then FAILED. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Codes worth another attempt although the error does not say so: the session is dead, a new one decides what happened. */
  readonly repeatableCodes: readonly string[];
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 6,
  firstDelayMs: 500,
  maxDelayMs: 30_000,
  repeatableCodes: ['writer-fenced', 'outcome-unknown'],
};

/** Failures that nothing but a person can help. */
const BLOCKING_CODES: readonly string[] = ['operation-blocked', 'plan-stale'];

/** What a failure of the current activity leads to. `retryInMs` is null when the operation is held or does something else instead. */
export function afterFailure(
  operation: OperationRecord,
  error: unknown,
  progressed: boolean,
  now: number,
  policy: RetryPolicy,
): Change & { readonly retryInMs: number | null } {
  const failure = describeFailure(error, now);
  const told = { code: failure.code, message: failure.message };
  if (error instanceof AppError && BLOCKING_CODES.includes(error.code)) {
    const reason = failure.hint === null ? failure.message : `${failure.message} ${failure.hint}`;
    return { next: { hold: 'BLOCKED', reason }, events: [{ type: 'blocked', data: { reason } }], retryInMs: null };
  }
  const failures = (progressed ? 0 : operation.failures) + 1;
  const repeatable = error instanceof AppError && (error.retryable || policy.repeatableCodes.includes(error.code));
  if (repeatable && failures < policy.attempts) {
    const grown = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (failures - 1));
    const retryInMs = Math.max(grown, error.retryAfterMs ?? 0);
    return {
      next: { failures, lastError: failure, reason: `attempt ${failures + 1} after: ${failure.message}` },
      events: [{ type: 'retrying', data: { ...told, attempt: failures + 1, inMs: retryInMs } }],
      retryInMs,
    };
  }
  if (operation.phase === 'CUTTING_OVER' && operation.cutover.undo === null && operation.intent === null) {
    // Writers are held back: a cutover that cannot be completed is undone before anything else.
    return {
      next: { cutover: { ...operation.cutover, undo: failure.message }, failures: 0, lastError: failure },
      events: [{ type: 'cutover-failed', data: told }],
      retryInMs: null,
    };
  }
  return {
    next: { hold: 'FAILED', reason: failure.message, failures, lastError: failure },
    events: [{ type: 'failed', data: told }],
    retryInMs: null,
  };
}

/** The change as a whole record, one revision on. */
export function applyChange(operation: OperationRecord, change: Change, now: number): OperationRecord {
  return {
    ...operation,
    ...change.next,
    revision: operation.revision + 1,
    lastSequence: operation.lastSequence + change.events.length,
    updatedAt: now,
  };
}
