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
