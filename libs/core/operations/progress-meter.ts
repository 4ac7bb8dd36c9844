import type { OperationProgress } from './operation.js';

/** Progress together with what was measured about it. Plain JSON; rates are null before anything could be measured. */
export interface ProgressSnapshot {
  readonly progress: OperationProgress;
  /** Wall time of the last report, ms. */
  readonly at: number;
  /** Time spent working since the first report, pauses and restarts left out, ms. */
  readonly activeMs: number;
  /** Records copied per second, smoothed over about ten seconds. */
  readonly rate: number | null;
  readonly bytesRate: number | null;
  /** Records written to the sources per second meanwhile, by the growth of their ends. */
  readonly writerRate: number | null;
  /** Records copied per second and source partition. */
  readonly partitionRates: Readonly<Record<string, number>>;
  /** Why the work was being held back when this was taken; null when it was not. `since` is wall time in ms. */
  readonly throttled: { readonly reason: string; readonly since: number } | null;
}

/** Time constant of smoothing and least width of a measured window, ms. */
const SMOOTHING_MS = 10_000;
const WINDOW_MS = 500;

interface Window {
  readonly at: number;
  readonly records: number;
  readonly bytes: number;
  readonly ends: ReadonlyMap<number, bigint>;
  readonly positions: ReadonlyMap<number, bigint>;
}

/** Turns reports into smoothed rates. Feed it with the monotonic clock; {@link rest} before a pause, so that idle time is not slow work. */
export class ProgressMeter {
  #progress: OperationProgress | null;
  #wall = 0;
  #activeMs: number;
  #window: Window | undefined;
  #last = 0;
  #rate: number | null;
  #bytesRate: number | null;
  #writerRate: number | null;
  readonly #partitionRates: Map<string, number>;

  /** Goes on from what an earlier worker measured. */
  constructor(from: ProgressSnapshot | null = null) {
    this.#progress = from?.progress ?? null;
    this.#wall = from?.at ?? 0;
    this.#activeMs = from?.activeMs ?? 0;
    this.#rate = from?.rate ?? null;
    this.#bytesRate = from?.bytesRate ?? null;
    this.#writerRate = from?.writerRate ?? null;
    this.#partitionRates = new Map(Object.entries(from?.partitionRates ?? {}));
  }

  report(progress: OperationProgress, monotonic: number, wall: number): void {
    this.#progress = progress;
    this.#wall = wall;
    const window = this.#window;
    if (window === undefined) {
      this.#window = windowOf(progress, monotonic);
      this.#last = monotonic;
      return;
    }
    this.#activeMs += Math.max(0, monotonic - this.#last);
    this.#last = monotonic;
    const elapsed = monotonic - window.at;
    if (elapsed < WINDOW_MS) return;
    const next = windowOf(progress, monotonic);
    this.#measure(window, next, elapsed);
    this.#window = next;
  }

  /** The work stops for a while: the time until the next report does not count. */
  rest(): void {
    this.#window = undefined;
  }

  snapshot(throttled: ProgressSnapshot['throttled'] = null): ProgressSnapshot | null {
    if (this.#progress === null) return null;
    return {
      progress: this.#progress,
      at: this.#wall,
      activeMs: this.#activeMs,
      rate: this.#rate,
      bytesRate: this.#bytesRate,
      writerRate: this.#writerRate,
      partitionRates: Object.fromEntries(this.#partitionRates),
      throttled,
    };
  }

  #measure(from: Window, to: Window, elapsed: number): void {
    const perSecond = (amount: number) => (Math.max(0, amount) * 1000) / elapsed;
    // Until the smoothing time has passed, an average over all that was measured is steadier than a tail.
    const weight = Math.max(
      1 - Math.exp(-elapsed / SMOOTHING_MS),
      Math.min(1, elapsed / Math.max(elapsed, this.#activeMs)),
    );
    const smooth = (old: number | null, now: number) => (old === null ? now : old + weight * (now - old));
    this.#rate = smooth(this.#rate, perSecond(to.records - from.records));
    this.#bytesRate = smooth(this.#bytesRate, perSecond(to.bytes - from.bytes));
    let written = 0;
    for (const [partition, end] of to.ends) written += Number(end - (from.ends.get(partition) ?? end));
    if (to.ends.size > 0) this.#writerRate = smooth(this.#writerRate, perSecond(written));
    for (const [partition, position] of to.positions) {
      const key = String(partition);
      const moved = Number(position - (from.positions.get(partition) ?? position));
      this.#partitionRates.set(key, smooth(this.#partitionRates.get(key) ?? null, perSecond(moved)));
    }
  }
}

function windowOf(progress: OperationProgress, at: number): Window {
  return {
    at,
    records: progress.recordsDone,
    bytes: progress.bytesDone,
    ends: new Map(progress.partitions.map((one) => [one.partition, BigInt(one.end)])),
    positions: new Map(progress.partitions.map((one) => [one.partition, BigInt(one.position)])),
  };
}
