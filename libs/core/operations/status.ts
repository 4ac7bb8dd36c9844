import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { windowsOf, type CommandContext } from './commands.js';
import { nextTry } from './cutover-retry.js';
import { etaOf, lagOf, percentOf, type Eta } from './eta.js';
import type { Failure } from './failure.js';
import {
  COMMANDS,
  UNTHROTTLED,
  type Command,
  type OperationState,
  type Phase,
  type ThrottleLimits,
} from './operation.js';
import { isTerminal, stateOf, type CutoverState, type Intent, type OperationRecord } from './operation-record.js';
import type { ThrottleState } from './throttle.js';
import { isAllowed } from './transitions.js';

/**
 * Everything a person is shown of an operation. Times are wall time in ms, offsets are decimal strings. What only the kind can know comes from notes the handler keeps under
 * these keys, each shown as it is when it has the right shape: `generation`, `errors` {poison, parked, dlq, byClass}, `verification` {level, state, checked, total,
 * mismatchCount, mismatchKinds, mismatches}, `groups` [{group, state, translation, duplicatesExpected}], `retention` {sourceRisk, holds}, `cutover` {blockers, estimatedPauseMs},
 * `rollback` {dataLoss}.
 */
export interface OperationStatus {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  /** What else it has to itself meanwhile. */
  readonly alsoOn: readonly string[];
  readonly state: OperationState;
  readonly phase: Phase;
  readonly phaseSince: number;
  readonly reason: string | null;
  /** Asked for and not done yet. */
  readonly intent: Intent | null;
  /** What a person can do to move it on; null when it needs nobody. */
  readonly nextAction: string | null;
  /** Commands that the state allows now. */
  readonly commands: readonly Command[];
  readonly planHash: string;
  readonly revision: number;
  readonly generation: JsonValue;
  readonly createdBy: string;
  /** Why, in the words of whoever started it. */
  readonly startReason: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly updatedAt: number;
  readonly endedAt: number | null;
  readonly approval: OperationRecord['approval'];
  readonly progress: StatusProgress | null;
  readonly throttle: ThrottleState & { readonly limits: Required<ThrottleLimits> };
  readonly errors: JsonObject;
  readonly verification: JsonObject | null;
  readonly cutover: Omit<CutoverState, 'undo' | 'retry' | 'takenBack'> & {
    /** Nothing but the request is missing. */
    readonly ready: boolean;
    readonly mode: 'manual' | 'automatic';
    readonly blockers: readonly JsonValue[];
    readonly estimatedPauseMs: number | null;
    readonly maxPauseMs: number | null;
    /** How many automatic ones in a row were undone; `lastAttempt` says why the last was. */
    readonly undone: number;
    /** When it is tried again by itself; null when it is not. */
    readonly nextAttemptAt: number | null;
  };
  readonly groups: readonly JsonValue[];
  readonly retention: JsonObject;
  readonly rollback: {
    readonly available: boolean;
    readonly until: number | null;
    readonly dataLoss: JsonValue;
  };
  /** When `finish` becomes possible; null before the switch. */
  readonly finishFrom: number | null;
  readonly worker: string | null;
  readonly restarts: number;
  readonly lastError: Failure | null;
}

export interface StatusProgress extends Eta {
  readonly records: { readonly done: number; readonly total: number | null; readonly totalIsEstimate: boolean };
  readonly bytes: number;
  readonly percent: number | null;
  /** Per second. */
  readonly rate: number | null;
  readonly bytesRate: number | null;
  readonly writerRate: number | null;
  /** `ms` estimates by the writers' rate how long ago the oldest record not copied yet was written; null when nothing tells. */
  readonly lag: { readonly records: number; readonly ms: number | null };
  readonly partitions: readonly {
    readonly source: number;
    readonly position: string;
    readonly end: string;
    readonly lag: number;
    readonly rate: number | null;
  }[];
  readonly measuredAt: number;
}

/** What the status is computed from, beside the record. */
export interface StatusContext extends Omit<CommandContext, 'principal' | 'reason'> {
  /** Plan estimate of the pause, ms. */
  readonly plannedPauseMs: number | null;
  /** Why nobody works on it although somebody could (all places taken, no instance with its kind); null otherwise. */
  readonly waiting: string | null;
}

const NO_ERRORS: JsonObject = { poison: 0, parked: 0, dlq: 0, byClass: {} };
const NO_RETENTION: JsonObject = { sourceRisk: null, holds: [] };

