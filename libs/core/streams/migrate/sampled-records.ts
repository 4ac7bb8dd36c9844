import type { LogEngine, StoredRecord, TopicDescription } from '#libs/core/log';
import { lasting, PartitionCursor } from '../partition-cursor.js';

/** A record and where it lies. */
export interface SampledRecord {
  readonly partition: number;
  readonly record: StoredRecord;
}

/** Places in each partition that a sample looks at. */
const SLICES = 8;
/** Small, since a slice is a few records. */
const FETCH_BYTES = 64 * 1024;

/** A place in a topic. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
}

/** Reads `<partition>/<offset>`; undefined for anything else. */
export function placeFrom(text: string): RecordPlace | undefined {
  const [, partition, offset] = /^([0-9]{1,9})\/([0-9]{1,15})$/.exec(text) ?? [];
  return partition === undefined || offset === undefined
    ? undefined
    : { partition: Number(partition), offset: Number(offset) };
}

/** The records at these places, in their order. What is not there is left out. */
export async function recordsAt(
  engine: LogEngine,
  topic: TopicDescription,
  places: readonly RecordPlace[],
): Promise<SampledRecord[]> {
  const found: SampledRecord[] = [];
  for (const { partition, offset } of places) {
    const range = topic.partitions.find((one) => one.partition === partition);
    if (range === undefined || offset < range.startOffset || offset >= range.endOffset) continue;
    const record = await new PartitionCursor(engine, topic.name, partition, offset, FETCH_BYTES).peek();
    if (record?.offset === offset) found.push({ partition, record: lasting(record) });
  }
  return found;
}

/** So many records from a place on, partition by partition, and the place behind them; null at the end of the topic. */
export async function recordsFromPlace(
  engine: LogEngine,
  topic: TopicDescription,
  place: RecordPlace,
  count: number,
  signal?: AbortSignal,
): Promise<{ readonly records: SampledRecord[]; readonly next: RecordPlace | null }> {
  const records: SampledRecord[] = [];
  for (const { partition, startOffset, endOffset } of topic.partitions) {
    if (partition < place.partition) continue;
    const from = partition === place.partition ? Math.max(place.offset, startOffset) : startOffset;
    const cursor = new PartitionCursor(engine, topic.name, partition, from);
    for (;;) {
      signal?.throwIfAborted();
      const record = await cursor.peek();
      if (record === undefined || record.offset >= endOffset) break;
      if (records.length === count) return { records, next: { partition, offset: record.offset } };
      records.push({ partition, record: lasting(record) });
      cursor.take();
    }
  }
  return { records, next: null };
}

/**
 * About so many records of a topic, spread evenly over partitions and offsets; all of them where there are no more. What was compacted or expired meanwhile makes it fewer.
 */
export async function sampleRecords(
  engine: LogEngine,
  topic: TopicDescription,
  count: number,
  signal?: AbortSignal,
): Promise<SampledRecord[]> {
  const span = topic.partitions.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0);
  const found: SampledRecord[] = [];
  for (const { partition, startOffset, endOffset } of topic.partitions) {
    const length = endOffset - startOffset;
    const share = span <= count ? length : Math.ceil((length / span) * count);
    const slices = share < length ? Math.min(SLICES, share) : 1;
    for (let slice = 0; slice < slices; slice++) {
      signal?.throwIfAborted();
      const from = startOffset + Math.floor((length * slice) / slices);
      const until = startOffset + Math.floor((length * (slice + 1)) / slices);
      const wanted = Math.ceil(share / slices);
      const cursor = new PartitionCursor(engine, topic.name, partition, from, FETCH_BYTES);
      for (let n = 0; n < wanted; n++) {
        const record = await cursor.peek();
        if (record === undefined || record.offset >= until) break;
        found.push({ partition, record: lasting(record) });
        cursor.take();
      }
    }
  }
  return found;
}
