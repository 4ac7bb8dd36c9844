import type { JsonObject } from '#libs/core/kernel';
import type { OperationProgress, Phase, PlanDraft } from './operation.js';

/** What the engine gives to a handler while a phase runs. */
export interface OperationRun {
  readonly operationId: string;
  /** The plan's parameters as they were when it was made. */
  readonly parameters: JsonObject;
  /** Small facts the handler kept at earlier transitions (end vectors, counts). Data positions live in the log, with the data. */
  readonly notes: JsonObject;
  /** Aborted on pause, shutdown, cancel and loss of the lease. Check it between steps; work cut short is resumed in the same phase. */
  readonly signal: AbortSignal;
  /**
   * Only in CUTTING_OVER: the cutover is to be undone, because somebody asked for it, it took too long, or it failed. Release the writers on the
   * old side and return READY; or return SWITCHED when the name has moved already.
   */
  readonly cutoverCancelled?: boolean;

  /** Latest progress, kept in memory for status and events and stored from time to time. Cheap; call it after each step. */
  report(progress: OperationProgress): void;
  /** Holds the caller to the throttle and to fair use of the machine. Call before each step with what it is about to move. Rejects when the signal aborts. */
  pace(records: number, bytes: number): Promise<void>;
  /** The part of its usual size that the next step may have, above 0 up to 1: less while producers would wait too long for a whole one. */
  readonly stepShare: number;
  /** Adds an event for people (shown in the event stream), e.g. `straggler-found`. */
  event(type: string, data: JsonObject): Promise<void>;
  /** Stores notes durably (merged by top-level key) without leaving the phase. */
  note(notes: JsonObject): Promise<void>;
  /** Resolves when a person or the plan asked for the cutover; rejects when the signal aborts. */
  cutoverRequested(): Promise<void>;
}

/** Where to go next, with notes stored in the same durable transition. `reason` is shown (e.g. why a cutover was undone). */
export interface PhaseResult {
  readonly next: Phase;
  readonly notes?: JsonObject;
  readonly reason?: string;
}

/**
 * One kind of long work. The engine owns states, leases, pause, throttle and events; the handler owns what a phase does. A phase function may be cut
 * short at any instant and run again from its start with the same phase: its effects must be idempotent, its data positions committed with its data.
 */
export interface OperationHandler {
  readonly kind: string;
  /** Whether this instance can do the work of a plan (the log is here, the source is configured). Absent means always. Cheap, no I/O. */
  accepts?(parameters: JsonObject, fingerprint: JsonObject): boolean;
  /** Whether the work is little and moves no data, so that it takes none of the few places for work and waits for none. Absent means no. */
  readonly isLight?: boolean;
  /** Whether carrying such a plan through takes away what was there before: by `finish`, or by writing over it. Absent means no. */
  readonly destroys?: boolean;
  /** Whether nothing is left of what an operation that finished then (epoch ms) was for, so that its plan can be started anew. Absent means never. */
  isSpent?(finishedAt: number): boolean;
  /** Reads, decides, changes nothing. @throws AppError for a request that makes no sense. */
  plan(request: JsonObject): Promise<PlanDraft>;
  /** The fingerprint of now for an existing plan, compared with the plan's own at the start. */
  fingerprint(parameters: JsonObject): Promise<JsonObject>;
  /**
   * Judges a redrive of what the work has set aside; its notes make it known to CATCHING_UP, which does it. `redrive` among them is not null until that is done. Absent means that nothing is set aside.
   * @throws AppError for a request that makes no sense or must not be done.
   */
  readonly redrive?:
    ((parameters: JsonObject, notes: JsonObject, request: JsonObject) => Promise<JsonObject>) | undefined;
  /** Work per phase. `READY` usually awaits `cutoverRequested`; `SWITCHED` may keep the old side current until finish or rollback. */
  readonly phases: Partial<Record<Phase, (run: OperationRun) => Promise<PhaseResult>>>;
  /** Undoes what has been prepared, leaving no trace. Only before the cutover. Idempotent. */
  cancel(run: OperationRun): Promise<void>;
  /** Destroys the old side. Its own call, never automatic. Idempotent. */
  finish(run: OperationRun): Promise<void>;
}
