import { isAppError, type JsonObject } from '#libs/core/kernel';
import {
  type Appended,
  DigestSum,
  encodeBatch,
  FetchMemory,
  type LogEngine,
  type LogWriter,
  type WriterAppend,
} from '#libs/core/log';
import type { BuiltChunk, ChunkMaker } from './chunk-builder.js';
import { type ChunkRun, type CopiedChunk, decodeChunk, encodeChunk } from './chunk.js';
import { parkedCheckpoint } from './parked-state.js';
import { type LaneParked, type ParkedLane, ParkingSession, type Redrive } from './parking-session.js';

/** One source partition on its way to a target topic. */
export interface CopyLane {
  /** Id of the fenced session, one per lane: `<operation>-<source partition>`. */
  readonly writerId: string;
  readonly source: {
    /** Where it is read from, when that is another log than the one that is written to. */
    readonly log?: LogEngine | undefined;
    readonly topic: string;
    readonly partition: number;
    readonly startOffset: number;
  };
  readonly target: string;
  /** Topic of the target's log that takes the offset map, with as many partitions as the source. */
  readonly map: string;
  /** Topic (partition 0) for records that rules send there; needed when the router has such rules. */
  readonly deadLetters?: string;
  /** Where records are parked, when the router does. */
  readonly parked?: ParkedLane | undefined;
}

export interface StepLimits {
  /** Bytes to fetch at most; a larger first batch is taken whole. */
  readonly maxBytes: number;
  /** How long to wait for records at the end, 0 for not at all. */
  readonly maxWaitMs: number;
  readonly signal?: AbortSignal;
}

/** What a step did. */
export interface CopyStep {
  /** Source records it covered, dropped ones included. */
  readonly records: number;
  readonly bytes: number;
  /** Source end as of the fetch; the lane has caught up with it when `position` reached it. */
  readonly sourceEnd: number;
}

/** What a lane has done since it began, as of its last commit. */
export interface LaneTotals {
  readonly records: number;
  readonly bytes: number;
  /** Records left out, by rule. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Records written of which something was noted, by what. */
  readonly noted: ReadonlyMap<string, number>;
  /** Records that went to the dead letter topic. */
  readonly sent: number;
  /** Of everything written to the target, apart from what was redriven. */
  readonly sum: DigestSum;
  /** Undefined for a lane that parks nothing. */
  readonly parked?: LaneParked | undefined;
}

/** The checkpoints of a lane. */
export interface LaneKeys {
  readonly state: string;
  readonly lastChunk: string;
}

/** Of a lane with a session of its own. */
const KEYS: LaneKeys = { state: 'copy', lastChunk: 'last-chunk' };

/**
 * Copies one source partition, step by step. A step is one atomic commit: the records in the target, the position in the source, and the
 * offset map (condition C: the target holds exactly the source offsets from the start to the position, once each, minus those dropped by rule). Whatever happens in
 * between, the next session under the same id goes on where the last commit ended.
 *
 * The chunk just committed is kept as a checkpoint, since only the commit itself learns where its records went, and moves to the map topic with the next commit.
 */
export class CopySession {
  #writer: LogWriter;
  #state: LaneState;
  readonly #parking: ParkingSession | undefined;
  /** Beyond the committed position when nothing but transaction markers or compacted places lay there. */
  #readFrom: number;
  /** A step is done with what it fetched before the next one fetches. */
  #memory = new FetchMemory();

  private constructor(
    readonly lane: CopyLane,
    private readonly engine: LogEngine,
    private readonly maker: ChunkMaker,
    writer: LogWriter,
  ) {
    this.#writer = writer;
    this.#state = readState(writer, lane.source.startOffset);
    this.#readFrom = this.#state.position;
    this.#parking = lane.parked && new ParkingSession(engine, lane, lane.parked, writer);
  }

  /** Opens the lane's session in the log that is written to, fencing every earlier one, at its last commit. */
  static async open(engine: LogEngine, lane: CopyLane, maker: ChunkMaker): Promise<CopySession> {
    const session = new CopySession(lane, engine, maker, await engine.openWriter(lane.writerId));
    // Only now is nobody else there who could park more.
    await session.#parking?.recall();
    return session;
  }

  /** Next source offset to copy: everything below is in the target or dropped by rule. */
  get position(): number {
    return this.#readFrom;
  }

