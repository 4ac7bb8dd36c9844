import type { PartitionRef } from '#libs/core/log';
import { leaseLost, notHandedOut, partitionNotLeased, tooManyLeases } from '../errors.js';
import {
  type Lease,
  type LeaseBook,
  LEASE_LIMITS,
  type LeaseTerms,
  type PartitionWork,
  placeOf,
  positionOf,
  type UnackedRecord,
} from './lease.js';

/**
 * What may become of the leases of a group: pure functions over values, with the time passed in. Each answers the book afterwards, which is the same object where nothing
 * changes, or throws and changes nothing.
 */

/** Names a lease, as its holder does. */
export interface LeaseKey {
  readonly epoch: number;
  readonly nonce: string;
}

/** Ends the leases whose time is over. What they had in hand can be handed out again at once. */
export function expire(book: LeaseBook, now: number): LeaseBook {
  const over = [...book.leases.values()].filter((lease) => lease.expiresAt <= now);
  return over.length === 0 ? book : over.reduce(end, book);
}

/** @throws `lease-lost` when it has ended. */
export function leaseOf(book: LeaseBook, key: LeaseKey): Lease {
  const lease = book.leases.get(key.epoch);
  if (lease?.nonce !== key.nonce) throw leaseLost('it has expired, was released or was taken away');
  return lease;
}

/** Places that are leased. */
export function heldPlaces(book: LeaseBook): ReadonlySet<string> {
  return new Set([...book.leases.values()].flatMap((lease) => lease.partitions.map(placeOf)));
}

/** A partition to be leased, and where its work begins where none is under way. */
export interface LeasablePartition extends PartitionRef {
  readonly position: number;
}

/** A new lease over partitions that nobody holds. @throws `too-many-leases`. */
export function acquire(
  book: LeaseBook,
  terms: LeaseTerms,
  partitions: readonly LeasablePartition[],
  nonce: string,
  now: number,
): { readonly book: LeaseBook; readonly lease: Lease } {
  if (book.leases.size >= LEASE_LIMITS.leasesPerGroup) throw tooManyLeases(LEASE_LIMITS.leasesPerGroup);
  const epoch = book.epoch + 1;
  const refs = partitions.map(({ topic, partition }) => ({ topic, partition }));
  const lease: Lease = { ...terms, epoch, nonce, expiresAt: now + terms.visibilityMs, partitions: refs };
  const work = new Map(book.work);
  for (const { topic, partition, position } of partitions) {
    const place = placeOf({ topic, partition });
    if (!work.has(place)) work.set(place, { topic, partition, next: position, unacked: [] });
  }
  return { book: { epoch, leases: new Map(book.leases).set(epoch, lease), work }, lease };
}

/** What was read for a lease in one of its partitions. */
export interface ReadForLease extends PartitionRef {
  /** `next` of the work when it was read. */
  readonly from: number;
  /** Where reading goes on: everything new between was read. */
  readonly to: number;
  /** Offsets to be handed out, unacknowledged ones and new ones, in order. */
  readonly offsets: readonly number[];
  /** Unacknowledged records that are not there any more: compaction has replaced them. */
  readonly vanished: readonly number[];
  /** Unacknowledged records that have had their deliveries, and are written to the dead letter topic with this change. */
  readonly dead: readonly number[];
}

/**
 * Puts records into the hand of a lease. A record that it has in hand already counts no second delivery, so repeating a read is harmless.
 * @throws `lease-lost`, also when the work has gone back behind what was read.
 */
export function handOut(book: LeaseBook, key: LeaseKey, reads: readonly ReadForLease[], now: number): LeaseBook {
  leaseOf(book, key);
  return reads.reduce((sum, read) => {
    const before = sum.work.get(placeOf(read));
    if (before === undefined || before.next < read.from) throw leaseLost('its work was begun anew elsewhere');
    const gone = new Set([...read.vanished, ...read.dead]);
    const given = new Set(read.offsets);
    let changed = false;
    const unacked: UnackedRecord[] = [];
    for (const one of before.unacked) {
      if (gone.has(one.offset) && !one.inHand) {
        changed = true;
        continue;
      }
      const again = given.has(one.offset) && !one.inHand;
      changed ||= again;
      unacked.push(again ? { ...one, deliveries: one.deliveries + 1, availableAt: now, inHand: true } : one);
    }
    for (const offset of read.offsets) {
      if (offset >= before.next) unacked.push({ offset, deliveries: 1, availableAt: now, inHand: true });
    }
    const next = Math.max(before.next, read.to);
    return changed || next !== before.next ? withWork(sum, { ...before, next, unacked }) : sum;
  }, book);
}

/** Records of a lease, by offset or all that are in hand up to an offset. */
export interface RecordChoice extends PartitionRef {
  readonly offset: number;
  readonly through: boolean;
}

/**
 * Acknowledges records: they never come again. Those acknowledged already make no difference.
 * @throws `lease-lost`, `partition-not-leased`, `not-handed-out` for a record that nobody was given yet.
 */
