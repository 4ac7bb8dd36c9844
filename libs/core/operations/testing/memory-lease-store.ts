import type { Clock } from '#libs/core/kernel';
import { LeaseStore, type Lease } from '../lease-store.js';

/** Leases in memory, on the given clock. Keeps the whole promise of the port; several engines of a test share one. */
export class MemoryLeaseStore extends LeaseStore {
  readonly #clock: Clock;
  readonly #rows = new Map<string, { owner: string; epoch: number; until: number }>();

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  acquire(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    const row = this.#rows.get(name);
    const now = this.#clock.now();
    if (row !== undefined && row.until > now) return Promise.resolve(undefined);
    const epoch = (row?.epoch ?? 0) + 1;
    this.#rows.set(name, { owner, epoch, until: now + ttlMs });
    return Promise.resolve({ name, owner, epoch });
  }

  renew(lease: Lease, ttlMs: number): Promise<boolean> {
    const row = this.#rows.get(lease.name);
    if (row?.owner !== lease.owner || row.epoch !== lease.epoch || row.until === 0) return Promise.resolve(false);
    row.until = this.#clock.now() + ttlMs;
    return Promise.resolve(true);
  }

  release(lease: Lease): Promise<void> {
    const row = this.#rows.get(lease.name);
    if (row?.owner === lease.owner && row.epoch === lease.epoch) row.until = 0;
    return Promise.resolve();
  }

  holder(name: string): Promise<Lease | undefined> {
    const row = this.#rows.get(name);
    if (row === undefined || row.until <= this.#clock.now()) return Promise.resolve(undefined);
    return Promise.resolve({ name, owner: row.owner, epoch: row.epoch });
  }

  expireAll(): Promise<void> {
    for (const row of this.#rows.values()) row.until = 0;
    return Promise.resolve();
  }
}
