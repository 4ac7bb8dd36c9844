import type { Clock } from '#libs/core/kernel';
import { integerSetting, type LogEngine } from '#libs/core/log';
import { COPY_TUNING, type CopyRun, type CopySpec, type CopyTuning, LiveCopy } from './live-copy.js';
import { MergedSession } from './merged-session.js';

/** A commit takes in as many fetches: it is one for all partitions, and each costs a flush. */
const COMMIT_STEPS = 4;

/** How source partitions are merged by time. */
export interface MergeRule {
  /** How long a partition without new records is waited for before others go on without it. */
  readonly idleMs: number;
  readonly clock: Clock;
}

/**
 * A copy that merges the source partitions by time instead of copying them side by side: see `MergeOrder`. Up to given ends the order depends on the records alone. Following writers, a partition that has
 * nothing new is waited for until others have nothing earlier than its last record, or it was idle for long enough; what it brings after that is merged when it comes, and counted as late.
 */
export class MergedCopy extends LiveCopy {
  /** Since when a partition has had nothing new, while writers are followed. */
  readonly #emptySince: (number | undefined)[];

  private constructor(
    spec: CopySpec,
    private readonly session: MergedSession,
    engine: LogEngine,
    tuning: CopyTuning,
    private readonly rule: MergeRule,
  ) {
    super(spec, session.lanes, engine, tuning);
    this.#emptySince = session.lanes.map(() => undefined);
  }

  /** Opens the session at its last commit in the target's log, fencing every earlier worker before anything is copied. */
  static async openMerged(
    engine: LogEngine,
    spec: CopySpec,
    rule: MergeRule,
    tuning: CopyTuning = COPY_TUNING,
  ): Promise<MergedCopy> {
    const { source, target, map, deadLetters, router, startOffsets } = spec;
    const { config } = await engine.describeTopic(target);
    const maxBatchBytes = integerSetting(config, 'max.message.bytes');
    // The first lane's id, so that whatever removes the sessions of lanes removes this one.
    const writerId = `${spec.writerPrefix}-0`;
    const commitBytes = COMMIT_STEPS * tuning.stepBytes;
    const lanes = {
      ...{ writerId, sourceLog: spec.sourceLog ?? engine, source, startOffsets, target, map, deadLetters, router },
      ...{ maxBatchBytes, commitBytes },
    };
    return new MergedCopy(spec, await MergedSession.open(engine, lanes), engine, tuning, rule);
  }

  /** Records that were merged behind one of a later time. */
  override get late(): number {
    return this.session.order.state.late;
  }

  override async copyTo(ends: readonly number[], run: CopyRun): Promise<void> {
    this.saw(ends);
    const { session } = this;
    // Of a partition that is at its end nothing more is waited for, whatever has come since.
    const isBehind = (partition: number): boolean => session.readFrom(partition) < (ends[partition] ?? 0);
    const next = (): number => (this.#anyUnknown(isBehind) ? -1 : session.order.next());
    const refill = async (): Promise<boolean> => {
      const partitions = this.#unknown().filter(isBehind);
      if (partitions.length === 0) return false;
      await this.#fetch(partitions, 0, run.signal);
      return true;
    };
    await this.#work(next, refill, run, () => this.sessions.some(({ position }, i) => position < (ends[i] ?? 0)));
  }

  override async tail(run: CopyRun): Promise<void> {
    const { session } = this;
    const next = (): number => {
      const first = session.order.next();
      return first >= 0 && this.#anyUnknown((partition) => this.#isAwaited(partition, first)) ? -1 : first;
    };
    // Everything that is unknown is asked at once; waiting is for those who hold the others up.
    const refill = async (): Promise<boolean> => {
      const unknown = this.#unknown();
      if (unknown.length > 0) await this.#fetch(unknown, 0, run.signal);
      return next() >= 0;
    };
    while (!run.signal.aborted) {
      try {
        await this.#work(next, refill, run, () => false);
        await this.#wait(run.signal);
      } catch (error) {
        if (!run.signal.aborted) throw error;
      }
    }
  }

  override async close(): Promise<void> {
    await this.session.close();
  }

  override async forget(): Promise<void> {
    await this.session.forget();
  }

  /** Steps while there is something to merge, and once in any case. */
  async #work(next: () => number, refill: () => Promise<boolean>, run: CopyRun, more: () => boolean): Promise<void> {
    let moved = { records: 0, bytes: 0 };
    do {
      await run.pace(moved.records, moved.bytes);
      run.signal.throwIfAborted();
      moved = await this.session.step(next, refill);
      run.signal.throwIfAborted();
      run.report(this);
    } while (more() || moved.records > 0);
  }

  /** Waits for news of those partitions that hold the others up, or of all. */
  async #wait(signal: AbortSignal): Promise<void> {
    const first = this.session.order.next();
    const unknown = this.#unknown();
    const awaited = first < 0 ? unknown : unknown.filter((partition) => this.#isAwaited(partition, first));
    if (awaited.length === 0) return;
    const now = this.rule.clock.monotonic();
    const left = first < 0 ? [] : awaited.map((one) => (this.#emptySince[one] ?? now) + this.rule.idleMs - now);
    await this.#fetch(awaited, Math.max(1, Math.min(this.tuning.tailWaitMs, ...left)), signal);
  }

  /** Partitions of which no record is known. */
  #unknown(): number[] {
    const { order } = this.session;
    return this.sessions.map((_, partition) => partition).filter((partition) => order.headOf(partition) === undefined);
  }

  #anyUnknown(test: (partition: number) => boolean): boolean {
    const { order } = this.session;
    if (order.complete) return false;
    for (let partition = 0; partition < this.sessions.length; partition++)
      if (order.headOf(partition) === undefined && test(partition)) return true;
    return false;
  }

  /** Whether the next record of a partition may have to come before the one that is next now, and the partition was not idle for long enough. */
  #isAwaited(partition: number, first: number): boolean {
    if (!this.session.order.mayPrecede(partition, first)) return false;
    const since = this.#emptySince[partition];
    return since === undefined || this.rule.clock.monotonic() - since < this.rule.idleMs;
  }

  async #fetch(partitions: readonly number[], maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const { stepBytes } = this.tuning;
    const ends = await this.session.fetch(partitions, { maxBytes: stepBytes, maxWaitMs, signal });
    const now = this.rule.clock.monotonic();
    for (const [partition, end] of ends) {
      this.ends[partition] = Math.max(this.ends[partition] ?? 0, end);
      const known = this.session.order.headOf(partition) !== undefined || this.session.readFrom(partition) < end;
      this.#emptySince[partition] = known ? undefined : (this.#emptySince[partition] ?? now);
    }
  }
}
