import type { OperationEvent, OperationStatus, Plan } from '#libs/core/operations';
import { isJsonObject } from '#libs/core/kernel';
import type { EventView, MismatchList, OperationView, PlanView } from './operation-schemas.js';

/** An operation as the API shows it: times as text, everything else as it is. */
export function viewOf(status: OperationStatus): OperationView {
  const { approval, progress, throttle, cutover, rollback, lastError } = status;
  return {
    ...status,
    alsoOn: [...status.alsoOn],
    commands: [...status.commands],
    groups: [...status.groups],
    phaseSince: text(status.phaseSince),
    createdAt: text(status.createdAt),
    startedAt: textOrNull(status.startedAt),
    updatedAt: text(status.updatedAt),
    endedAt: textOrNull(status.endedAt),
    finishFrom: textOrNull(status.finishFrom),
    approval: { ...approval, at: textOrNull(approval.at) },
    progress:
      progress === null
        ? null
        : { ...progress, partitions: [...progress.partitions], measuredAt: text(progress.measuredAt) },
    throttle: { ...throttle, since: textOrNull(throttle.since) },
    cutover: {
      ...cutover,
      blockers: [...cutover.blockers],
      requestedAt: textOrNull(cutover.requestedAt),
      nextAttemptAt: textOrNull(cutover.nextAttemptAt),
      lastAttempt: cutover.lastAttempt && { ...cutover.lastAttempt, at: text(cutover.lastAttempt.at) },
    },
    rollback: { ...rollback, until: textOrNull(rollback.until) },
    lastError: lastError && { ...lastError, at: text(lastError.at) },
  };
}

/** What the last verification found wrong. */
export function mismatchesOf({ verification }: OperationStatus): MismatchList {
  const { state, mismatches, mismatchCount } = verification ?? {};
  const items = Array.isArray(mismatches) ? mismatches.filter(isJsonObject) : [];
  return {
    state: typeof state === 'string' ? state : null,
    count: typeof mismatchCount === 'number' ? mismatchCount : items.length,
    items,
  };
}

/** A plan as the API shows it; the features that make plans answer with this form, each adding its own findings. */
export function planViewOf(plan: Plan): PlanView {
  return {
    hash: plan.hash,
    kind: plan.kind,
    subject: plan.subject,
    alsoOn: [...(plan.alsoOn ?? [])],
    steps: [...plan.steps],
    impact: plan.impact,
    risks: [...plan.risks],
    blockers: [...plan.blockers],
    estimates: plan.estimates,
    parameters: plan.parameters,
    controls: { ...plan.controls },
    fingerprint: plan.fingerprint,
    createdBy: plan.createdBy,
    createdAt: text(plan.createdAt),
  };
}

export function eventViewOf(event: OperationEvent): EventView {
  return { sequence: event.sequence, at: text(event.at), type: event.type, data: event.data };
}

function text(ms: number): string {
  return new Date(ms).toISOString();
}

function textOrNull(ms: number | null): string | null {
  return ms === null ? null : text(ms);
}
