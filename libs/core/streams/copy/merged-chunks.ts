import {
  type Appended,
  BatchEncoder,
  type CompressionName,
  DigestSum,
  logErrors,
  type LogRecord,
  maxRecordSize,
  type StoredRecord,
} from '#libs/core/log';
import { BATCH_BYTES, type BuiltChunk, deadLetter } from './chunk-builder.js';
import { type ChunkRun, DROPPED, type OffsetRange, PARKED } from './chunk.js';
import { parkedForm } from './parked-records.js';
import type { LeftOut, PlacedRecord, Routed } from './router.js';

/** An encoded batch for a target partition, and which source each of its records comes from. */
interface MergedBatch {
  readonly target: number;
  readonly batch: Uint8Array;
  readonly sources: readonly number[];
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
    let part = this.#parts.get(source);
    if (part === undefined) this.#parts.set(source, (part = new Part()));
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0) + 16;
    this.records++;
    this.bytes += size;
    part.bytes += size;
    part.records++;
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

  /** The batches in the order they have to be appended. Ends the taking. */
  batches(): readonly MergedBatch[] {
    for (const target of this.#open.keys()) this.#flush(target);
    return this.#batches;
  }

  /** Each source that has records here, with what it has. */
  parts(): readonly (readonly [source: number, MergedPart])[] {
    return [...this.#parts].map(([source, part]) => [source, part.finish()]);
  }

  /** Where the records of a source lie, by the places that the batches got. */
  runsOf(source: number, appended: readonly Appended[]): ChunkRun[] {
    const runs: { target: number; base: number; count: number }[] = [];
    const last = new Map<number, { target: number; base: number; count: number }>();
    for (const [at, { target, sources }] of this.#batches.entries()) {
      const { baseOffset } = appended[at]!;
      for (const [i, from] of sources.entries()) {
        if (from !== source) continue;
        const run = last.get(target);
        if (run !== undefined && run.base + run.count === baseOffset + i) run.count++;
        else {
          const begun = { target, base: baseOffset + i, count: 1 };
          last.set(target, begun);
          runs.push(begun);
        }
      }
    }
    return runs;
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
    const limit = Math.min(BATCH_BYTES, this.maxBatchBytes);
    let open = this.#open.get(target);
    if (open !== undefined && open.encoder.count > 0 && open.encoder.sizeBytes + maxRecordSize(record) > limit) {
      this.#flush(target);
      open = undefined;
    }
    // The batches of a merge come from several: the first record's compression holds for all of them.
    if (open === undefined) this.#open.set(target, (open = { encoder: new BatchEncoder(), sources: [], compression }));
    open.encoder.add(record);
    open.sources.push(source);
  }

  #flush(target: number): void {
    const open = this.#open.get(target);
    if (open === undefined) return;
    this.#open.delete(target);
    const batch = open.encoder.finish({ compression: open.compression });
    if (batch.length > this.maxBatchBytes) throw logErrors.batchTooLarge(batch.length, this.maxBatchBytes);
    this.#batches.push({ target, batch, sources: open.sources });
  }
}

interface OpenBatch {
  readonly encoder: BatchEncoder;
  readonly sources: number[];
  readonly compression: CompressionName;
}

class Part {
  records = 0;
  bytes = 0;
  sent = 0;
  readonly dropped = new Map<string, number>();
  readonly noted = new Map<string, number>();
  readonly parkedBy = new Map<string, number>();
  readonly sum = new DigestSum();
  readonly #routes: number[] = [];
  readonly #ranges: { first: number; count: number }[] = [];

  note(offset: number, route: number): void {
    this.#routes.push(route);
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.first + last.count === offset) last.count++;
    else this.#ranges.push({ first: offset, count: 1 });
  }

  finish(): MergedPart {
    const { first, count } = this.#ranges[this.#ranges.length - 1]!;
    const ranges: readonly OffsetRange[] = this.#ranges;
    const { records, bytes, dropped, noted, parkedBy, sent, sum } = this;
    const routes = Uint16Array.from(this.#routes);
    return { until: first + count, ranges, routes, records, bytes, dropped, noted, parkedBy, sent, sum };
  }
}