export function ack(book: LeaseBook, key: LeaseKey, choices: readonly RecordChoice[]): LeaseBook {
  return change(book, key, choices, () => null);
}

/**
 * Gives records back: they can be handed out again after the delay, with their deliveries counted.
 * @throws as {@link ack} does.
 */
export function nack(
  book: LeaseBook,
  key: LeaseKey,
  choices: readonly RecordChoice[],
  delayMs: number,
  now: number,
): LeaseBook {
  return change(book, key, choices, (one) =>
    one.inHand ? { ...one, inHand: false, availableAt: now + delayMs } : one,
  );
}

/** Begins the time of the lease anew. @throws `lease-lost`. */
export function extend(book: LeaseBook, key: LeaseKey, visibilityMs: number | undefined, now: number): LeaseBook {
  const lease = leaseOf(book, key);
  const ms = visibilityMs ?? lease.visibilityMs;
  const leases = new Map(book.leases).set(lease.epoch, { ...lease, visibilityMs: ms, expiresAt: now + ms });
  return { ...book, leases };
}

/** Ends a lease. What it has in hand can be handed out again at once. @throws `lease-lost`. */
export function release(book: LeaseBook, key: LeaseKey): LeaseBook {
  return end(book, leaseOf(book, key));
}

/** Ends all leases, as if each were released. */
export function evict(book: LeaseBook): LeaseBook {
  return [...book.leases.values()].reduce(end, book);
}

/**
 * Takes note of where the group stands in the log. Where that is not what this work would have committed, somebody else has moved the group: the work is forgotten and its leases end.
 * `undefined`: the partition is not there any more, or carries the name no longer.
 */
export function adopt(book: LeaseBook, standsAt: (work: PartitionWork) => number | undefined): LeaseBook {
  const moved = [...book.work.values()].filter((work) => standsAt(work) !== positionOf(work));
  if (moved.length === 0) return book;
  const places = new Set(moved.map(placeOf));
  const ended = [...book.leases.values()].filter((lease) => lease.partitions.some((one) => places.has(placeOf(one))));
  const left = ended.reduce(end, book);
  const work = new Map([...left.work].filter(([place]) => !places.has(place)));
  return { ...left, work };
}

/** The book without the work on these topics, by physical name, and without the leases over them: they carry their names no longer. */
export function forget(book: LeaseBook, topics: ReadonlySet<string>): LeaseBook {
  return adopt(book, (work) => (topics.has(work.topic) ? undefined : positionOf(work)));
}

/** The book without the work that positions alone tell: nothing is unacknowledged, and nobody holds the partition. */
export function settled(book: LeaseBook): LeaseBook {
  const held = heldPlaces(book);
  const work = new Map([...book.work].filter(([place, one]) => one.unacked.length > 0 || held.has(place)));
  return work.size === book.work.size ? book : { ...book, work };
}

function end(book: LeaseBook, lease: Lease): LeaseBook {
  const leases = new Map(book.leases);
  leases.delete(lease.epoch);
  return lease.partitions.reduce<LeaseBook>(
    (sum, one) => {
      const work = sum.work.get(placeOf(one));
      if (work === undefined || !work.unacked.some((record) => record.inHand)) return sum;
      const unacked = work.unacked.map((record) => (record.inHand ? { ...record, inHand: false } : record));
      return withWork(sum, { ...work, unacked });
    },
    { ...book, leases },
  );
}

function withWork(book: LeaseBook, work: PartitionWork): LeaseBook {
  return { ...book, work: new Map(book.work).set(placeOf(work), work) };
}

/** @param become what becomes of a chosen record; null: it is done with. */
function change(
  book: LeaseBook,
  key: LeaseKey,
  choices: readonly RecordChoice[],
  become: (record: UnackedRecord) => UnackedRecord | null,
): LeaseBook {
  const lease = leaseOf(book, key);
  const leased = new Set(lease.partitions.map(placeOf));
  const byPlace = new Map<string, { readonly offsets: Set<number>; through: number }>();
  for (const { topic, partition, offset, through } of choices) {
    const place = placeOf({ topic, partition });
    if (!leased.has(place)) throw partitionNotLeased(place);
    if (offset >= (book.work.get(place)?.next ?? 0)) throw notHandedOut(place, offset);
    const chosen = byPlace.get(place) ?? { offsets: new Set(), through: -1 };
    if (through) chosen.through = Math.max(chosen.through, offset);
    else chosen.offsets.add(offset);
    byPlace.set(place, chosen);
  }
  let changed = book;
  for (const [place, { offsets, through }] of byPlace) {
    const work = book.work.get(place)!;
    let touched = false;
    const unacked = work.unacked.flatMap((record) => {
      if (!offsets.has(record.offset) && !(record.inHand && record.offset <= through)) return [record];
      const then = become(record);
      touched ||= then !== record;
      return then === null ? [] : [then];
    });
    if (touched) changed = withWork(changed, { ...work, unacked });
  }
  return changed;
}
