import { Serial, type Clock } from '#libs/core/kernel';
import type { ThrottleLimits } from './operation.js';
import { TokenBucket } from './token-bucket.js';

/** Something outside the operation that may ask it to rest: a lagging group, slow foreground writes, a full disk. */
export interface ThrottleCause {
  readonly name: string;
  /** Why to rest now, in words for people; null when there is no reason. Asked at most a few times a second; answers quickly. An error fails the step. */
  check(
    operation: {
      readonly id: string;
      readonly kind: string;
      readonly subject: string;
      readonly alsoOn?: readonly string[];
    },
    limits: ThrottleLimits,
  ): Promise<string | null> | string | null;
}

export interface ThrottleState {
  readonly active: boolean;
  /** The first reason found, while active. */
  readonly reason: string | null;
  /** Wall time in ms since when it has been throttled without a second's break. */
  readonly since: number | null;
}

const CHECK_EVERY_MS = 250;
/** Longest single sleep, so that changed limits are felt soon. */
const LONGEST_NAP_MS = 250;
/** Going unthrottled this long ends the state; shorter gaps are the normal rhythm of a rate limit. */
const CALM_MS = 1_000;
/** Work that never waits lets others run this often. */
const YIELD_EVERY_MS = 5;

/** Holds one operation to its limits and to the causes. Any single reason holds it; the first one is named. */
export class Throttle {
  readonly #clock: Clock;
  readonly #operation: {
    readonly id: string;
    readonly kind: string;
    readonly subject: string;
    readonly alsoOn?: readonly string[];
  };
  readonly #causes: readonly ThrottleCause[];
  readonly #line = new Serial();
  readonly #records: TokenBucket;
  readonly #bytes: TokenBucket;
  #limits: ThrottleLimits;
  #checkedAt = -Infinity;
  #cause: string | null = null;
  #reason: string | null = null;
  #since: number | null = null;
  #heldAt = -Infinity;
  #yieldedAt: number;

  constructor(
    clock: Clock,
    operation: {
      readonly id: string;
      readonly kind: string;
      readonly subject: string;
      readonly alsoOn?: readonly string[];
    },
    limits: ThrottleLimits,
    causes: readonly ThrottleCause[] = [],
  ) {
    this.#clock = clock;
    this.#operation = operation;
    this.#limits = limits;
    this.#causes = causes;
    this.#records = new TokenBucket(limits.recordsPerSecond, clock.monotonic());
    this.#bytes = new TokenBucket(limits.bytesPerSecond, clock.monotonic());
    this.#yieldedAt = clock.monotonic();
  }

  /** Takes effect at once, for those who wait too. */
  change(limits: ThrottleLimits): void {
    const now = this.#clock.monotonic();
    this.#limits = limits;
    this.#records.change(limits.recordsPerSecond, now);
    this.#bytes.change(limits.bytesPerSecond, now);
  }

  /** Resolves when the amounts may be moved, first come first served. @throws the signal's reason when it aborts. */
  pace(records: number, bytes: number, signal: AbortSignal): Promise<void> {
    return this.#line.run(async () => {
      signal.throwIfAborted();
      for (let reason = await this.#check(); reason !== null; reason = await this.#check()) {
        this.#holdFor(reason.text);
        await this.#clock.sleep(Math.min(LONGEST_NAP_MS, reason.waitMs), signal);
        signal.throwIfAborted();
      }
      const now = this.#clock.monotonic();
      this.#records.take(records, now);
      this.#bytes.take(bytes, now);
      this.#calmDown(now);
      if (now - this.#yieldedAt >= YIELD_EVERY_MS) {
        await this.#clock.sleep(0, signal);
        this.#yieldedAt = this.#clock.monotonic();
      }
    });
  }

  /** Forgets that it was throttled: nothing is moved now. */
  rest(): void {
    this.#reason = null;
    this.#since = null;
  }

  state(): ThrottleState {
    this.#calmDown(this.#clock.monotonic());
    return { active: this.#reason !== null, reason: this.#reason, since: this.#since };
  }

  async #check(): Promise<{ readonly text: string; readonly waitMs: number } | null> {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAt >= CHECK_EVERY_MS) {
      this.#checkedAt = now;
      this.#cause = null;
      for (const cause of this.#causes) {
        this.#cause = await cause.check(this.#operation, this.#limits);
        if (this.#cause !== null) break;
      }
    }
    if (this.#cause !== null) return { text: this.#cause, waitMs: CHECK_EVERY_MS };
    const records = this.#records.waitMs(now);
    if (records > 0) return { text: `rate limit ${this.#records.perSecond} records/s`, waitMs: records };
    const bytes = this.#bytes.waitMs(now);
    if (bytes > 0) return { text: `rate limit ${this.#bytes.perSecond} bytes/s`, waitMs: bytes };
    return null;
  }

  #holdFor(reason: string): void {
    this.#reason = reason;
    this.#since ??= this.#clock.now();
    this.#heldAt = this.#clock.monotonic();
    this.#yieldedAt = this.#heldAt;
  }

  #calmDown(now: number): void {
    if (this.#reason !== null && now - this.#heldAt >= CALM_MS) this.rest();
  }
}
