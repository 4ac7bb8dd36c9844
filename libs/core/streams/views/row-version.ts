import type { CellValue } from './column-type.js';

/** Which record a row was made of. Offsets start anew with each generation of a topic. */
export interface RowVersion {
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  /** Of the record, or of an earlier one of the key in the partition where that was later: epoch milliseconds, −1 for none. */
  readonly timestamp: number;
}

/** Cells that a version takes, before all others of its row. */
export const VERSION_CELLS = 4;

export function versionCells({ generation, partition, offset, timestamp }: RowVersion): CellValue[] {
  return [generation, partition, offset, timestamp];
}

export function versionIn(cells: readonly CellValue[]): RowVersion {
  const [generation, partition, offset, timestamp] = cells.slice(0, VERSION_CELLS).map(Number);
  return { generation: generation!, partition: partition!, offset: offset!, timestamp: timestamp! };
}

/**
 * The version of a record that says something newer of its key than what is known; undefined when it does not. It is newer in another generation, since these are read one after another, back to one with a smaller number where a repartition was
 * rolled back; later in the same partition; or in another one, between which there is no order but that of times, with a later time. A time that goes back within a partition counts as the one before.
 */
export function succeeding(record: RowVersion, known: RowVersion | undefined): RowVersion | undefined {
  if (known === undefined || record.generation !== known.generation) return record;
  if (record.partition === known.partition) {
    if (record.offset <= known.offset) return undefined;
    return { ...record, timestamp: Math.max(record.timestamp, known.timestamp) };
  }
  const isLater =
    record.timestamp === known.timestamp ? record.partition > known.partition : record.timestamp > known.timestamp;
  return isLater ? record : undefined;
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/** Text that sorts as records are taken for later: by time, then by where they lie. */
export function versionOrder({ generation, partition, offset, timestamp }: RowVersion): string {
  return `${digits(Math.max(0, timestamp + 1), 16)}.${digits(generation, 9)}.${digits(partition, 7)}.${digits(offset, 16)}`;
}
