import type { JsonObject } from '#libs/core/kernel';
import type { ProduceLimit } from './write-latency.js';

/** Where the work of an operation stands. Each is entered by a durable transition before anything of it takes effect. */
export const PHASES = [
  'PLANNED',
  'PREPARING',
  'COPYING',
  'CATCHING_UP',
  'READY',
  'VERIFYING',
  'CUTTING_OVER',
  'SWITCHED',
  'FINISHED',
  'ROLLING_BACK',
  'ROLLED_BACK',
  'CANCELLED',
] as const;
export type Phase = (typeof PHASES)[number];

/** Phases nothing leads out of. */
export const TERMINAL_PHASES: readonly Phase[] = ['FINISHED', 'ROLLED_BACK', 'CANCELLED'];

/** What keeps a phase from going on. `FAILED` can be resumed; `BLOCKED` needs somebody to act, the reason says on what. */
export type HoldState = 'PAUSED' | 'BLOCKED' | 'FAILED';

/** What a person is shown: the hold if there is one, otherwise the phase. */
export type OperationState = Phase | HoldState;

export interface OperationProgress {
  readonly recordsDone: number;
  readonly recordsTotal: number | null;
  readonly totalIsEstimate: boolean;
  readonly bytesDone: number;
  /** Records behind the writers, per source partition and in all. */
  readonly partitions: readonly {
    readonly partition: number;
    readonly position: string;
    readonly end: string;
    readonly lag: number;
  }[];
}

/** What may be asked of an operation while it runs, besides letting it work. */
export const COMMANDS = [
  'approve',
  'pause',
  'resume',
  'throttle',
  'verify',
  'cutover',
  'cancel-cutover',
  'rollback',
  'finish',
  'cancel',
] as const;
export type Command = (typeof COMMANDS)[number];

/** How fast an operation may go. Null means no limit of that sort. */
export interface ThrottleLimits {
  readonly recordsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** Rest while any group that reads the subject is further behind than this. */
  readonly maxGroupLagMs: number | null;
  /**
   * Do less at once, and rest in between, so that of a hundred producers' writes to any log of the service no more than one takes longer than so many ms, or, with `auto`, than twice what it takes
   * while no operation works, or 2 ms more. Absent in what an earlier release wrote.
   */
  readonly maxProduceMs?: ProduceLimit | null;
}

export const UNTHROTTLED: Required<ThrottleLimits> = {
  recordsPerSecond: null,
  bytesPerSecond: null,
  maxGroupLagMs: null,
  maxProduceMs: null,
};

/** How the engine treats the operation; what is absent falls back to the engine's options. */
export interface PlanControls {
  /**
   * `automatic`: the cutover counts as asked for from the start, and one that was undone is tried again by itself, after pauses that grow, until it succeeds or a person takes it back. `manual`, the
   * default: a person asks for each.
   */
  readonly cutover?: 'manual' | 'automatic';
  /** Longest stay in CUTTING_OVER; beyond it the engine runs the phase again with `cutoverCancelled`. No limit when absent. */
  readonly maxPauseMs?: number;
  /** Least time between the switch and `finish`. */
  readonly holdMs?: number;
  /** How long after the switch `rollback` is open. */
  readonly rollbackWindowMs?: number;
  readonly limits?: ThrottleLimits;
}

/** What a plan says before anything happens. Read-only to make; the hash names exactly this content. */
export interface PlanDraft {
  /** Topic, view or subject whose other mutating operations are excluded meanwhile, e.g. `topic:local/orders`. */
  readonly subject: string;
  /** Further ones that it has in the same way, where it works on several. */
  readonly alsoOn?: readonly string[];
  /** Everything the handler needs later: the request with all defaults resolved, names of generations and so on. */
  readonly parameters: JsonObject;
  /** What the plan relied on (partition counts, ids, configs, schema versions). Compared at the start; a difference is a stale plan. */
  readonly fingerprint: JsonObject;
  readonly steps: readonly string[];
  readonly impact: JsonObject;
  readonly risks: readonly string[];
  /** A plan with blockers cannot be started. */
  readonly blockers: readonly string[];
  readonly controls?: PlanControls;
  readonly estimates: {
    readonly etaSeconds: number | null;
    readonly pauseMs: number | null;
    readonly records: number | null;
    readonly bytes: number | null;
  };
}
