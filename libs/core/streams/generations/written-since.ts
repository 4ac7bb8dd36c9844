import type { LogEngine } from '#libs/core/log';
import { PartitionCursor } from '../partition-cursor.js';

/** Counted one by one up to so many: who may be told "at least" is not kept waiting for more. */
const MOST = 100_000;

/** Records that lie in a topic at or behind these offsets. */
export interface WrittenSince {
  readonly records: number;
  /** There are more than were counted. */
  readonly isMore: boolean;
}

/** Counts what was written to a topic since it ended there: records, not offsets, of which transactions take some for themselves. */
export async function writtenSince(
  log: LogEngine,
  topic: string,
  from: readonly number[],
  signal: AbortSignal,
): Promise<WrittenSince> {
  let records = 0;
  for (const [partition, offset] of from.entries()) {
    const cursor = new PartitionCursor(log, topic, partition, offset);
    for (;;) {
      const standing = cursor.standing();
      if ((standing instanceof Promise ? await standing : standing) === undefined) break;
      if (records === MOST) return { records, isMore: true };
      records++;
      cursor.take();
      if (records % 1_000 === 0) signal.throwIfAborted();
    }
  }
  return { records, isMore: false };
}
