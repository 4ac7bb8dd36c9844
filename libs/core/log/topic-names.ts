/** Which generation a logical topic stands for, in one cluster. A logical name without a row is its own generation 1. */
export interface TopicName {
  readonly logId: string;
  readonly logical: string;
  readonly generation: number;
  /** Rises by one with each change; 0 means "no row". */
  readonly revision: number;
}

/**
 * The name table. It only routes; safety rests on the FENCED state of the log. It can be rebuilt from the log: of the generations of a
 * logical name the ACTIVE one counts.
 */
export abstract class TopicNames {
  abstract find(logId: string, logical: string): Promise<TopicName | undefined>;
  abstract list(logId: string): Promise<readonly TopicName[]>;
  /** Moves the name if its revision is still `expectedRevision` (0: no row yet); returns the new row, or undefined when someone else moved it. */
  abstract compareAndSet(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
  ): Promise<TopicName | undefined>;
  /** Forgets the name (its topic was deleted). Harmless to repeat. */
  abstract remove(logId: string, logical: string): Promise<void>;
}
