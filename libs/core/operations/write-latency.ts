/** What a limit may say: ms that the 99th percentile of foreground writes may take, or `auto`, by what they take while no operation works. */
export type ProduceLimit = number | 'auto';

/** Writes that the baseline is made of, of each log: the newest. */
const KEPT = 512;
/** Fewer say nothing of a 99th percentile. */
const ENOUGH = 50;
/** A write counts as made in quiet when no operation has moved anything for so long before it began. */
const QUIET_MS = 100;
/** With a baseline as old as this, work that is to be held to it rests for a moment, so that there is a newer one. */
const STALE_MS = 10_000;
/** How long such a rest is at most, and how long after one that told nothing comes the next. */
const LOOK_MS = 400;
const LOOK_AGAIN_MS = 2_000;
/** Who wrote within this time writes now. */
const WRITING_MS = 1_000;
/** Allowed by `auto`: the larger of so many times the baseline and so many ms more. */
const AUTO_TIMES = 2;
const AUTO_MORE_MS = 2;

interface Baseline {
  readonly times: number[];
  next: number;
  /** Of the newest `times`, as far as it was worked out. */
  p99: number | undefined;
  /** Writes since it was worked out. */
  fresh: number;
  measuredAt: number;
}

/** What foreground writes take: producers' appends, of each log by itself, from the append to its acknowledgement. Beside that, what they take while no operation works. */
export class WriteLatency {
  readonly #logs = new Map<string, Baseline>();
  readonly #listeners = new Set<(log: string, ms: number) => void>();
  #workedAt = -Infinity;
  #wroteAt = -Infinity;
  #lookedAt = -Infinity;

  /** @param monotonic ms, of the clock of this process that never goes back */
  constructor(private readonly monotonic: () => number) {}

  /** A write to a log was acknowledged after so many ms. */
  wrote(log: string, ms: number): void {
    const now = this.monotonic();
    this.#wroteAt = now;
    if (now - ms - this.#workedAt > QUIET_MS) this.#takeIn(log, ms, now);
    for (const listener of this.#listeners) listener(log, ms);
  }

  /** Some operation is about to move something. */
  worked(): void {
    this.#workedAt = this.monotonic();
  }

  /** Tells of each write. Answers how to stop. */
  listen(listener: (log: string, ms: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What a write to a log may take under a limit, ms; undefined while nothing is known that `auto` could go by. */
  allowed(log: string, limit: ProduceLimit): number | undefined {
    if (limit !== 'auto') return limit;
    const p99 = this.baseline(log);
    return p99 === undefined ? undefined : Math.max(p99 * AUTO_TIMES, p99 + AUTO_MORE_MS);
  }

  /** The 99th percentile of the newest writes made in quiet, ms; undefined while there are too few. */
  baseline(log: string): number | undefined {
    const baseline = this.#logs.get(log);
    if (baseline === undefined || baseline.times.length < ENOUGH) return undefined;
    if (baseline.p99 === undefined || baseline.fresh >= ENOUGH) {
      const sorted = [...baseline.times].sort((a, b) => a - b);
      baseline.p99 = sorted[Math.ceil(sorted.length * 0.99) - 1]!;
      baseline.fresh = 0;
    }
    return baseline.p99;
  }

  /** How long work should rest now so that it is seen what writes take without it, ms; 0 mostly, and while nobody writes. */
  lookMs(): number {
    const now = this.monotonic();
    if (now - this.#wroteAt > WRITING_MS) return 0;
    const looking = this.#lookedAt + LOOK_MS - now;
    if (looking > 0) return looking;
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return 0;
    for (const { times, measuredAt } of this.#logs.values()) {
      if (times.length >= ENOUGH && now - measuredAt < STALE_MS) return 0;
    }
    this.#lookedAt = now;
    return LOOK_MS;
  }

  #takeIn(log: string, ms: number, now: number): void {
    let baseline = this.#logs.get(log);
    if (baseline === undefined) {
      baseline = { times: [], next: 0, p99: undefined, fresh: 0, measuredAt: now };
      this.#logs.set(log, baseline);
    }
    baseline.times[baseline.next] = ms;
    baseline.next = (baseline.next + 1) % KEPT;
    baseline.fresh++;
    baseline.measuredAt = now;
  }
}
