import { type Durability, stampAppendTime, stampBatch, strongerOf } from '#libs/core/log';
import type { PlacedAppend, PlacedRequest } from './commit-request.js';
import { entryShape, writeEntryFrame } from './journal-entry.js';
import type { PartitionLog } from './partition-log.js';
import { headerCrc } from './segment-chain.js';
import type { SegmentWrite } from './segment-store.js';

const NOTHING = new Uint8Array();

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
 *
 * Appends that follow each other and bring nothing but batches become one entry: they are flushed and acknowledged together anyway, and what an
 * entry costs (two headers, a checksum) is paid once. Their batches lie in it by partition, so that what goes to a segment is one run of bytes. A request
 * with facts, or one whose batches the journal only refers to, has an entry of its own, behind those before it.
 */
export class CommitGroup {
  readonly requests: PlacedRequest[] = [];
  /** Its batches as they lie in the entries: in the order of their places within each partition. */
  readonly placed: PlacedAppend[] = [];
  /** Partitions whose segments must be flushed before the journal, which only refers to them, is written. */
  private readonly referenced = new Set<PartitionLog>();
  /** Batches for the next common entry, by partition. */
  private readonly plain = new Map<PartitionLog, PlacedAppend[]>();
  private plainCount = 0;
  private plainBytes = 0;
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

  /** The journal entries; whole when the group is {@link seal}ed. */
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
    const reference = payloadBytes > this.bulkBytes;
    if (commandBytes.length === 0 && !reference) return this.gather(placed, payloadBytes);
    this.seal();
    this.layOut(placed, commandBytes, payloadBytes, reference);
  }

  /** Lays out what waits for a common entry. To be called when everything is in. */
  seal(): void {
    if (this.plainCount === 0) return;
    const placed: PlacedAppend[] = [];
    for (const run of this.plain.values()) for (const one of run) placed.push(one);
    const bytes = this.plainBytes;
    this.plain.clear();
    this.plainCount = 0;
    this.plainBytes = 0;
    this.layOut(placed, NOTHING, bytes, false);
  }

  /** The writes that bring all batches to their segments: one for each run of bytes in one segment, in the order of their places. */
  segmentWrites(): SegmentWrite[] {
    const writes: SegmentWrite[] = [];
    const { placed } = this;
    for (let from = 0; from < placed.length;) {
      const { log, segmentBase, position, memory, at } = placed[from]!;
      let to = from;
      let length = 0;
      for (; to < placed.length; to++) {
        const next = placed[to]!;
        if (next.log !== log || next.segmentBase !== segmentBase) break;
        if (next.memory !== memory || next.at !== at + length) break;
        length += next.length;
      }
      const flush = this.referenced.has(log);
      writes.push({ identity: log.identity, segmentBase, position, bytes: memory.subarray(at, at + length), flush });
      from = to;
    }
    return writes;
  }

  private gather(placed: readonly PlacedAppend[], bytes: number): void {
    for (const one of placed) {
      const run = this.plain.get(one.log);
      if (run === undefined) this.plain.set(one.log, [one]);
      else run.push(one);
    }
    this.plainCount += placed.length;
    this.plainBytes += bytes;
  }

  /** Makes one entry. */
  private layOut(
    placed: readonly PlacedAppend[],
    commands: Uint8Array,
    payloadBytes: number,
    reference: boolean,
  ): void {
    const shape = entryShape(placed.length, commands.length, reference ? 0 : payloadBytes);
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
    const facts = { generation, lsn: lsn + at, durableUpTo, appendTimeMs, sections: placed, commands };
    writeEntryFrame(this.buffer, at, shape, facts, salt);
    this.length += shape.entryLength;
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
