import { readInt32, readInt64 } from '#libs/core/log';
import type { IndexPairs } from './kafka-indexes.js';
import { chainBatch, type SegmentBinding, chainStart } from './segment-chain.js';
import { type Waypoint, Waypoints } from './waypoints.js';

/** Fields of a batch header (Kafka record batch, magic 2) that a segment keeps count of. */
const BATCH = { baseOffset: 0, lastOffsetDelta: 23, maxTimestamp: 35 } as const;

/** A segment as the state snapshot keeps it. */
export interface SegmentState {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly maxTimestamp: number;
  readonly maxTimestampOffset: number;
  readonly maxAppendTimeMs: number;
  /** Absent in snapshots that did not know it: as old as its last batch then. */
  readonly firstAppendTimeMs?: number;
  /** Absent unless a compaction made it. */
  readonly revision?: number;
  readonly chain: number;
  /** Bytes since the last index entry. */
  readonly sinceIndex: number;
  readonly lastIndexedTimestamp: number;
  /** Entries in the sidecar, the offset index and the time index. */
  readonly waypoints: number;
  readonly offsetEntries: number;
  readonly timeEntries: number;
}

/**
 * What is known of one segment file up to its visible end: only what a flush of the journal (or of the segment, for references) has made durable.
 * Index entries collect in memory until a checkpoint writes them.
 */
export class Segment {
  sizeBytes = 0;
  nextOffset: number;
  maxTimestamp = -1;
  maxTimestampOffset: number;
  /** When its first and its last batch were appended, epoch ms; −1 for none. */
  firstAppendTimeMs = -1;
  maxAppendTimeMs = -1;
  chain: number;
  private sinceIndex = 0;
  private lastIndexedTimestamp = -1;

  /** Entries already in the files. The first `tail` entry is number `written`. */
  readonly written = { waypoints: 0, offsetEntries: 0, timeEntries: 0 };
  readonly tail: { readonly waypoints: Waypoints; offsetEntries: IndexPairs; timeEntries: IndexPairs } = {
    waypoints: new Waypoints(),
    offsetEntries: [],
    timeEntries: [],
  };
  /** Nothing is appended to it any more, though it may be the last one. */
  closed: boolean;
  /** It is no part of its partition any more; its files go soon. */
  gone = false;
  /** The index files may hold more than `written` says, left by entries that recovery took back. */
  trimIndexes = true;

  constructor(readonly binding: SegmentBinding) {
    this.nextOffset = binding.baseOffset;
    this.maxTimestampOffset = binding.baseOffset;
    this.chain = chainStart(binding);
    this.closed = binding.revision !== undefined;
  }

  static restore(binding: SegmentBinding, state: SegmentState): Segment {
    const segment = new Segment(binding);
    segment.sizeBytes = state.sizeBytes;
    segment.nextOffset = state.nextOffset;
    segment.maxTimestamp = state.maxTimestamp;
    segment.maxTimestampOffset = state.maxTimestampOffset;
    segment.maxAppendTimeMs = state.maxAppendTimeMs;
    segment.firstAppendTimeMs = state.firstAppendTimeMs ?? state.maxAppendTimeMs;
    segment.chain = state.chain;
    segment.sinceIndex = state.sinceIndex;
    segment.lastIndexedTimestamp = state.lastIndexedTimestamp;
    segment.written.waypoints = state.waypoints;
    segment.written.offsetEntries = state.offsetEntries;
    segment.written.timeEntries = state.timeEntries;
    return segment;
  }

  get baseOffset(): number {
    return this.binding.baseOffset;
  }

  /** The end as a waypoint: where the next batch would begin. */
  get end(): Waypoint {
    const { nextOffset: offset, sizeBytes: position, maxTimestamp, maxAppendTimeMs, chain } = this;
    return { offset, position, maxTimestamp, maxAppendTimeMs, chain };
  }

  /** State to keep, counting the tail as written: whoever keeps it writes the tail first. */
  get state(): SegmentState {
    return {
      baseOffset: this.baseOffset,
      sizeBytes: this.sizeBytes,
      nextOffset: this.nextOffset,
      maxTimestamp: this.maxTimestamp,
      maxTimestampOffset: this.maxTimestampOffset,
      maxAppendTimeMs: this.maxAppendTimeMs,
      firstAppendTimeMs: this.firstAppendTimeMs,
      ...(this.binding.revision === undefined ? {} : { revision: this.binding.revision }),
      chain: this.chain,
      sinceIndex: this.sinceIndex,
      lastIndexedTimestamp: this.lastIndexedTimestamp,
      waypoints: this.written.waypoints + this.tail.waypoints.count,
      offsetEntries: this.written.offsetEntries + this.tail.offsetEntries.length / 2,
      timeEntries: this.written.timeEntries + this.tail.timeEntries.length / 2,
    };
  }

  /** Takes in one batch that lies at the end of the file: `length` bytes of `bytes` from `at` on. */
  extend(bytes: Uint8Array, at: number, length: number, appendTimeMs: number, intervalBytes: number): void {
    const lastOffset = readInt64(bytes, at + BATCH.baseOffset) + readInt32(bytes, at + BATCH.lastOffsetDelta);
    if (this.sinceIndex > intervalBytes) this.addIndexEntries(lastOffset);
    const maxTimestamp = readInt64(bytes, at + BATCH.maxTimestamp);
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp;
      this.maxTimestampOffset = lastOffset;
    }
    this.sinceIndex += length;
    this.sizeBytes += length;
    this.nextOffset = lastOffset + 1;
    this.maxAppendTimeMs = appendTimeMs;
    if (this.firstAppendTimeMs < 0) this.firstAppendTimeMs = appendTimeMs;
    this.chain = chainBatch(this.chain, bytes, at);
  }

  /** Counts a batch that is damaged: its place stays taken. Nothing behind it is served, so the chain ends to mean anything. */
  skip(length: number, nextOffset: number): void {
    this.sizeBytes += length;
    this.nextOffset = nextOffset;
  }

  /** Ends the time index with the largest timestamp, as Kafka does when it closes a segment. Harmless to repeat. */
  seal(): void {
    this.addTimeEntry();
  }

  /** Forgets tail entries that are now in the files. */
  noteWritten(waypoints: number, offsetEntries: number, timeEntries: number): void {
    this.written.waypoints += waypoints;
    this.written.offsetEntries += offsetEntries;
    this.written.timeEntries += timeEntries;
    this.tail.waypoints.dropFirst(waypoints);
    this.tail.offsetEntries = this.tail.offsetEntries.slice(2 * offsetEntries);
    this.tail.timeEntries = this.tail.timeEntries.slice(2 * timeEntries);
  }

  private addIndexEntries(lastOffset: number): void {
    const { nextOffset, sizeBytes, maxTimestamp, maxAppendTimeMs, chain } = this;
    this.tail.waypoints.push(nextOffset, sizeBytes, maxTimestamp, maxAppendTimeMs, chain);
    this.tail.offsetEntries.push(lastOffset - this.baseOffset, sizeBytes);
    this.addTimeEntry();
    this.sinceIndex = 0;
  }

  private addTimeEntry(): void {
    if (this.maxTimestamp <= this.lastIndexedTimestamp) return;
    this.tail.timeEntries.push(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset);
    this.lastIndexedTimestamp = this.maxTimestamp;
  }
}
