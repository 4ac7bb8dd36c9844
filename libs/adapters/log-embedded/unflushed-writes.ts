import type { Durability } from '#libs/core/log';

/** How much may be acknowledged at level `buffered` and not be flushed. */
export interface FlushWindow {
  readonly bytes: number;
  readonly ms: number;
}

/** What the journal holds that was acknowledged or shown and is not flushed: of all levels, and of `buffered`, which has a bound. */
export class UnflushedWrites {
  /** Bytes of the journal, and commits in them. */
  bytes = 0;
  commits = 0;
  #sinceMs = 0;
  #bounded: { bytes: number; readonly sinceMs: number } | undefined;

  constructor(private readonly window: FlushWindow) {}

  get any(): boolean {
    return this.commits > 0;
  }

  /** Whether some of it must be flushed before long. */
  get bounded(): boolean {
    return this.#bounded !== undefined;
  }

  /** Age of the oldest of it; 0 when there is none. */
  ageMs(nowMs: number): number {
    return this.any ? nowMs - this.#sinceMs : 0;
  }

  /** Whether a group of this level and size can only be acknowledged with a flush. */
  needsFlush(level: Durability, bytes: number, nowMs: number): boolean {
    if (level === 'durable') return true;
    const { window } = this;
    const bounded = (this.#bounded?.bytes ?? 0) + (level === 'buffered' ? bytes : 0);
    return bounded > window.bytes || (this.#bounded !== undefined && nowMs - this.#bounded.sinceMs >= window.ms);
  }

  /** A group was written and is acknowledged without a flush. */
  add(level: Durability, bytes: number, commits: number, nowMs: number): void {
    if (!this.any) this.#sinceMs = nowMs;
    this.bytes += bytes;
    this.commits += commits;
    if (level !== 'buffered') return;
    this.#bounded ??= { bytes: 0, sinceMs: nowMs };
    this.#bounded.bytes += bytes;
  }

  /** The journal was flushed. */
  clear(): void {
    this.bytes = 0;
    this.commits = 0;
    this.#bounded = undefined;
  }
}
