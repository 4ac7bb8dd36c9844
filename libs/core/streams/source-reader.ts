import { AppError, isAppError } from '#libs/core/kernel';
import {
  logErrors,
  physicalName,
  recordsFrom,
  type PartitionRecord,
  type TopicDescription,
  type TopicDirectory,
  type TopicHome,
  type TopicName,
  type TopicNames,
  type TopicPlace,
} from '#libs/core/log';
import { ChunkRecords } from './chunk-records.js';
import { generationInLog, logNumberIn, numberOfHome, readerGeneration } from './reader-place.js';

/** Where a reader stands in a logical topic: the generation it reads and the next offset of each partition. */
export interface SourcePosition {
  /** As readers keep it: with the number of its log in front where that is another one than theirs. See `reader-place.ts`. */
  readonly generation: number;
  /** Index is the partition. */
  readonly next: readonly number[];
}

/** Whether one reader of a topic has read nothing that another has not. */
export function isAtOrBehind(one: SourcePosition, other: SourcePosition): boolean {
  return (
    one.generation === other.generation && one.next.every((offset, partition) => offset <= (other.next[partition] ?? 0))
  );
}

/** Some records and where the reader stands after them. No records and another generation: the reader followed a cutover. */
export interface SourceChunk {
  readonly records: ChunkRecords;
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

/** A generation of the topic in one of the logs it has been in, under the name it has or had there. */
interface ReadPlace {
  readonly directory: TopicDirectory;
  readonly topic: string;
  readonly generation: number;
}

/** How a generation is left: where it was closed, per partition (empty: read to the end), and where its readers go on. */
interface WayOn {
  readonly closing: readonly number[];
  /** Where they go on, as far as that is known. */
  readonly ahead: SourcePosition;
  /** The same. @throws `source-moved` where it cannot be followed exactly. */
  readonly to: () => SourcePosition;
}

const NONE = new ChunkRecords([]);

/** More cutovers than lie before any reader. */
const MOST_HOPS = 64;

/**
 * Reads a logical topic for ever, over its cutovers: the old generation to its end, then the new one from where it opened, be that in the same log, under another name, or in another log that the topic has moved to. Misses and
 * repeats nothing. Holds no position: the reader keeps it with what it computes.
 */
export class SourceReader {
  /** Where the name stood at the end of the last read: it is looked at again behind the next one, so it need not be before. */
  #seen: { readonly logId: string; readonly topic: string; readonly row: TopicName | undefined } | undefined;

  /** Places that numbers in front of generations stand for, as far as they were met. */
  readonly #places = new Map<number, Omit<ReadPlace, 'generation'>>();

  /** @param directory of the log that the reader belongs to: positions in it have the plain numbers of generations, see `reader-place.ts`. */
  constructor(
    private readonly directory: TopicDirectory,
    private readonly names: TopicNames,
    readonly topic: string,
  ) {}

