import type { HashedTargets, LogRecord, RecordCursor, RecordHeader, StoredRecord } from '#libs/core/log';
import type { CopyMemory } from './copy-memory.js';
import type { Parked, ParkedRecord } from './parked-records.js';

/** A record on its way to a target partition in the place of another. */
export interface PlacedRecord {
  readonly target: number;
  readonly record: LogRecord;
  /** What was noticed of it, counted and shown; the record counts as written all the same. */
  readonly noted?: string;
}

/** Left out by a rule. `deadLetter`: a copy goes to the dead letter topic in the same commit, with `notes` as headers behind its own and its coordinates. `rule` is counted and shown. */
export interface LeftOut {
  readonly rule: string;
  readonly deadLetter: boolean;
  readonly notes?: readonly RecordHeader[];
}

/** It is parked in the same commit, and redriven when somebody asks for that. `letter`: headers of the dead letter that goes out beside. */
export interface ToBeParked {
  readonly park: Parked;
  readonly letter?: readonly RecordHeader[];
}

/** What becomes of a record where that may be several: all of these, in one commit, at least one of them or `leftOut`. Only in copies that are merged. */
export interface RoutedToSeveral {
  readonly several: readonly PlacedRecord[];
  /** The record itself goes nowhere; what it changed does. */
  readonly leftOut?: LeftOut;
}

/** What becomes of a record: it goes to a target partition as it is, or as another record in its place, or it is left out by a named rule of the plan. */
export type Routed = number | PlacedRecord | LeftOut | ToBeParked | RoutedToSeveral;

/** The rule of records that a condition of the plan leaves out: what is asked for, not an error. */
export const FILTER_RULE = 'filter';

/** Which parked records are to be redriven; all that is left out narrows nothing. Keys are chosen by their record that failed. */
export interface RedriveChoice {
  /** Places of those, `<source partition>/<source offset>`. */
  readonly ids?: readonly string[];
  /** What those failed by. */
  readonly rule?: string;
}

/**
 * What a router remembers of parked records: while a key has one, all later ones of the key are parked behind it. Told by source offsets alone, so that a stretch that was not committed comes out the
 * same when it is done again.
 */
export interface Parking {
  /** Of records that are parked alone, with their keys going on. */
  readonly alone: boolean;
  /** Begins anew in a source partition, where nothing is parked until {@link remember} says so. */
  resume(source: number, revision: number): void;
  /** Takes note of records that are parked now, `again`: by the present redrive. Keeps nothing of them but their keys. */
  remember(source: number, parked: readonly ParkedRecord[], again: boolean): void;
  /** Keys of a source partition that have parked records. */
  keys(source: number): number;
  /** Begins a redrive of a source partition, by the rules of that revision, which has parked nothing again until {@link remember} says so. */
  begin(source: number, revision: number, choice: RedriveChoice): void;
  /** What becomes of parked records, in their order. A record whose key is parked again is, too. */
  redrive(records: readonly ParkedRecord[], source: number): Promise<readonly Routed[]>;
  /** The rules of a revision with nothing remembered: what becomes of a record that no other one is in the way of. */
  rules(revision: number): Router;
}

/** A key that lies among other bytes. */
export interface KeyRange {
  readonly at: number;
  readonly length: number;
}

/** Decides for each record of a source partition. Deterministic, unless it has a memory: the same record at the same place always goes the same way. */
export interface Router {
  /** Partitions of the target. */
  readonly targets: number;
  /** Where its answers depend on the records before. Then it is asked for each record once, in the order of a merge, and nothing it answered can be computed anew from a record alone. */
  readonly memory?: CopyMemory;
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
   * What {@link route} answers where that is the record itself under another key, which lies among its own bytes ({@link rekeyed}), from the record as it lies: its target. −1, with nothing noted, where `route` has to be asked.
   * Asked only where a copy is merged.
   */
  rekeyInPlace?(record: RecordCursor, source: number): number;
  /** Where the key lies of which {@link rekeyInPlace} has answered last. */
  readonly rekeyed?: KeyRange;
  /** The rule behind {@link routeInPlace}, where keys decide by their hash alone: whole batches are dealt out by it at once, and only others are asked about. */
  hashed?(source: number): HashedTargets | undefined;
  /**
   * Why a record does not belong where it lies in the target, undefined when it does. Judges only what the target shows: the partition of records
   * whose key decides it.
   */
  misplaced(key: Uint8Array | null, target: number): string | undefined;
  /** Whether {@link misplaced} has nothing to say, from the record as it lies. */
  belongsInPlace?(record: RecordCursor, target: number): boolean;
  /** Over how many partitions {@link belongsInPlace} places keys by their murmur2 alone, or that `any` will do for it; undefined where it goes by anything else. */
  readonly placedOver?: number | 'any' | undefined;
  /** Of routers that park records. */
  readonly parking?: Parking;
}
