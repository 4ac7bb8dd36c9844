/** How much time's worth a bucket holds: what may pass at once after a rest. */
const HOLDS_SECONDS = 0.25;

/**
 * A rate as a bucket that fills with time and holds a quarter of a second's worth. Taking more than it holds is allowed and leaves a debt that later
 * takers wait for, so a large step passes and the average still holds.
 */
export class TokenBucket {
  #perSecond: number | null;
  #level: number;
  #at: number;

  constructor(perSecond: number | null, monotonic: number) {
    this.#perSecond = perSecond;
    this.#level = (perSecond ?? 0) * HOLDS_SECONDS;
    this.#at = monotonic;
  }

  get perSecond(): number | null {
    return this.#perSecond;
  }

  /** Changes the rate from now on. A debt from before is kept at most as large as one second at the new rate. */
  change(perSecond: number | null, monotonic: number): void {
    this.#fill(monotonic);
    this.#perSecond = perSecond;
    if (perSecond !== null) this.#level = Math.max(-perSecond, Math.min(this.#level, perSecond * HOLDS_SECONDS));
  }

  /** Milliseconds until something may be taken; 0 when it may be now. */
  waitMs(monotonic: number): number {
    if (this.#perSecond === null) return 0;
    this.#fill(monotonic);
    return this.#level > 0 ? 0 : Math.floor((-this.#level * 1000) / this.#perSecond) + 1;
  }

  take(amount: number, monotonic: number): void {
    this.#fill(monotonic);
    if (this.#perSecond !== null) this.#level -= amount;
  }

  #fill(monotonic: number): void {
    if (this.#perSecond !== null) {
      const gained = (this.#perSecond * Math.max(0, monotonic - this.#at)) / 1000;
      this.#level = Math.min(this.#perSecond * HOLDS_SECONDS, this.#level + gained);
    }
    this.#at = monotonic;
  }
}
