import { Injectable } from '@nestjs/common';
import { AppError, Clock, isAppError, Semaphore, ServiceKeys } from '#libs/core/kernel';
import {
  cursorOfAnother,
  cutPage,
  FetchMemory,
  formatReadCursor,
  parseReadCursor,
  READ_CURSOR_KEY,
  TopicDirectories,
  topicMoved,
  TopicReader,
  type ReadPage,
  type ReadVector,
  type TopicDirectory,
} from '#libs/core/log';
import { MAX_FILTERS, PageRoom, parseFilter, passes, RecordDecoding, Turns, type ReadRecord } from '#libs/core/records';
import { MessageCodec } from '#libs/core/registry';
import { turn } from '#libs/platform/http';
import { parseFrom, parseUntil, type StreamQuery } from './read-request.js';

/** Bytes of records that are read at once, and of batches one fetch looks at; an answer may be made of several. */
const READ_BYTES = 1024 * 1024;
/** Pages that are read and decoded at the same time; the batches of those that wait for their turn would add up. */
const MADE_AT_ONCE = 16;
/** Bytes of memory that each of them leaves to the next one: what followers read at once. */
const KEPT_BYTES = 512 * 1024;
/** Characters of decoded records that wait for one client which follows a topic, and records; a thousand may follow and not read. */
const FOLLOWED_CHARACTERS = 16 * 1024;
/** Bytes that are read for it at once: little more than it takes, since the rest is read again. */
export const FOLLOWED_BYTES = 64 * 1024;
const FOLLOWED_RECORDS = 100;
/** Characters that are sent in one piece, where they are of several records. */
const FOLLOWED_PIECE = 2 * FOLLOWED_CHARACTERS;
/** How long one wait of such a reader takes; then it begins another. */
const FOLLOWED_WAIT_MS = 20_000;
/** Records looked at for one answer, where a filter lets few through. */
const MAX_EXAMINED = 20_000;
/** Records taken from the log at once where a filter decides. */
const EXAMINED_AT_ONCE = 1_000;

/** A read that goes on: where it stands, and what it looks for. */
export interface Reading {
  /** Where it stands. */
  readonly cluster: string;
  /** Goes on in another cluster when the topic moves there: nobody named one. */
  readonly follows: boolean;
  readonly topic: string;
  readonly vector: ReadVector;
  /** As they were asked. */
  readonly filters: readonly string[];
}

export interface PageLimits {
  readonly limit: number;
  readonly waitMs: number;
  readonly format: 'auto' | 'binary';
  readonly signal?: AbortSignal;
  /** Characters of keys and values after which the page ends, where it is not what an answer holds. */
  readonly characters?: number;
  /** Bytes that are read at once, where it is not what an answer needs. */
  readonly bytes?: number;
}

/** A record of a reader that follows a topic, with where it goes on behind it. */
export interface FollowedRecord {
  readonly record: ReadRecord;
  readonly cursor: string;
}

export interface Page {
  readonly records: readonly ReadRecord[];
  /** Where each record was read: the generation, and the positions behind it. */
  readonly places: readonly ReadVector[];
  readonly next: Reading;
  readonly atEnd: boolean;
}

/** Pages of decoded records, and the cursors between them. All state is in the cursor. */
@Injectable()
export class RecordPages {
  readonly #decoding: RecordDecoding;
  readonly #making = new Semaphore(MADE_AT_ONCE);
  /** Where the batches of the pages lie that are being made; as many as were ever made at the same time. */
  readonly #memories: FetchMemory[] = [];
  #key: Promise<Uint8Array> | undefined;

  constructor(
    private readonly directories: TopicDirectories,
    codec: MessageCodec,
    private readonly clock: Clock,
    private readonly keys: ServiceKeys,
  ) {
    this.#decoding = new RecordDecoding(codec, turn);
  }

  /**
   * Where a query begins.
   * @throws `invalid-cursor`, `invalid-position`, `invalid-filter`, `invalid-request`, `topic-not-found`, `partition-not-found`.
   */
  async begin(cluster: string | undefined, topic: string, query: StreamQuery): Promise<Reading> {
    const { cursor, from, until, partition, key, filter = [] } = query;
    if (cursor !== undefined) {
      if ([from, until, partition, key].some((one) => one !== undefined) || filter.length > 0) throw twoBeginnings();
      return await this.at(cluster, topic, cursor);
    }
    const filters = key === undefined ? filter : [...filter, `key=${key}`];
    if (filters.length > MAX_FILTERS) throw tooManyFilters(filters.length);
    filters.forEach(parseFilter);
    const follows = cluster === undefined;
    return await this.directories.following(cluster, async (at) => {
      const reader = new TopicReader(this.directories.of(at));
      const vector = await reader.start(topic, partition, parseFrom(from), parseUntil(until));
      return { cluster: at, follows, topic, vector, filters };
    });
  }

