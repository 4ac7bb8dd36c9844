import { batchesIn, RecordCursor, type FetchedPartition, type PartitionRecord } from '#libs/core/log';
import { BatchBytes, FetchedRecord } from './fetched-record.js';

/** Records of one partition that belong to a chunk: from an offset on, up to another one. */
interface FetchedPart {
  readonly fetched: FetchedPartition;
  readonly from: number;
  readonly end: number;
}

/** A batch, and which of its records belong to the chunk. */
interface BatchPart {
  readonly partition: number;
  readonly cursor: RecordCursor;
  readonly from: number;
  readonly end: number;
}

/**
 * The records of a fetch, where they lie: each is made when it is looked at, so that those of a large chunk are not all there as objects at once, which a collector
 * of garbage would have to move about. May be gone through again, not twice at the same time.
 */
export class ChunkRecords implements Iterable<PartitionRecord> {
  /** How many there are. */
  readonly length: number;
  /** Of the batches they lie in, as they were before compression. */
  readonly sizeBytes: number;
  readonly #batches: readonly BatchPart[];

  /** @throws the error of a fetched partition that has one; `corrupt-batch`, which going through them may throw, too. */
  constructor(parts: readonly FetchedPart[]) {
    this.#batches = parts.flatMap(batchesOf);
    let [length, sizeBytes] = [0, 0];
    for (const batch of this.#batches) {
      length += countOf(batch);
      const { from, to } = batch.cursor.reach;
      sizeBytes += to - from;
    }
    this.length = length;
    this.sizeBytes = sizeBytes;
  }

  *[Symbol.iterator](): Iterator<PartitionRecord, undefined> {
    for (const { partition, cursor, from, end } of this.#batches) {
      cursor.rewind();
      while (cursor.next()) {
        const { offset, timestamp } = cursor;
        if (offset < from || offset >= end) continue;
        yield { partition, offset, timestamp, key: cursor.key(), value: cursor.value(), headers: cursor.headers() };
      }
    }
    return undefined;
  }

  /** The same, of which no bytes are made before they are asked for. */
  *fetched(): Generator<FetchedRecord, undefined> {
    for (const { partition, cursor, from, end } of this.#batches) {
      const bytes = new BatchBytes(cursor.bytes);
      cursor.rewind();
      while (cursor.next())
        if (cursor.offset >= from && cursor.offset < end) yield new FetchedRecord(partition, bytes, cursor);
    }
    return undefined;
  }
}

function batchesOf({ fetched, from, end }: FetchedPart): BatchPart[] {
  const { partition, batches, error } = fetched;
  if (error !== undefined) throw error;
  const found: BatchPart[] = [];
  for (const bytes of batches)
    for (const { header, bytes: batch } of batchesIn(bytes)) {
      if (header.control || header.lastOffset < from || header.baseOffset >= end) continue;
      found.push({ partition, cursor: new RecordCursor(header, batch), from, end });
    }
  return found;
}

/** Only those at an end of what was asked for have to be looked at one by one. */
function countOf({ cursor, from, end }: BatchPart): number {
  const { baseOffset, lastOffset, recordCount } = cursor.header;
  if (baseOffset >= from && lastOffset < end) return recordCount;
  let count = 0;
  cursor.rewind();
  while (cursor.next()) if (cursor.offset >= from && cursor.offset < end) count++;
  return count;
}
