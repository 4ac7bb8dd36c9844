import type { HoldState, OperationState, Phase } from './operation.js';
import type { NewEvent, OperationEvent, OperationRecord } from './operation-record.js';
import type { Plan } from './plan.js';
import type { ProgressSnapshot } from './progress-meter.js';

/** A client's name for one start request, so that repeating the request starts nothing twice. Kept for a day. */
export interface StartKey {
  /** The client's key, prefixed with who sent it; at most 400 characters. */
  readonly key: string;
  /** Hash of the request it came with. */
  readonly requestHash: string;
}

export interface StartedBefore {
  readonly requestHash: string;
  readonly operationId: string;
}

export type CreateOutcome =
  | { readonly outcome: 'created' }
  /** A live operation has the subject, or one of the further ones. */
  | { readonly outcome: 'subject-busy'; readonly holder: OperationRecord }
  | { readonly outcome: 'key-used'; readonly before: StartedBefore };

/** All conditions hold together. */
export interface OperationFilter {
  readonly kind?: string;
  /** One of those that it has or had. */
  readonly subject?: string;
  readonly planHash?: string;
  /** The hold, or the phase of those that are not held. */
  readonly state?: OperationState;
  /** Not over. */
  readonly live?: boolean;
}

export interface OperationCount {
  readonly kind: string;
  readonly phase: Phase;
  readonly hold: HoldState | null;
  readonly count: number;
}

/**
 * Plans, operations and their events. Everything written is durable and visible to every instance when the call resolves. One mutating operation per
 * subject and the dense numbering of events are constraints of the store, not of its callers.
 */
export abstract class OperationStore {
  /** Keeps the plan under its hash; a plan of the same hash that is there already stays as it is. Harmless to repeat. */
  abstract savePlan(plan: Plan): Promise<void>;
  abstract plan(hash: string): Promise<Plan | undefined>;
  /** Forgets plans made before `createdBefore` from which no operation was started. Answers how many. */
  abstract prunePlans(createdBefore: number): Promise<number>;

  /**
   * Creates a live operation with its first events and, if given, its start key: all or nothing. The record has revision 1 and a `lastSequence` equal to
   * the number of events. A key that was used wins over a busy subject.
   */
  abstract create(operation: OperationRecord, events: readonly NewEvent[], key?: StartKey): Promise<CreateOutcome>;
  abstract startedBefore(key: string): Promise<StartedBefore | undefined>;
  /** Forgets keys used before `usedBefore`. */
  abstract pruneStartKeys(usedBefore: number): Promise<void>;

  abstract operation(id: string): Promise<OperationRecord | undefined>;
  /** The operation that has the subject now. */
  abstract liveOn(subject: string): Promise<OperationRecord | undefined>;
  /** Newest first (by id), `limit` at most, those whose id is lower than `before` when given. */
  abstract list(filter: OperationFilter, limit: number, before?: string): Promise<readonly OperationRecord[]>;
  abstract counts(): Promise<readonly OperationCount[]>;

  /**
   * Replaces the record and appends the events in one step, if the stored revision is `next.revision - 1` and the stored epoch is not above `next.epoch`;
   * answers false and does nothing otherwise. The events are numbered up to `next.lastSequence`. Progress is left alone. An operation whose `endedAt`
   * is set is no longer live.
   */
  abstract write(next: OperationRecord, events: readonly NewEvent[]): Promise<boolean>;
  /** Replaces the progress, if the stored epoch is still `epoch`. Moves no revision. */
  abstract saveProgress(id: string, epoch: number, progress: ProgressSnapshot): Promise<boolean>;

  /** Events with a sequence above `after`, in order, `limit` at most. */
  abstract events(id: string, after: number, limit: number): Promise<readonly OperationEvent[]>;
}
