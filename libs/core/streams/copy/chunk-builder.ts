import { impossible } from '#libs/core/kernel';
import {
  BatchDealer,
  BatchEncoder,
  batchesIn,
  type BatchHeader,
  compressionName,
  type CompressionName,
  detachBatch,
  DigestSum,
  type FetchedPartition,
  FetchMemory,
  frameBatch,
  isWholeBatch,
  logErrors,
  type LogRecord,
  MAX_RECORD_HEAD_BYTES,
  maxRecordSize,
  RecordCursor,
  type RecordHeader,
  type StoredRecord,
} from '#libs/core/log';
import { DROPPED, type OffsetRange, PARKED } from './chunk.js';
import { parkedForm } from './parked-records.js';
import { RoutedRecords } from './routed-records.js';
import type { LeftOut, PlacedRecord, Routed, Router, ToBeParked } from './router.js';

/** An encoded batch on its way to a target partition. */
export interface RoutedBatch {
  readonly target: number;
  readonly batch: Uint8Array;
  readonly records: number;
}

/** A stretch of a source partition, ready to be committed. */
export interface BuiltChunk {
  /** Where the next chunk begins. */
  readonly until: number;
  readonly ranges: readonly OffsetRange[];
  readonly routes: Uint16Array;
  /** In the order they have to be appended. */
  readonly batches: readonly RoutedBatch[];
  /** Batches for the dead letter topic. */
  readonly deadLetters: readonly Uint8Array[];
  /** Records left out, by rule. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Records written of which something was noted, by what. */
  readonly noted: ReadonlyMap<string, number>;
  /** Records of the source, where that is not how many routes there are: one may have several. */
  readonly records?: number;
  /** Records in `deadLetters`. */
  readonly sent: number;
  /** Batches for the topic of parked records, and how many records of which rule they hold. */
  readonly parked: readonly Uint8Array[];
  readonly parkedBy: ReadonlyMap<string, number>;
  /** Of the records in `batches`, under their source coordinates. */
  readonly sum: DigestSum;
  /** Bytes of keys and values read. */
  readonly bytes: number;
  /** Gives the memory of its batches back, once nobody works on them any more. Whoever cannot tell leaves it alone. */
  readonly release?: () => void;
}

export interface BuildLimits {
  /** Largest batch the target takes. */
  readonly maxBatchBytes: number;
  /** Preferred size of batches that are put together anew, {@link BATCH_BYTES} unless given. */
  readonly batchBytes?: number;
  /** Most records in a chunk, so that its offset map fits a checkpoint. */
  readonly maxRecords: number;
  /** Bytes of keys, values and headers after which a chunk ends, however small they were compressed. */
  readonly maxBytes: number;
}

export const BUILD_LIMITS: Omit<BuildLimits, 'maxBatchBytes'> = {
  maxRecords: 250_000,
  maxBytes: 8 * 1024 * 1024,
};

/** Preferred size of batches that are put together anew. */
export const BATCH_BYTES = 256 * 1024;
/** Smaller batches are worth putting together, larger ones go on as they are when all their records go one way. */
const WHOLE_FROM_BYTES = 16 * 1024;
/** Encoders that grew beyond this in all are let go after a chunk. */
const KEEP_BYTES = 16 * 1024 * 1024;
const DELETE_HORIZON = 1 << 6;

function batchBytesOf({ batchBytes = BATCH_BYTES, maxBatchBytes }: BuildLimits): number {
  return Math.min(batchBytes, maxBatchBytes);
}

/** Makes chunks of fetched batches: a {@link ChunkBuilder}, or several taking turns. */
export interface ChunkMaker {
  /** A chunk of the records of a fetch from `from` on: all of them, or as many as the limits allow. Its batches last until it is released, or until the builder makes the next one. */
  build(fetched: FetchedPartition, from: number): Promise<BuiltChunk>;
}

/**
 * Takes fetched batches apart and puts them together by target partition. Records stay byte for byte: keys, values, headers, timestamps and their
 * absence. Batches that go one way as a whole are passed on as they are, compressed ones always, so that compression survives; records of a
 * compressed batch that scatter are encoded with the same compression again. One builder serves one chunk at a time.
 */
export class ChunkBuilder implements ChunkMaker {
  readonly #router: Router;
  readonly #limits: BuildLimits;
  readonly #routed = new RoutedRecords();
  #pending: (PendingBatch | undefined)[];
  #dealer: BatchDealer | undefined;
  /** Of the batches of a chunk. New memory for each of them would cost as much as filling it. */
  readonly #memory = new FetchMemory();

  constructor(router: Router, limits: BuildLimits) {
    this.#router = router;
    this.#limits = limits;
    this.#pending = new Array<undefined>(router.targets);
  }

