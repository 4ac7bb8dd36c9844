import { type BatchHeader, type ProducedBatch, type ProducerState, ProducerStates } from '#libs/core/log';
import { Segment, type SegmentState } from './segment.js';

/** What one partition is part of. */
export interface PartitionIdentity {
  /** A number made of the log's id, for bindings. */
  readonly log: number;
  readonly topic: number;
  readonly partition: number;
}

/** A segment whose files are not needed any more. */
export interface DroppedSegment {
  readonly baseOffset: number;
  readonly revision?: number;
}

/** When a batch begins a new segment. */
export interface SegmentLimits {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly nowMs: number;
}

/** How far places are given. */
export interface ReservedEnd {
  readonly offset: number;
  readonly segmentBase: number;
  readonly position: number;
}

/** A partition as the state snapshot keeps it. */
export interface PartitionState {
  readonly startOffset: number;
  readonly degradedAt?: number;
  readonly segments: readonly SegmentState[];
  /** Segments that are no part of it any more, and whose files may still be there. */
  readonly dropped?: readonly DroppedSegment[];
  /** Absent while nothing was compacted. */
  readonly compaction?: { readonly cleanUpTo: number; readonly revision: number };
  /** Absent when there are none, as in snapshots of format 1. */
  readonly producers?: readonly ProducerState[];
}

const MAX_RELATIVE_OFFSET = 0x7fff_ffff;

/**
 * One partition: its segments, and two ends. Up to the *visible* end everything is durable and may be read; behind it lie places already
 * given to batches of the group that is being written. `reserve` moves the second end, extending the segments makes the first one follow, `rewind` gives up.
 */
export class PartitionLog {
  /** Oldest first; only the last one grows. */
  readonly segments: Segment[] = [];
  startOffset = 0;
  /** Damage was found here: what lies before can be read, appends are refused. */
  degradedAt: number | undefined;
  /** Segments that went and whose files may still be there: a checkpoint that knows of it removes them. */
  readonly dropped = new Set<DroppedSegment>();
  /** Compacted up to here: each key stands before it once at most. */
  cleanUpTo = 0;
  /** The last revision that a segment got. */
  revision = 0;
  /** Rises whenever segments go, so that a reader which found a file missing knows why. */
  changes = 0;
  /** Producers of what is visible. */
  readonly producers = new ProducerStates();
  /** Producers of what has a place, on top of them. */
  private placed: ProducerStates | undefined;
  /** Called when the visible end, the health or the topic's state changes, and forgotten then. */
  readonly wakers = new Set<() => void>();

  /** The place that was given last. */
  readonly last = { baseOffset: 0, segmentBase: 0, position: 0 };
  private offset = 0;
  private segmentBase = 0;
  private position = 0;

  constructor(readonly identity: PartitionIdentity) {}

  static restore(identity: PartitionIdentity, state: PartitionState): PartitionLog {
    const partition = new PartitionLog(identity);
    partition.startOffset = state.startOffset;
    partition.degradedAt = state.degradedAt;
    for (const dropped of state.dropped ?? []) partition.dropped.add(dropped);
    partition.cleanUpTo = state.compaction?.cleanUpTo ?? 0;
    partition.revision = state.compaction?.revision ?? 0;
    for (const segment of state.segments) partition.segments.push(partition.restored(segment));
    if (state.producers !== undefined) partition.producers.restore(state.producers);
    partition.rewind();
    return partition;
  }

  get state(): PartitionState {
    return {
      startOffset: this.startOffset,
      ...(this.degradedAt === undefined ? {} : { degradedAt: this.degradedAt }),
      segments: this.segments.map((one) => one.state),
      ...(this.dropped.size === 0 ? {} : { dropped: [...this.dropped] }),
      ...(this.cleanUpTo === 0 && this.revision === 0
        ? {}
        : { compaction: { cleanUpTo: this.cleanUpTo, revision: this.revision } }),
      ...(this.producers.count === 0 ? {} : { producers: this.producers.all() }),
    };
  }

  /** The segment that grows, if there is one. */
  get active(): Segment | undefined {
    return this.segments.at(-1);
  }

  get endOffset(): number {
    return this.active?.nextOffset ?? this.startOffset;
  }

  get sizeBytes(): number {
    let sum = 0;
    for (const segment of this.segments) sum += segment.sizeBytes;
    return sum;
  }