export function statusOf(operation: OperationRecord, context: StatusContext): OperationStatus {
  const { notes } = operation;
  const { finishFrom, rollbackUntil } = windowsOf(operation, context);
  const noted = objectAt(notes, 'cutover');
  const throttled = operation.hold === null ? (operation.progress?.throttled ?? null) : null;
  return {
    id: operation.id,
    kind: operation.kind,
    subject: operation.subject,
    alsoOn: operation.alsoOn ?? [],
    state: stateOf(operation),
    phase: operation.phase,
    phaseSince: operation.phaseSince,
    reason: operation.reason ?? context.waiting,
    intent: operation.intent,
    nextAction: nextActionOf(operation, context),
    commands: isTerminal(operation.phase) ? [] : COMMANDS.filter((command) => offers(operation, command, context)),
    planHash: operation.planHash,
    revision: operation.revision,
    generation: notes['generation'] ?? null,
    createdBy: operation.createdBy,
    startReason: operation.startReason ?? null,
    createdAt: operation.createdAt,
    startedAt: operation.startedAt,
    updatedAt: operation.updatedAt,
    endedAt: operation.endedAt,
    approval: operation.approval,
    progress: progressOf(operation),
    throttle: {
      limits: { ...UNTHROTTLED, ...operation.limits },
      active: throttled !== null,
      reason: throttled?.reason ?? null,
      since: throttled?.since ?? null,
    },
    errors: { ...NO_ERRORS, ...objectAt(notes, 'errors') },
    verification: objectAt(notes, 'verification') ?? null,
    cutover: {
      ready: operation.phase === 'READY' && operation.hold === null && operation.intent === null,
      mode: context.controls.cutover ?? 'manual',
      blockers: listAt(noted, 'blockers'),
      estimatedPauseMs: numberAt(noted, 'estimatedPauseMs') ?? context.plannedPauseMs,
      maxPauseMs: context.controls.maxPauseMs ?? null,
      requestedAt: operation.cutover.requestedAt,
      requestedBy: operation.cutover.requestedBy,
      lastAttempt: operation.cutover.lastAttempt,
      undone: operation.cutover.retry?.undone ?? 0,
      nextAttemptAt: nextTry(operation)?.nextAt ?? null,
    },
    groups: listAt(notes, 'groups'),
    retention: { ...NO_RETENTION, ...objectAt(notes, 'retention') },
    rollback: {
      available: offers(operation, 'rollback', context) && operation.phase === 'SWITCHED',
      until: context.phases.includes('ROLLING_BACK') ? rollbackUntil : null,
      dataLoss: objectAt(notes, 'rollback')?.['dataLoss'] ?? null,
    },
    finishFrom,
    worker: operation.worker,
    restarts: operation.restarts,
    lastError: operation.lastError,
  };
}

function offers(operation: OperationRecord, command: Command, context: StatusContext): boolean {
  if (!isAllowed(command, operation)) return false;
  const { finishFrom, rollbackUntil } = windowsOf(operation, context);
  switch (command) {
    case 'approve':
      return operation.approval.required && operation.approval.by === null;
    case 'pause':
      return operation.hold === null;
    case 'resume':
      return operation.hold !== null;
    case 'verify':
      return context.phases.includes('VERIFYING') && operation.phase === 'READY';
    case 'cutover':
      return operation.cutover.requestedAt === null && operation.phase !== 'CUTTING_OVER';
    case 'cancel-cutover':
      return (
        operation.phase === 'CUTTING_OVER' ||
        operation.cutover.requestedAt !== null ||
        operation.cutover.retry !== undefined
      );
    case 'rollback':
      return context.phases.includes('ROLLING_BACK') && (rollbackUntil === null || context.now <= rollbackUntil);
    case 'finish':
      return operation.intent === null && (finishFrom === null || context.now >= finishFrom);
    case 'cancel':
      return operation.intent === null;
    case 'throttle':
      return true;
  }
}

function nextActionOf(operation: OperationRecord, context: StatusContext): string | null {
  if (isTerminal(operation.phase)) return null;
  if (operation.hold === 'PAUSED') return 'resume';
  if (operation.hold === 'FAILED') return 'remove the cause and resume';
  if (operation.hold === 'BLOCKED') return 'remove what blocks it and resume';
  if (operation.intent !== null) return null;
  if (operation.approval.required && operation.approval.by === null) return 'approve';
  if (operation.phase === 'READY' && operation.cutover.requestedAt === null)
    return nextTry(operation) === undefined ? 'cutover' : null;
  if (operation.phase === 'SWITCHED') {
    const { finishFrom } = windowsOf(operation, context);
    const early = finishFrom !== null && context.now < finishFrom;
    const back = offers(operation, 'rollback', context);
    if (early) return `finish from ${new Date(finishFrom).toISOString()} on${back ? ', or rollback' : ''}`;
    return back ? 'finish or rollback' : 'finish';
  }
  return null;
}

function progressOf(operation: OperationRecord): StatusProgress | null {
  const snapshot = operation.progress;
  if (snapshot === null) return null;
  const { progress, writerRate } = snapshot;
  const lag = lagOf(snapshot);
  const lagMs = writerRate !== null && writerRate > 0 ? Math.round((lag / writerRate) * 1000) : null;
  return {
    records: { done: progress.recordsDone, total: progress.recordsTotal, totalIsEstimate: progress.totalIsEstimate },
    bytes: progress.bytesDone,
    percent: rounded(percentOf(snapshot), 100),
    rate: rounded(snapshot.rate, 10),
    bytesRate: rounded(snapshot.bytesRate, 1),
    writerRate: rounded(writerRate, 10),
    lag: { records: lag, ms: lag === 0 ? 0 : lagMs },
    ...etaOf(stateOf(operation), snapshot),
    partitions: progress.partitions.map((one) => ({
      source: one.partition,
      position: one.position,
      end: one.end,
      lag: one.lag,
      rate: rounded(snapshot.partitionRates[String(one.partition)] ?? null, 10),
    })),
    measuredAt: snapshot.at,
  };
}

/** For people: no more digits than were measured. */
function rounded(value: number | null, parts: number): number | null {
  return value === null ? null : Math.round(value * parts) / parts;
}

function objectAt(notes: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = notes?.[key];
  return isJsonObject(value) ? value : undefined;
}

function listAt(notes: JsonObject | undefined, key: string): readonly JsonValue[] {
  const value = notes?.[key];
  return Array.isArray(value) ? value : [];
}

function numberAt(notes: JsonObject | undefined, key: string): number | undefined {
  const value = notes?.[key];
  return typeof value === 'number' ? value : undefined;
}
