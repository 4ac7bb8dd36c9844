import { type BatchHeader, type FetchMemory, verifyBatch } from '#libs/core/log';
import { isAppError } from '#libs/core/kernel';
import { ReadAhead } from './read-ahead.js';
import { chainBatch } from './segment-chain.js';
import { Segment } from './segment.js';
import type { SegmentStore } from './segment-store.js';
import { decodeSidecar, encodeSidecarEntries } from './sidecar.js';
import { type Waypoint, Waypoints } from './waypoints.js';

/** A batch as it was read and checked. */
export interface ReadBatch {
  readonly header: BatchHeader;
  readonly bytes: Uint8Array;
}

/** Stored bytes are not what was written there. What lies before `offset` is sound. */
export class SegmentDamage extends Error {
  override readonly name = 'SegmentDamage';
  constructor(
    readonly offset: number,
    readonly why: string,
  ) {
    super(`damage at offset ${offset}: ${why}`);
  }
}

/**
 * Reads segments, checking everything on the way: the checksum of each batch, that offsets follow each other, and the chain from one waypoint to
 * another, which shows that the batches belong here. Keeps the waypoints of the segments read last.
 */
export class SegmentReader {
  readonly #tables = new Map<Segment, Waypoints>();
  readonly #ahead: ReadAhead;
  #tableBytes = 0;

  constructor(
    private readonly store: SegmentStore,
    private readonly cacheBytes: number,
    private readonly intervalBytes: number,
  ) {
    this.#ahead = new ReadAhead((segment, position, length, into) => store.read(segment, position, length, into));
  }

  /**
   * The batches from the one that holds `offset` on, as many as `bytes` hold up to a waypoint, or all up to the next waypoint where that is further. `end` is the end of
   * what may be read, as it was when the caller decided to read. Nothing from `stopAt` on is looked at: damage is known to be there. Where `memory` is lent, the batches lie in it.
   * @throws {SegmentDamage}
   */
  async readFrom(
    segment: Segment,
    offset: number,
    bytes: number,
    end: Waypoint,
    stopAt = Infinity,
    memory?: FetchMemory,
  ): Promise<readonly ReadBatch[]> {
    const from = await this.floor(segment, (table) => table.lastAtOffset(offset));
    const until = await this.until(segment, from, bytes, end);
    const batches = await this.read(segment, from, until, end, stopAt, memory);
    return batches.filter((one) => one.header.lastOffset >= offset);
  }

  /** An offset before which no batch of the segment says it has a timestamp of `timestampMs` or later. @throws {SegmentDamage} */
  async offsetBefore(segment: Segment, timestampMs: number): Promise<number> {
    return (await this.floor(segment, (table) => table.firstWithTimestamp(timestampMs) - 1)).offset;
  }

  /** Forgets what is kept of a segment that goes. */
  forget(segment: Segment): void {
    this.#ahead.forget(segment);
    const table = this.#tables.get(segment);
    if (table !== undefined) this.#tableBytes -= table.sizeBytes;
    this.#tables.delete(segment);
  }

  /**
   * The offset up to which a segment is sound, when its file is read from the start. Its `nextOffset` when all of it is. `rest` is called between its pieces, so that
   * others have disk and thread meanwhile.
   */
  async soundUpTo(segment: Segment, rest?: () => Promise<void>): Promise<number> {
    try {
      await this.scan(segment, rest);
      return segment.nextOffset;
    } catch (error) {
      if (error instanceof SegmentDamage) return error.offset;
      throw error;
    }
  }

  private async floor(segment: Segment, find: (table: Waypoints) => number): Promise<Waypoint> {
    const inTail = find(segment.tail.waypoints);
    if (inTail >= 0) return segment.tail.waypoints.at(inTail);
    const table = await this.table(segment);
    const index = find(table);
    return index >= 0 ? table.at(index) : startOf(segment);
  }

