import {
  type Appended,
  BatchEncoder,
  type CompressionName,
  DigestSum,
  logErrors,
  type LogRecord,
  MAX_RECORD_HEAD_BYTES,
  maxRecordSize,
  type RecordCursor,
  type StoredRecord,
} from '#libs/core/log';
import { BATCH_BYTES, type BuiltChunk, deadLetter } from './chunk-builder.js';
import { type ChunkRun, DROPPED, type OffsetRange, PARKED } from './chunk.js';
import { parkedForm } from './parked-records.js';
import type { KeyRange, LeftOut, PlacedRecord, Routed } from './router.js';

/** An encoded batch for a target partition, and which source each of its records comes from. */
interface MergedBatch {
  readonly target: number;
  readonly batch: Uint8Array;
  /** As many of these as the batch has records. */
  readonly sources: Uint16Array;
  readonly records: number;
}

/** What one source partition has in a merged commit. */
export type MergedPart = Omit<BuiltChunk, 'batches' | 'deadLetters' | 'parked'>;

/**
 * One commit while it grows, put together record by record, of a merge or a redrive: records of several source partitions one after another, put together by target partition in that order, and what the offset map of
 * each source has to say of them.
 */
export class MergedChunks {
  records = 0;
  bytes = 0;
  readonly deadLetters: LogRecord[] = [];
  readonly parked: LogRecord[] = [];
  readonly #parts = new Map<number, Part>();
  readonly #open = new Map<number, OpenBatch>();
  readonly #batches: MergedBatch[] = [];

  constructor(private readonly maxBatchBytes: number) {}

  /** Takes the next record in the order of the merge. @throws `batch-too-large` for one that the target cannot take. */
  add(source: number, record: StoredRecord, routed: Routed, compression: CompressionName): void {
    const part = this.#partOf(source, (record.key?.length ?? 0) + (record.value?.length ?? 0) + 16);
    if (typeof routed === 'number') this.#place(part, source, record.offset, { target: routed, record }, compression);
    else if ('target' in routed) this.#place(part, source, record.offset, routed, compression);
    else if ('rule' in routed) this.#leaveOut(part, source, record, routed);
    else if ('park' in routed) {
      const { rule } = routed.park;
      part.note(record.offset, PARKED);
      part.parkedBy.set(rule, (part.parkedBy.get(rule) ?? 0) + 1);
      this.parked.push(parkedForm(record, source, routed.park));
    } else {
      for (const one of routed.several) this.#place(part, source, record.offset, one, compression);
      if (routed.leftOut !== undefined) this.#leaveOut(part, source, record, routed.leftOut);
    }
  }

  /** The same of a record that goes to a target partition as it lies. */
  addInPlace(source: number, record: RecordCursor, target: number, compression: CompressionName): void {
    const { offset, timestamp, view, fieldsAt, recordEnd } = record;
    const part = this.#partIn(source, record);
    part.note(offset, target);
    part.sum.addInPlace(source, offset, record);
    const open = this.#openFor(target, recordEnd - fieldsAt, compression);
    open.encoder.addEncoded(timestamp, view, fieldsAt, recordEnd);
    open.came(source);
  }

  /** The same under another key, which lies among its own bytes. */
  addUnderKey(source: number, record: RecordCursor, key: KeyRange, target: number, compression: CompressionName): void {
    const { offset, timestamp, bytes, view, keyAt, keyLength, recordEnd } = record;
    const { at, length } = key;
    const part = this.#partIn(source, record);
    part.note(offset, target);
    part.sum.addUnderKey(source, offset, record, view, at, length);
    const behindKey = keyAt + Math.max(keyLength, 0);
    const open = this.#openFor(target, recordEnd - behindKey + length + 5, compression);
    open.encoder.addUnderKey(timestamp, bytes, at, length, view, behindKey, recordEnd);
    open.came(source);
  }

