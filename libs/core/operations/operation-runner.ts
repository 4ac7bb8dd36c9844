import { deferred, linkSignals, type Deferred, type LinkedSignal } from '#libs/core/kernel';
import type { Change } from './commands.js';
import { askAgain, nextTry, type CutoverRetryPolicy } from './cutover-retry.js';
import { differences } from './differences.js';
import type { OperationHandler, OperationRun, PhaseResult } from './handler.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { OperationProgress } from './operation.js';
import type { OperationRecord } from './operation-record.js';
import { Deposed, OperationWriter, type WriterOptions } from './operation-writer.js';
import type { Plan } from './plan.js';
import { planStale } from './errors.js';
import { ProgressMeter, type ProgressSnapshot } from './progress-meter.js';
import { Throttle, type ThrottleCause } from './throttle.js';
import { DEFAULT_NEXT } from './transitions.js';
import type { WriteLatency } from './write-latency.js';
import {
  activityOf,
  afterEnding,
  afterFailure,
  afterPhase,
  assignmentOf,
  keyOf,
  type Activity,
  type RetryPolicy,
} from './workflow.js';

export interface RunnerOptions extends WriterOptions {
  readonly owner: string;
  readonly retry: RetryPolicy;
  /** How automatic cutovers that were undone are tried again. */
  readonly cutoverRetry: CutoverRetryPolicy;
  /** How often the store is asked for commands of other instances and progress is stored. */
  readonly watchMs: number;
  readonly causes: readonly ThrottleCause[];
  readonly latency: WriteLatency;
}

/** Longest sleep before a cutover that is tried again. */
const LONGEST_WAIT_MS = 10_000;

/**
 * Works on one operation under one lease: performs what the durable state says, one activity after another, until there is nothing to do, the lease is
 * lost or the service stops. Never two activities at once: a new one begins when the function of the old one has returned.
 */
export class OperationRunner {
  readonly #options: RunnerOptions;
  readonly #keeper: LeaseKeeper;
  readonly #plan: Plan;
  readonly #handler: OperationHandler;
  readonly #writer: OperationWriter;
  readonly #stop = new AbortController();
  readonly #meter: ProgressMeter;
  readonly #throttle: Throttle;
  #current: { readonly key: string; readonly linked: LinkedSignal } | undefined;
  #cutoverWaiters: Deferred<void>[] = [];
  #progressed = false;
  #savedAt = -Infinity;

  constructor(
    options: RunnerOptions,
    keeper: LeaseKeeper,
    record: OperationRecord,
    plan: Plan,
    handler: OperationHandler,
  ) {
    this.#options = options;
    this.#keeper = keeper;
    this.#writer = new OperationWriter(options, keeper, record, this.#stop.signal, () => this.#react());
    this.#plan = plan;
    this.#handler = handler;
    this.#meter = new ProgressMeter(record.progress);
    this.#throttle = new Throttle(options.clock, record, record.limits, options.causes, options.latency);
  }

  get record(): OperationRecord {
    return this.#writer.record;
  }

  /** Progress as of now, with why it is held back. */
  snapshot(): ProgressSnapshot | null {
    const { reason, since } = this.#throttle.state();
    return this.#meter.snapshot(reason === null || since === null ? null : { reason, since });
  }

  /** Asks the running function to end. {@link run} resolves when it has. */
  stop(): void {
    this.#stop.abort(new DOMException('the service stops', 'AbortError'));
  }

  /** Takes note of a state that somebody else wrote. */
  seen(record: OperationRecord): void {
    this.#writer.seen(record);
  }

  /** Resolves when no function of the handler runs any more and the lease is free, lost or left to expire. Never rejects. */
  async run(): Promise<void> {
    const over = new AbortController();
    const watching = this.#watch(over.signal);
    const { id, kind } = this.record;
    this.#options.observer.workerChanged?.({ id, kind }, true);
    try {
      await this.#claim();
      while (!this.#ending) {
        const activity = activityOf(this.record);
        if (activity.type === 'none') break;
        await this.#perform(activity);
      }
      await this.#leave();
    } catch (error) {
      if (!(error instanceof Deposed))
        this.#options.observer.troubled?.(`the worker of operation ${id} gave up`, error);
    } finally {
      over.abort();
      this.#throttle.end();
      await watching;
      await this.#keeper.release();
      this.#options.observer.workerChanged?.({ id, kind }, false);
    }
  }

