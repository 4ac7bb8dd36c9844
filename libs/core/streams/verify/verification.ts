import type { DigestSum, LogEngine } from '#libs/core/log';
import type { OffsetMap } from '../copy/offset-map.js';
import type { Router } from '../copy/router.js';
import type { FoundMismatches } from './mismatch-tally.js';

/**
 * `readback`: every record is read back from the target and compared with what the copy read from the source. `full`: the source is read again as well,
 * and the plan's rules are applied anew. `write-side`: while it is copied nothing is read back, records are only counted and digested as they are written; as that is too little to switch by, they are
 * read back when the cutover is asked for.
 */
export const VERIFICATION_LEVELS = ['write-side', 'readback', 'full'] as const;
export type VerificationLevel = (typeof VERIFICATION_LEVELS)[number];

/** A copy and what it was made from. */
export interface VerifiedCopy {
  /** Log of the target. */
  readonly engine: LogEngine;
  readonly source: {
    /** When it is another one than the target's. */
    readonly log?: LogEngine | undefined;
    readonly topic: string;
    readonly startOffsets: readonly number[];
  };
  readonly target: { readonly topic: string; readonly startOffsets: readonly number[] };
  readonly map: OffsetMap;
  readonly router: Router;
  readonly level: VerificationLevel;
  /** Where records are parked, and for each source partition the place there from which on they are parked now. */
  readonly parked?: { readonly topic: string; readonly positions: () => readonly number[] } | undefined;
}

/** How a verification goes about it. */
export interface VerifyRun {
  readonly signal?: AbortSignal;
  /** Called for each chunk before its records are read back. */
  readonly pace?: (records: number) => Promise<void>;
  /** Called with the records checked so far. */
  readonly report?: (checked: number) => void;
}

/** What was found so far. */
export interface Verification extends FoundMismatches {
  /** Records read back from the target and compared, since the verifier was made. */
  readonly checked: number;
  /** Source position per partition up to which the copy was compared. */
  readonly until: readonly number[];
  /** Of the records read back, per source partition; of the redriven ones behind these. */
  readonly sums: readonly DigestSum[];
}

/** Compares a copy with what it was made from, step by step. The copy must rest while `advance` runs, and may go on beside `keepUp`. */
export interface Verifier {
  /** Verifies everything copied so far, whatever is found on the way. */
  advance(run?: VerifyRun): Promise<Verification>;
  /** Verifies what was copied so far; what cannot be told yet is left for the next call. */
  keepUp(run?: VerifyRun): Promise<void>;
}