  /**
   * See {@link ChunkMaker.build}.
   * @throws what the router throws, `batch-too-large` for a record the target cannot take; the builder can be used again.
   */
  async build(fetched: FetchedPartition, from: number): Promise<BuiltChunk> {
    const { partition: source } = fetched;
    this.#memory.begin();
    const answers = await this.#router.routeAll?.(recordsOf(fetched, from, this.#limits), source);
    const room = (bytes: number): Buffer => this.#memory.place(bytes);
    const tools = { pending: this.#pending, routed: this.#routed, dealer: this.#dealerFor(source), room };
    const build = new Build(this.#router, this.#limits, tools, source, from, answers);
    try {
      for (const bytes of fetched.batches) {
        for (const { header, bytes: batch } of batchesIn(bytes)) {
          if (header.control || header.lastOffset < from) continue;
          if (!(await build.addBatch(header, batch))) return build.finish(build.nextOffset);
        }
      }
      return build.finish(Math.max(fetched.nextOffset, build.nextOffset));
    } finally {
      for (const pending of this.#pending) pending?.encoder.clear();
      const grown = this.#pending.reduce((sum, one) => sum + (one?.largest ?? 0), 0);
      if (grown > KEEP_BYTES) this.#pending = new Array<undefined>(this.#router.targets);
      this.#dealer?.clear();
      if (this.#dealer !== undefined && this.#dealer.sizeBytes > KEEP_BYTES) this.#dealer = undefined;
    }
  }

  #dealerFor(source: number): BatchDealer | undefined {
    if (this.#router.hashed?.(source) === undefined) return undefined;
    const batchBytes = batchBytesOf(this.#limits);
    return (this.#dealer ??= new BatchDealer({ targets: this.#router.targets, batchBytes }));
  }
}

/** What a builder uses again for the next chunk. */
interface BuildTools {
  readonly pending: (PendingBatch | undefined)[];
  /** Of the batch at hand. */
  readonly routed: RoutedRecords;
  /** Where hashes of keys decide. */
  readonly dealer: BatchDealer | undefined;
  /** Memory for a batch of the chunk. */
  readonly room: (bytes: number) => Buffer;
}

interface PendingBatch {
  readonly encoder: BatchEncoder;
  compression: CompressionName;
  largest: number;
}

/** The state of one chunk while it grows. */
class Build {
  nextOffset: number;
  #routes: Uint16Array;
  #records = 0;
  #bytes = 0;
  readonly #ranges: { first: number; count: number }[] = [];
  readonly #batches: RoutedBatch[] = [];
  readonly #deadLetters: LogRecord[] = [];
  readonly #parked: LogRecord[] = [];
  readonly #parkedBy = new Map<string, number>();
  readonly #dropped = new Map<string, number>();
  readonly #noted = new Map<string, number>();
  readonly #sum = new DigestSum();
  /** Of what the dealer holds; undefined while that is nothing. */
  #dealtCompression: CompressionName | undefined;

  constructor(
    private readonly router: Router,
    private readonly limits: BuildLimits,
    private readonly tools: BuildTools,
    private readonly source: number,
    private readonly from: number,
    /** For the first records, where the router gave them beforehand: no more than these are taken. */
    private readonly answers: readonly Routed[] | undefined,
  ) {
    this.nextOffset = from;
    this.#routes = new Uint16Array(4096);
  }

  /** False when the chunk is full: the records from `nextOffset` on were left for the next one. */
  async addBatch(header: BatchHeader, batch: Uint8Array): Promise<boolean> {
    const { router, source, limits } = this;
    const { routed } = this.tools;
    const cursor = new RecordCursor(header, batch);
    if (this.#dealOut(cursor, batch)) return true;
    this.#flushDealt();
    routed.clear();
    let whole = header.baseOffset >= this.from && (header.attributes & DELETE_HORIZON) === 0 && isWholeBatch(batch);
    let full = false;
    while (cursor.next()) {
      const { offset } = cursor;
      if (offset < this.from) continue;
      if (this.#records >= (this.answers?.length ?? limits.maxRecords) || this.#bytes >= limits.maxBytes) {
        full = true;
        whole = false;
        break;
      }
      this.#bytes += bytesOf(cursor);
      let target = router.routeInPlace?.(cursor, source) ?? -1;
      if (target < 0) {
        const answer = this.answers?.[this.#records] ?? router.route(cursor.record(), source);
        const other = answer instanceof Promise ? await answer : answer;
        if (typeof other === 'number') target = other;
        else if ('several' in other) impossible('a record becomes several only where a copy is merged');
        else {
          this.#other(cursor, other);
          whole = false;
          continue;
        }
      }
      this.#note(offset, target);
      this.#sum.addInPlace(source, offset, cursor);
      routed.add(target, cursor);
      if (target !== routed.targets[0]) whole = false;
    }
    if (!full) this.nextOffset = Math.max(this.nextOffset, header.lastOffset + 1);
    const { count } = routed;
    if (whole && count > 0 && this.#passesWhole(header)) {
      this.#passOn(routed.targets[0]!, batch, count);
      return true;
    }
    this.#scatter(cursor.view, compressionName(header.compression) ?? 'none');
    return !full;
  }

  /**
   * Takes a batch at once, where the hashes of its keys say where its records go. False when it has to be taken record by record, with nothing done.
   */
  #dealOut(cursor: RecordCursor, batch: Uint8Array): boolean {
    const { limits, source } = this;
    const { dealer } = this.tools;
    const hashed = this.answers === undefined ? this.router.hashed?.(source) : undefined;
    if (dealer === undefined || hashed === undefined) return false;
    const { header, reach } = cursor;
    const { recordCount: count, baseOffset } = header;
    if (baseOffset < this.from || !isWholeBatch(batch) || this.#records + count > limits.maxRecords) return false;
    if (this.#bytes + (reach.to - reach.from) + 16 * count > limits.maxBytes) return false;
    const dealt = dealer.route(cursor, source, hashed, this.#sum);
    if (dealt === undefined) return false;
    this.#noteAll(baseOffset, dealt.routes);
    this.#bytes += dealt.bytes;
    if (dealt.together && (header.attributes & DELETE_HORIZON) === 0 && this.#passesWhole(header)) {
      this.#passOn(dealt.routes[0]!, batch, count);
      return true;
    }
    this.#flushPending();
    const compression = compressionName(header.compression) ?? 'none';
    if (compression !== this.#dealtCompression) this.#flushDealt();
    this.#dealtCompression = compression;
    dealer.deal((target) => this.#takeDealt(target));
    return true;
  }

  #passesWhole({ sizeBytes, compression }: BatchHeader): boolean {
    return sizeBytes <= this.limits.maxBatchBytes && (compression !== 0 || sizeBytes >= WHOLE_FROM_BYTES);
  }

  #passOn(target: number, batch: Uint8Array, records: number): void {
    this.#flush(target);
    this.#takeDealt(target);
    this.#batches.push({ target, batch: detachBatch(batch, undefined, this.tools.room), records });
  }

  /** What comes now goes behind everything that was dealt out. */
  #flushDealt(): void {
    if (this.#dealtCompression === undefined) return;
    for (let target = 0; target < this.router.targets; target++) this.#takeDealt(target);
    this.#dealtCompression = undefined;
  }

  #takeDealt(target: number): void {
    const taken = this.#dealtCompression && this.tools.dealer?.take(target);
    if (taken === undefined) return;
    const options = { compression: this.#dealtCompression, maxBytes: this.limits.maxBatchBytes };
    const batch = frameBatch(taken.plain, taken, options, this.tools.room);
    this.#push(target, batch, taken.records);
  }

  #push(target: number, batch: Uint8Array, records: number): void {
    const most = this.limits.maxBatchBytes;
    if (batch.length > most) throw logErrors.batchTooLarge(batch.length, most);
    this.#batches.push({ target, batch, records });
  }

  #flushPending(): void {
    for (let target = 0; target < this.tools.pending.length; target++) this.#flush(target);
  }

  finish(until: number): BuiltChunk {
    this.#flushPending();
    this.#flushDealt();
    return {
      until,
      ranges: this.#ranges,
      routes: this.#routes.slice(0, this.#records),
      batches: this.#batches,
      deadLetters: batchesOf(this.#deadLetters),
      dropped: this.#dropped,
      sent: this.#deadLetters.length,
      parked: batchesOf(this.#parked),
      parkedBy: this.#parkedBy,
      noted: this.#noted,
      sum: this.#sum,
      bytes: this.#bytes,
    };
  }

  #note(offset: number, route: number): void {
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.first + last.count === offset) last.count++;
    else this.#ranges.push({ first: offset, count: 1 });
    this.#makeRoom(1);
    this.#routes[this.#records++] = route;
    this.nextOffset = offset + 1;
  }

  /** Notes records one after another. */
  #noteAll(offset: number, routes: Uint16Array): void {
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.first + last.count === offset) last.count += routes.length;
    else this.#ranges.push({ first: offset, count: routes.length });
    this.#makeRoom(routes.length);
    this.#routes.set(routes, this.#records);
    this.#records += routes.length;
    this.nextOffset = offset + routes.length;
  }

  #makeRoom(records: number): void {
    const needed = this.#records + records;
    if (needed <= this.#routes.length) return;
    const larger = new Uint16Array(Math.max(needed, this.#routes.length * 2));
    larger.set(this.#routes);
    this.#routes = larger;
  }

  /** A record that does not stay what it is: another one in its place, or left out. */
  #other(cursor: RecordCursor, answer: PlacedRecord | LeftOut | ToBeParked): void {
    const { source } = this;
    const record = cursor.record();
    if ('target' in answer) {
      this.#note(record.offset, answer.target);
      if (answer.noted !== undefined) this.#noted.set(answer.noted, (this.#noted.get(answer.noted) ?? 0) + 1);
      this.#sum.add(source, record.offset, answer.record);
      this.tools.routed.addRewritten(answer.target, answer.record);
    } else if ('park' in answer) {
      const { rule } = answer.park;
      this.#note(record.offset, PARKED);
      this.#parkedBy.set(rule, (this.#parkedBy.get(rule) ?? 0) + 1);
      this.#parked.push(parkedForm(record, source, answer.park));
      if (answer.letter !== undefined) this.#deadLetters.push(deadLetter(record, source, rule, answer.letter));
    } else {
      this.#note(record.offset, DROPPED);
      this.#dropped.set(answer.rule, (this.#dropped.get(answer.rule) ?? 0) + 1);
      if (answer.deadLetter) this.#deadLetters.push(deadLetter(record, source, answer.rule, answer.notes));
    }
  }

  /** Deals the routed records of a batch out to the batches of their targets. */
  #scatter(view: DataView, compression: CompressionName): void {
    const { routed } = this.tools;
    const { count, targets, timestamps, starts, ends } = routed;
    for (let i = 0; i < count; i++) {
      const rewritten = routed.rewritten(i);
      if (rewritten !== undefined) {
        this.#encoderFor(targets[i]!, maxRecordSize(rewritten), compression).add(rewritten);
        continue;
      }
      const size = MAX_RECORD_HEAD_BYTES + ends[i]! - starts[i]!;
      this.#encoderFor(targets[i]!, size, compression).addEncoded(timestamps[i]!, view, starts[i]!, ends[i]!);
    }
  }

  /** The encoder of a target with room for so many bytes more. */
  #encoderFor(target: number, size: number, compression: CompressionName): BatchEncoder {
    let pending = this.tools.pending[target];
    if (pending === undefined) {
      pending = { encoder: new BatchEncoder(), compression, largest: 0 };
      this.tools.pending[target] = pending;
    }
    const { encoder } = pending;
    const limit = batchBytesOf(this.limits);
    if (encoder.count > 0 && (encoder.sizeBytes + size > limit || pending.compression !== compression)) {
      this.#flush(target);
    }
    pending.compression = compression;
    return encoder;
  }

  #flush(target: number): void {
    const pending = this.tools.pending[target];
    if (pending === undefined || pending.encoder.count === 0) return;
    const { encoder, compression } = pending;
    const records = encoder.count;
    pending.largest = Math.max(pending.largest, encoder.sizeBytes);
    const batch = encoder.finish({ compression, maxBytes: this.limits.maxBatchBytes });
    this.#push(target, batch, records);
  }
}

/** Records one after another as batches of a size. */
export function batchesOf(records: readonly LogRecord[]): Uint8Array[] {
  const batches: Uint8Array[] = [];
  const encoder = new BatchEncoder();
  for (const record of records) {
    if (encoder.count > 0 && encoder.sizeBytes + maxRecordSize(record) > BATCH_BYTES) batches.push(encoder.finish());
    encoder.add(record);
  }
  if (encoder.count > 0) batches.push(encoder.finish());
  return batches;
}

/** The records of a fetch from an offset on, no more than a chunk takes. */
function recordsOf(fetched: FetchedPartition, from: number, limits: BuildLimits): StoredRecord[] {
  const records: StoredRecord[] = [];
  let bytes = 0;
  for (const batch of fetched.batches) {
    for (const { header, bytes: one } of batchesIn(batch)) {
      if (header.control || header.lastOffset < from) continue;
      const cursor = new RecordCursor(header, one);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        if (records.length >= limits.maxRecords || bytes >= limits.maxBytes) return records;
        bytes += bytesOf(cursor);
        records.push(cursor.record());
      }
    }
  }
  return records;
}

/** What a record counts against the bytes of a chunk. */
function bytesOf({ keyLength, valueLength }: RecordCursor): number {
  return Math.max(keyLength, 0) + Math.max(valueLength, 0) + 16;
}

/** The record as it was, and where it was, in headers of its own. */
export function deadLetter(
  record: StoredRecord,
  source: number,
  rule: string,
  notes: readonly RecordHeader[] = [],
): LogRecord {
  const headers = [
    ...record.headers,
    { key: 'weir.source.partition', value: Buffer.from(String(source)) },
    { key: 'weir.source.offset', value: Buffer.from(String(record.offset)) },
    { key: 'weir.rule', value: Buffer.from(rule) },
    ...notes,
  ];
  return { key: record.key, value: record.value, headers, timestamp: record.timestamp };
}
