import type { LogRecord, RecordCursor, RecordHeader, StoredRecord } from '#libs/core/log';

/** What becomes of a record: it goes to a target partition as it is, or as another record in its place, or it is left out by a named rule of the plan. */
export type Routed =
  | number
  | {
      readonly target: number;
      readonly record: LogRecord;
      /** What was noticed of it, counted and shown; the record counts as written all the same. */
      readonly noted?: string;
    }
  /**
   * `deadLetter`: a copy goes to the dead letter topic in the same commit, with `notes` as headers behind its own and its coordinates. `rule` is counted and shown.
   */
  | { readonly rule: string; readonly deadLetter: boolean; readonly notes?: readonly RecordHeader[] };

/** The rule of records that a condition of the plan leaves out: what is asked for, not an error. */
export const FILTER_RULE = 'filter';

/** Decides for each record of a source partition. Deterministic: the same record at the same place always goes the same way. */
export interface Router {
  /** Partitions of the target. */
  readonly targets: number;
  /**
   * Synchronous wherever it can be: a copy awaits only promises. @throws to stop the copy, e.g. `key-expression-failed`.
   */
  route(record: StoredRecord, source: number): Routed | Promise<Routed>;
  /**
   * {@link route} for many records at a time, where that is quicker: it is asked then wherever records are many. Answers them in order, all of them or as many as are
   * worth keeping in memory at once, one at least.
   */
  routeAll?(records: readonly StoredRecord[], source: number): Promise<readonly Routed[]>;
  /**
   * What {@link route} answers where that is a number, from the record as it lies; −1 where `route` has to be asked. For routers that need not look at all of
   * a record: making an object of each takes longer than everything else that is done with it.
   */
  routeInPlace?(record: RecordCursor, source: number): number;
  /**
   * Why a record does not belong where it lies in the target, undefined when it does. Judges only what the target shows: the partition of records
   * whose key decides it.
   */
  misplaced(key: Uint8Array | null, target: number): string | undefined;
  /** Whether {@link misplaced} has nothing to say, from the record as it lies. */
  belongsInPlace?(record: RecordCursor, target: number): boolean;
}
