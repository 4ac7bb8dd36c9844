import { type Clock, isAppError, Serial, type StorageRoom } from '#libs/core/kernel';
import {
  compactionRules,
  type CompactionScope,
  dropsOldRecords,
  dueCompaction,
  isCompacted,
  retainedFrom,
  retentionRules,
} from '#libs/core/log';
import type { Command } from './commands.js';
import type { CompactionWork } from './compaction-work.js';
import type { LogState, Topic } from './log-state.js';
import type { EmbeddedLogLogger, EmbeddedLogObserver, EmbeddedLogSettings, FailPoint } from './options.js';
import type { PartitionLog } from './partition-log.js';
import type { Segment } from './segment.js';
import { type Compacted, SegmentCompactor } from './segment-compactor.js';
import { SegmentDamage, type SegmentReader } from './segment-reader.js';
import type { SegmentStore } from './segment-store.js';

export interface SegmentLifeParts {
  readonly clock: Clock;
  readonly room?: StorageRoom | undefined;
  readonly state: LogState;
  readonly segments: SegmentStore;
  readonly reader: SegmentReader;
  readonly settings: EmbeddedLogSettings;
  readonly work: CompactionWork;
  readonly observer: EmbeddedLogObserver;
  readonly logger: EmbeddedLogLogger;
  readonly failPoint: (name: FailPoint) => void;
  /** Makes facts durable that are decided when their turn has come, with nothing on its way behind them. */
  readonly decide: (facts: () => readonly Command[]) => Promise<void>;
  /** Runs when nothing is on its way. */
  readonly between: (work: () => void) => Promise<void>;
  /** A segment has index entries that a checkpoint must write. */
  readonly touch: (segment: Segment) => void;
  readonly damaged: (partition: PartitionLog, damage: SegmentDamage) => void;
  /** A flush failed: writing must end. */
  readonly failed: (error: unknown) => void;
}

/** A partition and a compaction that is due in it. */
interface Due {
  readonly topic: Topic;
  readonly partition: PartitionLog;
  readonly scope: CompactionScope;
}

/**
 * What becomes of segments when nobody writes to them any more: they go by age and size, and compacted topics lose what was overwritten. Looked at by the clock, so
 * that a topic at rest loses its old records too. Topics out of service (BROWNED_OUT, RETIRED) and damaged partitions keep what they have.
 */
export class SegmentLife {
  readonly #turn = new Serial();
  readonly #stop = new AbortController();
  readonly #compactor: SegmentCompactor;
  /** The number of the topic that is being compacted. */
  #compacting: number | undefined;

  constructor(private readonly parts: SegmentLifeParts) {
    this.#compactor = new SegmentCompactor({ ...parts, signal: this.#stop.signal });
  }

  /** Looks at every partition once, and compacts what is due. */
  async check(): Promise<void> {
    await this.#turn.run(async () => {
      if (this.#stop.signal.aborted) return;
      await this.retain();
      for (const due of await this.dueCompactions()) {
        // It needs room for a second copy of what it compacts.
        if (this.#stop.signal.aborted || this.parts.room?.refusal() !== undefined) return;
        await this.compact(due);
      }
    });
  }

  /** Whether segments of a topic, by its number, are being written anew. Of one that was deleted no compaction begins any more. */
  compacts(topic: number): boolean {
    return this.#compacting === topic;
  }

  /** Begins nothing any more and resolves when nothing is under way; a compaction is cut short. */
  async stop(): Promise<void> {
    this.#stop.abort();
    // At once: work that does not come back must not hold up the stop.
    await this.parts.work.close();
    await this.#turn.run(async () => undefined);
  }

  private *served(): Generator<{ readonly topic: Topic; readonly partition: PartitionLog }> {
    for (const topic of this.parts.state.topics.values()) {
      if (topic.state === 'BROWNED_OUT' || topic.state === 'RETIRED') continue;
      for (const partition of topic.partitions) if (partition.degradedAt === undefined) yield { topic, partition };
    }
  }

