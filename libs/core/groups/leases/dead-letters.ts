import {
  encodeBatch,
  generationOf,
  KeyPlacement,
  type LogRecord,
  type ResolvedTopic,
  type TopicDirectory,
  type WriterAppend,
} from '#libs/core/log';
import type { DueRecords } from './due-records.js';
import type { GroupLeases } from './group-leases.js';
import { heldBy } from './held-lease.js';
import { handOut, type ReadForLease } from './lease-book.js';
import type { LeaseName } from './lease-id.js';
import { type Lease, placeOf } from './lease.js';

/** Headers that a dead letter gets behind its own: where it came from, and why it is here. */
const HEADER = {
  group: 'weir.dead-letter.group',
  topic: 'weir.dead-letter.topic',
  partition: 'weir.dead-letter.partition',
  offset: 'weir.dead-letter.offset',
  deliveries: 'weir.dead-letter.deliveries',
} as const;

/** Writes the records that have had their deliveries to the dead letter topic, and acknowledges them, in one commit. @throws what the dead letter topic refuses, `lease-lost`. */
export async function bury(
  directory: TopicDirectory,
  leases: GroupLeases,
  name: LeaseName,
  lease: Lease,
  found: DueRecords,
): Promise<void> {
  const to = await directory.resolve(lease.deadLetter!.topic);
  const reads: ReadForLease[] = found.reads.map((read) => ({ ...read, offsets: [], to: read.from }));
  await leases.run((book, now) => {
    const changed = handOut(book, name, reads, now);
    const waiting = new Set(
      heldBy(book, name).work.flatMap((one) =>
        one.unacked.filter((record) => !record.inHand).map((record) => `${placeOf(one)}/${record.offset}`),
      ),
    );
    // Of two that read the same, one writes it.
    const dead = found.dead.filter((one) => waiting.has(`${placeOf(one)}/${one.record.offset}`));
    return { book: changed, reply: undefined, appends: deadLetters(name.group, to, dead) };
  });
}

/** Records on their way to the dead letter topic, unchanged but for headers: by key as any producer would place them, without a key in the partition of the same number. */
function deadLetters(group: string, to: ResolvedTopic, dead: DueRecords['dead']): readonly WriterAppend[] {
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
