import { DigestSum, type LogWriter } from '#libs/core/log';
import { type CopiedChunk, decodeChunk } from './chunk.js';

/** What a lane has parked and what became of it, as of its last commit. Moves in the commit of the records. */
export interface ParkedState {
  /** Which of the rules new records go by: 0 for those of the plan, 1 for the first that corrected them. */
  readonly revision: number;
  /** The redrive that was begun last; 0 for none. */
  readonly pass: number;
  /** Where it goes on in the lane's partition of parked records: what is parked lies from here on. */
  readonly position: number;
  /** Where it ends: what lies behind was parked again by it, or since. */
  readonly until: number;
  /** Chunks of redriven records. */
  readonly chunks: number;
  /** Records that are parked now, by rule. */
  readonly by: ReadonlyMap<string, number>;
  /** Records parked at any time. */
  readonly parked: number;
  /** Of those, left out by the filter when they were redriven. */
  readonly leftOut: number;
  /** Of those, written to the target. */
  readonly sum: DigestSum;
  /** The last chunk of redriven records: all before it lie in the map. */
  readonly last: CopiedChunk | undefined;
}

const KEYS = { state: 'parked', lastChunk: 'last-redriven' } as const;

const NOTHING: ParkedState = {
  revision: 0,
  pass: 0,
  position: 0,
  until: 0,
  chunks: 0,
  by: new Map(),
  parked: 0,
  leftOut: 0,
  sum: new DigestSum(),
  last: undefined,
};

/** Records of a state that are parked now. */
export function parkedNow({ by }: Pick<ParkedState, 'by'>): number {
  return [...by.values()].reduce((sum, one) => sum + one, 0);
}

/** What the last commit left; nothing where there was none. */
export function readParked(writer: LogWriter): ParkedState {
  const stored = writer.checkpoint(KEYS.state);
  if (stored === undefined) return NOTHING;
  const { by, sum, ...json } = JSON.parse(Buffer.from(stored).toString()) as Omit<
    ParkedState,
    'by' | 'sum' | 'last'
  > & { by: [string, number][]; sum: string };
  const last = writer.checkpoint(KEYS.lastChunk);
  return { ...json, by: new Map(by), sum: DigestSum.parse(sum), last: last && decodeChunk(last) };
}

/** The checkpoint that {@link readParked} reads; the chunk has one of its own. */
export function parkedCheckpoint({ last: _, by, sum, ...state }: ParkedState): { key: string; value: Buffer } {
  return { key: KEYS.state, value: Buffer.from(JSON.stringify({ ...state, by: [...by], sum: sum.toString() })) };
}

/** Of the last chunk of redriven records. */
export const LAST_REDRIVEN = KEYS.lastChunk;

/** Counts with these added. Those that come to nothing go. */
export function counted(
  by: ReadonlyMap<string, number>,
  change: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sum = new Map(by);
  for (const [rule, count] of change) {
    const now = (sum.get(rule) ?? 0) + count;
    if (now === 0) sum.delete(rule);
    else sum.set(rule, now);
  }
  return sum;
}