  get #ending(): boolean {
    return this.#stop.signal.aborted || this.#keeper.lost.aborted || this.#writer.deposed;
  }

  /** The first write of every worker: from here on no write of an earlier one is taken. */
  async #claim(): Promise<void> {
    const { owner, clock } = this.#options;
    const epoch = this.#keeper.lease.epoch;
    await this.#writer.claim((record) => {
      if (record.epoch === epoch) return null;
      const died = record.worker !== null;
      return {
        next: {
          epoch,
          worker: owner,
          startedAt: record.startedAt ?? clock.now(),
          restarts: record.restarts + (died ? 1 : 0),
        },
        events: died ? [{ type: 'taken-over', data: { from: record.worker, by: owner, epoch } }] : [],
      };
    });
  }

  /** Says that nobody works on it, so that the next worker does not take this for a death. */
  async #leave(): Promise<void> {
    await this.#saveProgress(true);
    await this.#writer.write((record) => (record.worker === null ? null : { next: { worker: null }, events: [] }));
  }

  async #perform(activity: Exclude<Activity, { type: 'none' }>): Promise<void> {
    const key = keyOf(activity);
    const linked = linkSignals(this.#stop.signal, this.#keeper.lost);
    this.#current = { key, linked };
    const { signal } = linked;
    const watchdog = this.#guardPause(activity, signal);
    // The state may have changed between the decision and here.
    this.#react();
    let change: (record: OperationRecord) => Change;
    let pauseMs: number | null = null;
    let failure: { readonly error: unknown } | undefined;
    const { clock, retry, cutoverRetry, observer } = this.#options;
    const isAutomatic = this.#plan.controls?.cutover === 'automatic';
    try {
      const result = await this.#call(activity, signal);
      change = (record) =>
        result === null
          ? afterEnding(record, activity.type as 'cancel' | 'finish', clock.now())
          : afterPhase(record, result, clock.now(), isAutomatic ? cutoverRetry : null);
    } catch (error) {
      // What a function throws while it is asked to end is the ending, not a failure.
      if (signal.aborted) return;
      if (error instanceof Deposed) throw error;
      failure = { error };
      const progressed = this.#progressed;
      change = (record) => {
        const after = afterFailure(record, error, progressed, clock.now(), retry);
        pauseMs = after.retryInMs;
        return after;
      };
    } finally {
      this.#current = undefined;
      this.#progressed = false;
      this.#meter.rest();
      this.#throttle.rest();
      for (const waiter of this.#cutoverWaiters.splice(0)) waiter.reject(new DOMException('ended', 'AbortError'));
      linked.unlink();
      linked.abort(new DOMException('ended', 'AbortError'));
      await watchdog;
    }
    if (failure !== undefined) observer.failed?.(this.record, failure.error);
    await this.#saveProgress(true);
    await this.#settle(key, change);
    if (pauseMs !== null) await this.#restBeforeRetry(key, pauseMs);
  }

  /** Stores the outcome, unless the assignment changed meanwhile: then the outcome belongs to nothing any more. */
  async #settle(key: string, change: (record: OperationRecord) => Change): Promise<void> {
    const outcome = (record: OperationRecord): Change | null =>
      keyOf(assignmentOf(record)) === key ? change(record) : null;
    try {
      await this.#writer.write(outcome);
    } catch (error) {
      if (error instanceof Deposed) throw error;
      // A transition that the table does not allow is a defect of the handler, and kept like any other failure.
      this.#options.observer.failed?.(this.record, error);
      const { clock, retry } = this.#options;
      await this.#writer.write((record) =>
        keyOf(assignmentOf(record)) === key ? afterFailure(record, error, false, clock.now(), retry) : null,
      );
    }
  }

  async #restBeforeRetry(key: string, ms: number): Promise<void> {
    const linked = linkSignals(this.#stop.signal, this.#keeper.lost);
    this.#current = { key, linked };
    this.#react();
    await this.#options.clock.sleep(ms, linked.signal).catch(() => undefined);
    linked.unlink();
    this.#current = undefined;
  }

  /** Runs the handler's function. Null for `cancel` and `finish`, whose next phase is known. */
  async #call(activity: Exclude<Activity, { type: 'none' }>, signal: AbortSignal): Promise<PhaseResult | null> {
    signal.throwIfAborted();
    if (activity.type !== 'phase') {
      await this.#handler[activity.type](this.#runFor(signal, false));
      return null;
    }
    if (activity.phase === 'PLANNED') await this.#demandFresh();
    const work = this.#handler.phases[activity.phase];
    if (work !== undefined) return work.call(this.#handler.phases, this.#runFor(signal, activity.undo));
    if (activity.undo) return { next: 'READY' };
    if (activity.phase === 'READY') await this.#cutoverRequested(signal);
    const next = DEFAULT_NEXT[activity.phase];
    if (next !== undefined) return { next };
    // SWITCHED without a function of its own waits for people.
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  /** Between the start and the work may lie an approval or a restart, and only now is the subject ours: what the plan relied on is compared once more. */
  async #demandFresh(): Promise<void> {
    const now = await this.#handler.fingerprint(this.#plan.parameters);
    const moved = differences(this.#plan.fingerprint, now);
    if (moved.length > 0) throw planStale(this.#plan.hash, moved);
  }

  #runFor(signal: AbortSignal, undo: boolean): OperationRun {
    const notes = () => this.record.notes;
    const stepShare = () => this.#throttle.stepShare;
    return {
      operationId: this.record.id,
      parameters: this.#plan.parameters,
      get notes() {
        return notes();
      },
      get stepShare() {
        return stepShare();
      },
      signal,
      cutoverCancelled: undo,
      report: (progress) => this.#report(progress),
      pace: async (records, bytes) => {
        await this.#throttle.pace(records, bytes, signal);
        // A process that was stopped for a while gets here before the timers that would tell it.
        if (!this.#keeper.valid) throw new Deposed();
      },
      event: async (type, data) => {
        await this.#writer.write(() => ({ next: {}, events: [{ type, data }] }));
      },
      note: async (more) => {
        await this.#writer.write((record) => ({ next: { notes: { ...record.notes, ...more } }, events: [] }));
      },
      cutoverRequested: () => {
        const asked = this.#cutoverRequested(signal);
        // A handler may look at it later; its rejection must not count as nobody's.
        asked.catch(() => undefined);
        return asked;
      },
    };
  }

  #report(progress: OperationProgress): void {
    const before = this.#meter.snapshot()?.progress.recordsDone ?? 0;
    if (progress.recordsDone > before) this.#progressed = true;
    this.#meter.report(progress, this.#options.clock.monotonic(), this.#options.clock.now());
  }

  async #cutoverRequested(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.record.cutover.requestedAt !== null) return;
    const waiter = deferred<void>();
    this.#cutoverWaiters.push(waiter);
    signal.addEventListener('abort', () => waiter.reject(signal.reason), { once: true });
    this.#tryAgain(signal).catch(waiter.reject);
    await waiter.promise;
  }

  /** Asks for a cutover again whose time has come, as long as one is to be tried by itself. */
  async #tryAgain(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (let next = nextTry(this.record); next !== undefined; next = nextTry(this.record)) {
      const ms = next.nextAt - clock.now();
      // A clock that was put forward meanwhile is noticed.
      if (ms > 0) await clock.sleep(Math.min(ms, LONGEST_WAIT_MS), signal);
      else await this.#writer.write((record) => (signal.aborted ? null : askAgain(record, clock.now())));
      signal.throwIfAborted();
    }
  }

  /**
   * Holds a cutover to its longest pause, from the durable entry into the phase on. A tenth is added, so that a kind that measures its own pause ends it first and
   * says why.
   */
  async #guardPause(activity: Activity, signal: AbortSignal): Promise<void> {
    const limit = this.#plan.controls?.maxPauseMs;
    if (limit === undefined || activity.type !== 'phase' || activity.phase !== 'CUTTING_OVER' || activity.undo) return;
    const { clock } = this.#options;
    const left = limit * 1.1 - Math.max(0, clock.now() - this.record.phaseSince);
    try {
      if (left > 0) await clock.sleep(left, signal);
      const undo = `the cutover took longer than ${limit} ms`;
      await this.#writer.write((record) =>
        keyOf(assignmentOf(record)) !== 'CUTTING_OVER' || signal.aborted
          ? null
          : {
              next: { cutover: { ...record.cutover, undo } },
              events: [{ type: 'cutover-overdue', data: { limitMs: limit } }],
            },
      );
    } catch (error) {
      if (!signal.aborted && !(error instanceof Deposed))
        this.#options.observer.troubled?.('a cutover could not be undone in time', error);
    }
  }

  /** Brings the running function and its waiters in line with the state. */
  #react(): void {
    const { limits, cutover } = this.record;
    this.#throttle.change(limits);
    if (cutover.requestedAt !== null) for (const waiter of this.#cutoverWaiters.splice(0)) waiter.resolve();
    const current = this.#current;
    if (current === undefined) return;
    if (this.#writer.deposed) return current.linked.abort(new Deposed());
    const now = keyOf(activityOf(this.record));
    if (now !== current.key) current.linked.abort(new DOMException(`superseded by ${now}`, 'AbortError'));
  }

  /** Asks the store for what other instances wrote, and stores progress. */
  async #watch(over: AbortSignal): Promise<void> {
    const { clock, store, watchMs } = this.#options;
    while (!over.aborted) {
      await clock.sleep(watchMs, over).catch(() => undefined);
      if (over.aborted) return;
      try {
        const record = await store.operation(this.record.id);
        if (record !== undefined) this.seen(record);
        await this.#saveProgress(false);
      } catch (error) {
        this.#options.observer.troubled?.(`operation ${this.record.id} could not be watched`, error);
      }
    }
  }

  async #saveProgress(always: boolean): Promise<void> {
    const snapshot = this.snapshot();
    if (snapshot === null || (!always && snapshot.at <= this.#savedAt && snapshot.throttled === null)) return;
    if (!this.#keeper.valid) return;
    this.#savedAt = snapshot.at;
    // Lost progress is measured again; it must not fail the work.
    await this.#options.store
      .saveProgress(this.record.id, this.#keeper.lease.epoch, snapshot)
      .catch((error: unknown) => this.#options.observer.troubled?.('progress could not be stored', error));
  }
}
