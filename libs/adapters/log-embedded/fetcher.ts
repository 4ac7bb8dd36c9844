import { type Clock, isAppError, linkSignals } from '#libs/core/kernel';
import {
  type FetchedPartition,
  type FetchPosition,
  type FetchRequest,
  logErrors,
  RecordCursor,
  type CompressionCodecs,
} from '#libs/core/log';
import { readFailed } from './errors.js';
import type { LogState, Topic } from './log-state.js';
import type { PartitionLog } from './partition-log.js';
import { type ReadBatch, SegmentDamage, type SegmentReader } from './segment-reader.js';

export interface FetcherParts {
  readonly clock: Clock;
  readonly state: LogState;
  readonly reader: SegmentReader;
  readonly codecs: CompressionCodecs | undefined;
  /** Damage was found while reading: the partition must be marked, in memory before this returns. */
  readonly damaged: (partition: PartitionLog, damage: SegmentDamage) => void;
  /** Throws when the log is closed. */
  readonly checkOpen: () => void;
}

/** How much is read at a time while looking for a timestamp. */
const SEARCH_BYTES = 256 * 1024;

/** Why a sleep ends that is not needed any more: an error made for each would be a good part of what a wait costs. */
const AWAKE = new Error('what was waited for has come');

/** Serves reads: only what is visible, only what passes every check. */
export class Fetcher {
  /** Everyone who waits for records; woken when the log closes. */
  readonly #waiting = new Set<() => void>();

  constructor(private readonly parts: FetcherParts) {}

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const { clock, checkOpen } = this.parts;
    const minBytes = request.minBytes ?? 1;
    const deadline = clock.monotonic() + (request.maxWaitMs ?? 0);
    for (;;) {
      request.signal?.throwIfAborted();
      checkOpen();
      // Registered before looking, so that what comes while reading is not slept over.
      const news = this.watch(request.positions);
      request.memory?.begin();
      try {
        const fetched: FetchedPartition[] = [];
        let bytes = 0;
        for (const position of request.positions) {
          const answer = await this.collect(position, request, bytes);
          for (const batch of answer.batches) bytes += batch.length;
          fetched.push(answer);
        }
        const leftMs = deadline - clock.monotonic();
        if (bytes >= minBytes || leftMs <= 0 || fetched.some((one) => one.error !== undefined)) return fetched;
        await this.sleep(news.came, leftMs, request.signal);
      } finally {
        news.stop();
      }
    }
  }

  /**
   * First offset of a record with the timestamp or a later one; null when there is none.
   * @throws `partition-degraded` when there is none before the damage: nobody knows what lies behind.
   */
  async offsetForTimestamp(topic: string, partition: PartitionLog, timestampMs: number): Promise<number | null> {
    for (;;) {
      const { changes } = partition;
      try {
        const found = await this.searchSegments(partition, timestampMs);
        if (found !== null || partition.degradedAt === undefined) return found;
        throw logErrors.partitionDegraded(topic, partition.identity.partition, partition.degradedAt);
      } catch (error) {
        if (!(error instanceof SegmentDamage)) throw isAppError(error) ? error : readFailed(error);
        if (partition.changes !== changes) continue;
        if (partition.degradedAt !== undefined && error.offset >= partition.degradedAt) {
          throw logErrors.partitionDegraded(topic, partition.identity.partition, partition.degradedAt);
        }
        this.parts.damaged(partition, error);
      }
    }
  }

  private async searchSegments(partition: PartitionLog, timestampMs: number): Promise<number | null> {
    for (const segment of [...partition.segments]) {
      if (segment.maxTimestamp < timestampMs) continue;
      const { reader } = this.parts;
      const end = segment.end;
      let offset = await reader.offsetBefore(segment, timestampMs);
      while (offset < Math.min(end.offset, partition.degradedAt ?? Infinity)) {
        const batches = await reader.readFrom(segment, offset, SEARCH_BYTES, end, partition.degradedAt);
        for (const batch of batches) {
          const found = this.searchBatch(batch, timestampMs, partition.startOffset);
          if (found !== undefined) return found;
          offset = batch.header.lastOffset + 1;
        }
        if (batches.length === 0) break;
      }
    }
    return null;
  }

  /** Wakes everyone who waits. */
  wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  private searchBatch({ header, bytes }: ReadBatch, timestampMs: number, startOffset: number): number | undefined {
    if (header.maxTimestamp < timestampMs) return undefined;
    const { codecs } = this.parts;
    const cursor = new RecordCursor(header, bytes, codecs === undefined ? {} : { codecs });
    while (cursor.next()) {
      if (cursor.offset >= startOffset && cursor.timestamp >= timestampMs) return cursor.offset;
    }
    return undefined;
  }

  private async collect(position: FetchPosition, request: FetchRequest, already: number): Promise<FetchedPartition> {
    for (;;) {
      const { topic: name, partition: number } = position;
      const topic = this.parts.state.topics.get(name);
      const partition = topic?.partitions[number];
      const refused = refusal(position, topic, partition);
      if (refused !== undefined || partition === undefined) return refused!;
      const { changes } = partition;
      try {
        const answer = await this.read(partition, position, request, already);
        if (answer.batches.length > 0 || position.offset >= partition.startOffset) return answer;
      } catch (error) {
        if (!(error instanceof SegmentDamage)) throw isAppError(error) ? error : readFailed(error);
        // A topic that is deleted while it is read, and a segment that goes, lose their files under the reader.
        if (this.parts.state.topics.get(name) !== topic || partition.changes !== changes) continue;
        const { degradedAt } = partition;
        if (degradedAt === undefined || error.offset < degradedAt) this.parts.damaged(partition, error);
        else return degradedAnswer(partition, position);
      }
    }
  }

  private async read(
    partition: PartitionLog,
    position: FetchPosition,
    { maxBytes, memory }: FetchRequest,
    already: number,
  ): Promise<FetchedPartition> {
    const { topic, partition: number, offset } = position;
    const { startOffset, endOffset } = partition;
    const stopAt = partition.degradedAt ?? Infinity;
    const ownLimit = position.maxBytes ?? Infinity;
    const batches: Uint8Array[] = [];
    let bytes = 0;
    let next = offset;
    const answer = (): FetchedPartition => {
      return { topic, partition: number, startOffset, endOffset, batches, nextOffset: next };
    };
    // What is deleted meanwhile is not jumped over: the answer ends before it, and the next one says so.
    while (next >= partition.startOffset && next < Math.min(endOffset, stopAt)) {
      const segment = partition.segmentAt(next);
      if (segment === undefined) break;
      const room = Math.max(1, Math.min(ownLimit, maxBytes - already) - bytes);
      if (already + bytes > 0 && already + bytes >= maxBytes) break;
      const found = await this.parts.reader.readFrom(segment, next, room, segment.end, stopAt, memory);
      if (found.length === 0) break;
      for (const { header, bytes: batch } of found) {
        const tooMuch =
          (bytes > 0 && bytes + batch.length > ownLimit) ||
          (already + bytes > 0 && already + bytes + batch.length > maxBytes);
        if (tooMuch || header.baseOffset >= endOffset) return answer();
        batches.push(batch);
        bytes += batch.length;
        next = header.lastOffset + 1;
      }
      // What would still fit ends before the next waypoint, so it would be read for nothing.
      if (next < segment.nextOffset) break;
    }
    return answer();
  }

  private watch(positions: readonly FetchPosition[]): { came: Promise<void>; stop: () => void } {
    let wake!: () => void;
    const came = new Promise<void>((resolve) => (wake = resolve));
    const partitions: PartitionLog[] = [];
    for (const { topic, partition } of positions) {
      const one = this.parts.state.topics.get(topic)?.partitions[partition];
      if (one !== undefined) partitions.push(one);
    }
    for (const partition of partitions) partition.wakers.add(wake);
    this.#waiting.add(wake);
    const stop = (): void => {
      for (const partition of partitions) partition.wakers.delete(wake);
      this.#waiting.delete(wake);
    };
    return { came, stop };
  }

  private async sleep(came: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const stop = linkSignals(...(signal === undefined ? [] : [signal]));
    const slept = this.parts.clock.sleep(ms, stop.signal).catch(() => undefined);
    await Promise.race([came, slept]);
    stop.unlink();
    stop.abort(AWAKE);
  }
}

