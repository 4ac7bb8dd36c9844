import type { Semaphore } from '#libs/core/kernel';
import type { LogEngine, TopicDescription } from '#libs/core/log';
import type { CopiedChunk } from './chunk.js';
import type { LaneTotals } from './copy-session.js';
import { OffsetMap } from './offset-map.js';
import { parkedNow } from './parked-state.js';
import type { LaneParked, Redrive } from './parking-session.js';
import type { Router } from './router.js';

/** A copy of a topic. */
export interface CopySpec {
  /** Lanes write as `<writerPrefix>-<source partition>`. */
  readonly writerPrefix: string;
  readonly source: string;
  /** Log that the source lies in, when it is another one than the target's. Map, dead letters and sessions are the target's. */
  readonly sourceLog?: LogEngine | undefined;
  readonly target: string;
  readonly map: string;
  readonly deadLetters: string | undefined;
  /** Topic that the router's parked records go to; needed when it parks any. The map has twice as many partitions as the source then. */
  readonly parked?: string | undefined;
  readonly router: Router;
  /** Where the copy begins, per source partition, unless a lane has begun already. */
  readonly startOffsets: readonly number[];
}

export interface CopyTuning {
  /** Bytes a lane fetches for one step, unless the log that is written to wants more in a commit. */
  readonly stepBytes: number;
  /** Lanes at work at the same time: bounds memory. */
  readonly parallel: number;
  /** How long to wait for records, when all lanes have caught up, before looking at the signal again. */
  readonly tailWaitMs: number;
}

export const COPY_TUNING: CopyTuning = { stepBytes: 1024 * 1024, parallel: 3, tailWaitMs: 500 };

/** Smaller steps would be nothing but commits. */
const LEAST_STEP_BYTES = 32 * 1024;

/** Bytes of the next step. */
export function stepBytesOf({ stepBytes }: CopyTuning, { stepShare }: Pick<CopyRun, 'stepShare'>): number {
  const share = stepShare?.() ?? 1;
  return share >= 1 ? stepBytes : Math.min(stepBytes, Math.max(LEAST_STEP_BYTES, Math.round(stepBytes * share)));
}

/** What the caller is asked and told while lanes run. */
export interface CopyRun {
  readonly signal: AbortSignal;
  /** Called before each step with what the lane moved the last time. */
  readonly pace: (records: number, bytes: number) => Promise<void>;
  /** Where lanes of several copies take turns; those of this copy among themselves unless given. */
  readonly places?: Semaphore;
  /** The part of its usual size that the next step may have, above 0 up to 1; a whole one unless given. */
  readonly stepShare?: () => number;
  /** Called after each step. */
  readonly report: (copy: LiveCopy) => void;
}

/** How far a copy has come in one source partition. */
export interface LaneProgress {
  /** Next source offset to copy: everything below is in the target or dropped by rule. */
  readonly position: number;
  readonly totals: LaneTotals;
  readonly lastChunk: CopiedChunk | undefined;
  /** Undefined where nothing can be parked. */
  readonly parked?: LaneParked | undefined;
}

/** A copy while somebody works on it. Not for concurrent use: one of its functions at a time. */
export abstract class LiveCopy {
  readonly map: OffsetMap;
  /** Source ends as last seen, per lane. */
  readonly ends: number[];

  protected constructor(
    readonly spec: CopySpec,
    /** One for each source partition. */
    readonly sessions: readonly LaneProgress[],
    protected readonly engine: LogEngine,
    protected readonly tuning: CopyTuning,
  ) {
    // The chunks of what was redriven come behind those of the copy.
    this.map = new OffsetMap(
      engine,
      spec.map,
      (lane) => sessions[lane]?.lastChunk ?? sessions[lane - sessions.length]?.parked?.last,
    );
    this.ends = sessions.map((session) => session.position);
  }

  /** Source positions, per lane. */
  get positions(): readonly number[] {
    return this.sessions.map((session) => session.position);
  }

  /** Source positions as of the last commit, per lane: behind {@link positions} while a commit is on its way. */
  get committed(): readonly number[] {
    return this.sessions.map(({ lastChunk }, i) => lastChunk?.until ?? this.spec.startOffsets[i]!);
  }

  /** Lanes of the map: one for each source partition, and where records are parked one more for what was redriven of it. */
  get mapLanes(): number {
    return this.sessions.length * (this.spec.parked === undefined ? 1 : 2);
  }

  /** Records that are parked with their keys. */
  get parked(): number {
    const of = ({ parked }: LaneProgress): number => (parked === undefined || parked.alone ? 0 : parkedNow(parked));
    return this.sessions.reduce((sum, one) => sum + of(one), 0);
  }

  /** Places not copied yet, as of the ends last seen. */
  get lag(): number {
    return this.sessions.reduce((sum, one, i) => sum + Math.max(0, this.ends[i]! - one.position), 0);
  }

  /** Records that a merge brought behind one of a later time; undefined for a copy that merges nothing. */
  get late(): number | undefined {
    return undefined;
  }

  /** The present ends of the source. */
  async sourceEnds(): Promise<readonly number[]> {
    const ends = endsOf(await this.source.describeTopic(this.spec.source)).slice(0, this.ends.length);
    this.saw(ends);
    return ends;
  }

  /** Copies up to these source offsets in every lane. */
  abstract copyTo(ends: readonly number[], run: CopyRun): Promise<void>;
  /** Follows the writers until the signal aborts, and resolves then. Rejects for any failure. */
  abstract tail(run: CopyRun): Promise<void>;
  /** Redrives parked records in every lane, which must rest. Harmless to repeat: what was done under that number is not done again. */
  async redrive(_redrive: Redrive, _run: CopyRun): Promise<void> {
    // Nothing is parked unless the lanes go side by side.
  }
  /** Ends the sessions; what they committed stays. */
  abstract close(): Promise<void>;
  /** Removes every checkpoint of the copy. */
  abstract forget(): Promise<void>;

  /** The log that is read. */
  protected get source(): LogEngine {
    return this.spec.sourceLog ?? this.engine;
  }

  protected saw(ends: readonly number[]): void {
    for (const [i, end] of ends.entries()) this.ends[i] = Math.max(this.ends[i] ?? 0, end);
  }
}

/** End offset of every partition. */
export function endsOf(topic: TopicDescription): number[] {
  return topic.partitions.map((one) => one.endOffset);
}
