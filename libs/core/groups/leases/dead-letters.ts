import {
  encodeBatch,
  generationOf,
  KeyPlacement,
  type LogRecord,
  type ResolvedTopic,
  type WriterAppend,
} from '#libs/core/log';
import type { DueRecords } from './due-records.js';

/** Headers that a dead letter gets behind its own: where it came from, and why it is here. */
const HEADER = {
  group: 'weir.dead-letter.group',
  topic: 'weir.dead-letter.topic',
  partition: 'weir.dead-letter.partition',
  offset: 'weir.dead-letter.offset',
  deliveries: 'weir.dead-letter.deliveries',
} as const;

/** Records on their way to the dead letter topic, unchanged but for headers: by key as any producer would place them, without a key in the partition of the same number. */
export function deadLetters(group: string, to: ResolvedTopic, dead: DueRecords['dead']): readonly WriterAppend[] {
  const { length } = to.description.partitions;
  const placement = new KeyPlacement(to.partitioner, length);
  return dead.map(({ topic, partition, record, deliveries }) => {
    const { logical } = generationOf(topic);
    const facts: [string, string][] = [
      [HEADER.group, group],
      [HEADER.topic, logical],
      [HEADER.partition, String(partition)],
      [HEADER.offset, String(record.offset)],
      [HEADER.deliveries, String(deliveries)],
    ];
    const headers = [...record.headers, ...facts.map(([key, value]) => ({ key, value: Buffer.from(value) }))];
    const letter: LogRecord = { key: record.key, value: record.value, timestamp: record.timestamp, headers };
    const among = placement.among(record.key) ?? [partition % length];
    // A letter of a key that lies in several partitions: in any of them, the same when it is written again.
    const target = among[record.offset % among.length]!;
    return { topic: to.physical, partition: target, batch: encodeBatch([letter]) };
  });
}