  /** Position before everything the topic retains, wherever it is. @throws `topic-not-found`. */
  async begin(): Promise<SourcePosition> {
    const { directory, resolved } = await this.directory.wherever(this.topic);
    const next = resolved.description.partitions.map((one) => one.startOffset);
    return { generation: this.#kept(directory, resolved.logical, resolved.generation), next };
  }

  /** Position behind everything the topic has at this moment, wherever it is. @throws `topic-not-found`. */
  async end(): Promise<SourcePosition> {
    const { directory, resolved } = await this.directory.wherever(this.topic);
    const next = resolved.description.partitions.map((one) => one.endOffset);
    return { generation: this.#kept(directory, resolved.logical, resolved.generation), next };
  }

  /** Where a generation was opened by the cutover that gave it the name, per partition: what lies below is from before. Empty for one that the name does not stand for, or never moved to. */
  async opening(generation: number): Promise<readonly number[]> {
    const place = await this.#placeOf({ generation, next: [] });
    const { logId } = place.directory.engine;
    const row = await this.names.find(logId, place.topic);
    if (row?.generation !== place.generation || row.opensAt.length > 0) {
      return row?.generation === place.generation ? row.opensAt : [];
    }
    for (const at of await this.#homes()) {
      const from = (await this.names.find(at.directory.engine.logId, at.topic))?.place;
      if (from?.kind === 'moved' && from.logId === logId && (from.topic ?? at.topic) === place.topic)
        return from.opensAt;
    }
    return [];
  }

  /** The settings of the topic in a generation. @throws `topic-not-found`. */
  async config(generation: number): Promise<TopicDescription['config']> {
    const place = await this.#placeOf({ generation, next: [] });
    return (await place.directory.engine.describeTopic(physicalName(place.topic, place.generation))).config;
  }

  /** The record at a place; undefined when it is there no more. */
  async record(generation: number, partition: number, offset: number): Promise<PartitionRecord | undefined> {
    const place = await this.#placeOf({ generation, next: [] });
    const position = { topic: physicalName(place.topic, place.generation), partition, offset };
    try {
      const [part] = await place.directory.engine.fetch({
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

  /** The time of the oldest of the records that come next in the partitions of a position's generation; undefined where none does, or none has a time. */
  async nextTime({ generation, next }: SourcePosition): Promise<number | undefined> {
    const place = await this.#placeOf({ generation, next: [] });
    const topic = physicalName(place.topic, place.generation);
    let oldest: number | undefined;
    for (const [partition, offset] of next.entries()) {
      const positions = [{ topic, partition, offset }];
      const [part] = await place.directory.engine.fetch({ positions, maxBytes: 1, minBytes: 1, maxWaitMs: 0 });
      if (part === undefined || part.error !== undefined) continue;
      for (const { timestamp } of recordsFrom(part, offset)) {
        if (timestamp >= 0 && (oldest === undefined || timestamp < oldest)) oldest = timestamp;
        break;
      }
    }
    return oldest;
  }

  /** Records between a position and the present end. @throws `topic-not-found`, `source-moved`. */
  async lag(position: SourcePosition): Promise<number> {
    let lag = 0;
    let at = position;
    for (let hops = 0; hops < MOST_HOPS; hops++) {
      const place = await this.#placeOf(at);
      const on = await this.#wayOn(place, await this.names.find(place.directory.engine.logId, place.topic), at);
      if (on === undefined || !isRead(at, on.closing)) {
        const there = await this.#describe(place, at, on !== undefined);
        lag += lagOf(there, at.next, on?.closing);
      }
      if (on === undefined) return lag;
      at = on.ahead;
    }
    return lag;
  }

  /**
   * What follows a position, waiting for it if there is nothing yet.
   * @throws `topic-not-found`; `source-moved` when the topic moved on in a way that cannot be followed exactly; `offset-out-of-range` when retention
   * removed records before they were read; `partition-degraded`.
   */
  async next(position: SourcePosition, limits: SourceLimits): Promise<SourceChunk> {
    const place = await this.#placeOf(position);
    const { logId } = place.directory.engine;
    const seen = this.#seen;
    this.#seen = undefined;
    if (
      seen?.logId === logId &&
      seen.topic === place.topic &&
      (await this.#wayOn(place, seen.row, position)) === undefined
    ) {
      try {
        return await this.#read(place, position, limits, seen.row, undefined);
      } catch (error) {
        // The generation may have gone with a cutover since the name was looked at.
        if (!isAppError(error, 'topic-not-found')) throw error;
      }
    }
    const row = await this.names.find(logId, place.topic);
    return await this.#read(place, position, limits, row, await this.#wayOn(place, row, position));
  }

  /** {@link next}, where the name stands so and the generation is left that way. */
  async #read(
    place: ReadPlace,
    position: SourcePosition,
    limits: SourceLimits,
    row: TopicName | undefined,
    on: WayOn | undefined,
  ): Promise<SourceChunk> {
    const { engine } = place.directory;
    const closing = on?.closing ?? [];
    // Read to where it was closed: the generation itself is not needed any more, and may be gone.
    if (limits.ends === undefined && on !== undefined && isRead(position, closing)) {
      const opened = on.to();
      return { records: NONE, to: opened, lag: await this.lag(opened) };
    }
    const physical = physicalName(place.topic, place.generation);
    const description = await this.#describe(place, position, on !== undefined);
    const from = description.partitions.map((one) => position.next[one.partition] ?? one.startOffset);
    const endOf = (partition: number): number =>
      Math.min(closing[partition] ?? Infinity, limits.ends === undefined ? Infinity : (limits.ends[partition] ?? 0));
    const open = from.flatMap((offset, partition) =>
      offset < endOf(partition) ? [{ topic: physical, partition, offset }] : [],
    );
    const request = { positions: open, maxBytes: limits.maxBytes, minBytes: 1, signal: limits.signal };
    const maxWaitMs = on === undefined ? limits.maxWaitMs : 0;
    const fetched = open.length === 0 ? [] : await engine.fetch({ ...request, maxWaitMs });
    // While this waited the name may have moved, and what came since may be copies of what the new generation has: read again, knowing where to stop.
    if (on === undefined) {
      const now = await this.names.find(engine.logId, place.topic);
      const same = now?.revision === row?.revision;
      this.#seen = same ? { logId: engine.logId, topic: place.topic, row: now } : undefined;
      if (!same) return await this.next(position, limits);
    }
    const next = [...from];
    let lag = 0;
    const parts = fetched.map((part) => {
      const end = Math.min(part.endOffset, endOf(part.partition));
      return { fetched: part, from: from[part.partition]!, end };
    });
    const records = new ChunkRecords(parts);
    for (const { fetched: part, end } of parts) {
      const { partition } = part;
      next[partition] = Math.max(from[partition]!, Math.min(part.nextOffset, end));
      lag += Math.max(0, end - next[partition]!);
    }
    const moved = next.some((offset, partition) => offset !== from[partition]);
    const to = { generation: position.generation, next };
    if (on === undefined || limits.ends !== undefined) return { records, to, lag };
    // What the next generation holds is still ahead, too.
    if (moved || lag > 0) return { records, to, lag: await this.lag(to) };
    const opened = on.to();
    return { records: NONE, to: opened, lag: await this.lag(opened) };
  }

  /** How the generation is left, undefined while the name stands for it. */
  async #wayOn(place: ReadPlace, row: TopicName | undefined, position: SourcePosition): Promise<WayOn | undefined> {
    const { directory, topic, generation } = place;
    if ((row?.generation ?? 1) !== generation) {
      const closing = closingOf(row, { generation, next: position.next });
      const ahead = { generation: this.#kept(directory, topic, row?.generation ?? 1), next: row?.opensAt ?? [] };
      return { closing, ahead, to: () => this.#opened(row, generation, ahead, position) };
    }
    const left = row?.place;
    if (left?.kind !== 'moved') return undefined;
    const there = directory.inLog(left.logId);
    if (there === undefined)
      throw sourceMoved(this.topic, position, 'it is in a log that is no cluster of this service');
    // The topic gets no other generation there while somebody of ours has not come: see `readersGone`.
    const name = left.topic ?? topic;
    const entered = (await this.names.find(left.logId, name))?.generation ?? 1;
    const ahead = { generation: this.#kept(there, name, entered), next: left.opensAt };
    const to = (): SourcePosition => {
      if (left.closedAt.length > 0) return ahead;
      throw sourceMoved(
        this.topic,
        position,
        'where it went on in the other log, or under its other name, is not known',
      );
    };
    if (left.closedAt.length === 0) to();
    return { closing: left.closedAt, ahead, to };
  }

  async #describe(place: ReadPlace, position: SourcePosition, superseded: boolean): Promise<TopicDescription> {
    try {
      return await place.directory.engine.describeTopic(physicalName(place.topic, place.generation));
    } catch (error) {
      if (superseded && error instanceof AppError && error.code === 'topic-not-found')
        throw sourceMoved(this.topic, position, 'it was deleted');
      throw error;
    }
  }

  #opened(
    row: TopicName | undefined,
    generation: number,
    ahead: SourcePosition,
    position: SourcePosition,
  ): SourcePosition {
    if (row === undefined) throw logErrors.topicNotFound(this.topic);
    if (row.openedFrom !== generation) {
      throw sourceMoved(
        this.topic,
        position,
        `the topic moved on to generation ${row.generation} from ${row.openedFrom} meanwhile`,
      );
    }
    if (row.opensAt.length === 0)
      throw sourceMoved(this.topic, position, `where generation ${row.generation} opened is not known`);
    return ahead;
  }

  get #home(): TopicHome {
    return { logId: this.directory.engine.logId, topic: this.topic };
  }

  #kept({ engine: { logId } }: TopicDirectory, topic: string, generation: number): number {
    return readerGeneration(this.#home, { logId, topic }, generation);
  }

  /** Where the topic may have been: in each log under its name, and under those that this name leads to there. */
  async #homes(): Promise<readonly Omit<ReadPlace, 'generation'>[]> {
    const homes: Omit<ReadPlace, 'generation'>[] = [];
    for (const directory of this.directory.logs()) {
      const { logId } = directory.engine;
      const seen = new Set<string>();
      for (let topic: string | undefined = this.topic; topic !== undefined && !seen.has(topic);) {
        seen.add(topic);
        homes.push({ directory, topic });
        const place: TopicPlace | null | undefined = (await this.names.find(logId, topic))?.place;
        topic = place?.logId === logId ? place.topic : undefined;
      }
    }
    return homes;
  }

  /** @throws `source-moved` for a log that is no cluster of this service, and for a name that nothing leads to any more. */
  async #placeOf(position: SourcePosition): Promise<ReadPlace> {
    const number = logNumberIn(position.generation);
    const generation = generationInLog(position.generation);
    if (number === 0) return { directory: this.directory, topic: this.topic, generation };
    const known = this.#places.get(number);
    if (known !== undefined) return { ...known, generation };
    const found = (await this.#homes()).filter(({ directory: { engine }, topic }) => {
      return numberOfHome(this.#home, { logId: engine.logId, topic }) === number;
    });
    const [only] = found;
    // Of a log that is away nothing is known: the place is taken for its own only where no other log has it.
    if (only === undefined) this.directory.demandAllLogs();
    if (found.length === 1) {
      this.#places.set(number, only!);
      return { ...only!, generation };
    }
    const why =
      found.length > 1 ? 'two clusters have logs with one number' : 'it is in a log that is no cluster of this service';
    throw sourceMoved(this.topic, position, why);
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
    message: `The reader of '${topic}' stands in generation ${generationInLog(position.generation)}, which can no longer be followed: ${why}.`,
    hint: 'Build it anew from the present generation.',
    details: { topic, generation: generationInLog(position.generation) },
  });
}