  /** Where a cursor stands. @throws `invalid-cursor`. */
  async at(named: string | undefined, topic: string, cursor: string): Promise<Reading> {
    const { logId, vector, filters } = parseReadCursor(cursor, await this.#signingKey(), { topic });
    const cluster = await this.directories.clusterOfPosition(named, logId, topic);
    if (cluster === undefined) throw cursorOfAnother(topic);
    return { cluster, follows: named === undefined, topic, vector, filters };
  }

  async cursorOf({ cluster, topic, vector, filters }: Reading): Promise<string> {
    const { logId } = this.directories.of(cluster).engine;
    return formatReadCursor({ logId, topic, vector, filters }, await this.#signingKey());
  }

  /**
   * What follows, as much of it as an answer holds: up to the limit, 2 MiB of text, five seconds of decoding, or 20,000 records looked at. Waits for a first record
   * that passes the filters.
   * @throws `cursor-trimmed` with the cursor to go on with; `generation-gone`, `partition-degraded`; `topic-moved` once a topic of a cluster that was named has been read there to its end.
   */
  async page(reading: Reading, limits: PageLimits): Promise<Page> {
    const directory = this.directories.of(reading.cluster);
    const reader = new TopicReader(directory);
    const { limit, format, signal } = limits;
    const filters = reading.filters.map(parseFilter);
    if (format === 'binary' && filters.some(({ part }) => part !== 'header')) throw filteredBytes();
    const { topic } = reading;
    const until = this.clock.monotonic() + limits.waitMs;
    const records: ReadRecord[] = [];
    const places: ReadVector[] = [];
    const room = new PageRoom(this.clock, limits.characters);
    const turns = new Turns(this.clock, turn);
    let { vector } = reading;
    for (let examined = 0; ;) {
      const most = filters.length === 0 ? limit : EXAMINED_AT_ONCE;
      let page: ReadPage;
      await this.#making.acquire();
      const memory = this.#memories.pop() ?? new FetchMemory({ readsAhead: false, keptBytes: KEPT_BYTES });
      /** Nothing of the batches is used any more: what is shown of records is text of its own. */
      const release = (): void => {
        memory.begin();
        this.#memories.push(memory);
        this.#making.release();
      };
      try {
        const maxBytes = limits.bytes ?? READ_BYTES;
        page = await reader.read(topic, vector, { records: most, maxBytes, waitMs: 0, signal, memory });
      } catch (error) {
        release();
        // What was read before is answered; the next page tells.
        if (records.length > 0 && isAppError(error))
          return { records, places, next: { ...reading, vector }, atEnd: false };
        throw isAppError(error, 'offset-out-of-range')
          ? await this.#trimmed(directory, { ...reading, vector }, error)
          : error;
      }
      let more: boolean;
      try {
        let used = 0;
        const behind = new Map(vector.positions);
        for (const record of page.records) {
          if (records.length >= limit || (room.isFull && examined > 0)) break;
          const shown = await this.#decoding.show(record, format, room);
          used++;
          examined++;
          behind.set(record.partition, record.offset + 1);
          if (passes(shown, filters)) {
            records.push(shown);
            places.push({ ...vector, positions: new Map(behind) });
          }
          if (turns.due) await turns.take(signal);
        }
        const { movedTo } = page;
        if (movedTo !== undefined) {
          const cluster = this.#clusterAfter(reading, movedTo);
          return { records, places, next: { ...reading, cluster, vector: page.next }, atEnd: false };
        }
        const { next, atEnd } = cutPage(page, used);
        const moved = isOther(next, vector);
        vector = next;
        const done = records.length >= limit || room.isFull || examined >= MAX_EXAMINED || used < page.records.length;
        const waiting = records.length === 0 && atEnd && this.clock.monotonic() < until && !isOver(vector);
        more = !atEnd && moved;
        if (done || !(waiting || more)) return { records, places, next: { ...reading, vector }, atEnd };
      } finally {
        release();
      }
      if (!more) await this.#arrival(reader, { ...reading, vector }, until, signal);
    }
  }

  /** The cluster that a reader goes on in when the topic has moved to another log. @throws `topic-moved`. */
  #clusterAfter({ cluster, follows, topic }: Reading, logId: string): string {
    const next = this.directories.clusterOf(logId);
    if (next === undefined || !follows) throw topicMoved(topic, cluster, next, logId);
    return next;
  }

  /** Resolves when there is something to read, or at a time; what it is the next look tells. It waits in nobody's place, and keeps nothing. */
  async #arrival(reader: TopicReader, { topic, vector }: Reading, until: number, signal?: AbortSignal): Promise<void> {
    const waitMs = Math.max(0, until - this.clock.monotonic());
    try {
      await reader.read(topic, vector, { records: 1, maxBytes: 1, waitMs, signal });
    } catch (error) {
      if (!isAppError(error, 'offset-out-of-range')) throw error;
    }
  }

