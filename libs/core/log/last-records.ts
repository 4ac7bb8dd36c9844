import { recordsFrom } from './batch-decoder.js';
import type { LogEngine } from './engine.js';
import type { PartitionDescription } from './topic.js';
import { isCompacted } from './topic-config.js';
import type { ResolvedTopic } from './topic-directory.js';

/** So many records are counted one by one; for more the offsets are taken for a count. */
const MOST_COUNTED = 10_000;
const READ_BYTES = 1024 * 1024;

/**
 * The offset from which a partition holds its last `count` records. Offsets are no count where the engine leaves gaps or the topic is compacted: there records are read
 * back from the end, twice as far each time.
 */
export async function lastOffsetsFrom(
  engine: LogEngine,
  topic: ResolvedTopic,
  { partition, startOffset, endOffset }: PartitionDescription,
  count: number,
): Promise<number> {
  const dense = engine.capabilities.denseOffsets && !isCompacted(topic.description.config);
  for (let span = count; ; span *= 2) {
    const from = Math.max(startOffset, endOffset - span);
    if (dense || count > MOST_COUNTED) return from;
    const offsets: number[] = [];
    for (let next = from; next < endOffset;) {
      const position = { topic: topic.physical, partition, offset: next };
      const [fetched] = await engine.fetch({ positions: [position], maxBytes: READ_BYTES });
      for (const { offset } of recordsFrom(fetched!, next)) if (offset < endOffset) offsets.push(offset);
      if (fetched!.nextOffset <= next) break;
      next = fetched!.nextOffset;
    }
    if (offsets.length >= count) return offsets[offsets.length - count]!;
    if (from === startOffset) return offsets[0] ?? startOffset;
  }
}
