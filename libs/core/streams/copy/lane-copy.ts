import { Semaphore } from '#libs/core/kernel';
import { type FetchedPartition, integerSetting, type LogEngine } from '#libs/core/log';
import { BATCH_BYTES, BUILD_LIMITS, type BuiltChunk, ChunkBuilder, type ChunkMaker } from './chunk-builder.js';
import { CopySession } from './copy-session.js';
import type { Redrive } from './parking-session.js';
import { COPY_TUNING, type CopyRun, type CopySpec, type CopyTuning, LiveCopy, stepBytesOf } from './live-copy.js';

/** A copy whose lanes, one for each source partition, go side by side. */
export class LaneCopy extends LiveCopy {
  private constructor(
    spec: CopySpec,
    private readonly lanes: readonly CopySession[],
    engine: LogEngine,
    tuning: CopyTuning,
  ) {
    super(spec, lanes, engine, tuning);
  }

  /** Opens all lanes at their last commits in the target's log, fencing every earlier worker in all of them before anything is copied. */
  static async open(engine: LogEngine, spec: CopySpec, given: CopyTuning = COPY_TUNING): Promise<LaneCopy> {
    const target = await engine.describeTopic(spec.target);
    const { commitBytes } = engine;
    const tuning = { ...given, stepBytes: Math.max(given.stepBytes, commitBytes) };
    const limits = {
      ...BUILD_LIMITS,
      maxBatchBytes: integerSetting(target.config, 'max.message.bytes'),
      // Where a commit costs answers of others, so does each batch of one partition behind another.
      batchBytes: Math.max(BATCH_BYTES, commitBytes / 4),
    };
    const makers = new MakerPool(() => new ChunkBuilder(spec.router, limits));
    const sessions: CopySession[] = [];
    const { parking } = spec.router;
    for (const [partition, startOffset] of spec.startOffsets.entries()) {
      const lane = {
        writerId: `${spec.writerPrefix}-${partition}`,
        source: { log: spec.sourceLog, topic: spec.source, partition, startOffset },
        target: spec.target,
        map: spec.map,
        deadLetters: spec.deadLetters,
        ...(spec.parked !== undefined && parking !== undefined
          ? { parked: { topic: spec.parked, parking, mapPartition: spec.startOffsets.length + partition } }
          : {}),
      };
      sessions.push(await CopySession.open(engine, lane, makers));
    }
    return new LaneCopy(spec, sessions, engine, tuning);
  }

  /** Copies up to these source offsets in every lane. The first failure ends the other lanes before it is thrown. */
  override async copyTo(ends: readonly number[], run: CopyRun): Promise<void> {
    this.saw(ends);
    const failed = new AbortController();
    const signal = AbortSignal.any([run.signal, failed.signal]);
    const places = run.places ?? new Semaphore(this.tuning.parallel);
    let first: { readonly error: unknown } | undefined;
    const copyLane = async (session: CopySession, end: number): Promise<void> => {
      let moved = { records: 0, bytes: 0 };
      while (session.position < end) {
        await run.pace(moved.records, moved.bytes);
        await places.acquire();
        try {
          const step = await session.step({ maxBytes: stepBytesOf(this.tuning, run), maxWaitMs: 0, signal });
          this.ends[session.lane.source.partition] = Math.max(end, step.sourceEnd);
          moved = step;
        } finally {
          places.release();
        }
        signal.throwIfAborted();
        run.report(this);
      }
    };
    const lanes = this.lanes.map((session, i) =>
      copyLane(session, ends[i] ?? 0).catch((error: unknown) => {
        first ??= { error };
        failed.abort(error);
      }),
    );
    await Promise.all(lanes);
    if (first !== undefined) throw first.error;
  }

  /** Follows the writers until the signal aborts, and resolves then. Rejects for any failure. */
  override async tail(run: CopyRun): Promise<void> {
    while (!run.signal.aborted) {
      try {
        const fetched = await this.source.fetch({
          positions: this.lanes.map(({ lane: { source }, position: offset }) => {
            const { topic, partition } = source;
            return { topic, partition, offset };
          }),
          maxBytes: 1,
          maxWaitMs: this.tuning.tailWaitMs,
          signal: run.signal,
        });
        for (const one of fetched) if (one.error !== undefined) throw one.error;
        const ends = this.lanes.map((session) => session.position);
        for (const one of fetched) ends[one.partition] = one.endOffset;
        await this.copyTo(ends, run);
      } catch (error) {
        if (!run.signal.aborted) throw error;
      }
    }
  }

  override async redrive(redrive: Redrive, run: CopyRun): Promise<void> {
    const limits = { maxBytes: this.tuning.stepBytes, maxWaitMs: 0, signal: run.signal };
    for (const session of this.lanes) {
      do {
        await run.pace(0, 0);
        run.signal.throwIfAborted();
      } while (await session.redrive(redrive, limits));
    }
  }

  /** Ends the sessions; what they committed stays. */
  override async close(): Promise<void> {
    for (const session of this.lanes) await session.close();
  }

  /** Removes every checkpoint of the copy. */
  override async forget(): Promise<void> {
    for (const session of this.lanes) await session.forget();
  }
}

/** Builders taking turns: as many as there are chunks that were not released, which lanes at work have one of each. */
class MakerPool implements ChunkMaker {
  readonly #free: ChunkBuilder[] = [];

  constructor(private readonly make: () => ChunkBuilder) {}

  async build(fetched: FetchedPartition, from: number): Promise<BuiltChunk> {
    const builder = this.#free.pop() ?? this.make();
    const release = (): void => void this.#free.push(builder);
    try {
      return { ...(await builder.build(fetched, from)), release };
    } catch (error) {
      release();
      throw error;
    }
  }
}
