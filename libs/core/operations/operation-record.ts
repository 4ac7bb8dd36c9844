import type { JsonObject } from '#libs/core/kernel';
import type { Failure } from './failure.js';
import { TERMINAL_PHASES, type HoldState, type OperationState, type Phase, type ThrottleLimits } from './operation.js';
import type { ProgressSnapshot } from './progress-meter.js';

/** What somebody asked for that is done by the worker before anything else. */
export type Intent = 'cancel' | 'finish';

/** Where a row of automatic cutovers stands that were undone. */
export interface CutoverRetry {
  /** How many in a row. */
  readonly undone: number;
  /** Not before this the next one is tried. */
  readonly nextAt: number;
}

export interface CutoverState {
  /** When the cutover was asked for and by whom; null when nobody has, or the last one was undone. */
  readonly requestedAt: number | null;
  readonly requestedBy: string | null;
  /** Why the running cutover is to be undone, null when it is not. */
  readonly undo: string | null;
  readonly lastAttempt: {
    readonly at: number;
    readonly outcome: 'switched' | 'undone';
    readonly reason: string | null;
    /** Time from the durable entry into CUTTING_OVER to the durable exit, an upper bound of what writers noticed. */
    readonly pausedMs: number;
  } | null;
  /** Of an automatic cutover that was undone and is tried again; absent where none was, where a person asked since, and in what an earlier release wrote. */
  readonly retry?: CutoverRetry | undefined;
  /** A person took the cutover back: nothing asks for it by itself any more. Absent otherwise. */
  readonly takenBack?: true | undefined;
}

/** The durable state of one operation. Changed only by writes that name the revision they saw. Times are wall time in ms. */
export interface OperationRecord {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  /** Further subjects that it has in the same way; absent where there are none. */
  readonly alsoOn?: readonly string[];
  readonly planHash: string;
  /** Rises by one with each write. */
  readonly revision: number;
  /** Lease epoch of the worker whose writes count; 0 before the first. Never goes back. */
  readonly epoch: number;
  /** Which process works on it; null when none does. Left behind by a process that died. */
  readonly worker: string | null;
  /** Sequence of the latest event. Events of an operation are numbered from 1 without gaps. */
  readonly lastSequence: number;

  readonly phase: Phase;
  readonly phaseSince: number;
  readonly hold: HoldState | null;
  /** Why it is held, or why the last transition happened. */
  readonly reason: string | null;
  readonly intent: Intent | null;
  /** VERIFYING was entered because somebody asked for a check: it leads back to READY unless a cutover is asked for meanwhile. */
  readonly verifyOnly: boolean;
  readonly approval: { readonly required: boolean; readonly by: string | null; readonly at: number | null };
  readonly cutover: CutoverState;
  readonly limits: ThrottleLimits;
  readonly notes: JsonObject;

  readonly createdBy: string;
  /** Why, in the words of whoever started it; absent where nothing was said, and in what an earlier release wrote. */
  readonly startReason?: string;
  readonly createdAt: number;
  /** When a worker first took it up. */
  readonly startedAt: number | null;
  readonly updatedAt: number;
  readonly switchedAt: number | null;
  readonly endedAt: number | null;

  /** How often a worker took it up after another one had died. */
  readonly restarts: number;
  /** Failures in a row without progress between them. */
  readonly failures: number;
  readonly lastError: Failure | null;

  /** As last measured. Kept by `OperationStore.saveProgress` alone; other writes leave it as it is. */
  readonly progress: ProgressSnapshot | null;
}

/** Something that happened to an operation, for people and programs that follow it. */
export interface OperationEvent {
  readonly operationId: string;
  /** 1, 2, 3, … per operation. */
  readonly sequence: number;
  readonly at: number;
  readonly type: string;
  readonly data: JsonObject;
}

export interface NewEvent {
  readonly type: string;
  readonly data: JsonObject;
}

/** Everything that an operation, or one of a plan, has to itself. */
export function subjectsOf(one: {
  readonly subject: string;
  readonly alsoOn?: readonly string[];
}): readonly [string, ...string[]] {
  return [one.subject, ...(one.alsoOn ?? [])];
}

/** The hold if there is one, otherwise the phase. */
export function stateOf(operation: Pick<OperationRecord, 'phase' | 'hold'>): OperationState {
  return operation.hold ?? operation.phase;
}

/** Whether the operation is over for good. */
export function isTerminal(phase: Phase): boolean {
  return TERMINAL_PHASES.includes(phase);
}
