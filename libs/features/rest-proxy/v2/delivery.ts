import type { AppError } from '#libs/core/kernel';
import { type FetchedPartition, recordsFrom } from '#libs/core/log';
import { refusal } from '../errors.js';
import type { ConsumerOptions, Place } from './consumer-requests.js';
import type { ReadPartition } from './read-partition.js';
import type { RecordPage } from './record-page.js';
import type { RecordText } from './record-text.js';

/** How records are delivered. */
export interface DeliveryRules {
  readonly texts: RecordText;
  readonly reset: ConsumerOptions['reset'];
  /** Nothing at or behind this offset is the partition's any more. */
  readonly end: number;
}

/**
 * Puts what was fetched of a partition into an answer, as far as there is room, and moves the partition behind it. A record that cannot be read ends the answer before it.
 * @throws 40801 for such a record when it is the first; what the fetch was refused with.
 */
export async function deliver(
  part: FetchedPartition,
  read: ReadPartition,
  page: RecordPage,
  { texts, reset, end }: DeliveryRules,
): Promise<void> {
  if (read.next === null) return;
  const { error } = part;
  if (error?.code === 'offset-out-of-range' && reset !== 'none') {
    read.next = reset === 'earliest' ? part.startOffset : part.endOffset;
    return;
  }
  if (error !== undefined) {
    // Gone, or not there yet: looked for anew the next time.
    if (error.kind === 'not-found') read.next = null;
    else throw error;
    return;
  }
  for (const record of recordsFrom(part, read.next)) {
    if (record.offset >= end) break;
    const [key, value] = [await texts.of(record, 'key'), await texts.of(record, 'value')];
    const failure = 'failure' in key ? key.failure : 'failure' in value ? value.failure : undefined;
    if (failure !== undefined) {
      if (page.isEmpty) throw unreadable(read, record.offset, failure);
      page.end();
      return;
    }
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    const fields = { topic: read.topic, partition: read.partition, offset: record.offset };
    if (!page.add((key as { json: string }).json, (value as { json: string }).json, fields, size)) return;
    read.next = record.offset + 1;
    read.delivered = read.next;
    read.told = true;
    await page.breath();
  }
  read.next = Math.max(read.next, Math.min(part.nextOffset, end));
}

function unreadable({ topic, partition }: Place, offset: number, why: string): AppError {
  return refusal(40_801, `Record ${offset} of ${topic}-${partition} cannot be read in this format: ${why}.`);
}
