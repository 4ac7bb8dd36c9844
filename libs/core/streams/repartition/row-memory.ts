import { AppError } from '#libs/core/kernel';
import { type LogRecord, VarintReader } from '#libs/core/log';
import { ByteWriter } from '../copy/byte-writer.js';
import type { CopyMemory } from '../copy/copy-memory.js';
import type { CopySide } from '../generations/kind.js';
import { PartitionCursor, untilReadable } from '../partition-cursor.js';
import { RekeyedRows, type Row } from './rekeyed-rows.js';

const VERSION = 1;

/**
 * The rows a copy has seen, committed with what it wrote: in a topic of one partition, each change of a row a record under its present key. The topic lists them in the order in which they were written last, so that reading it from the beginning gives the same rows, and of those with
 * one new key the same newest.
 */
export class RowMemory implements CopyMemory {
  readonly rows = new RekeyedRows();
  /** By present key, the last change last; null: the row is gone. */
  readonly #changed = new Map<string, Row | null>();
  /** Where the topic ends at least, as this process knows. */
  #end = 0;

  constructor(
    private readonly place: CopySide,
    /** The rows there were before the copy began. */
    private readonly first?: (rows: RekeyedRows) => Promise<void>,
  ) {}

  get topic(): string {
    return this.place.topic;
  }

  async recall(): Promise<void> {
    this.rows.clear();
    this.#changed.clear();
    await this.first?.(this.rows);
    await readRows(this.place, this.rows, this.#end);
  }

  committed(end: number): void {
    this.#end = end;
  }

  put(key: string, row: Row): void {
    this.rows.put(key, row);
    this.#note(key, row);
  }

  remove(key: string): void {
    this.rows.remove(key);
    this.#note(key, null);
  }

  changes(): readonly LogRecord[] {
    const records: LogRecord[] = [];
    for (const [key, row] of this.#changed) {
      records.push({ key: Buffer.from(key, 'latin1'), value: row && encodeRow(row), headers: [], timestamp: -1 });
    }
    this.#changed.clear();
    return records;
  }

  #note(key: string, row: Row | null): void {
    this.#changed.delete(key);
    this.#changed.set(key, row);
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
    const key = Buffer.from(record.key ?? []).toString('latin1');
    if (record.value === null) rows.remove(key);
    else rows.put(key, decodeRow(record.value));
    records.take();
  }
}

/**
 * The rows as the way back begins with them: what they have got is what they are known by now, and the other way round. Of several with one new key the one that is shown counts.
 */
export async function turnedRound(there: CopySide, rows: RekeyedRows): Promise<void> {
  const before = new RekeyedRows();
  await readRows(there, before);
  for (const newKey of before.newKeys()) {
    const key = before.shownAs(newKey)!;
    rows.put(newKey, { newKey: key, place: { ...before.get(key)!.place, isElsewhere: true } });
  }
}

function encodeRow({ newKey, place }: Row): Buffer {
  const writer = new ByteWriter(newKey.length + 24);
  writer.byte(VERSION).int(place.partition).long(place.offset);
  return writer.bytes(Buffer.from(newKey, 'latin1')).finish();
}

function decodeRow(bytes: Uint8Array): Row {
  if (bytes[0] !== VERSION) throw corruptRow(`its version is ${bytes[0]}, not ${VERSION}`);
  const reader = new VarintReader(bytes, 1, bytes.length, corruptRow);
  const partition = reader.int32();
  const offset = Number(reader.int64());
  return { newKey: Buffer.from(bytes.subarray(reader.at)).toString('latin1'), place: { partition, offset } };
}

function corruptRow(why: string): AppError {
  return new AppError({
    kind: 'internal',
    code: 'corrupt-row-memory',
    message: `What a repartition remembers of a row is damaged: ${why}.`,
  });
}
