import type { PartitionerSpec } from './key-placement.js';
import type { TopicGuard } from './topic-guard.js';
import type { TopicPlace } from './topic-place.js';

/** How a generation took over a name: what every reader of the name needs in order to follow it exactly. */
export interface Opening {
  /**
   * End offset of each partition of this generation at the moment it took over. Records below are copies of what the generation before held, records from
   * there on were written to this one: a reader that has read the earlier generation to its end goes on here and misses and repeats nothing. Empty: unknown.
   */
  readonly opensAt: readonly number[];
  /**
   * End offset of each partition of the generation before at that moment: its readers read up to here and no further. What lies beyond was copied back from
   * this generation, or came too late and was carried over to it. Empty: unknown, they read to the end.
   */
  readonly closedAt: readonly number[];
  /** Where the key of new records comes from (see `key-expression` in core/streams), or null: from the writer. */
  readonly keyExpression: string | null;
  /** How the keys of new records are placed; null: by the default partitioner. */
  readonly partitioner: PartitionerSpec | null;
}

/** Which generation a logical topic stands for, in one cluster, and what guards it. A logical name without a row is its own generation 1, unguarded. */
export interface TopicName extends Opening {
  readonly logId: string;
  readonly logical: string;
  readonly generation: number;
  /** The other generation the name stood for before this one, 1 if none: readers of that one follow to this one. */
  readonly openedFrom: number;
  /** Rises by one with each move; 0 means "no row". */
  readonly revision: number;
  readonly guard: TopicGuard;
  /** Rises by one with each change of the guard, 0 before the first. Moves leave it alone. */
  readonly guardRevision: number;
  /** Where the topic is when it is not simply in this log, else null. */
  readonly place: TopicPlace | null;
}

export const UNKNOWN_OPENING: Opening = { opensAt: [], closedAt: [], keyExpression: null, partitioner: null };

/** A move of a name, as {@link TopicNames.compareAndSet} makes it. */
export interface NameMove {
  readonly logical: string;
  readonly expectedRevision: number;
  readonly generation: number;
  readonly opening: Opening;
  readonly place?: TopicPlace | null;
}

/**
 * The name table. It only routes and guards; safety rests on the FENCED state of the log. It can be rebuilt from the log: of the generations of a
 * logical name the ACTIVE one counts.
 */
export abstract class TopicNames {
  abstract find(logId: string, logical: string): Promise<TopicName | undefined>;
  abstract list(logId: string): Promise<readonly TopicName[]>;
  /** Those of {@link list} that have a place: few, however many names there are. */
  abstract listPlaced(logId: string): Promise<readonly TopicName[]>;
  /**
   * Moves the name if its revision is still `expectedRevision` (0: no row yet); returns the new row, or undefined when someone else moved it. The place stays what it was unless one, or null for none,
   * is given.
   */
  abstract compareAndSet(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
    opening?: Opening,
    place?: TopicPlace | null,
  ): Promise<TopicName | undefined>;
  /** Makes all of these moves of different names in one step, or none of them when one of the revisions is another. @returns whether it did. */
  abstract compareAndSetAll(logId: string, moves: readonly NameMove[]): Promise<boolean>;
  /**
   * Changes the guard if its revision is still `expectedRevision` (0: never changed, or no row yet) and leaves everything else as it is; returns the new row, or undefined when someone else changed
   * it. A name without a row gets one, at generation 1 and revision 1.
   */
  abstract setGuard(
    logId: string,
    logical: string,
    expectedRevision: number,
    guard: TopicGuard,
  ): Promise<TopicName | undefined>;
  /** Forgets the name (its topic was deleted). Harmless to repeat. */
  abstract remove(logId: string, logical: string): Promise<void>;
}
