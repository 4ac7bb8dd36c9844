import type { OperationRecord } from '../operation-record.js';
import { UNTHROTTLED, type PlanDraft } from '../operation.js';
import { planHash, type Plan } from '../plan.js';

/** A live operation as `start` makes it, with whatever a test changes. */
export function operationRecord(changes: Partial<OperationRecord> = {}): OperationRecord {
  return {
    id: 'op_00000000000000000000000001',
    kind: 'test',
    subject: 'topic:local/orders',
    planHash: 'plan-1',
    revision: 1,
    epoch: 0,
    worker: null,
    lastSequence: 1,
    phase: 'PLANNED',
    phaseSince: 1_000,
    hold: null,
    reason: null,
    intent: null,
    verifyOnly: false,
    approval: { required: false, by: null, at: null },
    cutover: { requestedAt: null, requestedBy: null, undo: null, lastAttempt: null },
    limits: UNTHROTTLED,
    notes: {},
    createdBy: 'ann',
    createdAt: 1_000,
    startedAt: null,
    updatedAt: 1_000,
    switchedAt: null,
    endedAt: null,
    restarts: 0,
    failures: 0,
    lastError: null,
    progress: null,
    ...changes,
  };
}

/** A plan without blockers, with whatever a test changes. */
export function planDraft(changes: Partial<PlanDraft> = {}): PlanDraft {
  return {
    subject: 'topic:local/orders',
    parameters: { topic: 'orders', partitions: 24 },
    fingerprint: { partitions: 6, end: '1000' },
    steps: ['copy', 'switch'],
    impact: {},
    risks: [],
    blockers: [],
    estimates: { etaSeconds: null, pauseMs: null, records: null, bytes: null },
    ...changes,
  };
}

export function storedPlan(changes: Partial<Plan> = {}): Plan {
  const draft = planDraft(changes);
  return { ...draft, hash: planHash('test', draft), kind: 'test', createdBy: 'ann', createdAt: 1_000, ...changes };
}