  /**
   * What comes from a place on, for ever or to where the reader ends, as the bytes that are sent of it: some records in a piece, a large one by itself. Little is decoded ahead of
   * whoever takes it, and nothing but those bytes is held while somebody does not.
   * @param text of a record, as it is sent.
   * @throws as {@link page} does.
   */
  async *follow(
    reading: Reading,
    format: PageLimits['format'],
    signal: AbortSignal,
    text: (followed: FollowedRecord) => string,
  ): AsyncGenerator<Uint8Array, void> {
    const limits = {
      limit: FOLLOWED_RECORDS,
      characters: FOLLOWED_CHARACTERS,
      bytes: FOLLOWED_BYTES,
      waitMs: FOLLOWED_WAIT_MS,
      format,
      signal,
    };
    for (let at = reading; !isOver(at.vector);) {
      const { pieces, next } = await this.#followed(at, limits, text);
      at = next;
      for (const piece of pieces) yield piece;
      signal.throwIfAborted();
    }
  }

  /** The next page of a follower as bytes. By itself, so that nothing else of the page is held by whoever waits until they are taken. */
  async #followed(
    at: Reading,
    limits: PageLimits,
    text: (followed: FollowedRecord) => string,
  ): Promise<{ readonly pieces: readonly Uint8Array[]; readonly next: Reading }> {
    const { records, places, next } = await this.page(at, limits);
    const pieces: Uint8Array[] = [];
    let piece = '';
    for (const [index, record] of records.entries()) {
      const told = text({ record, cursor: await this.cursorOf({ ...at, vector: places[index]! }) });
      if (piece !== '' && piece.length + told.length > FOLLOWED_PIECE) {
        pieces.push(Buffer.from(piece));
        piece = '';
      }
      piece += told;
    }
    if (piece !== '') pieces.push(Buffer.from(piece));
    return { pieces, next };
  }

  /** Retention, or whoever deletes records, was faster than the reader. */
  async #trimmed(directory: TopicDirectory, reading: Reading, cause: AppError): Promise<AppError> {
    const { topic, vector } = reading;
    const { description, generation } = await directory.resolve(topic);
    if (generation !== vector.generation) return cause;
    const positions = new Map(vector.positions);
    const lost: { partition: number; position: string; startOffset: string }[] = [];
    for (const { partition, startOffset, endOffset } of description.partitions) {
      const position = positions.get(partition);
      if (position === undefined) continue;
      if (position > endOffset) return cause;
      if (position >= startOffset) continue;
      lost.push({ partition, position: String(position), startOffset: String(startOffset) });
      positions.set(partition, startOffset);
    }
    if (lost.length === 0) return cause;
    const next = await this.cursorOf({ ...reading, vector: { ...vector, positions } });
    return new AppError({
      kind: 'gone',
      code: 'cursor-trimmed',
      message: `Records of '${topic}' were removed before they were read, in ${lost.length} partitions.`,
      hint: 'Go on with `details.cursor`, at the first records that are left.',
      details: { reason: 'removed', topic, partitions: lost, cursor: next },
      cause,
    });
  }

  #signingKey(): Promise<Uint8Array> {
    this.#key ??= this.keys.key(READ_CURSOR_KEY).catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }
}

/** Whether a reader has come to where it ends for good. */
function isOver({ positions, until }: ReadVector): boolean {
  return until !== undefined && [...positions].every(([partition, offset]) => offset >= (until.get(partition) ?? 0));
}

function isOther(one: ReadVector, other: ReadVector): boolean {
  if (one.generation !== other.generation) return true;
  return [...one.positions].some(([partition, offset]) => other.positions.get(partition) !== offset);
}

function twoBeginnings(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message:
      'A cursor already says where to read on and what to look for; from, until, partition, key and filter cannot be given with it.',
  });
}

function tooManyFilters(measured: number): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-filter',
    message: `${measured} filters are more than the limit of ${MAX_FILTERS}.`,
    details: { limit: MAX_FILTERS, measured },
  });
}

function filteredBytes(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'Filters on keys and values look at what was decoded, which format=binary leaves out.',
    hint: 'Leave format out, or filter by headers.',
  });
}
