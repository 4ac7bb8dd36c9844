import type { Clock } from '#libs/core/kernel';
import { scanExpired } from './errors.js';

/** How long what a scan has found is kept after the scan has ended. It is answered by the clock alone, whenever it is really removed. */
export class ScanLifetime {
  /** @param keepMs 0: for ever. */
  constructor(
    private readonly clock: Clock,
    private readonly keepMs: number,
  ) {}

  /** Whether nothing is told any more of a scan that ended then (epoch ms; null: it has not ended). */
  isOver(endedAt: number | null): boolean {
    return this.keepMs > 0 && endedAt !== null && this.clock.now() >= endedAt + this.keepMs;
  }

  /** @throws `scan-expired`. */
  demand(scan: string, endedAt: number | null): void {
    if (endedAt !== null && this.isOver(endedAt)) throw scanExpired(scan, endedAt, this.keepMs);
  }
}
