import {
  batchesIn,
  isCompacted,
  recordsFrom,
  type FetchedPartition,
  type LogEngine,
  type PartitionRef,
} from '#libs/core/log';

/**
 * How many records lie between two offsets, and how that is known. `offsets`: their places are consecutive, so the difference counts them. `read`: the batches between were
 * looked at. `at-most`: places without a record (compacted away, transaction markers) may be among them, and there were too many to look at.
 */
export interface RecordCount {
  readonly records: number;
  readonly basis: 'offsets' | 'read' | 'at-most';
}

export const NO_RECORDS: RecordCount = { records: 0, basis: 'offsets' };

/** Bytes of one fetch. */
const FETCH_BYTES = 1024 * 1024;

/** Counts records between offsets, looking at no more than so many bytes of batches altogether. Where that is spent, counts are upper bounds. */
export class RecordCounter {
  #bytesLeft: number;

  constructor(
    private readonly engine: LogEngine,
    maxBytes: number,
  ) {
    this.#bytesLeft = maxBytes;
  }

  /**
   * Records from `from` up to but not including `to`, which lie within what the partition retains.
   * @throws what the fetch says of the partition.
   */
  async count(
    ref: PartitionRef,
    config: Readonly<Record<string, string>>,
    from: number,
    to: number,
  ): Promise<RecordCount> {
    if (to <= from) return NO_RECORDS;
    if (this.engine.capabilities.denseOffsets && !isCompacted(config)) return { records: to - from, basis: 'offsets' };
    let records = 0;
    let at = from;
    while (at < to && this.#bytesLeft > 0) {
      const maxBytes = Math.min(FETCH_BYTES, this.#bytesLeft);
      const [part] = await this.engine.fetch({ positions: [{ ...ref, offset: at }], maxBytes });
      if (part === undefined || (part.error === undefined && part.nextOffset <= at)) break;
      records += recordsWithin(part, at, to);
      for (const { length } of part.batches) this.#bytesLeft -= length;
      at = Math.min(to, part.nextOffset);
    }
    return at === to ? { records, basis: 'read' } : { records: records + (to - at), basis: 'at-most' };
  }
}

/** Headers count the records of whole batches; only a batch that a bound lies in is taken apart. */
function recordsWithin(part: FetchedPartition, from: number, to: number): number {
  if (part.error !== undefined) throw part.error;
  let records = 0;
  for (const bytes of part.batches) {
    for (const { header, bytes: batch } of batchesIn(bytes)) {
      if (header.control || header.lastOffset < from || header.baseOffset >= to) continue;
      if (header.baseOffset >= from && header.lastOffset < to) {
        records += header.recordCount;
        continue;
      }
      for (const { offset } of recordsFrom({ ...part, batches: [batch] }, from)) if (offset < to) records++;
    }
  }
  return records;
}
