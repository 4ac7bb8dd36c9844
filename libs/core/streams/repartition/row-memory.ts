import { AppError } from '#libs/core/kernel';
import { type LogRecord, VarintReader, varintSize, varlongSize, writeVarint, writeVarlong } from '#libs/core/log';
import type { CopyMemory } from '../copy/copy-memory.js';
import { keyName } from '../copy/parked-records.js';
import type { CopySide } from '../generations/kind.js';
import { PartitionCursor, untilReadable } from '../partition-cursor.js';
import { RekeyedRows, type Row, type RowPlace } from './rekeyed-rows.js';

const VERSION = 1;

/**
 * The rows a copy has seen, committed with what it wrote: in a topic of one partition, each change of a row a record under its present key. The topic lists them in the order in which they were written last, so that reading it from the beginning gives the same rows, and of those with
 * one new key the same newest.
 */
export class RowMemory implements CopyMemory {
  readonly rows = new RekeyedRows();
  /** Rows that changed and are to be committed, and keys of those that are gone, the last change last. */
  #changes: (Row | string | undefined)[] = [];
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
    this.#changes = [];
    await this.first?.(this.rows);
    await readRows(this.place, this.rows, this.#end);
  }

  committed(end: number): void {
    this.#end = end;
  }

  /** A row was written. @param present the row as it was, undefined for one that is new */
  put(key: string, newKey: string, place: RowPlace, present?: Row): void {
    const row = this.rows.put(key, newKey, place, present);
    if (row.changedAt >= 0) this.#changes[row.changedAt] = undefined;
    row.changedAt = this.#changes.push(row) - 1;
  }

  remove(key: string): void {
    const changedAt = this.rows.get(key)?.changedAt ?? -1;
    if (changedAt >= 0) this.#changes[changedAt] = undefined;
    this.rows.remove(key);
    this.#changes.push(key);
  }

  changes(): readonly LogRecord[] {
    const records: LogRecord[] = [];
    for (const change of this.#changes) {
      if (change === undefined) continue;
      const isGone = typeof change === 'string';
      if (!isGone) change.changedAt = -1;
      const key = Buffer.from(isGone ? change : change.key, 'latin1');
      records.push({ key, value: isGone ? null : encodeRow(change), headers: [], timestamp: -1 });
    }
    this.#changes = [];
    return records;
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
    const key = keyName(record.key ?? new Uint8Array());
    if (record.value === null) rows.remove(key);
    else {
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
  const before = new RekeyedRows();
  await readRows(there, before);
  for (const newKey of before.newKeys()) {
    const key = before.shownAs(newKey)!;
    rows.put(newKey, key, { ...before.get(key)!.place, isElsewhere: true });
  }
}

function encodeRow({ newKey, place }: Row): Buffer {
  const { partition, offset } = place;
  const keyAt = 1 + varintSize(partition) + varlongSize(offset);
  const bytes = Buffer.allocUnsafe(keyAt + newKey.length);
  bytes[0] = VERSION;
  writeVarlong(bytes, writeVarint(bytes, 1, partition), offset);
  bytes.write(newKey, keyAt, 'latin1');
  return bytes;
}

function decodeRow(bytes: Uint8Array): Pick<Row, 'newKey' | 'place'> {
  if (bytes[0] !== VERSION) throw corruptRow(`its version is ${bytes[0]}, not ${VERSION}`);
  const reader = new VarintReader(bytes, 1, bytes.length, corruptRow);
  const partition = reader.int32();
  const offset = Number(reader.int64());
  return { newKey: keyName(bytes.subarray(reader.at)), place: { partition, offset } };
}

function corruptRow(why: string): AppError {
  return new AppError({
    kind: 'internal',
    code: 'corrupt-row-memory',
    message: `What a repartition remembers of a row is damaged: ${why}.`,
  });
}