  get startOffset(): number {
    return this.#state.start;
  }

  get totals(): LaneTotals {
    const { parked } = this;
    return parked === undefined ? this.#state : { ...this.#state, parked };
  }

  /** What is parked of this lane; undefined where nothing can be. */
  get parked(): LaneParked | undefined {
    return this.#parking?.state;
  }

  /** Chunks committed so far; all but the last lie in the map topic. */
  get chunks(): number {
    return this.#state.chunks;
  }

  get lastChunk(): CopiedChunk | undefined {
    return this.#state.last;
  }

  /**
   * Copies the next stretch, if there is one. When the outcome of the commit cannot be told, a new session is opened and its checkpoint says how it was; the
   * step then answers what really took place.
   * @throws `writer-fenced` when another worker has taken over; `offset-out-of-range` when records expired before they were copied; what the router throws.
   */
  async step(limits: StepLimits): Promise<CopyStep> {
    const { log = this.engine, topic, partition } = this.lane.source;
    const [fetched] = await log.fetch({
      positions: [{ topic, partition, offset: this.#readFrom }],
      maxBytes: limits.maxBytes,
      maxWaitMs: limits.maxWaitMs,
      memory: this.#memory,
      signal: limits.signal,
    });
    if (fetched === undefined) return { records: 0, bytes: 0, sourceEnd: this.#readFrom };
    if (fetched.error !== undefined) throw fetched.error;
    const chunk = await this.maker.build(fetched, this.#readFrom);
    limits.signal?.throwIfAborted();
    const sourceEnd = fetched.endOffset;
    if (chunk.routes.length === 0) {
      this.#readFrom = chunk.until;
      chunk.release?.();
      return { records: 0, bytes: 0, sourceEnd };
    }
    const before = this.#state.position;
    await this.#commit(chunk);
    const moved = this.#state.position > before;
    return { records: moved ? chunk.routes.length : 0, bytes: moved ? chunk.bytes : 0, sourceEnd };
  }

  /**
   * Redrives parked records, a stretch at a time, in commits like those of the copy: done, parked again, and where it goes on. The lane must rest meanwhile. Answers false when the redrive of that number is
   * done here; one that was done before is not done again.
   * @throws `writer-fenced`; what the router throws.
   */
  async redrive(redrive: Redrive, limits: StepLimits): Promise<boolean> {
    if (this.#parking === undefined) return false;
    try {
      return await this.#parking.step(this.#writer, redrive, limits);
    } catch (error) {
      if (!isAppError(error, 'outcome-unknown')) throw error;
      await this.#reopen();
      return true;
    }
  }

  /** Ends the session. What it committed stays. */
  async close(): Promise<void> {
    await this.#writer.close();
  }

  /** Removes the lane's checkpoints: its copy is over or undone. */
  async forget(): Promise<void> {
    const checkpoints = [...this.#writer.checkpoints().keys()].map((key) => ({ key, value: null }));
    if (checkpoints.length > 0) await this.#writer.commit({ checkpoints });
    this.#begin();
  }

  #begin(): void {
    this.#state = readState(this.#writer, this.lane.source.startOffset);
    this.#readFrom = this.#state.position;
    this.#parking?.begin(this.#writer);
  }

  async #reopen(): Promise<void> {
    this.#writer = await this.engine.openWriter(this.lane.writerId);
    this.#begin();
    await this.#parking?.recall();
  }

  async #commit(chunk: BuiltChunk): Promise<void> {
    const { lane } = this;
    const state = this.#state;
    const appends: WriterAppend[] = chunk.batches.map(({ target, batch }) => ({
      topic: lane.target,
      partition: target,
      batch,
      intoFenced: true,
    }));
    if (chunk.deadLetters.length > 0) {
      const topic = lane.deadLetters!;
      for (const batch of chunk.deadLetters) appends.push({ topic, partition: 0, batch });
    }
    const parking = this.#parking?.parked(chunk);
    if (parking !== undefined) appends.push(...parking.appends);
    if (state.last !== undefined) {
      const value = this.#writer.checkpoint(KEYS.lastChunk) ?? encodeChunk(state.last);
      const batch = encodeBatch([{ key: null, value, headers: [], timestamp: -1 }]);
      appends.push({ topic: lane.map, partition: lane.source.partition, batch });
    }
    const next = advance(state, chunk);
    let last: CopiedChunk | undefined;
    const checkpoints = (appended: readonly Appended[]) => {
      last = {
        source: lane.source.partition,
        sequence: state.chunks,
        from: state.position,
        until: chunk.until,
        ranges: chunk.ranges,
        routes: chunk.routes,
        runs: runsOf(appended.slice(0, chunk.batches.length)),
        sum: chunk.sum,
        ...(parking === undefined ? {} : { revision: parking.next.revision }),
      };
      return [
        { key: KEYS.state, value: encodeState(next) },
        { key: KEYS.lastChunk, value: encodeChunk(last) },
        ...(parking === undefined ? [] : [parkedCheckpoint(parking.next)]),
      ];
    };
    try {
      await this.#writer.commit({ appends, checkpoints });
      chunk.release?.();
      this.#state = { ...next, last };
      this.#readFrom = next.position;
      if (parking !== undefined) this.#parking?.took(parking.next);
    } catch (error) {
      // Nobody knows whether the engine still works on what it was given.
      this.#memory = new FetchMemory();
      if (!isAppError(error, 'outcome-unknown')) throw error;
      await this.#reopen();
    }
  }
}

/** A lane as of its last commit. */
export interface LaneState extends LaneTotals {
  readonly start: number;
  readonly position: number;
  readonly chunks: number;
  readonly last: CopiedChunk | undefined;
}

/** The state after a chunk. */
export function advance(
  state: LaneState,
  chunk: Omit<BuiltChunk, 'batches' | 'deadLetters' | 'ranges' | 'parked' | 'parkedBy'>,
): LaneState {
  return {
    start: state.start,
    position: chunk.until,
    chunks: state.chunks + 1,
    last: state.last,
    records: state.records + (chunk.records ?? chunk.routes.length),
    bytes: state.bytes + chunk.bytes,
    dropped: added(state.dropped, chunk.dropped),
    noted: added(state.noted, chunk.noted),
    sent: state.sent + chunk.sent,
    sum: new DigestSum().merge(state.sum).merge(chunk.sum),
  };
}

function added(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const sum = new Map(one);
  for (const [name, count] of other) sum.set(name, (sum.get(name) ?? 0) + count);
  return sum;
}

/** Appends one after another as runs, neighbours of a target put together. */
export function runsOf(appended: readonly Appended[]): ChunkRun[] {
  const runs: { target: number; base: number; count: number }[] = [];
  const open = new Map<number, { target: number; base: number; count: number }>();
  for (const { partition: target, baseOffset: base, lastOffset } of appended) {
    const count = lastOffset - base + 1;
    const run = open.get(target);
    if (run !== undefined && run.base + run.count === base) run.count += count;
    else {
      const begun = { target, base, count };
      open.set(target, begun);
      runs.push(begun);
    }
  }
  return runs;
}

export function encodeState(state: LaneState): Buffer {
  const json: JsonObject = {
    v: 1,
    start: state.start,
    position: state.position,
    chunks: state.chunks,
    records: state.records,
    bytes: state.bytes,
    dropped: [...state.dropped],
    noted: [...state.noted],
    sent: state.sent,
    sum: state.sum.toString(),
  };
  return Buffer.from(JSON.stringify(json));
}

/** What the last commit under the keys left; the beginning where there was none. */
export function readState(writer: LogWriter, start: number, keys: LaneKeys = KEYS): LaneState {
  const stored = writer.checkpoint(keys.state);
  if (stored === undefined) {
    const nothing = { start, position: start, chunks: 0, last: undefined, records: 0, bytes: 0, sent: 0 };
    return { ...nothing, dropped: new Map(), noted: new Map(), sum: new DigestSum() };
  }
  const json = JSON.parse(Buffer.from(stored).toString()) as {
    start: number;
    position: number;
    chunks: number;
    records: number;
    bytes: number;
    dropped: [string, number][];
    /** These two are absent in what an earlier release wrote. */
    noted?: [string, number][];
    sent?: number;
    sum: string;
  };
  const last = writer.checkpoint(keys.lastChunk);
  return {
    start: json.start,
    position: json.position,
    chunks: json.chunks,
    records: json.records,
    bytes: json.bytes,
    dropped: new Map(json.dropped),
    noted: new Map(json.noted),
    sent: json.sent ?? 0,
    sum: DigestSum.parse(json.sum),
    last: last && decodeChunk(last),
  };
}
