import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { RecordCursor } from '#libs/core/log';
import { readAddress, type Address, type AddressedPart } from '#libs/core/schema';
import type { ScanFold } from '../scan-handler.js';
import type { AddressedRecord, RecordTrials, TriedRecord } from './record-trials.js';

/** What became of the records of one writer. */
export interface WriterCount {
  readonly read: number;
  /** Records that the candidate does not read. */
  readonly failed: number;
  /** Records that are not what the schema that they name wrote. */
  readonly undecodable: number;
}

/** A record that was not read. */
export interface ReplayFailure {
  /** Place in its partition. */
  readonly offset: number;
  /** Of the writer's schema. */
  readonly schemaId: number;
  readonly by: 'candidate' | 'writer';
  readonly path: string;
  readonly reason: string;
}

/** What has been found in one range. */
export interface ReplaySummary {
  readonly records: number;
  /** Of the part that was tried. */
  readonly bytes: number;
  /** Parts that are null. */
  readonly absent: number;
  /** Parts that name no schema: nothing tells how they were written. */
  readonly unnamed: number;
  /** Parts that name a schema which the registry does not have. */
  readonly unknown: number;
  /** By id of the writer's schema. */
  readonly writers: ReadonlyMap<number, WriterCount>;
  /** The first ones, by offset. */
  readonly failures: readonly ReplayFailure[];
}

/** What is tried together: little enough for a thread's deadline, whatever schema and records are. */
const TOGETHER = { records: 128, bytes: 128 * 1024 };

class RangeReplay implements ReplaySummary {
  records = 0;
  bytes = 0;
  absent = 0;
  unnamed = 0;
  unknown = 0;
  readonly writers = new Map<number, { read: number; failed: number; undecodable: number }>();
  readonly failures: ReplayFailure[] = [];

  toJson(): JsonObject {
    const { records, bytes, absent, unnamed, unknown, writers, failures } = this;
    const counts = [...writers].map(([id, { read, failed, undecodable }]) => [id, read, failed, undecodable]);
    const listed = failures.map((one): JsonValue => ({ ...one }));
    return { records, bytes, absent, unnamed, unknown, writers: counts, failures: listed };
  }

  static from(json: JsonObject): RangeReplay {
    const range = new RangeReplay();
    for (const member of ['records', 'bytes', 'absent', 'unnamed', 'unknown'] as const) {
      range[member] = json[member] as number;
    }
    for (const [id, read, failed, undecodable] of json['writers'] as [number, number, number, number][]) {
      range.writers.set(id, { read, failed, undecodable });
    }
    range.failures.push(...(json['failures'] as unknown as ReplayFailure[]));
    return range;
  }
}

/** A summary as {@link ReplayTally.summary} made it. */
export function replaySummary(json: JsonObject): ReplaySummary {
  return RangeReplay.from(json);
}

interface Pending extends AddressedRecord {
  readonly index: number;
  readonly offset: number;
}

/** Tries one part of each record, range by range. */
export class ReplayTally implements ScanFold {
  readonly #ranges = new Map<number, RangeReplay>();
  #pending: Pending[] = [];
  #pendingBytes = 0;
  /** Of ranges that are forgotten. */
  #bytesBefore = 0;

  constructor(
    private readonly part: AddressedPart,
    private readonly trials: Pick<RecordTrials, 'outcomes'>,
    /** Failures listed for each range. */
    private readonly listed: number,
    private readonly maxBytes: number,
  ) {}

  get isFull(): boolean {
    return this.#pending.length >= TOGETHER.records || this.#pendingBytes >= TOGETHER.bytes;
  }

  get isDone(): boolean {
    let bytes = this.#bytesBefore;
    for (const range of this.#ranges.values()) bytes += range.bytes;
    return bytes >= this.maxBytes;
  }

  take(index: number, record: RecordCursor): void {
    const range = this.#range(index);
    range.records++;
    const isKey = this.part === 'key';
    const at = isKey ? record.keyAt : record.valueAt;
    const length = isKey ? record.keyLength : record.valueLength;
    if (length < 0) {
      range.absent++;
      return;
    }
    range.bytes += length;
    const view = record.bytes.subarray(at, at + length);
    const address = readAddress(this.part, view, record.headers());
    if (address === undefined) range.unnamed++;
    else {
      this.#pending.push({ index, offset: record.offset, ...ownRecord(address, view) });
      this.#pendingBytes += length;
    }
  }

  async settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (pending.length === 0) return;
    const tried = await this.trials.outcomes(pending);
    for (const [i, one] of pending.entries()) this.#note(one, tried[i]!);
  }

  summary(index: number): JsonObject {
    return this.#range(index).toJson();
  }

  restore(index: number, summary: JsonObject): void {
    this.#ranges.set(index, RangeReplay.from(summary));
  }

  forget(index: number): void {
    this.#bytesBefore += this.#ranges.get(index)?.bytes ?? 0;
    this.#ranges.delete(index);
  }

  #note({ index, offset }: Pending, { schemaId, failure }: TriedRecord): void {
    const range = this.#range(index);
    if (schemaId === null) {
      range.unknown++;
      return;
    }
    const count = range.writers.get(schemaId) ?? { read: 0, failed: 0, undecodable: 0 };
    range.writers.set(schemaId, count);
    if (failure === undefined) {
      count.read++;
      return;
    }
    const { by, path, reason } = failure;
    count[by === 'writer' ? 'undecodable' : 'failed']++;
    if (range.failures.length < this.listed) range.failures.push({ offset, schemaId, by, path, reason });
  }

  #range(index: number): RangeReplay {
    let range = this.#ranges.get(index);
    if (range === undefined) this.#ranges.set(index, (range = new RangeReplay()));
    return range;
  }
}

/** Copied: what is tried goes to another thread, and a view would take its whole batch along. */
function ownRecord({ envelope, indexes }: Address, view: Uint8Array): AddressedRecord {
  const payloadAt = indexes === null ? envelope.payloadAt : 0;
  const record = { bytes: new Uint8Array(view), payloadAt, indexes: indexes === null ? null : new Uint8Array(indexes) };
  return { envelope, record };
}
