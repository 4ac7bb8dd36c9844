import { logNumberIn } from '../reader-place.js';
import type { CellValue } from './column-type.js';
import type { ViewDefinition } from './view-definition.js';

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
 * @param stands where the reader stands, for a record that is not read in its turn: of another generation it is not newer for that alone.
 */
export function succeeding(
  record: RowVersion,
  known: RowVersion | undefined,
  stands?: StandingGeneration,
): RowVersion | undefined {
  if (known === undefined) return record;
  if (record.generation !== known.generation)
    return stands === undefined || comesLater(record, known, stands) ? record : undefined;
  if (record.partition === known.partition) {
    if (record.offset <= known.offset) return undefined;
    return { ...record, timestamp: Math.max(record.timestamp, known.timestamp) };
  }
  const isLater =
    record.timestamp === known.timestamp ? record.partition > known.partition : record.timestamp > known.timestamp;
  return isLater ? record : undefined;
}

/** The generation that a reader of a topic is in, and where it was opened, by partition: what lies below is from before. Empty where it was the first one, or that is not known. */
export interface StandingGeneration {
  readonly generation: number;
  readonly opening: readonly number[];
}

/** Generations in one log are counted by numbers below. See `reader-place.ts`. */
const sameLog = (one: number, other: number): boolean => logNumberIn(one) === logNumberIn(other);

/**
 * Which of two generations a record was read in later: that in which the reader is, as far as it has been read since it was opened, is the last one; before it, the numbers of one log rise. Between those of several logs that were all
 * left there is no order but that of times.
 */
function comesLater(record: RowVersion, known: RowVersion, { generation, opening }: StandingGeneration): boolean {
  const isSince = (one: RowVersion): boolean =>
    one.generation === generation && one.offset >= (opening[one.partition] ?? 0);
  if (isSince(record) !== isSince(known)) return isSince(record);
  if (sameLog(record.generation, known.generation)) return record.generation > known.generation;
  return record.timestamp > known.timestamp;
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/** Text that sorts as records are taken for later: by time, then by where they lie. */
export function versionOrder({ generation, partition, offset, timestamp }: RowVersion): string {
  return `${digits(Math.max(0, timestamp + 1), 16)}.${digits(generation, 9)}.${digits(partition, 7)}.${digits(offset, 16)}`;
}

/** The order of a record among those of all topics of a view: of one time and place in several of them, the later topic comes later. */
export function shareOrder(view: ViewDefinition, source: number, version: RowVersion): string {
  const order = versionOrder(version);
  return view.sources.length === 1 ? order : `${order}.${source}`;
}