  private async retain(): Promise<void> {
    const { decide, observer, clock, reader, failPoint } = this.parts;
    const started = clock.monotonic();
    // First without a place in the line: mostly there is nothing to do.
    if (this.starts().length === 0) return;
    let moved: readonly Moved[] = [];
    let gone: readonly Segment[] = [];
    let bytes = 0;
    await decide(() => {
      moved = this.starts();
      gone = moved.flatMap(({ partition, offset }) => partition.segments.filter((one) => one.nextOffset <= offset));
      bytes = gone.reduce((sum, one) => sum + one.sizeBytes, 0);
      return moved.map(({ partition, offset }): Command => {
        const { topic, partition: number } = partition.identity;
        return { kind: 'start-moved', topic, partition: number, offset };
      });
    });
    failPoint('start-moved');
    for (const segment of gone) reader.forget(segment);
    for (const { partition } of moved) partition.wake();
    observer.retained?.({ durationMs: clock.monotonic() - started, segments: gone.length, bytes });
  }

  /** Where partitions would begin now that do not yet. */
  private starts(): Moved[] {
    const { state, clock } = this.parts;
    const nowMs = clock.now();
    const moved: Moved[] = [];
    for (const { topic, partition } of this.served()) {
      const config = Object.fromEntries(topic.config);
      if (partition.segments.length === 0 || !dropsOldRecords(config)) continue;
      const { startOffset, endOffset, identity } = partition;
      const heldFrom = state.holds.on(identity.topic, identity.partition).from;
      const facts = { startOffset, endOffset, heldFrom, nowMs };
      const offset = retainedFrom(partition.segments, facts, retentionRules(config));
      if (offset > startOffset) moved.push({ partition, offset });
    }
    return moved;
  }

  /** The dirtiest first. */
  private async dueCompactions(): Promise<Due[]> {
    const { state, clock } = this.parts;
    const due: Due[] = [];
    for (const { topic, partition } of [...this.served()]) {
      const config = Object.fromEntries(topic.config);
      if (!isCompacted(config)) continue;
      const rules = compactionRules(config);
      await this.closeOld(topic, partition, rules.maxLagMs);
      const closed = partition.segments.filter((one) => one.closed || one !== partition.active);
      const { startOffset, cleanUpTo, identity } = partition;
      const heldFrom = state.holds.on(identity.topic, identity.partition).from;
      const scope = dueCompaction(closed, { startOffset, cleanUpTo, heldFrom, nowMs: clock.now() }, rules);
      if (scope !== undefined) due.push({ topic, partition, scope });
    }
    return due.sort((a, b) => b.scope.dirtyRatio - a.scope.dirtyRatio);
  }

  /** A segment that would be closed by the next append is closed without one, so that a partition at rest is compacted too. */
  private async closeOld(topic: Topic, partition: PartitionLog, maxLagMs: number): Promise<void> {
    const { clock, between, touch } = this.parts;
    const isOld = (): boolean => {
      const { active } = partition;
      const ageMs = clock.now() - (active?.firstAppendTimeMs ?? Infinity);
      return active !== undefined && !active.closed && ageMs > Math.min(topic.segmentMs, maxLagMs);
    };
    if (!isOld()) return;
    await between(() => {
      if (!isOld()) return;
      touch(partition.active!);
      partition.closeActive();
    });
  }

  private async compact({ topic, partition, scope }: Due): Promise<void> {
    const { observer, clock, logger, state } = this.parts;
    const started = clock.monotonic();
    const { changes, identity } = partition;
    if (state.partition(identity.topic, identity.partition) !== partition) return;
    this.#compacting = identity.topic;
    try {
      const rules = compactionRules(Object.fromEntries(topic.config));
      const compacted: Compacted = await this.#compactor.compact(topic, partition, scope, rules);
      observer.compacted?.({ durationMs: clock.monotonic() - started, ...compacted });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof SegmentDamage) {
        // Unless its files went under the reading, with a deletion.
        if (partition.changes === changes) this.parts.damaged(partition, error);
        return;
      }
      if (isAppError(error, 'flush-failed')) this.parts.failed(error);
      const { topic: number, partition: index } = identity;
      const facts = { topic: number, partition: index, code: isAppError(error) ? error.code : 'unknown' };
      observer.compactionFailed?.();
      logger.warn('a partition was not compacted', { ...facts, error: error instanceof Error ? error.message : '' });
    } finally {
      this.#compacting = undefined;
    }
  }
}

/** A partition whose start is to move. */
interface Moved {
  readonly partition: PartitionLog;
  readonly offset: number;
}