/** The answer where known damage keeps even the way to sound records from being found. */
function degradedAnswer(partition: PartitionLog, position: FetchPosition): FetchedPartition {
  const { topic, partition: number, offset } = position;
  const { startOffset, endOffset, degradedAt = offset } = partition;
  const error = logErrors.partitionDegraded(topic, number, degradedAt);
  return { topic, partition: number, startOffset, endOffset, batches: [], nextOffset: offset, error };
}

/** Why a position cannot be read, as its answer; undefined when it can. */
function refusal(
  position: FetchPosition,
  topic: Topic | undefined,
  partition: PartitionLog | undefined,
): FetchedPartition | undefined {
  const { topic: name, partition: number, offset } = position;
  const nothing = { topic: name, partition: number, startOffset: 0, endOffset: 0, batches: [], nextOffset: offset };
  if (topic === undefined) return { ...nothing, error: logErrors.topicNotFound(name) };
  if (partition === undefined) {
    return { ...nothing, error: logErrors.partitionNotFound(name, number, topic.partitions.length) };
  }
  const { startOffset, endOffset, degradedAt } = partition;
  const refused = (error: FetchedPartition['error']): FetchedPartition => {
    return { ...nothing, startOffset, endOffset, error };
  };
  if (topic.state === 'BROWNED_OUT') return refused(logErrors.topicBrownedOut(name));
  if (!Number.isSafeInteger(offset) || offset < startOffset || offset > endOffset) {
    return refused(logErrors.offsetOutOfRange(name, number, offset, startOffset, endOffset));
  }
  if (degradedAt !== undefined && offset >= degradedAt) {
    return refused(logErrors.partitionDegraded(name, number, degradedAt));
  }
  return undefined;
}
