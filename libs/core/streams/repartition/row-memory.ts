import { AppError } from '#libs/core/kernel';
import { BatchEncoder, VarintReader, varintSize, writeVarint, writeVarlong } from '#libs/core/log';
import { BATCH_BYTES } from '../copy/chunk-builder.js';
import type { CopyMemory } from '../copy/copy-memory.js';
import type { CopySide } from '../generations/kind.js';
import { PartitionCursor, untilReadable } from '../partition-cursor.js';
import { NO_ROW, RekeyedRows, type RowPlace } from './rekeyed-rows.js';

const VERSION = 1;
/** Most bytes of a row in its form beside the new key: length, version, partition and offset. */
const MAX_HEAD_BYTES = 5 + 1 + 5 + 10;
/** A tombstone without headers, as it lies behind the key of a record. */
const GONE = new DataView(Uint8Array.of(0x01, 0x00).buffer);

/** Not among rows, nor among those that are gone. */
const NOTHING = -(2 ** 31);

/**
 * The rows a copy has seen, committed with what it wrote: in a topic of one partition, each change of a row a record under its present key. The topic lists them in the order in which they were written last, so that reading it from the beginning gives the same rows, and of those with
 * one new key the same newest.
 */
export class RowMemory implements CopyMemory {
  readonly rows: RekeyedRows;
  /** What is to be committed, the last change last: rows, keys of rows that are gone by their place in `#gone` (bits turned), and {@link NOTHING} where a later change has taken the place. */
  #changes: number[] = [];
  #gone: Uint8Array[] = [];
  readonly #encoder = new BatchEncoder();
  /** The form of a row, while it is written. */
  #form = new DataView(new ArrayBuffer(256));
  /** Where the topic ends at least, as this process knows. */
  #end = 0;

  constructor(
    private readonly place: CopySide,
    /** The rows there were before the copy began. */
    private readonly first?: (rows: RekeyedRows) => Promise<void>,
  ) {
    // Its name has the id of the operation.
    this.rows = new RekeyedRows(place.topic);
  }

  get topic(): string {
    return this.place.topic;
  }

  async recall(): Promise<void> {
    this.rows.clear();
    this.#changes = [];
    this.#gone = [];
    await this.first?.(this.rows);
    await readRows(this.place, this.rows, this.#end);
  }

  committed(end: number): void {
    this.#end = end;
  }

  /** A row was written. */
  put(key: Uint8Array, newKey: Uint8Array, { partition, offset }: RowPlace): void {
    const row = this.rows.find(key);
    this.putInPlace(row, key, 0, key.length, newKey, 0, newKey.length, partition, offset);
  }

  /** The same, see {@link RekeyedRows.putInPlace}. */
  putInPlace(
    known: number,
    bytes: Uint8Array,
    keyAt: number,
    keyLength: number,
    newBytes: Uint8Array,
    newKeyAt: number,
    newKeyLength: number,
    partition: number,
    offset: number,
  ): void {
    const { rows } = this;
    const row = rows.putInPlace(known, bytes, keyAt, keyLength, newBytes, newKeyAt, newKeyLength, partition, offset);
    this.#overtake(row);
    rows.setChangedAt(row, this.#changes.push(row) - 1);
  }

  remove(row: number): void {
    this.#overtake(row);
    this.#changes.push(~(this.#gone.push(Uint8Array.from(this.rows.key(row))) - 1));
    this.rows.remove(row);
  }

  changes(): readonly Uint8Array[] {
    const encoder = this.#encoder;
    const batches: Uint8Array[] = [];
    encoder.clear();
    for (const change of this.#changes) {
      if (change === NOTHING) continue;
      if (encoder.sizeBytes > BATCH_BYTES) batches.push(encoder.finish());
      if (change < 0) {
        const key = this.#gone[~change]!;
        encoder.addUnderKey(-1, key, 0, key.length, GONE, 0, GONE.byteLength);
        continue;
      }
      this.rows.setChangedAt(change, -1);
      const key = this.rows.key(change);
      const [from, to] = this.#written(change);
      encoder.addUnderKey(-1, key, 0, key.length, this.#form, from, to);
    }
    if (encoder.count > 0) batches.push(encoder.finish());
    this.#changes = [];
    this.#gone = [];
    return batches;
  }

  /** The former change of a row is no longer to be committed. */
  #overtake(row: number): void {
    const before = this.rows.changedAt(row);
    if (before >= 0) this.#changes[before] = NOTHING;
  }

  /** Writes the form of a row as it lies behind the key of a record: its length, version, place and new key, and that there are no headers. @returns where it begins and ends. */
  #written(row: number): readonly [from: number, to: number] {
    const { rows } = this;
    const newKey = rows.newKey(rows.newKeyOf(row));
    const { partition, offset } = rows.place(row);
    const most = MAX_HEAD_BYTES + newKey.length + 1;
    if (most > this.#form.byteLength) this.#form = new DataView(new ArrayBuffer(2 * most));
    const bytes = new Uint8Array(this.#form.buffer);
    // Behind room for its length, which is known when it is written.
    const begin = 5;
    bytes[begin] = VERSION;
    const keyAt = writeVarlong(bytes, writeVarint(bytes, begin + 1, partition), offset);
    bytes.set(newKey, keyAt);
    const end = keyAt + newKey.length;
    bytes[end] = 0;
    const from = begin - varintSize(end - begin);
    writeVarint(bytes, from, end - begin);
    return [from, end + 1];
  }
}

/** Takes in the changes that a topic lists, up to its end, which is no less than `end`. */
export async function readRows({ log, topic }: CopySide, rows: RekeyedRows, end = 0): Promise<void> {
  const records = new PartitionCursor(log, topic, 0, 0);
  for (;;) {
    const record = await records.peek();
    if (record === undefined) {
      if (records.position >= end) return;
      if (await untilReadable(log, topic, 0, records.position)) continue;
      throw corruptRow(`its topic ends before ${end}`);
    }
    const key = record.key ?? new Uint8Array();
    if (record.value === null) {
      const row = rows.find(key);
      if (row !== NO_ROW) rows.remove(row);
    } else {
      const { newKey, place } = decodeRow(record.value);
      rows.put(key, newKey, place);
    }
    records.take();
  }
}

/**
 * The rows as the way back begins with them: what they have got is what they are known by now, and the other way round. Of several with one new key the one that is shown counts.
 */
export async function turnedRound(there: CopySide, rows: RekeyedRows): Promise<void> {
  const before = new RekeyedRows(there.topic);
  await readRows(there, before);
  for (const row of before.shown()) {
    rows.put(before.newKey(before.newKeyOf(row)), before.key(row), { ...before.place(row), isElsewhere: true });
  }
}

function decodeRow(bytes: Uint8Array): { readonly newKey: Uint8Array; readonly place: RowPlace } {
  if (bytes[0] !== VERSION) throw corruptRow(`its version is ${bytes[0]}, not ${VERSION}`);
  const reader = new VarintReader(bytes, 1, bytes.length, corruptRow);
  const partition = reader.int32();
  const offset = Number(reader.int64());
  return { newKey: bytes.subarray(reader.at), place: { partition, offset } };
}

function corruptRow(why: string): AppError {
  return new AppError({
    kind: 'internal',
    code: 'corrupt-row-memory',
    message: `What a repartition remembers of a row is damaged: ${why}.`,
  });
}