  /** The last waypoint within so many bytes behind another, or the first behind it where none is; `end` when that comes first. */
  private async until(segment: Segment, from: Waypoint, bytes: number, end: Waypoint): Promise<Waypoint> {
    const limit = from.position + bytes;
    if (limit >= end.position) return end;
    let found: Waypoint | undefined;
    for (const waypoints of [await this.table(segment), segment.tail.waypoints]) {
      const behind = waypoints.firstAtPosition(limit + 1);
      const within = behind > 0 ? waypoints.at(behind - 1) : undefined;
      if (within !== undefined && within.position > from.position) found = within;
      else if (found === undefined && behind < waypoints.count) found = waypoints.at(behind);
    }
    return found === undefined || found.position > end.position ? end : found;
  }

  private async read(
    segment: Segment,
    from: Waypoint,
    until: Waypoint,
    end: Waypoint,
    stopAt: number,
    memory: FetchMemory | undefined,
  ): Promise<readonly ReadBatch[]> {
    const length = until.position - from.position;
    // For who lends no memory nobody knows whether anyone comes for more: what is read ahead for a thousand of them is mostly read for nothing.
    const following = memory?.readsAhead === true ? end.position - until.position : 0;
    try {
      const bytes = await this.#ahead.read(segment, from.position, length, following, memory);
      return checked(segment, bytes, length, [from, until], stopAt);
    } catch (error) {
      if (!(error instanceof SegmentDamage)) throw error;
      // Once more: a transient error of the machine must not cost a partition. This time from waypoint to waypoint, to find the place.
      const between = await this.between(segment, from, until);
      const bytes = await this.store.read(segment, from.position, length);
      return checked(segment, bytes, length, [from, ...between, until], stopAt);
    }
  }

  /** The waypoints that lie between two. */
  private async between(segment: Segment, from: Waypoint, until: Waypoint): Promise<Waypoint[]> {
    const found: Waypoint[] = [];
    for (const waypoints of [await this.table(segment), segment.tail.waypoints]) {
      for (let index = waypoints.firstAtPosition(from.position + 1); index < waypoints.count; index++) {
        const waypoint = waypoints.at(index);
        if (waypoint.position >= until.position) break;
        found.push(waypoint);
      }
    }
    return found;
  }