  /** The batches in the order they have to be appended. Ends the taking. */
  batches(): readonly MergedBatch[] {
    for (const target of this.#open.keys()) this.#flush(target);
    return this.#batches;
  }

  /** Each source that has records here, with what it has. */
  parts(): readonly (readonly [source: number, MergedPart])[] {
    return [...this.#parts].map(([source, part]) => [source, part.finish()]);
  }

  /** Where the records of each source lie, by the places that the batches got. */
  runs(appended: readonly Appended[]): ReadonlyMap<number, readonly ChunkRun[]> {
    const found = new Map<number, OpenRun[]>();
    /** Of each source the last run in each target. */
    const last = new Map<number, Map<number, OpenRun>>();
    for (const source of this.#parts.keys()) {
      found.set(source, []);
      last.set(source, new Map());
    }
    for (const [at, { target, sources, records }] of this.#batches.entries()) {
      const { baseOffset } = appended[at]!;
      for (let i = 0; i < records;) {
        const source = sources[i]!;
        let end = i + 1;
        while (end < records && sources[end] === source) end++;
        const runs = last.get(source)!;
        const run = runs.get(target);
        const base = baseOffset + i;
        if (run !== undefined && run.base + run.count === base) run.count += end - i;
        else {
          const begun = { target, base, count: end - i };
          runs.set(target, begun);
          found.get(source)!.push(begun);
        }
        i = end;
      }
    }
    return found;
  }

  #partIn(source: number, { keyLength, valueLength }: RecordCursor): Part {
    return this.#partOf(source, Math.max(keyLength, 0) + Math.max(valueLength, 0) + 16);
  }

  /** Counts a record of a source. */
  #partOf(source: number, bytes: number): Part {
    let part = this.#parts.get(source);
    if (part === undefined) this.#parts.set(source, (part = new Part()));
    this.records++;
    this.bytes += bytes;
    part.bytes += bytes;
    part.records++;
    return part;
  }

  #place(part: Part, source: number, offset: number, placed: PlacedRecord, compression: CompressionName): void {
    const { target, record, noted } = placed;
    if (noted !== undefined) part.noted.set(noted, (part.noted.get(noted) ?? 0) + 1);
    part.note(offset, target);
    part.sum.add(source, offset, record);
    this.#write(target, source, record, compression);
  }

  #leaveOut(part: Part, source: number, record: StoredRecord, { rule, deadLetter: sends, notes }: LeftOut): void {
    part.note(record.offset, DROPPED);
    part.dropped.set(rule, (part.dropped.get(rule) ?? 0) + 1);
    if (!sends) return;
    part.sent++;
    this.deadLetters.push(deadLetter(record, source, rule, notes));
  }

  #write(target: number, source: number, record: LogRecord, compression: CompressionName): void {
    const open = this.#openFor(target, maxRecordSize(record) - MAX_RECORD_HEAD_BYTES, compression);
    open.encoder.add(record);
    open.came(source);
  }

  /** The batch of a target that a record goes to whose fields take so many bytes. */
  #openFor(target: number, fieldsBytes: number, compression: CompressionName): OpenBatch {
    const limit = Math.min(BATCH_BYTES, this.maxBatchBytes);
    let open = this.#open.get(target);
    if (open !== undefined && open.count > 0 && open.encoder.sizeBytes + MAX_RECORD_HEAD_BYTES + fieldsBytes > limit) {
      this.#flush(target);
      open = undefined;
    }
    // The batches of a merge come from several: the first record's compression holds for all of them.
    if (open === undefined) this.#open.set(target, (open = new OpenBatch(compression)));
    return open;
  }

  #flush(target: number): void {
    const open = this.#open.get(target);
    if (open === undefined) return;
    this.#open.delete(target);
    const batch = open.encoder.finish({ compression: open.compression });
    if (batch.length > this.maxBatchBytes) throw logErrors.batchTooLarge(batch.length, this.maxBatchBytes);
    this.#batches.push({ target, batch, sources: open.sources, records: open.count });
  }
}

interface OpenRun {
  readonly target: number;
  readonly base: number;
  count: number;
}

/** A batch while it grows. */
class OpenBatch {
  readonly encoder = new BatchEncoder();
  sources = new Uint16Array(64);
  count = 0;

  constructor(readonly compression: CompressionName) {}

  /** Where the record came from that was added last. */
  came(source: number): void {
    if (this.count === this.sources.length) this.sources = doubled(this.sources);
    this.sources[this.count++] = source;
  }
}

function doubled(numbers: Uint16Array): Uint16Array<ArrayBuffer> {
  const longer = new Uint16Array(numbers.length * 2);
  longer.set(numbers);
  return longer;
}

class Part {
  records = 0;
  bytes = 0;
  sent = 0;
  readonly dropped = new Map<string, number>();
  readonly noted = new Map<string, number>();
  readonly parkedBy = new Map<string, number>();
  readonly sum = new DigestSum();
  #routes = new Uint16Array(256);
  #noted = 0;
  readonly #ranges: { first: number; count: number }[] = [];

  note(offset: number, route: number): void {
    if (this.#noted === this.#routes.length) this.#routes = doubled(this.#routes);
    this.#routes[this.#noted++] = route;
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.first + last.count === offset) last.count++;
    else this.#ranges.push({ first: offset, count: 1 });
  }

  finish(): MergedPart {
    const { first, count } = this.#ranges[this.#ranges.length - 1]!;
    const ranges: readonly OffsetRange[] = this.#ranges;
    const { records, bytes, dropped, noted, parkedBy, sent, sum } = this;
    const routes = this.#routes.subarray(0, this.#noted);
    return { until: first + count, ranges, routes, records, bytes, dropped, noted, parkedBy, sent, sum };
  }
}
