import { isAppError } from '#libs/core/kernel';
import { holdFor, releaseHold, type Clusters, type HeldPosition } from '#libs/core/log';
import type { ScanRange } from './scan.js';

/**
 * What a scan has planned to read, kept until it is over: neither retention nor compaction nor a deletion of records takes any of it. What went before the hold is gone; a topic that was deleted since the plan
 * is not held, and is found missing when it is read.
 */
export class RangeHold {
  constructor(
    private readonly clusters: Clusters,
    private readonly operationId: string,
    private readonly ranges: readonly ScanRange[],
  ) {}

  /** Harmless to repeat. */
  async take(): Promise<void> {
    for (const [cluster, ranges] of this.#byCluster()) {
      const engine = this.clusters.get(cluster);
      if (!engine.capabilities.retentionHolds) continue;
      const here = new Map((await engine.listTopics()).map(({ name, id }) => [name, id]));
      const positions = ranges
        .filter(({ topic, topicId }) => here.get(topic) === topicId)
        .map(({ topic, partition, from }): HeldPosition => ({ topic, partition, offset: from }));
      await holdFor(engine, 'scan', this.operationId, positions).catch((error: unknown) => {
        // Deleted this moment: the others are held the next time the scan goes on, and are read all the same.
        if (!isAppError(error, 'topic-not-found')) throw error;
      });
    }
  }

  /** Harmless to repeat. */
  async release(): Promise<void> {
    for (const [cluster] of this.#byCluster()) {
      const engine = this.clusters.get(cluster);
      if (engine.capabilities.retentionHolds) await releaseHold(engine, 'scan', this.operationId);
    }
  }

  #byCluster(): ReadonlyMap<string, readonly ScanRange[]> {
    const found = new Map<string, ScanRange[]>();
    for (const range of this.ranges) {
      // Of an empty partition nothing can go.
      if (range.from === range.to) continue;
      const ranges = found.get(range.cluster) ?? [];
      ranges.push(range);
      found.set(range.cluster, ranges);
    }
    return found;
  }
}