  /** The waypoints of a segment that are in its sidecar. @throws {SegmentDamage} when they are lost and the segment cannot give them again. */
  private async table(segment: Segment): Promise<Waypoints> {
    const known = this.#tables.get(segment);
    if (known !== undefined && known.count >= segment.written.waypoints) {
      this.#tables.delete(segment);
      this.#tables.set(segment, known);
      return known;
    }
    const count = segment.written.waypoints;
    if (count === 0) return new Waypoints(1);
    const bytes = await this.store.readIndex(segment, 'sidecar');
    const table = (bytes && decodeSidecar(segment.binding, bytes, count)) ?? (await this.rebuild(segment));
    this.forget(segment);
    this.#tables.set(segment, table);
    this.#tableBytes += table.sizeBytes;
    for (const oldest of this.#tables.keys()) {
      if (this.#tableBytes <= this.cacheBytes || oldest === segment) break;
      this.forget(oldest);
    }
    return table;
  }

  /** Makes a lost sidecar again from the segment itself, which proves sound on the way. */
  private async rebuild(segment: Segment): Promise<Waypoints> {
    const { waypoints } = (await this.scan(segment)).tail;
    const inMemory = segment.tail.waypoints;
    const until = inMemory.count === 0 ? Infinity : inMemory.at(0).position;
    const table = new Waypoints(Math.max(waypoints.count, 1));
    for (let index = 0; index < waypoints.count; index++) {
      const { offset, position, maxTimestamp, maxAppendTimeMs, chain } = waypoints.at(index);
      if (position < until) table.push(offset, position, maxTimestamp, maxAppendTimeMs, chain);
    }
    segment.written.waypoints = table.count;
    if (!segment.gone)
      await this.store.replaceSidecar(segment, encodeSidecarEntries(segment.binding, table, 0, table.count));
    return table;
  }

  /** Reads a whole segment up to its visible end. Append times are not in it and come out as that of the last batch. @throws {SegmentDamage} */
  private async scan(segment: Segment, rest?: () => Promise<void>): Promise<Segment> {
    const copy = new Segment(segment.binding);
    const end = segment.end;
    let step = 1024 * 1024;
    let memory = Buffer.allocUnsafeSlow(Math.min(step, end.position));
    while (copy.sizeBytes < end.position) {
      const length = Math.min(step, end.position - copy.sizeBytes);
      if (memory.length < length) memory = Buffer.allocUnsafeSlow(length);
      const bytes = await this.store.read(segment, copy.sizeBytes, length, memory);
      const before = copy.sizeBytes;
      for (let at = 0; at < bytes.length;) {
        const batch = wholeBatch(bytes, at, copy.sizeBytes + (bytes.length - at) < end.position);
        if (batch === undefined) break;
        if (batch instanceof Error) throw new SegmentDamage(copy.nextOffset, batch.message);
        if (!follows(segment, batch, copy.nextOffset))
          throw new SegmentDamage(copy.nextOffset, 'offsets do not follow');
        copy.extend(bytes, at, batch.sizeBytes, end.maxAppendTimeMs, this.intervalBytes);
        at += batch.sizeBytes;
      }
      if (bytes.length < length) throw new SegmentDamage(copy.nextOffset, 'the file ends here');
      if (copy.sizeBytes === before) step *= 2;
      await rest?.();
    }
    if (copy.chain !== end.chain) throw new SegmentDamage(segment.baseOffset, 'its batches belong elsewhere');
    return copy;
  }
}

function startOf(segment: Segment): Waypoint {
  return new Segment(segment.binding).end;
}

/** Whether a batch may stand where `offset` is next: compaction leaves gaps, nothing else does. */
function follows({ binding }: Segment, { baseOffset }: BatchHeader, offset: number): boolean {
  return binding.revision === undefined ? baseOffset === offset : baseOffset >= offset;
}

/** The batches of bytes that reach from the first waypoint to the last, if they are what the waypoints say. @throws {SegmentDamage} */
function checked(
  segment: Segment,
  bytes: Uint8Array,
  length: number,
  [from, ...waypoints]: readonly Waypoint[],
  stopAt: number,
): readonly ReadBatch[] {
  const batches: ReadBatch[] = [];
  const { position: origin } = from!;
  let { chain, offset } = from!;
  let soundUpTo = offset;
  let next = 0;
  for (let at = 0; at < bytes.length;) {
    if (offset >= stopAt) return batches;
    const header = wholeBatch(bytes, at, false);
    if (header === undefined || header instanceof Error) {
      throw new SegmentDamage(offset, header?.message ?? 'a batch is cut off');
    }
    if (!follows(segment, header, offset)) throw new SegmentDamage(offset, `offset ${header.baseOffset} stands here`);
    batches.push({ header, bytes: bytes.subarray(at, at + header.sizeBytes) });
    chain = chainBatch(chain, bytes, at);
    offset = header.lastOffset + 1;
    at += header.sizeBytes;
    const waypoint = waypoints[next]!;
    if (origin + at < waypoint.position) continue;
    if (origin + at > waypoint.position || offset !== waypoint.offset || chain !== waypoint.chain) {
      throw new SegmentDamage(soundUpTo, 'its batches belong elsewhere');
    }
    soundUpTo = offset;
    next++;
  }
  if (offset < stopAt && bytes.length < length) throw new SegmentDamage(offset, 'the file ends here');
  return batches;
}

/** The header of the sound batch at `at`; undefined when it may go on behind the bytes (`more`); the fault when it is damaged. */
function wholeBatch(bytes: Uint8Array, at: number, more: boolean): BatchHeader | Error | undefined {
  try {
    return verifyBatch(bytes, at);
  } catch (error) {
    if (more) return undefined;
    if (isAppError(error, 'corrupt-batch')) return error;
    throw error;
  }
}
