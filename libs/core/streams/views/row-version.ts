import type { CellValue } from './column-type.js';

/** Which record a row was made of. Offsets start anew with each generation of a topic. */
export interface RowVersion {
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  /** Of the record: epoch milliseconds, −1 for none. */
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
 * Whether a record says something newer of a key than another: it is of a later generation; in the same partition it comes later; of two partitions, which have no order between them, it has the
 * later time. So a key that changed its partition ends in the same state whichever partition is read first.
 */
export function isNewer(one: RowVersion, than: RowVersion): boolean {
  if (one.generation !== than.generation) return one.generation > than.generation;
  if (one.partition === than.partition) return one.offset > than.offset;
  if (one.timestamp !== than.timestamp) return one.timestamp > than.timestamp;
  return one.partition > than.partition;
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/** Text that sorts as records are taken for later: by time, then by where they lie. */
export function versionOrder({ generation, partition, offset, timestamp }: RowVersion): string {
  return `${digits(Math.max(0, timestamp + 1), 16)}.${digits(generation, 9)}.${digits(partition, 7)}.${digits(offset, 16)}`;
}
