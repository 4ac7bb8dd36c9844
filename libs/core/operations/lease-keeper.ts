import { linkSignals, type Clock } from '#libs/core/kernel';
import type { Lease, LeaseStore } from './lease-store.js';

/**
 * Holds one lease by renewing it in the background, and tells when it is lost. Its own time counts from *before* the request that granted it and on
 * the monotonic clock, so it ends earlier than the store's; a store that cannot be reached ends it too.
 */
export class LeaseKeeper {
  readonly lease: Lease;
  readonly #leases: LeaseStore;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  readonly #done = new AbortController();
  readonly #renewing: Promise<void>;
  #validUntil: number;

  private constructor(leases: LeaseStore, clock: Clock, lease: Lease, ttlMs: number, validUntil: number) {
    this.lease = lease;
    this.#leases = leases;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#validUntil = validUntil;
    this.#renewing = this.#keep();
  }

  /** Undefined when somebody holds the lease. */
  static async acquire(
    leases: LeaseStore,
    clock: Clock,
    name: string,
    owner: string,
    ttlMs: number,
  ): Promise<LeaseKeeper | undefined> {
    const asked = clock.monotonic();
    const lease = await leases.acquire(name, owner, ttlMs);
    return lease === undefined ? undefined : new LeaseKeeper(leases, clock, lease, ttlMs, asked + ttlMs);
  }

  /** Aborts, with the reason, when the lease is lost. Not on {@link release}. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether the lease is certainly still ours at this instant. */
  get valid(): boolean {
    return !this.#lost.signal.aborted && !this.#done.signal.aborted && this.#clock.monotonic() < this.#validUntil;
  }

  /** Stops renewing and frees the lease. A store that cannot be reached frees it by expiry. Harmless to repeat. */
  async release(): Promise<void> {
    if (this.#done.signal.aborted) return;
    this.#done.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    // A failure here delays the next holder until the lease expires and harms nothing else.
    await this.#leases.release(this.lease).catch(() => undefined);
  }

  async #keep(): Promise<void> {
    const every = this.#ttlMs / 3;
    // Nobody but this loop loses the lease, so the end of the keeping is the only thing to listen to.
    const stop = this.#done.signal;
    for (;;) {
      const wait = Math.max(0, Math.min(every, this.#validUntil - this.#clock.monotonic()));
      await this.#clock.sleep(wait, stop).catch(() => undefined);
      if (stop.aborted) return;
      const asked = this.#clock.monotonic();
      if (asked >= this.#validUntil) return this.#lose();
      // The answer is awaited no longer than the lease lasts: a store that hangs must not keep a worker believing.
      const late = linkSignals(stop);
      const kept = await Promise.race([
        this.#leases.renew(this.lease, this.#ttlMs).catch(() => undefined),
        this.#clock.sleep(this.#validUntil - asked, late.signal).catch(() => undefined),
      ]);
      late.unlink();
      late.abort();
      if (stop.aborted) return;
      if (kept === false) return this.#lose();
      if (kept === true) this.#validUntil = asked + this.#ttlMs;
    }
  }

  #lose(): void {
    this.#lost.abort(new DOMException(`the lease '${this.lease.name}' was lost`, 'AbortError'));
  }
}
