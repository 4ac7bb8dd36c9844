import { type FetchedPartition, type LogEngine, recordsFrom, type StoredRecord } from '#libs/core/log';
import type { ReadForLease } from './lease-book.js';
import { type Lease, LEASE_LIMITS, type PartitionWork, positionOf } from './lease.js';

/** A record that a lease may be given. */
export interface DueRecord {
  /** Physical name. */
  readonly topic: string;
  readonly partition: number;
  readonly record: StoredRecord;
}

/** What was read for a lease: records in order of partition and offset, those that have had their deliveries, and how far reading came. */
export interface DueRecords {
  readonly due: readonly DueRecord[];
  readonly dead: readonly (DueRecord & { readonly deliveries: number })[];
  /** One for each partition that was looked at. */
  readonly reads: readonly ReadForLease[];
}

/** Bytes of one fetch for records that were handed out before: they may lie far apart. */
const SPARSE_BYTES = 64 * 1024;

/**
 * Reads what a lease has in hand, what has come back to be handed out again, and new records as far as there is room. Changes nothing.
 * @param resting topics of which nothing is to be handed out now, by physical name; what is in hand is read all the same.
 * @param maxBytes of batches, altogether; one batch at least.
 * @throws `offset-out-of-range` when retention took records that were not acknowledged; `partition-degraded`, `topic-not-found`.
 */
export async function readDue(
  engine: LogEngine,
  lease: Lease,
  works: readonly PartitionWork[],
  resting: ReadonlySet<string>,
  now: number,
  maxBytes: number,
): Promise<DueRecords> {
  const due: DueRecord[] = [];
  const dead: (DueRecord & { deliveries: number })[] = [];
  const reads: ReadForLease[] = [];
  let bytesLeft = maxBytes;
  const fetch = async (work: PartitionWork, offset: number, most: number): Promise<FetchedPartition | undefined> => {
    if (bytesLeft <= 0) return undefined;
    const { topic, partition } = work;
    const [part] = await engine.fetch({
      positions: [{ topic, partition, offset }],
      maxBytes: Math.min(most, bytesLeft),
    });
    if (part?.error !== undefined) throw part.error;
    for (const { length } of part?.batches ?? []) bytesLeft -= length;
    return part;
  };
  let room = lease.maxRecords;
  for (const { unacked } of works) for (const one of unacked) if (one.inHand) room--;
  for (const work of works) {
    const { topic, partition } = work;
    const offsets: number[] = [];
    const vanished: number[] = [];
    const take = (record: StoredRecord): void => {
      offsets.push(record.offset);
      due.push({ topic, partition, record });
    };
    const rests = resting.has(topic);
    const wanted = work.unacked.filter((one) => one.inHand || (one.availableAt <= now && !rests));
    for (let at = 0; at < wanted.length;) {
      const part = await fetch(work, wanted[at]!.offset, SPARSE_BYTES);
      if (part === undefined || part.nextOffset <= wanted[at]!.offset) break;
      const found = new Map<number, StoredRecord>();
      for (const record of recordsFrom(part, wanted[at]!.offset)) found.set(record.offset, record);
      for (; at < wanted.length && wanted[at]!.offset < part.nextOffset; at++) {
        const one = wanted[at]!;
        const record = found.get(one.offset);
        if (record === undefined) vanished.push(one.offset);
        else if (one.inHand) take(record);
        else if (one.deliveries >= (lease.deadLetter?.maxDeliveries ?? Infinity)) {
          dead.push({ topic, partition, record, deliveries: one.deliveries });
        } else if (room > 0) {
          room--;
          take(record);
        }
      }
    }
    let to = work.next;
    const until = positionOf(work) + LEASE_LIMITS.placesAhead;
    let places = rests ? 0 : Math.min(room, LEASE_LIMITS.unackedPerPartition - work.unacked.length);
    while (places > 0 && to < until) {
      const part = await fetch(work, to, Infinity);
      if (part === undefined || part.nextOffset <= to) break;
      let cut: number | undefined;
      for (const record of recordsFrom(part, to)) {
        if (places === 0 || record.offset >= until) {
          cut = record.offset;
          break;
        }
        places--;
        room--;
        take(record);
      }
      to = cut ?? part.nextOffset;
      if (cut !== undefined) break;
    }
    const buried = dead.filter((one) => one.topic === topic && one.partition === partition);
    reads.push({
      topic,
      partition,
      from: work.next,
      to,
      offsets,
      vanished,
      dead: buried.map((one) => one.record.offset),
    });
  }
  return { due, dead, reads };
}

/** The reads as if only the first `count` of the due records had been there. */
export function cutReads({ due, reads }: DueRecords, count: number): readonly ReadForLease[] {
  if (count >= due.length) return reads;
  const kept = new Map<string, number>();
  const firstCut = new Map<string, number>();
  due.forEach(({ topic, partition, record }, index) => {
    const place = `${topic}/${partition}`;
    if (index < count) kept.set(place, (kept.get(place) ?? 0) + 1);
    else if (!firstCut.has(place)) firstCut.set(place, record.offset);
  });
  return reads.map((read) => {
    const place = `${read.topic}/${read.partition}`;
    const cut = firstCut.get(place);
    if (cut === undefined) return read;
    return {
      ...read,
      offsets: read.offsets.slice(0, kept.get(place) ?? 0),
      to: Math.max(read.from, Math.min(read.to, cut)),
    };
  });
}
