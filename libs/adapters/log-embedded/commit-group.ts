import { crc32c } from '@node-rs/crc32';
import { stampBatch } from '#libs/core/log';
import type { PlacedAppend, PlacedRequest } from './commit-request.js';
import { type EntryShape, entryShape, type Section, writeEntryFrame } from './journal-entry.js';
import type { PartitionLog } from './partition-log.js';
import type { SegmentWrite } from './segment-store.js';

/** What the entries of a group say of their time and place in the journal. */
export interface GroupPlace {
  readonly generation: number;
  readonly salt: number;
  readonly lsn: number;
  readonly durableUpTo: number;
  readonly appendTimeMs: number;
}

/** A batch of a group, stamped, where its bytes lie in memory until the group is done. */
interface StoredAppend {
  readonly placed: PlacedAppend;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/**
 * Everything that rides on one flush, laid out in memory: the entries for the journal and the writes for the segments. Each batch is copied once, into the journal's
 * buffer, and stamped there; a large commit's batches go into a buffer of their own and the journal gets references.
 */
export class CommitGroup {
  readonly requests: PlacedRequest[] = [];
  readonly stored: StoredAppend[] = [];
  /** Partitions whose segments must be flushed before the journal, which only refers to them, is written. */
  private readonly referenced = new Set<PartitionLog>();
  records = 0;
  recordBytes = 0;
  private length = 0;

  constructor(
    private buffer: Buffer,
    private readonly place: GroupPlace,
    private readonly bulkBytes: number,
  ) {}

  /** The journal entries. */
  get entries(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** The buffer, for the next group to use again. */
  get memory(): Buffer {
    return this.buffer;
  }

  add(placedRequest: PlacedRequest): void {
    const { placed, commandBytes, payloadBytes } = placedRequest;
    const reference = payloadBytes > this.bulkBytes;
    const shape = entryShape(placed.length, commandBytes.length, reference ? 0 : payloadBytes);
    this.reserve(shape.entryLength);
    const at = this.length;
    const home = reference ? Buffer.allocUnsafeSlow(payloadBytes) : this.buffer;
    let cursor = reference ? 0 : at + shape.headerLength;
    const sections: Section[] = [];
    for (let i = 0; i < placed.length; i++) {
      const one = placed[i]!;
      sections.push(this.copy(one, home, cursor, reference));
      cursor += one.append.batch.length;
    }
    if (!reference) this.buffer.fill(0, cursor, at + shape.headerLength + shape.payloadLength);
    this.frame(at, shape, sections, commandBytes);
    this.length += shape.entryLength;
    this.requests.push(placedRequest);
  }

  /** The writes that bring all batches to their segments: one for each segment that got any, in the order of their places. */
  segmentWrites(): SegmentWrite[] {
    const runs = new Map<PartitionLog, StoredAppend[]>();
    for (const one of this.stored) {
      const run = runs.get(one.placed.partition);
      if (run === undefined) runs.set(one.placed.partition, [one]);
      else run.push(one);
    }
    const writes: SegmentWrite[] = [];
    for (const [partition, run] of runs) {
      for (let from = 0; from < run.length;) {
        const segmentBase = run[from]!.placed.segmentBase;
        let to = from + 1;
        while (to < run.length && run[to]!.placed.segmentBase === segmentBase) to++;
        const parts = run.slice(from, to).map(viewOf);
        const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
        const { position } = run[from]!.placed;
        const flush = this.referenced.has(partition);
        writes.push({ identity: partition.identity, segmentBase, position, bytes, flush });
        from = to;
      }
    }
    return writes;
  }

  private copy(placed: PlacedAppend, home: Buffer, at: number, reference: boolean): Section {
    const { append, partition, baseOffset, segmentBase, position, leaderEpoch } = placed;
    const { batch, lastOffsetDelta, recordCount } = append;
    home.set(batch, at);
    stampBatch(home, baseOffset, leaderEpoch, at);
    this.stored.push({ placed, bytes: home, at });
    if (reference) this.referenced.add(partition);
    this.records += recordCount;
    this.recordBytes += batch.length;
    const { topic, partition: number } = partition.identity;
    const crc = crc32c(home.subarray(at, at + batch.length));
    const length = batch.length;
    return { topic, partition: number, baseOffset, lastOffsetDelta, segmentBase, position, length, crc, reference };
  }

  private frame(at: number, shape: EntryShape, sections: readonly Section[], commands: Uint8Array): void {
    const { generation, lsn, durableUpTo, appendTimeMs, salt } = this.place;
    const facts = { generation, lsn: lsn + at, durableUpTo, appendTimeMs, sections, commands };
    writeEntryFrame(this.buffer, at, shape, facts, salt);
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.length));
    for (let i = 0; i < this.stored.length; i++) {
      const one = this.stored[i]!;
      if (one.bytes === this.buffer) this.stored[i] = { ...one, bytes: larger };
    }
    this.buffer = larger;
  }
}

function viewOf({ bytes, at, placed }: StoredAppend): Uint8Array {
  return bytes.subarray(at, at + placed.append.batch.length);
}
