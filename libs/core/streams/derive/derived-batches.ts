import {
  BatchEncoder,
  type LogEngine,
  type LogRecord,
  maxRecordSize,
  partitionerOf,
  type WriterAppend,
} from '#libs/core/log';

const BATCH_BYTES = 512 * 1024;

/** Batches that put each record of a topic where its key belongs, in their order; the topic may be closed to everybody else. */
export async function batchesFor(
  engine: LogEngine,
  topic: string,
  records: readonly LogRecord[],
): Promise<WriterAppend[]> {
  if (records.length === 0) return [];
  const count = (await engine.describeTopic(topic)).partitions.length;
  const partitionOf = partitionerOf();
  const encoders = new Map<number, BatchEncoder>();
  const appends: WriterAppend[] = [];
  for (const record of records) {
    const partition = partitionOf(record.key, count) ?? 0;
    let encoder = encoders.get(partition);
    if (encoder === undefined) encoders.set(partition, (encoder = new BatchEncoder()));
    if (encoder.count > 0 && encoder.sizeBytes + maxRecordSize(record) > BATCH_BYTES)
      appends.push({ topic, partition, batch: encoder.finish(), intoFenced: true });
    encoder.add(record);
  }
  for (const [partition, encoder] of encoders)
    if (encoder.count > 0) appends.push({ topic, partition, batch: encoder.finish(), intoFenced: true });
  return appends;
}
