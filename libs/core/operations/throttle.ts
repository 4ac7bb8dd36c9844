import { Serial, type Clock } from '#libs/core/kernel';
import { LatencyGovernor, LEAST_SHARE, restOf, stepOf } from './latency-governor.js';
import type { ThrottleLimits } from './operation.js';
import { TokenBucket } from './token-bucket.js';
import { WriteLatency } from './write-latency.js';

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
/** Work that never waits lets others run this often, and this often where producers are not to wait for it. */
const YIELD_EVERY_MS = 5;
const GOVERNED_YIELD_MS = 1;
/** Under a rate a step moves about as much as that lets pass in this time. */
const STEP_SECONDS = 1;
/** What is left of the size of a step with each that comes after it. */
const FADING = 0.9;
/** From here on down it is worth telling. */
const NOTICED_SHARE = 0.95;
/** Work between two steps that was not one: nobody can tell what went on meanwhile. */
const LONGEST_STEP_MS = 200;

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
  readonly #latency: WriteLatency;
  readonly #governor = new LatencyGovernor();
  #unlisten: (() => void) | undefined;
  #ended = false;
  #grantedAt: number;
  /** What was answered last, and what a whole step moves by what steps moved under that. */
  #stepShare = 1;
  #whole: { readonly records: number; readonly bytes: number } | undefined;

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
    latency: WriteLatency = new WriteLatency(() => clock.monotonic()),
  ) {
    this.#clock = clock;
    this.#operation = operation;
    this.#limits = limits;
    this.#causes = causes;
    this.#records = new TokenBucket(limits.recordsPerSecond, clock.monotonic());
    this.#bytes = new TokenBucket(limits.bytesPerSecond, clock.monotonic());
    this.#yieldedAt = clock.monotonic();
    this.#grantedAt = this.#yieldedAt;
    this.#latency = latency;
    this.#govern();
  }

  /**
   * The part of its usual size that the next step may have, above 0 up to 1: as much as producers leave, and under a rate about what that lets pass in {@link STEP_SECONDS}. A whole step at once, and a long rest after it, keeps to the
   * rate as well, and is not what who sets a low one wants.
   */
  get stepShare(): number {
    const governed = this.#unlisten === undefined ? 1 : stepOf(this.#governor.share(this.#clock.monotonic()));
    return (this.#stepShare = Math.min(governed, this.#rateShare()));
  }

  /** No more is asked of it, and it listens to no write any more, whatever its limits become. */
  end(): void {
    this.#ended = true;
    this.#govern();
  }

  /** Takes effect at once, for those who wait too. */
  change(limits: ThrottleLimits): void {
    const now = this.#clock.monotonic();
    this.#limits = limits;
    this.#records.change(limits.recordsPerSecond, now);
    this.#bytes.change(limits.bytesPerSecond, now);
    this.#govern();
  }

  /** Resolves when the amounts may be moved, first come first served. @throws the signal's reason when it aborts. */
  pace(records: number, bytes: number, signal: AbortSignal): Promise<void> {
    return this.#line.run(async () => {
      signal.throwIfAborted();
      for (let reason = await this.#check(); reason !== null; reason = await this.#check()) {
        this.#holdFor(reason.text);
        await this.#nap(reason.waitMs, signal);
        signal.throwIfAborted();
      }
      if (this.#unlisten !== undefined) await this.#makeWay(signal);
      const now = this.#clock.monotonic();
      // What is verified has no bytes, and is no step.
      if (bytes > 0) this.#learn(records / this.#stepShare, bytes / this.#stepShare);
      this.#records.take(records, now);
      this.#bytes.take(bytes, now);
      this.#calmDown(now);
      if (now - this.#yieldedAt >= (this.#unlisten === undefined ? YIELD_EVERY_MS : GOVERNED_YIELD_MS)) {
        await this.#nap(0, signal);
      }
      this.#grantedAt = this.#clock.monotonic();
      this.#latency.worked();
    });
  }

  /** The largest of the last steps counts: one at an end of what there is says little of the next one, and one that began under another share says too much. */
  #learn(records: number, bytes: number): void {
    const { records: most = 0, bytes: mostBytes = 0 } = this.#whole ?? {};
    this.#whole = { records: Math.max(FADING * most, records), bytes: Math.max(FADING * mostBytes, bytes) };
  }

  /** Nothing is known of the size of steps before the first one: that is as small as they get. */
  #rateShare(): number {
    const { recordsPerSecond, bytesPerSecond } = this.#limits;
    if (recordsPerSecond === null && bytesPerSecond === null) return 1;
    if (this.#whole === undefined) return LEAST_SHARE;
    const records = (recordsPerSecond ?? Infinity) / this.#whole.records;
    const bytes = (bytesPerSecond ?? Infinity) / this.#whole.bytes;
    return Math.max(LEAST_SHARE, Math.min(1, STEP_SECONDS * Math.min(records, bytes)));
  }

  /** Listens to what writes take, while there is a limit of that. */
  #govern(): void {
    const { maxProduceMs: limit } = this.#limits;
    this.#unlisten?.();
    this.#unlisten = undefined;
    if (this.#ended || limit === null || limit === undefined) return;
    this.#unlisten = this.#latency.listen((log, ms) => {
      const allowed = this.#latency.allowed(log, limit);
      if (allowed !== undefined) this.#governor.wrote(ms > allowed, this.#clock.monotonic());
    });
  }

  /** Rests as long as producers need. */
  async #makeWay(signal: AbortSignal): Promise<void> {
    const worked = Math.min(LONGEST_STEP_MS, this.#clock.monotonic() - this.#grantedAt);
    const share = this.#governor.share(this.#clock.monotonic());
    if (share < NOTICED_SHARE) this.#holdFor(`producers wait: ${Math.max(1, Math.round(share * 100))} % of its pace`);
    for (let left = restOf(share, worked); left > 0; left -= LONGEST_NAP_MS) await this.#nap(left, signal);
    if (this.#limits.maxProduceMs !== 'auto') return;
    for (let look = this.#latency.lookMs(); look > 0; look = this.#latency.lookMs()) await this.#nap(look, signal);
  }

  /** Sleeps, and lets others run thereby. */
  async #nap(ms: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(Math.min(ms, LONGEST_NAP_MS), signal);
    this.#yieldedAt = this.#clock.monotonic();
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
  }

  #calmDown(now: number): void {
    if (this.#reason !== null && now - this.#heldAt >= CALM_MS) this.rest();
  }
}
