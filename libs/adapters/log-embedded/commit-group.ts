import { type Durability, stampAppendTime, stampBatch, strongerOf } from '#libs/core/log';
import type { PlacedAppend, PlacedRequest } from './commit-request.js';
import { entryShape, writeEntryFrame } from './journal-entry.js';
import type { PartitionLog } from './partition-log.js';
import { headerCrc } from './segment-chain.js';
import type { SegmentWrite } from './segment-store.js';

/** What the entries of a group say of their time and place in the journal. */
export interface GroupPlace {
  readonly generation: number;
  readonly salt: number;
  readonly lsn: number;
  readonly durableUpTo: number;
  readonly appendTimeMs: number;
}

/**
 * Everything that rides on one flush, laid out in memory: the entries for the journal and the writes for the segments. Each batch is copied once, into the journal's
 * buffer, and stamped there; a large commit's batches go into a buffer of their own and the journal gets references.
 */
export class CommitGroup {
  readonly requests: PlacedRequest[] = [];
  readonly placed: PlacedAppend[] = [];
  /** Partitions whose segments must be flushed before the journal, which only refers to them, is written. */
  private readonly referenced = new Set<PartitionLog>();
  /** The strongest level of its requests. */
  level: Durability = 'none';
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

  /** Takes a request in. One that has nothing to write, as a repetition, waits with the others: what it repeats may be among them. */
  add(request: PlacedRequest): void {
    const { placed, commandBytes, payloadBytes } = request;
    this.requests.push(request);
    this.level = strongerOf(this.level, request.level);
    if (placed.length === 0 && commandBytes.length === 0) return;
    const reference = payloadBytes > this.bulkBytes;
    const shape = entryShape(placed.length, commandBytes.length, reference ? 0 : payloadBytes);
    this.reserve(shape.entryLength);
    const at = this.length;
    const memory = reference ? Buffer.allocUnsafeSlow(payloadBytes) : this.buffer;
    let cursor = reference ? 0 : at + shape.headerLength;
    for (const one of placed) {
      this.copy(one, memory, cursor, reference);
      cursor += one.length;
    }
    if (!reference) for (const end = at + shape.headerLength + shape.payloadLength; cursor < end;) memory[cursor++] = 0;
    const { generation, lsn, durableUpTo, appendTimeMs, salt } = this.place;
    const facts = { generation, lsn: lsn + at, durableUpTo, appendTimeMs, sections: placed, commands: commandBytes };
    writeEntryFrame(this.buffer, at, shape, facts, salt);
    this.length += shape.entryLength;
  }

  /** The writes that bring all batches to their segments: one for each segment that got any, in the order of their places. */
  segmentWrites(): SegmentWrite[] {
    const runs = new Map<PartitionLog, PlacedAppend[]>();
    for (const one of this.placed) {
      const run = runs.get(one.log);
      if (run === undefined) runs.set(one.log, [one]);
      else run.push(one);
    }
    const writes: SegmentWrite[] = [];
    for (const [log, run] of runs) {
      const flush = this.referenced.has(log);
      for (let from = 0; from < run.length;) {
        const { segmentBase, position } = run[from]!;
        let to = from + 1;
        while (to < run.length && run[to]!.segmentBase === segmentBase) to++;
        const parts = run.slice(from, to).map((one) => one.bytes);
        const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
        writes.push({ identity: log.identity, segmentBase, position, bytes, flush });
        from = to;
      }
    }
    return writes;
  }

  private copy(one: PlacedAppend, memory: Buffer, at: number, reference: boolean): void {
    memory.set(one.append.batch, at);
    stampBatch(memory, one.baseOffset, one.leaderEpoch, at);
    if (one.append.appendTime) stampAppendTime(memory, this.place.appendTimeMs, at, one.length);
    one.memory = memory;
    one.at = at;
    one.reference = reference;
    one.crc = headerCrc(memory, at);
    if (reference) this.referenced.add(one.log);
    this.placed.push(one);
    this.records += one.append.header.recordCount;
    this.recordBytes += one.length;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.length));
    for (const one of this.placed) if (one.memory === this.buffer) one.memory = larger;
    this.buffer = larger;
  }
}
