import { AppError, isAppError } from '#libs/core/kernel';
import {
  logErrors,
  physicalName,
  recordsFrom,
  type PartitionRecord,
  type TopicDescription,
  type TopicDirectory,
  type TopicName,
  type TopicNames,
} from '#libs/core/log';

/** Where a reader stands in a logical topic: the generation it reads and the next offset of each partition. */
export interface SourcePosition {
  readonly generation: number;
  /** Index is the partition. */
  readonly next: readonly number[];
}

/** Some records and where the reader stands after them. No records and another generation: the reader followed a cutover. */
export interface SourceChunk {
  readonly records: readonly PartitionRecord[];
  readonly to: SourcePosition;
  /** Records between `to` and the present ends, the rest of an earlier generation counted with it. */
  readonly lag: number;
}

export interface SourceLimits {
  readonly maxBytes: number;
  /** Longest wait when there is nothing to read. */
  readonly maxWaitMs: number;
  /** Nothing at or behind these offsets of the position's generation, by partition, and no other generation. */
  readonly ends?: readonly number[] | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Reads a logical topic for ever, over its cutovers: the old generation to its end, then the new one from where it opened. Misses and repeats nothing. Holds no position:
 * the reader keeps it with what it computes.
 */
export class SourceReader {
  constructor(
    private readonly directory: TopicDirectory,
    private readonly names: TopicNames,
    readonly topic: string,
  ) {}

  /** Position before everything the topic retains. @throws `topic-not-found`. */
  async begin(): Promise<SourcePosition> {
    const { generation, description } = await this.directory.resolve(this.topic);
    return { generation, next: description.partitions.map((one) => one.startOffset) };
  }

  /** Where a generation was opened by the cutover that gave it the name, per partition: what lies below is from before. Empty for one that the name does not stand for, or never moved to. */
  async opening(generation: number): Promise<readonly number[]> {
    const row = await this.names.find(this.directory.engine.logId, this.topic);
    return row?.generation === generation ? row.opensAt : [];
  }

  /** The record at a place; undefined when it is there no more. */
  async record(generation: number, partition: number, offset: number): Promise<PartitionRecord | undefined> {
    const position = { topic: physicalName(this.topic, generation), partition, offset };
    try {
      const [part] = await this.directory.engine.fetch({
        positions: [position],
        maxBytes: 1,
        minBytes: 1,
        maxWaitMs: 0,
      });
      for (const record of part === undefined ? [] : recordsFrom(part, offset))
        return record.offset === offset ? { partition, ...record } : undefined;
      return undefined;
    } catch (error) {
      if (isAppError(error) && ['topic-not-found', 'offset-out-of-range'].includes(error.code)) return undefined;
      throw error;
    }
  }

  /** Records between a position and the present end. @throws `topic-not-found`, `source-moved`. */
  async lag(position: SourcePosition): Promise<number> {
    const { generation, description } = await this.directory.resolve(this.topic);
    if (generation === position.generation) return lagOf(description, position.next);
    const row = await this.names.find(this.directory.engine.logId, this.topic);
    const closing = closingOf(row, position);
    const ahead = lagOf(description, row?.opensAt ?? []);
    if (isRead(position, closing)) return ahead;
    const old = await this.describe(physicalName(this.topic, position.generation), position, true);
    return lagOf(old, position.next, closing) + ahead;
  }

