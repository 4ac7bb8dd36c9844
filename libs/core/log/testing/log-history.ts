import type { PartitionRef, StoredRecord } from '../index.js';

/** A write as its client saw it. The value is unique in the history; `acknowledged` is absent when the outcome is not known. */
export interface HistoryWrite extends PartitionRef {
  readonly producer: string;
  /** Rises with each write of the producer. */
  readonly sequence: number;
  readonly value: string;
  readonly acknowledged?: { readonly offset: number };
  /** The client was told that it did not take place. */
  readonly refused?: boolean;
}

/** All that was read from one partition, in the order it came. */
export interface HistoryRead extends PartitionRef {
  readonly records: readonly Pick<StoredRecord, 'offset' | 'value'>[];
}

/**
 * Decides from the clients' own notes whether a log kept its promises: nothing acknowledged is lost or elsewhere than it was said to be, nothing is there twice,
 * nothing is there that was refused or never written, offsets rise, and each producer's records lie in the order it wrote them. The
 * answer names each breach; empty means none.
 */
export function breachesOf(writes: readonly HistoryWrite[], reads: readonly HistoryRead[]): readonly string[] {
  const breaches: string[] = [];
  const byValue = new Map(writes.map((one) => [one.value, one]));
  const seen = new Map<string, string>();
  for (const { topic, partition, records } of reads) {
    let previous = -1;
    const lastSequence = new Map<string, number>();
    for (const { offset, value } of records) {
      const text = value === null ? 'null' : Buffer.from(value).toString();
      const place = `${topic}/${partition}@${offset}`;
      if (offset <= previous) breaches.push(`offset ${place} follows ${previous}`);
      previous = offset;
      const write = byValue.get(text);
      if (write === undefined) {
        breaches.push(`phantom '${text}' at ${place}`);
        continue;
      }
      if (write.refused) breaches.push(`refused '${text}' is at ${place}`);
      const earlier = seen.get(text);
      if (earlier !== undefined) breaches.push(`'${text}' is at ${earlier} and again at ${place}`);
      seen.set(text, place);
      if (write.topic !== topic || write.partition !== partition) breaches.push(`'${text}' strayed to ${place}`);
      else if (write.acknowledged !== undefined && write.acknowledged.offset !== offset) {
        breaches.push(`'${text}' was acknowledged at ${write.acknowledged.offset} and is at ${place}`);
      }
      const last = lastSequence.get(write.producer) ?? -1;
      if (write.sequence <= last) breaches.push(`'${text}' of ${write.producer} lies behind its write ${last}`);
      lastSequence.set(write.producer, Math.max(last, write.sequence));
    }
  }
  for (const write of writes) {
    if (write.acknowledged !== undefined && !seen.has(write.value)) breaches.push(`lost '${write.value}'`);
  }
  return breaches;
}