  /** Gives the next place to a batch, in a new segment when it does not fit into this one: see {@link last}. */
  reserve(length: number, lastOffsetDelta: number, { segmentBytes, segmentMs, nowMs }: SegmentLimits): void {
    const { offset, active } = this;
    const full = this.position > 0 && this.position + length > segmentBytes;
    const old = active?.baseOffset === this.segmentBase && nowMs - active.firstAppendTimeMs > segmentMs;
    if (full || old || offset + lastOffsetDelta - this.segmentBase > MAX_RELATIVE_OFFSET) {
      this.segmentBase = offset;
      this.position = 0;
    }
    this.last.baseOffset = offset;
    this.last.segmentBase = this.segmentBase;
    this.last.position = this.position;
    this.offset = offset + lastOffsetDelta + 1;
    this.position += length;
  }

  /** Whether a producer wrote at `aliveFromMs` or later, counting what has a place. */
  knowsProducer(producerId: number, aliveFromMs: number): boolean {
    return (this.placed ?? this.producers).find(producerId, aliveFromMs) !== undefined;
  }

  /**
   * The place a batch got before, undefined when it is to be appended. What has a place counts as written.
   * @throws `stale-producer-epoch`, `out-of-order-sequence`.
   */
  repetitionOf(header: BatchHeader, aliveFromMs: number): ProducedBatch | undefined {
    return (this.placed ?? this.producers).check(header, aliveFromMs);
  }

  /** Remembers the producer of a batch that got a place, until it is visible or taken back. */
  notePlaced(header: BatchHeader, baseOffset: number, nowMs: number): void {
    (this.placed ??= new ProducerStates(this.producers)).note(header, baseOffset, nowMs);
  }

  /** Everything that has a place is visible now. */
  settle(): void {
    this.placed = undefined;
  }

  /** Marks how far places are given, for {@link rewindTo}. */
  mark(): ReservedEnd {
    return { offset: this.offset, segmentBase: this.segmentBase, position: this.position };
  }

  rewindTo({ offset, segmentBase, position }: ReservedEnd): void {
    this.offset = offset;
    this.segmentBase = segmentBase;
    this.position = position;
  }

  /** Takes back every place behind the visible end. */
  rewind(): void {
    const { active, endOffset } = this;
    this.placed = undefined;
    this.offset = endOffset;
    const grows = active !== undefined && !active.closed;
    this.segmentBase = grows ? active.baseOffset : endOffset;
    this.position = grows ? active.sizeBytes : 0;
  }

  /** Lets the next batch begin a new segment. No places may be given behind the visible end. */
  closeActive(): void {
    const { active } = this;
    if (active === undefined || active.closed) return;
    active.closed = true;
    active.seal();
    this.rewind();
  }

  /** The segment with this base offset, the last one or a new one behind it (the last one is closed then). */
  segmentFor(segmentBase: number): Segment {
    const active = this.active;
    if (active !== undefined && active.baseOffset === segmentBase) return active;
    active?.seal();
    const segment = new Segment({ ...this.identity, baseOffset: segmentBase });
    this.segments.push(segment);
    return segment;
  }

  /** The segment that holds an offset of the visible range. */
  segmentAt(offset: number): Segment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.segments[low];
  }

  /**
   * Lets everything before an offset of the visible range go, whole segments with it; the one that grows too, when nothing of it stays. No places
   * may be given behind the visible end.
   */
  moveStart(offset: number): void {
    const { endOffset } = this;
    this.startOffset = Math.max(this.startOffset, Math.min(offset, endOffset));
    let gone = 0;
    for (const segment of this.segments) {
      if (segment.nextOffset > this.startOffset) break;
      gone++;
    }
    if (gone > 0) this.replace(0, gone);
  }

  /**
   * Puts a compacted segment in the place of the segments that begin at these offsets, or nothing. They must follow each other, and no places may be given
   * behind the visible end.
   */
  putCompacted(replaced: readonly number[], by: SegmentState | null, cleanUpTo: number): void {
    this.cleanUpTo = Math.max(this.cleanUpTo, cleanUpTo);
    this.revision = Math.max(this.revision, by?.revision ?? 0);
    const at = this.segments.findIndex((one) => one.baseOffset === replaced[0]);
    if (at >= 0) this.replace(at, replaced.length, by);
  }

  private replace(at: number, count: number, by: SegmentState | null = null): void {
    const gone = this.segments.splice(at, count, ...(by === null ? [] : [this.restored(by)]));
    for (const segment of gone) {
      segment.gone = true;
      const { baseOffset, revision } = segment.binding;
      this.dropped.add({ baseOffset, ...(revision === undefined ? {} : { revision }) });
    }
    this.changes++;
    this.rewind();
  }

  private restored(state: SegmentState): Segment {
    const { baseOffset, revision } = state;
    return Segment.restore({ ...this.identity, baseOffset, ...(revision === undefined ? {} : { revision }) }, state);
  }

  /** Wakes the readers that wait for news of this partition. */
  wake(): void {
    if (this.wakers.size === 0) return;
    const wakers = [...this.wakers];
    this.wakers.clear();
    for (const wake of wakers) wake();
  }
}
