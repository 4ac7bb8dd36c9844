import {
  BatchEncoder,
  KeyPlacement,
  type LogEngine,
  type LogRecord,
  maxRecordSize,
  type PartitionerSpec,
  type WriterAppend,
} from '#libs/core/log';

const BATCH_BYTES = 512 * 1024;

/** A record on its way, and where the one lies that it was made of: the records of salted keys are dealt out by that. */
export interface DerivedRecord {
  readonly record: LogRecord;
  readonly partition: number;
  readonly offset: number;
}

/** A topic that a derivation writes. */
export interface DerivedInto {
  readonly engine: LogEngine;
  /** Physical name. */
  readonly topic: string;
  /** How its keys are placed, null: by the default partitioner. */
  readonly partitioner: PartitionerSpec | null;
  /** It is closed to everybody else. Otherwise whoever closes it holds back the derivation, too. */
  readonly intoFenced: boolean;
}

/** Batches that put each record of a topic where its key belongs, in their order; those without a key come to the first partition. */
export async function batchesFor(
  { engine, topic, partitioner, intoFenced }: DerivedInto,
  records: readonly DerivedRecord[],
): Promise<WriterAppend[]> {
  if (records.length === 0) return [];
  const count = (await engine.describeTopic(topic)).partitions.length;
  const placement = new KeyPlacement(partitioner, count);
  const encoders = new Map<number, BatchEncoder>();
  const appends: WriterAppend[] = [];
  for (const { record, partition: source, offset } of records) {
    const { key } = record;
    const partition = key === null ? 0 : Math.max(0, placement.of(key, 0, key.length, source, offset));
    let encoder = encoders.get(partition);
    if (encoder === undefined) encoders.set(partition, (encoder = new BatchEncoder()));
    if (encoder.count > 0 && encoder.sizeBytes + maxRecordSize(record) > BATCH_BYTES)
      appends.push({ topic, partition, batch: encoder.finish(), intoFenced });
    encoder.add(record);
  }
  for (const [partition, encoder] of encoders)
    if (encoder.count > 0) appends.push({ topic, partition, batch: encoder.finish(), intoFenced });
  return appends;
}
