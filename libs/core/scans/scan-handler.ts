import type { Clock, JsonObject } from '#libs/core/kernel';
import type { Clusters } from '#libs/core/log';
import type { OperationHandler, OperationProgress, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { RangeHold } from './range-hold.js';
import { readRanges, type RecordFold } from './read-ranges.js';
import type { ScanLifetime } from './scan-lifetime.js';
import { partsOf, type ScanPart, type ScanStore } from './scan-store.js';
import { isOpen, rangesOf, unread, type ScannedRange, type ScanRange } from './scan.js';

/** A fold whose summaries can be put away and taken up again, one for each range. */
export interface ScanFold extends RecordFold {
  /** What has been found in a range, as plain data that nothing changes any more. */
  summary(index: number): JsonObject;
  /** Whether enough has been found, so that the rest is left unread. False when not given. */
  readonly isDone?: boolean;
  /** Goes on from a summary. */
  restore(index: number, summary: JsonObject): void;
  /** The range has been read to its end and its summary is kept: nothing more is needed of it here. */
  forget(index: number): void;
}

export interface ScanTools {
  readonly clusters: Clusters;
  readonly scans: ScanStore;
  readonly clock: Clock;
  readonly lifetime: ScanLifetime;
  /** Named steps for crash tests, `scan:…`. */
  readonly failPoint?: (name: string) => void | Promise<void>;
  /** For tests. */
  readonly tuning?: { readonly saveEveryMs: number; readonly fetchBytes: number };
}

/** Time between two saves of how far a scan is. */
const SAVE_EVERY_MS = 1_000;
/** Parts saved in one write; each may tell thousands of names apart. */
const SAVED_AT_ONCE = 16;
/** Ranges shown in the progress of an operation; more would be read by nobody. */
const SHOWN = 200;

/**
 * An operation that reads what topics retain and changes nothing. What is read is settled in the plan: the same records are looked at however often the work is cut
 * short. Position and summary of a range are saved together, so each record counts once.
 */
export abstract class ScanHandler implements OperationHandler {
  abstract readonly kind: string;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: async () => ({ next: 'VERIFYING' }),
    VERIFYING: (run) => this.#held(run),
  };

  constructor(protected readonly tools: ScanTools) {}

  abstract plan(request: JsonObject): Promise<PlanDraft>;

  /** What becomes of the records of these ranges. */
  protected abstract fold(run: Pick<OperationRun, 'parameters'>, ranges: readonly ScanRange[]): Promise<ScanFold>;

  accepts(parameters: JsonObject): boolean {
    const { clusters } = this.tools;
    return Object.entries(logsOf(parameters)).every(([cluster, logId]) => clusters.standsFor(cluster, logId));
  }

  isSpent(finishedAt: number): boolean {
    return this.tools.lifetime.isOver(finishedAt);
  }

  async fingerprint(parameters: JsonObject): Promise<JsonObject> {
    const { clusters } = this.tools;
    return Object.fromEntries(Object.keys(logsOf(parameters)).map((name) => [name, clusters.get(name).logId]));
  }

  /** Nothing has been changed; what was found is forgotten. */
  async cancel(run: OperationRun): Promise<void> {
    await this.#holdOf(run).release();
    await this.tools.scans.drop(run.operationId);
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  #holdOf({ operationId, parameters }: OperationRun): RangeHold {
    return new RangeHold(this.tools.clusters, operationId, rangesOf(parameters));
  }

  /** Reads while everything that is to be read is held; a scan that failed or has ended holds nothing. Paused, and over a restart, it goes on to hold. */
  async #held(run: OperationRun): Promise<PhaseResult> {
    const hold = this.#holdOf(run);
    await hold.take();
    await this.tools.failPoint?.('scan:held');
    try {
      const result = await this.#scan(run);
      await hold.release();
      return result;
    } catch (error) {
      if (!run.signal.aborted) await hold.release();
      throw error;
    }
  }

  async #scan(run: OperationRun): Promise<PhaseResult> {
    const { clusters, clock, scans, tuning } = this.tools;
    const ranges = rangesOf(run.parameters);
    const states = ranges.map(unread);
    const fold = await this.fold(run, ranges);
    for await (const { index, position, gone, trouble, summary } of partsOf(scans, run.operationId, clock)) {
      const state = Object.assign(states[index]!, { position, gone, trouble });
      fold.restore(index, summary);
      if (!isOpen(state)) fold.forget(index);
    }
    const keeper = new PartKeeper(scans, run.operationId, states, fold);
    const total = states.reduce((sum, { range }) => sum + range.to - range.from, 0);
    let bytesDone = 0;
    // The first step is saved at once, so that however short a life is, the next one has less to do.
    let savedAt = -Infinity;
    const report = (): void => run.report(progressOf(states, total, bytesDone));
    report();
    await readRanges(
      states,
      { clusters, clock, fold },
      {
        signal: run.signal,
        fetchBytes: tuning?.fetchBytes,
        admit: async (records, bytes) => {
          if (fold.isDone === true) return false;
          await run.pace(records, bytes);
          bytesDone += bytes;
          return true;
        },
        settled: async () => {
          report();
          if (clock.monotonic() - savedAt >= (tuning?.saveEveryMs ?? SAVE_EVERY_MS)) {
            await keeper.save();
            savedAt = clock.monotonic();
          }
          await this.tools.failPoint?.('scan:read');
        },
      },
    );
    await keeper.save();
    await this.tools.failPoint?.('scan:saved');
    report();
    return { next: 'FINISHED', notes: { verification: verificationOf(states) } };
  }
}

