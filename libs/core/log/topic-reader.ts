import { AppError } from '#libs/core/kernel';
import { recordsFrom } from './batch-decoder.js';
import type { FetchedPartition } from './engine.js';
import { partitionNotFound } from './errors.js';
import type { StoredRecord } from './record.js';
import type { ResolvedTopic, TopicDirectory } from './topic-directory.js';

/** Where reading begins: an offset, the first record not older than a time (epoch ms), either end, or so many records before the end. */
export type ReadFrom =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timestampMs: number }
  | { readonly kind: 'last'; readonly count: number };

/** Next offsets of some partitions of one generation. */
export interface ReadVector {
  readonly generation: number;
  readonly positions: ReadonlyMap<number, number>;
}

export interface PartitionRecord extends StoredRecord {
  readonly partition: number;
}

export interface ReadPage {
  readonly records: readonly PartitionRecord[];
  /** Where the next page begins. Pages put together are the log: nothing twice, nothing left out. */
  readonly next: ReadVector;
  /** Whether every partition was read to its present end. */
  readonly atEnd: boolean;
}

/** The page's first `count` records; the next page begins with the others. One at least. */
export function cutPage(page: ReadPage, count: number): ReadPage {
  if (count >= page.records.length) return page;
  const positions = new Map(page.next.positions);
  // The first of each partition comes last here, and stays.
  for (const { partition, offset } of page.records.slice(count).reverse()) positions.set(partition, offset);
  return { records: page.records.slice(0, count), next: { ...page.next, positions }, atEnd: false };
}

export interface ReadLimits {
  /** Most records in a page. */
  readonly records: number;
  readonly maxBytes: number;
  /** Longest wait for a first record when there is none yet. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/** Reads a logical topic page by page, holding no state of its own. Records of a partition come in offset order; between partitions there is none. */
export class TopicReader {
  constructor(private readonly directory: TopicDirectory) {}

  /** The vector a read begins at. @throws `topic-not-found`, `partition-not-found`. */
  async start(logical: string, partition: number | undefined, from: ReadFrom): Promise<ReadVector> {
    const topic = await this.directory.resolve(logical);
    const positions = new Map<number, number>();
    for (const one of chosen(topic, partition)) {
      positions.set(one.partition, await this.offsetOf(topic, one, from));
    }
    return { generation: topic.generation, positions };
  }

  private async offsetOf(
    topic: ResolvedTopic,
    at: { partition: number; startOffset: number; endOffset: number },
    from: ReadFrom,
  ): Promise<number> {
    switch (from.kind) {
      case 'start':
        return at.startOffset;
      case 'end':
        return at.endOffset;
      case 'offset':
        return from.offset;
      case 'last':
        return Math.max(at.startOffset, at.endOffset - from.count);
      case 'time': {
        const ref = { topic: topic.physical, partition: at.partition };
        return (await this.directory.engine.offsetForTimestamp(ref, from.timestampMs)) ?? at.endOffset;
      }
    }
  }

  /**
   * One page from a vector on.
   * @throws `generation-gone` when the topic has moved to another generation since the vector was made; `offset-out-of-range`, `partition-degraded`.
   */
  async read(logical: string, vector: ReadVector, limits: ReadLimits): Promise<ReadPage> {
    const topic = await this.directory.resolve(logical);
    if (topic.generation !== vector.generation) throw generationGone(topic, vector.generation);
    const positions = new Map(vector.positions);
    const records: PartitionRecord[] = [];
    let waitMs = limits.waitMs;
    let atEnd = false;
    while (records.length < limits.records) {
      const fetched = await this.directory.engine.fetch({
        positions: [...positions].map(([partition, offset]) => ({ topic: topic.physical, partition, offset })),
        maxBytes: limits.maxBytes,
        maxWaitMs: records.length === 0 ? waitMs : 0,
        minBytes: 1,
        signal: limits.signal,
      });
      waitMs = 0;
      const before = records.length;
      let moved = false;
      for (const part of fetched) moved = take(part, positions, records, limits.records) || moved;
      atEnd = fetched.every((part) => (positions.get(part.partition) ?? 0) >= part.endOffset);
      if (!moved || (records.length === before && atEnd)) break;
    }
    return { records, next: { generation: topic.generation, positions }, atEnd };
  }
}

/** Moves records of a fetched partition into the page, up to its limit, and its position behind them. True when anything moved. */
function take(part: FetchedPartition, positions: Map<number, number>, page: PartitionRecord[], limit: number): boolean {
  const from = positions.get(part.partition)!;
  let next = Math.max(from, part.nextOffset);
  for (const record of recordsFrom(part, from)) {
    if (page.length >= limit) {
      next = record.offset;
      break;
    }
    page.push({ partition: part.partition, ...record });
  }
  positions.set(part.partition, next);
  return next > from;
}

function chosen(topic: ResolvedTopic, partition: number | undefined): ResolvedTopic['description']['partitions'] {
  const { partitions } = topic.description;
  if (partition === undefined) return partitions;
  const one = partitions.find((each) => each.partition === partition);
  if (one === undefined) throw partitionNotFound(topic.logical, partition, partitions.length);
  return [one];
}

function generationGone(topic: ResolvedTopic, asked: number): AppError {
  return new AppError({
    kind: 'gone',
    code: 'generation-gone',
    message: `Topic '${topic.logical}' is at generation ${topic.generation}; the position belongs to generation ${asked}.`,
    hint: 'Read on from a time or from a group, whose positions were translated.',
    details: { topic: topic.logical, generation: topic.generation, asked },
  });
}
