import { AppError, isAppError } from '#libs/core/kernel';
import { recordsFrom } from './batch-decoder.js';
import type { FetchedPartition } from './engine.js';
import { partitionNotFound } from './errors.js';
import type { FetchMemory } from './fetch-memory.js';
import { physicalName } from './generation.js';
import { lastOffsetsFrom } from './last-records.js';
import type { StoredRecord } from './record.js';
import type { PartitionDescription } from './topic.js';
import type { ResolvedTopic, TopicDirectory } from './topic-directory.js';
import type { TopicName } from './topic-names.js';

/** Where reading begins: an offset, the first record not older than a time (epoch ms), either end, or so many records before the end. */
export type ReadFrom =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timestampMs: number }
  | { readonly kind: 'last'; readonly count: number };

/** Where reading ends, without the record there: an offset, the first record not older than a time, or the end as of now. */
export type ReadUntil = Exclude<ReadFrom, { readonly kind: 'start' | 'last' }>;

/** Next offsets of some partitions of one generation. */
export interface ReadVector {
  readonly generation: number;
  /** Identity of the physical topic: a name may be given again. */
  readonly topicId: string;
  /** All partitions are read, those that are added later too. */
  readonly whole: boolean;
  readonly positions: ReadonlyMap<number, number>;
  /** Where each partition ends for this reader; it never ends where none is given. */
  readonly until?: ReadonlyMap<number, number>;
}

export interface PartitionRecord extends StoredRecord {
  readonly partition: number;
}

export interface ReadPage {
  readonly records: readonly PartitionRecord[];
  /** Where the next page begins. Pages put together are the log: nothing twice, nothing left out. */
  readonly next: ReadVector;
  /** Whether every partition was read to its present end, or to where this reader ends. */
  readonly atEnd: boolean;
  /** The topic has moved to this log and was read here to where it was closed: `next` is a vector of that log. */
  readonly movedTo?: string;
}

/** The page's first `count` records; the next page begins with the others. */
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
  /** Bytes of keys and values after which the page ends, and bytes of batches one fetch looks at. The first record there is comes whatever its size. */
  readonly maxBytes: number;
  /** Longest wait for a first record when there is none yet. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Lent to the first fetch of the page, whose records lie in it then: it is the reader's again when it has no use for them. */
  readonly memory?: FetchMemory;
}

/** Positions of a fetch that memory is lent to, at most. */
const LENT_POSITIONS = 16;

/**
 * Reads a logical topic page by page, holding no state of its own, over its cutovers: the generation of the vector to where it was closed, then the next one from where
 * it opened, be that in another log: see {@link ReadPage.movedTo}. Records of a partition come in offset order; between partitions there is none.
 */
export class TopicReader {
  constructor(private readonly directory: TopicDirectory) {}

  /** The vector a read begins at. @throws `topic-not-found`, `partition-not-found`. */
  async start(logical: string, partition: number | undefined, from: ReadFrom, until?: ReadUntil): Promise<ReadVector> {
    const topic = await this.directory.resolve(logical);
    const positions = new Map<number, number>();
    const ends = new Map<number, number>();
    for (const one of chosen(topic, partition)) {
      positions.set(one.partition, await this.offsetOf(topic, one, from));
      if (until !== undefined) ends.set(one.partition, await this.offsetOf(topic, one, until));
    }
    const { generation } = topic;
    const whole = partition === undefined;
    const topicId = topic.description.id;
    return { generation, topicId, whole, positions, until: until === undefined ? undefined : ends };
  }

  private async offsetOf(topic: ResolvedTopic, at: PartitionDescription, from: ReadFrom): Promise<number> {
    const { engine } = this.directory;
    switch (from.kind) {
      case 'start':
        return at.startOffset;
      case 'end':
        return at.endOffset;
      case 'offset':
        return from.offset;
      case 'last':
        return await lastOffsetsFrom(engine, topic, at, from.count);
      case 'time': {
        const ref = { topic: topic.physical, partition: at.partition };
        return (await engine.offsetForTimestamp(ref, from.timestampMs)) ?? at.endOffset;
      }
    }
  }

  /**
   * One page from a vector on. It may be empty without being the end: the reader followed a cutover then.
   * @throws `generation-gone` when the topic has moved on in a way that cannot be followed exactly, or was made anew; `topic-moved` when it has gone to another log and where it went on there is not known;
   * `offset-out-of-range`, `partition-degraded`.
   */
  async read(logical: string, given: ReadVector, limits: ReadLimits): Promise<ReadPage> {
    let topic: ResolvedTopic;
    try {
      topic = await this.directory.resolve(logical);
    } catch (error) {
      if (isAppError(error, 'topic-moved')) return await this.readLeft(logical, given, limits, error);
      throw error;
    }
    const row = await this.directory.nameOf(logical);
    if (topic.logical !== logical) return await this.readRenamed(topic, row, given, limits);
    if (topic.generation !== given.generation) {
      const present = { logical, generation: topic.generation, topicId: topic.description.id };
      return await this.readOn(present, row, given, limits);
    }
    if (topic.description.id !== given.topicId) throw madeAnew(topic);
    let page: ReadPage | undefined;
    try {
      page = await this.pageOf(topic.physical, withAddedPartitions(topic, given), limits);
    } catch (error) {
      // It may have been deleted because the name has moved on.
      if (!isAppError(error, 'topic-not-found') || (await this.revisionOf(logical)) === row?.revision) throw error;
    }
    // While this waited the name may have moved, and what came since may be copies of what the next generation has: read again, knowing where to stop.
    if (page !== undefined && (await this.revisionOf(logical)) === row?.revision) return page;
    return await this.read(logical, given, { ...limits, waitMs: 0 });
  }

