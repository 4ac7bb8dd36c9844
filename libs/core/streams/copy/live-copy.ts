import { impossible, Semaphore } from '#libs/core/kernel';
import { type FetchedPartition, integerSetting, type LogEngine, type TopicDescription } from '#libs/core/log';
import { BUILD_LIMITS, type BuiltChunk, ChunkBuilder, type ChunkMaker } from './chunk-builder.js';
import { CopySession } from './copy-session.js';
import { OffsetMap } from './offset-map.js';
import type { Router } from './router.js';

/** A copy of a topic, one lane per source partition. */
export interface CopySpec {
  /** Lanes write as `<writerPrefix>-<source partition>`. */
  readonly writerPrefix: string;
  readonly source: string;
  /** Log that the source lies in, when it is another one than the target's. Map, dead letters and sessions are the target's. */
  readonly sourceLog?: LogEngine | undefined;
  readonly target: string;
  readonly map: string;
  readonly deadLetters: string | undefined;
  readonly router: Router;
  /** Where the copy begins, per source partition, unless a lane has begun already. */
  readonly startOffsets: readonly number[];
}

export interface CopyTuning {
  /** Bytes a lane fetches for one step. */
  readonly stepBytes: number;
  /** Lanes at work at the same time: bounds memory. */
  readonly parallel: number;
  /** How long to wait for records, when all lanes have caught up, before looking at the signal again. */
  readonly tailWaitMs: number;
}

export const COPY_TUNING: CopyTuning = { stepBytes: 1024 * 1024, parallel: 3, tailWaitMs: 500 };

/** What the caller is asked and told while lanes run. */
export interface CopyRun {
  readonly signal: AbortSignal;
  /** Called before each step with what the lane moved the last time. */
  readonly pace: (records: number, bytes: number) => Promise<void>;
  /** Called after each step. */
  readonly report: (copy: LiveCopy) => void;
}

/** The lanes of a copy while somebody works on them. Not for concurrent use: one of its functions at a time. */
export class LiveCopy {
  readonly map: OffsetMap;
  /** Source ends as last seen, per lane. */
  readonly ends: number[];

  private constructor(
    readonly spec: CopySpec,
    readonly sessions: readonly CopySession[],
    private readonly engine: LogEngine,
    private readonly tuning: CopyTuning,
  ) {
    this.map = new OffsetMap(engine, spec.map, (source) => sessions[source]?.lastChunk);
    this.ends = sessions.map((session) => session.position);
  }

  /** Opens all lanes at their last commits in the target's log, fencing every earlier worker in all of them before anything is copied. */
  static async open(engine: LogEngine, spec: CopySpec, tuning: CopyTuning = COPY_TUNING): Promise<LiveCopy> {
    const target = await engine.describeTopic(spec.target);
    const limits = { ...BUILD_LIMITS, maxBatchBytes: integerSetting(target.config, 'max.message.bytes') };
    const makers = new MakerPool(Array.from({ length: tuning.parallel }, () => new ChunkBuilder(spec.router, limits)));
    const sessions: CopySession[] = [];
    for (const [partition, startOffset] of spec.startOffsets.entries()) {
      const lane = {
        writerId: `${spec.writerPrefix}-${partition}`,
        source: { log: spec.sourceLog, topic: spec.source, partition, startOffset },
        target: spec.target,
        map: spec.map,
        deadLetters: spec.deadLetters,
      };
      sessions.push(await CopySession.open(engine, lane, makers));
    }
    return new LiveCopy(spec, sessions, engine, tuning);
  }

  /** Source positions, per lane. */
  get positions(): readonly number[] {
    return this.sessions.map((session) => session.position);
  }

  /** Places not copied yet, as of the ends last seen. */
  get lag(): number {
    return this.sessions.reduce((sum, one, i) => sum + Math.max(0, this.ends[i]! - one.position), 0);
  }

  /** The present ends of the source. */
  async sourceEnds(): Promise<readonly number[]> {
    const ends = endsOf(await this.#source.describeTopic(this.spec.source)).slice(0, this.ends.length);
    this.#saw(ends);
    return ends;
  }

  /** Copies up to these source offsets in every lane. The first failure ends the other lanes before it is thrown. */
  async copyTo(ends: readonly number[], run: CopyRun): Promise<void> {
    this.#saw(ends);
    const failed = new AbortController();
    const signal = AbortSignal.any([run.signal, failed.signal]);
    const places = new Semaphore(this.tuning.parallel);
    let first: { readonly error: unknown } | undefined;
    const copyLane = async (session: CopySession, end: number): Promise<void> => {
      let moved = { records: 0, bytes: 0 };
      while (session.position < end) {
        await run.pace(moved.records, moved.bytes);
        await places.acquire();
        try {
          const step = await session.step({ maxBytes: this.tuning.stepBytes, maxWaitMs: 0, signal });
          this.ends[session.lane.source.partition] = Math.max(end, step.sourceEnd);
          moved = step;
        } finally {
          places.release();
        }
        signal.throwIfAborted();
        run.report(this);
      }
    };
    const lanes = this.sessions.map((session, i) =>
      copyLane(session, ends[i] ?? 0).catch((error: unknown) => {
        first ??= { error };
        failed.abort(error);
      }),
    );
    await Promise.all(lanes);
    if (first !== undefined) throw first.error;
  }

  /** Follows the writers until the signal aborts, and resolves then. Rejects for any failure. */
  async tail(run: CopyRun): Promise<void> {
    while (!run.signal.aborted) {
      try {
        const fetched = await this.#source.fetch({
          positions: this.sessions.map(({ lane: { source }, position: offset }) => {
            const { topic, partition } = source;
            return { topic, partition, offset };
          }),
          maxBytes: 1,
          maxWaitMs: this.tuning.tailWaitMs,
          signal: run.signal,
        });
        for (const one of fetched) if (one.error !== undefined) throw one.error;
        const ends = this.sessions.map((session) => session.position);
        for (const one of fetched) ends[one.partition] = one.endOffset;
        await this.copyTo(ends, run);
      } catch (error) {
        if (!run.signal.aborted) throw error;
      }
    }
  }

  /** Ends the sessions; what they committed stays. */
  async close(): Promise<void> {
    for (const session of this.sessions) await session.close();
  }

  /** Removes every checkpoint of the copy. */
  async forget(): Promise<void> {
    for (const session of this.sessions) await session.forget();
  }

  get #source(): LogEngine {
    return this.spec.sourceLog ?? this.engine;
  }

  #saw(ends: readonly number[]): void {
    for (const [i, end] of ends.entries()) this.ends[i] = Math.max(this.ends[i] ?? 0, end);
  }
}

/** End offset of every partition. */
export function endsOf(topic: TopicDescription): number[] {
  return topic.partitions.map((one) => one.endOffset);
}

/** Builders taking turns; there are as many as lanes at work, so one is always free. */
class MakerPool implements ChunkMaker {
  readonly #free: ChunkBuilder[];

  constructor(builders: readonly ChunkBuilder[]) {
    this.#free = [...builders];
  }

  async build(fetched: FetchedPartition, from: number): Promise<BuiltChunk> {
    const builder = this.#free.pop() ?? impossible('more lanes at work than there are builders');
    try {
      return await builder.build(fetched, from);
    } finally {
      this.#free.push(builder);
    }
  }
}
