import { type FetchedPartition, type FetchPosition, type FetchRequest, logErrors } from '../index.js';
import type { MemoryLogStorage } from './memory-storage.js';

/** Answers a fetch with what is there now, in the order of its positions. */
export function collect(storage: MemoryLogStorage, request: FetchRequest): FetchedPartition[] {
  let total = 0;
  return request.positions.map((position) => {
    const fetched = collectFrom(storage, position, request.maxBytes, total);
    total += fetched.batches.reduce((sum, one) => sum + one.length, 0);
    return fetched;
  });
}

/** One partition. `already` bytes were taken by the positions before: while there are none, the first batch comes whole whatever its size. */
function collectFrom(
  storage: MemoryLogStorage,
  position: FetchPosition,
  maxBytes: number,
  already: number,
): FetchedPartition {
  const { topic: name, partition: number, offset } = position;
  const topic = storage.topics.get(name);
  const partition = topic?.partitions[number];
  const nothing = { topic: name, partition: number, startOffset: 0, endOffset: 0, batches: [], nextOffset: offset };
  if (topic === undefined) return { ...nothing, error: logErrors.topicNotFound(name) };
  if (partition === undefined) {
    return { ...nothing, error: logErrors.partitionNotFound(name, number, topic.partitions.length) };
  }
  const { startOffset, endOffset, degradedAt = Infinity } = partition;
  const range = { ...nothing, startOffset, endOffset };
  if (topic.state === 'BROWNED_OUT') return { ...range, error: logErrors.topicBrownedOut(name) };
  if (!Number.isSafeInteger(offset) || offset < startOffset || offset > endOffset) {
    return { ...range, error: logErrors.offsetOutOfRange(name, number, offset, startOffset, endOffset) };
  }
  const batches: Uint8Array[] = [];
  let bytes = 0;
  for (const { bytes: batch, baseOffset, lastOffset } of partition.batches) {
    if (lastOffset < offset) continue;
    if (lastOffset >= degradedAt) {
      if (bytes === 0) return { ...range, error: logErrors.partitionDegraded(name, number, degradedAt) };
      return { ...range, batches, nextOffset: baseOffset };
    }
    const overOwn = bytes > 0 && bytes + batch.length > (position.maxBytes ?? Infinity);
    const overAll = already + bytes > 0 && already + bytes + batch.length > maxBytes;
    if (overOwn || overAll) return { ...range, batches, nextOffset: Math.max(offset, baseOffset) };
    batches.push(batch);
    bytes += batch.length;
  }
  return { ...range, batches, nextOffset: endOffset };
}