  /** Reads on under an old name: what is left of the topic there, to where it was closed, then what it has under its present name. */
  private async readRenamed(
    topic: ResolvedTopic,
    row: TopicName | undefined,
    given: ReadVector,
    limits: ReadLimits,
  ): Promise<ReadPage> {
    const next = row?.place?.topic ?? topic.logical;
    if (row === undefined || !(await this.isOf(row.logical, given))) return await this.read(next, given, limits);
    const gone = generationGone({ ...topic, topicId: topic.description.id }, given.generation, 'it was deleted');
    return await this.readLeft(row.logical, given, limits, gone);
  }

  /** Whether a vector is of a generation that a name had. */
  private async isOf(logical: string, { generation, topicId }: ReadVector): Promise<boolean> {
    try {
      return (await this.directory.engine.describeTopic(physicalName(logical, generation))).id === topicId;
    } catch (error) {
      if (isAppError(error, 'topic-not-found')) return false;
      throw error;
    }
  }

  private async revisionOf(logical: string): Promise<number | undefined> {
    return (await this.directory.nameOf(logical))?.revision;
  }

  /** Reads a generation that was superseded to where it was closed, then goes on at the opening. */
  private async readOn(
    topic: Superseding,
    row: TopicName | undefined,
    vector: ReadVector,
    limits: ReadLimits,
  ): Promise<ReadPage> {
    const { generation, positions, until } = vector;
    if (row?.openedFrom !== generation || row.closedAt.length === 0 || row.opensAt.length === 0)
      throw generationGone(topic, generation, 'where it went on is not known');
    const ends = new Map<number, number>();
    for (const partition of positions.keys()) {
      const closed = row.closedAt[partition] ?? 0;
      ends.set(partition, Math.min(closed, until?.get(partition) ?? Infinity));
    }
    const read = [...positions].every(([partition, offset]) => offset >= ends.get(partition)!);
    if (!read) {
      const physical = physicalName(topic.logical, generation);
      const page = await this.pageOf(physical, { ...vector, until: ends }, { ...limits, waitMs: 0 }).catch(
        (error: unknown) => {
          if (isAppError(error, 'topic-not-found')) throw generationGone(topic, generation, 'it was deleted');
          throw error;
        },
      );
      return { ...page, next: { ...page.next, until }, atEnd: page.atEnd && until !== undefined };
    }
    // Where the reader ends lies in the generation it has read.
    if (until !== undefined) return { records: [], next: vector, atEnd: true };
    if (!vector.whole) throw generationGone(topic, generation, 'its partitions were spread over others');
    const next: ReadVector = {
      generation: topic.generation,
      topicId: topic.topicId,
      whole: true,
      positions: new Map(row.opensAt.map((offset, partition) => [partition, offset])),
    };
    return { records: [], next, atEnd: false };
  }

  /** Reads what a topic that moved to another log, or to another name, left here, to where it was closed; then it goes on there. */
  private async readLeft(logical: string, vector: ReadVector, limits: ReadLimits, moved: AppError): Promise<ReadPage> {
    const row = await this.directory.nameOf(logical);
    const place = row?.place;
    if (row === undefined || place?.kind !== 'moved' || place.closedAt.length === 0) throw moved;
    if (row.generation !== vector.generation) {
      // It was repartitioned before it moved: the reader comes to the generation that was left first.
      const left = await this.directory.engine
        .describeTopic(physicalName(logical, row.generation))
        .catch((error: unknown) => {
          throw isAppError(error, 'topic-not-found') ? moved : error;
        });
      return await this.readOn({ logical, generation: row.generation, topicId: left.id }, row, vector, limits);
    }
    const { positions, until } = vector;
    const ends = new Map<number, number>();
    for (const partition of positions.keys())
      ends.set(partition, Math.min(place.closedAt[partition] ?? 0, until?.get(partition) ?? Infinity));
    if (![...positions].every(([partition, offset]) => offset >= ends.get(partition)!)) {
      const physical = physicalName(logical, vector.generation);
      const page = await this.pageOf(physical, { ...vector, until: ends }, { ...limits, waitMs: 0 }).catch(
        (error: unknown) => {
          throw isAppError(error, 'topic-not-found') ? moved : error;
        },
      );
      return { ...page, next: { ...page.next, until }, atEnd: page.atEnd && until !== undefined };
    }
    if (until !== undefined) return { records: [], next: vector, atEnd: true };
    const renamed = place.topic !== undefined && place.logId === this.directory.engine.logId;
    const { generation, description } = await (renamed
      ? this.directory.resolve(place.topic)
      : this.directory.there(place.logId, logical));
    const opened = [...positions.keys()].map((partition) => [partition, place.opensAt[partition] ?? 0] as const);
    const next = { generation, topicId: description.id, whole: vector.whole, positions: new Map(opened) };
    return { records: [], next, atEnd: false, ...(renamed ? {} : { movedTo: place.logId }) };
  }

