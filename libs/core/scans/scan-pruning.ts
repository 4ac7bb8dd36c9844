import type { Clock } from '#libs/core/kernel';
import type { OperationStore } from '#libs/core/operations';
import type { ScanLifetime } from './scan-lifetime.js';
import type { ScanStore } from './scan-store.js';

const EVERY_MS = 3_600_000;

/** Removes what scans have found when nobody is told of it any more. */
export class ScanPruning {
  constructor(
    private readonly tools: {
      readonly scans: ScanStore;
      readonly operations: Pick<OperationStore, 'operation'>;
      readonly lifetime: ScanLifetime;
      readonly clock: Clock;
    },
  ) {}

  /** Now, and every hour from then on, until the signal. Rejects with its reason. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.prune(signal);
      await this.tools.clock.sleep(EVERY_MS, signal);
    }
  }

  /** Harmless to repeat, and to cut short. What a worker that was replaced saved after its operation was cancelled goes too. */
  async prune(signal: AbortSignal): Promise<void> {
    const { scans, operations, lifetime } = this.tools;
    for (let scan = await scans.next(''); scan !== undefined; scan = await scans.next(scan)) {
      signal.throwIfAborted();
      const operation = await operations.operation(scan);
      const isWanted =
        operation !== undefined && operation.phase !== 'CANCELLED' && !lifetime.isOver(operation.endedAt);
      if (!isWanted) await scans.drop(scan);
    }
  }
}