/** Saves what has moved since the last time. */
class PartKeeper {
  readonly #saved: string[];

  constructor(
    private readonly scans: ScanStore,
    private readonly scan: string,
    private readonly states: readonly ScannedRange[],
    private readonly fold: ScanFold,
  ) {
    this.#saved = states.map(markOf);
  }

  async save(): Promise<void> {
    const moved = this.states.flatMap((state, index) => (markOf(state) === this.#saved[index] ? [] : [index]));
    for (let at = 0; at < moved.length; at += SAVED_AT_ONCE) {
      const piece = moved.slice(at, at + SAVED_AT_ONCE);
      const parts = piece.map((index): ScanPart => {
        const { position, gone, trouble } = this.states[index]!;
        return { index, position, gone, trouble, summary: this.fold.summary(index) };
      });
      await this.scans.save(this.scan, parts);
      for (const index of piece) {
        this.#saved[index] = markOf(this.states[index]!);
        if (!isOpen(this.states[index]!)) this.fold.forget(index);
      }
    }
  }
}

function markOf({ position, trouble }: ScannedRange): string {
  return `${position}${trouble === null ? '' : trouble.code}`;
}

function logsOf(parameters: JsonObject): Readonly<Record<string, unknown>> {
  return parameters['logs'] as JsonObject;
}

function progressOf(states: readonly ScannedRange[], total: number, bytesDone: number): OperationProgress {
  const done = states.reduce((sum, { range, position }) => sum + position - range.from, 0);
  const open = states.filter(isOpen).slice(0, SHOWN);
  return {
    recordsDone: done,
    recordsTotal: total,
    // Offsets are counted, of which some may have no record.
    totalIsEstimate: true,
    bytesDone,
    partitions: open.map(({ range, position }) => {
      const { partition, to } = range;
      return { partition, position: String(position), end: String(to), lag: to - position };
    }),
  };
}

function verificationOf(states: readonly ScannedRange[]): JsonObject {
  const troubled = states.filter((one) => one.trouble !== null).length;
  return {
    level: 'full',
    state: troubled === 0 ? 'passed' : 'failed',
    checked: states.length - troubled,
    total: states.length,
    mismatches: [],
  };
}
