/** The right to do one piece of work, for a while. Kept by renewing it; lost when it expires. */
export interface Lease {
  /** What the right is for, e.g. `operation:op_01…` or `view:flights`. At most 200 characters. */
  readonly name: string;
  /** Who holds it: one running process, under an id that no other process ever uses. */
  readonly owner: string;
  /** Rises with every acquisition of this name and is never used twice, so that later writes of a former holder can be told apart. */
  readonly epoch: number;
}

/**
 * Leases by name: at most one holder whose time has not passed. Expiry is judged by the clock of the store, not of the callers (a database
 * shared by several instances uses its own), so that instances whose clocks disagree agree on leases.
 *
 * A lease alone does not stop a holder that was paused past its time; it makes two holders rare. What stops a former holder's effects is the
 * epoch, checked in the write itself (stores) or the writer session of the log (records).
 */
export abstract class LeaseStore {
  /**
   * Takes the lease for `ttlMs` when nobody holds it or the holder's time has passed. Answers undefined when it is held, also when `owner` itself
   * holds it: a lease is acquired once and then renewed.
   */
  abstract acquire(name: string, owner: string, ttlMs: number): Promise<Lease | undefined>;
  /** Extends the time to `ttlMs` from now. False when the lease was lost: expired and taken, or released. Expired but not taken counts as kept. */
  abstract renew(lease: Lease, ttlMs: number): Promise<boolean>;
  /** Ends the lease at once. Without effect when it was lost. Epochs are kept. */
  abstract release(lease: Lease): Promise<void>;
  /** Who holds the lease now. */
  abstract holder(name: string): Promise<Lease | undefined>;
  /**
   * Ends every lease at once. Only for a store that one process owns (SQLite beside the embedded log), called before it starts any work: whatever
   * was held then belonged to a process that is dead.
   */
  abstract expireAll(): Promise<void>;
}
