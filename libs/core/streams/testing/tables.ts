import { encodeBatch, type LogEngine, type LogRecord, partitionerOf, type StoredRecord } from '#libs/core/log';
import { textOf } from './repartition-world.js';

/** A change of a row: its key, and what it says; null ends it. */
export interface RowChange {
  readonly key: string;
  readonly value: { readonly [member: string]: string | number } | null;
}

/** A row change as a record. */
export function rowRecord({ key, value }: RowChange, timestamp: number): LogRecord {
  return { key: Buffer.from(key), value: value && Buffer.from(JSON.stringify(value)), headers: [], timestamp };
}

/** Appends changes one by one, each where its key belongs, a millisecond after the one before. */
export async function appendRows(
  engine: LogEngine,
  topic: string,
  changes: readonly RowChange[],
  firstTime = 1_700_000_000_000,
): Promise<void> {
  const { partitions } = await engine.describeTopic(topic);
  const partitionOf = partitionerOf();
  for (const [n, change] of changes.entries()) {
    const record = rowRecord(change, firstTime + n);
    const partition = partitionOf(record.key, partitions.length)!;
    await engine.append({ topic, partition }, encodeBatch([record]));
  }
}

/** The table that a topic holds: the last value of each key, those without one left out. */
export function tableOf(partitions: readonly (readonly StoredRecord[])[]): Map<string, string> {
  const table = new Map<string, string>();
  for (const { key, value } of partitions.flat()) {
    if (value === null) table.delete(textOf(key));
    else table.set(textOf(key), textOf(value));
  }
  return table;
}

/**
 * A table under new keys, by the law and not by how it is made: each row that is there, by the new key that `newKeyOf` gives its value; of several with one the one written last.
 */
export function rekeyed(
  records: readonly StoredRecord[],
  newKeyOf: (value: Record<string, string>) => string | undefined,
): Map<string, string> {
  const rows = new Map<string, StoredRecord>();
  for (const record of [...records].sort((a, b) => a.timestamp - b.timestamp)) {
    const key = textOf(record.key);
    rows.delete(key);
    if (record.value !== null) rows.set(key, record);
  }
  const table = new Map<string, string>();
  for (const { value } of rows.values()) {
    const text = textOf(value);
    const newKey = newKeyOf(JSON.parse(text) as Record<string, string>);
    if (newKey !== undefined) table.set(newKey, text);
  }
  return table;
}