  private async pageOf(physical: string, vector: ReadVector, limits: ReadLimits): Promise<ReadPage> {
    const positions = new Map(vector.positions);
    const endOf = (partition: number): number => vector.until?.get(partition) ?? Infinity;
    const taken: Taken = { records: [], bytes: 0 };
    const { records } = taken;
    let { waitMs, memory } = limits;
    let atEnd = false;
    while (!isFull(taken, limits)) {
      const open = [...positions].filter(([partition, offset]) => offset < endOf(partition));
      if (open.length === 0) {
        atEnd = true;
        break;
      }
      const fetched = await this.directory.engine.fetch({
        positions: open.map(([partition, offset]) => ({ topic: physical, partition, offset })),
        maxBytes: limits.maxBytes,
        maxWaitMs: records.length === 0 ? waitMs : 0,
        minBytes: 1,
        signal: limits.signal,
        // Each position would take a piece of it, far larger than what many of them have.
        memory: open.length <= LENT_POSITIONS ? memory : undefined,
      });
      waitMs = 0;
      // Another fetch with it would end what this one has answered.
      memory = undefined;
      const before = records.length;
      let moved = false;
      for (const part of fetched) {
        moved = take(part, positions, taken, limits, endOf(part.partition)) || moved;
      }
      atEnd = fetched.every(
        ({ partition, endOffset }) => positions.get(partition)! >= Math.min(endOffset, endOf(partition)),
      );
      if (!moved || (records.length === before && atEnd)) break;
    }
    return { records, next: { ...vector, positions }, atEnd };
  }
}

/** A reader of all partitions reads those that came since, from their beginning. */
function withAddedPartitions(topic: ResolvedTopic, vector: ReadVector): ReadVector {
  const { partitions } = topic.description;
  if (!vector.whole || vector.until !== undefined || partitions.length <= vector.positions.size) return vector;
  const positions = new Map(partitions.map(({ partition, startOffset }) => [partition, startOffset]));
  for (const [partition, offset] of vector.positions) positions.set(partition, offset);
  return { ...vector, positions };
}

/** What a page has come to hold. */
interface Taken {
  readonly records: PartitionRecord[];
  /** Of its keys and values. */
  bytes: number;
}

function isFull({ records, bytes }: Taken, limits: ReadLimits): boolean {
  return records.length >= limits.records || (records.length > 0 && bytes >= limits.maxBytes);
}

/** Moves records of a fetched partition into the page, up to its limits, and its position behind them. True when anything moved. */
function take(
  part: FetchedPartition,
  positions: Map<number, number>,
  page: Taken,
  limits: ReadLimits,
  end: number,
): boolean {
  const from = positions.get(part.partition)!;
  let next = Math.max(from, Math.min(part.nextOffset, end));
  for (const record of recordsFrom(part, from)) {
    if (record.offset >= end) break;
    if (isFull(page, limits)) {
      next = record.offset;
      break;
    }
    page.records.push({ partition: part.partition, ...record });
    page.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }
  positions.set(part.partition, next);
  return next > from;
}

function chosen(topic: ResolvedTopic, partition: number | undefined): readonly PartitionDescription[] {
  const { partitions } = topic.description;
  if (partition === undefined) return partitions;
  const one = partitions.find((each) => each.partition === partition);
  if (one === undefined) throw partitionNotFound(topic.logical, partition, partitions.length);
  return [one];
}

/** The generation that took over from the one a reader is in. */
interface Superseding {
  readonly logical: string;
  readonly generation: number;
  /** Identity of its physical topic. */
  readonly topicId: string;
}

function generationGone(topic: Superseding, asked: number, why: string): AppError {
  return new AppError({
    kind: 'gone',
    code: 'generation-gone',
    message: `Topic '${topic.logical}' is at generation ${topic.generation}; the position belongs to generation ${asked}, and cannot be followed: ${why}.`,
    hint: 'Read on from a time or from a group, whose positions were translated.',
    details: { reason: 'repartitioned', topic: topic.logical, generation: topic.generation, asked },
  });
}

function madeAnew(topic: ResolvedTopic): AppError {
  return new AppError({
    kind: 'gone',
    code: 'generation-gone',
    message: `Topic '${topic.logical}' was deleted and made anew since the position was given.`,
    hint: 'Read it from its start.',
    details: { reason: 'recreated', topic: topic.logical },
  });
}