  /**
   * What follows a position, waiting for it if there is nothing yet.
   * @throws `topic-not-found`; `source-moved` when the topic moved on in a way that cannot be followed exactly; `offset-out-of-range` when retention
   * removed records before they were read; `partition-degraded`.
   */
  async next(position: SourcePosition, limits: SourceLimits): Promise<SourceChunk> {
    const engine = this.directory.engine;
    const row = await this.names.find(engine.logId, this.topic);
    const superseded = (row?.generation ?? 1) !== position.generation;
    const closing = closingOf(row, position);
    // Read to where it was closed: the generation itself is not needed any more, and may be gone.
    if (limits.ends === undefined && isRead(position, closing)) {
      const opened = this.openingOf(row, position);
      return { records: [], to: opened, lag: await this.lag(opened) };
    }
    const physical = physicalName(this.topic, position.generation);
    const description = await this.describe(physical, position, superseded);
    const from = description.partitions.map((one) => position.next[one.partition] ?? one.startOffset);
    const endOf = (partition: number): number =>
      Math.min(closing[partition] ?? Infinity, limits.ends === undefined ? Infinity : (limits.ends[partition] ?? 0));
    const open = from.flatMap((offset, partition) =>
      offset < endOf(partition) ? [{ topic: physical, partition, offset }] : [],
    );
    const request = { positions: open, maxBytes: limits.maxBytes, minBytes: 1, signal: limits.signal };
    const maxWaitMs = superseded ? 0 : limits.maxWaitMs;
    const fetched = open.length === 0 ? [] : await engine.fetch({ ...request, maxWaitMs });
    // While this waited the name may have moved, and what came since may be copies of what the new generation has: read again, knowing where to stop.
    if (!superseded && (await this.names.find(engine.logId, this.topic))?.revision !== row?.revision) {
      return await this.next(position, limits);
    }
    const records: PartitionRecord[] = [];
    const next = [...from];
    let lag = 0;
    for (const part of fetched) {
      const { partition } = part;
      const end = Math.min(part.endOffset, endOf(partition));
      for (const record of recordsFrom(part, from[partition]!)) {
        if (record.offset < end) records.push({ partition, ...record });
      }
      next[partition] = Math.max(from[partition]!, Math.min(part.nextOffset, end));
      lag += Math.max(0, end - next[partition]!);
    }
    const moved = next.some((offset, partition) => offset !== from[partition]);
    const to = { generation: position.generation, next };
    if (!superseded || limits.ends !== undefined) return { records, to, lag };
    // What the next generation holds is still ahead, too.
    if (moved || lag > 0) return { records, to, lag: await this.lag(to) };
    const opened = this.openingOf(row, position);
    return { records: [], to: opened, lag: await this.lag(opened) };
  }

  private async describe(physical: string, position: SourcePosition, superseded: boolean): Promise<TopicDescription> {
    try {
      return await this.directory.engine.describeTopic(physical);
    } catch (error) {
      if (superseded && error instanceof AppError && error.code === 'topic-not-found')
        throw sourceMoved(this.topic, position, 'it was deleted');
      throw error;
    }
  }

  private openingOf(row: TopicName | undefined, position: SourcePosition): SourcePosition {
    if (row === undefined) throw logErrors.topicNotFound(this.topic);
    if (row.openedFrom !== position.generation) {
      throw sourceMoved(
        this.topic,
        position,
        `the topic moved on to generation ${row.generation} from ${row.openedFrom} meanwhile`,
      );
    }
    if (row.opensAt.length === 0)
      throw sourceMoved(this.topic, position, `where generation ${row.generation} opened is not known`);
    return { generation: row.generation, next: row.opensAt };
  }
}

/** Where readers of a generation that was superseded stop, per partition; empty where they read to the end. */
export function closingOf(row: TopicName | undefined, position: SourcePosition): readonly number[] {
  const superseded = row !== undefined && row.generation !== position.generation;
  return superseded && row.openedFrom === position.generation ? row.closedAt : [];
}

/** Whether a superseded generation was read to where it was closed. */
export function isRead(position: SourcePosition, closing: readonly number[]): boolean {
  return closing.length > 0 && closing.every((end, partition) => (position.next[partition] ?? 0) >= end);
}

function lagOf(topic: TopicDescription, next: readonly number[], closing: readonly number[] = []): number {
  return topic.partitions.reduce((sum, one) => {
    const end = Math.min(one.endOffset, closing[one.partition] ?? Infinity);
    return sum + Math.max(0, end - (next[one.partition] ?? one.startOffset));
  }, 0);
}

function sourceMoved(topic: string, position: SourcePosition, why: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'source-moved',
    message: `The reader of '${topic}' stands in generation ${position.generation}, which can no longer be followed: ${why}.`,
    hint: 'Build it anew from the present generation.',
    details: { topic, generation: position.generation },
  });
}
