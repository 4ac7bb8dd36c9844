/**
 * What a router remembers of the records it has routed, where what becomes of one depends on those before it. Its changes are committed with what was decided by them; what the process holds of it is a
 * cache, which is read anew whenever it may differ from what was committed.
 */
export interface CopyMemory {
  /** Topic of the target's log that takes the changes, one partition. */
  readonly topic: string;
  /** Forgets everything and reads what was committed. */
  recall(): Promise<void>;
  /** Its changes were committed, and its topic ends there or later: what is recalled from now on has them. */
  committed(end: number): void;
  /** What has changed since the last call, as batches to be committed. */
  changes(): readonly Uint8Array[];
}
