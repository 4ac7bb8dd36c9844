import {
  FIRST_LEASE_NOTE,
  type GroupPosition,
  IN_HAND_NOTE,
  isLeaseRest,
  LEASE_NOTE,
  leaseDigest,
  type WriterCheckpoint,
} from '#libs/core/log';
import { heldPlaces, settled } from './lease-book.js';
import { type Lease, type LeaseBook, placeOf, positionOf, type PartitionWork, type UnackedRecord } from './lease.js';

/**
 * A book as checkpoints of a writer: one for the last epoch, one for each lease, one for each partition with records that are not acknowledged. (Rests of topics are beside them, see `LeaseRest`.) They are
 * committed with the positions, so what the log says of a group and of its leases is always of one moment.
 */

const LAST_EPOCH = 'epoch';
const LEASE = 'lease/';
const WORK = 'work/';

/** What a change of the book writes. */
export interface LeaseChanges {
  readonly positions: readonly GroupPosition[];
  readonly checkpoints: readonly WriterCheckpoint[];
  /** The book as it is stored. */
  readonly book: LeaseBook;
}

/**
 * Positions and checkpoints that lead from one stored book to another. Where any lease is concerned at least one position is among them, moved or not: the log checks with it that the group has no
 * live members.
 * @param worked topics of which the group has had records under leases, by physical name: see `FIRST_LEASE_NOTE`.
 */
export function changesBetween(before: LeaseBook, after: LeaseBook, worked: ReadonlySet<string>): LeaseChanges {
  const note = (work: PartitionWork): string => (worked.has(work.topic) ? LEASE_NOTE : FIRST_LEASE_NOTE);
  const positions: GroupPosition[] = [];
  const checkpoints: WriterCheckpoint[] = [];
  if (after.epoch !== before.epoch) checkpoints.push({ key: LAST_EPOCH, value: textBytes(after.epoch) });
  for (const [epoch, lease] of after.leases) {
    if (before.leases.get(epoch) !== lease) checkpoints.push({ key: LEASE + epoch, value: textBytes(lease) });
  }
  for (const epoch of before.leases.keys()) {
    if (!after.leases.has(epoch)) checkpoints.push({ key: LEASE + epoch, value: null });
  }
  for (const [place, work] of after.work) {
    const known = before.work.get(place);
    if (known === work) continue;
    if (known === undefined) positions.push(storedPosition(work, note(work)));
    else if (positionOf(known) !== positionOf(work) || isInHand(known) !== isInHand(work))
      positions.push(storedPosition(work, LEASE_NOTE));
    const key = WORK + leaseDigest(place);
    if (work.unacked.length > 0) checkpoints.push({ key, value: textBytes(storedWork(work)) });
    else if ((known?.unacked.length ?? 0) > 0) checkpoints.push({ key, value: null });
  }
  for (const [place, { unacked }] of before.work) {
    if (!after.work.has(place) && unacked.length > 0) checkpoints.push({ key: WORK + leaseDigest(place), value: null });
  }
  if (positions.length === 0) {
    // One of the leases that are concerned, if possible: another topic may be closed to positions.
    const changed = [...after.leases.values()].filter((one) => before.leases.get(one.epoch) !== one);
    const places = [...changed.flatMap((one) => one.partitions.map(placeOf)), ...heldPlaces(after)];
    const work = places.map((place) => after.work.get(place)).find((one) => one !== undefined);
    if (work !== undefined) positions.push(storedPosition(work, note(work)));
  }
  return { positions, checkpoints, book: settled(after) };
}

/** Reads a book back. Work of leased partitions without a record unacknowledged is where the group stands. */
export function bookFrom(checkpoints: ReadonlyMap<string, Uint8Array>, positions: readonly GroupPosition[]): LeaseBook {
  let epoch = 0;
  const leases = new Map<number, Lease>();
  const work = new Map<string, PartitionWork>();
  for (const [key, bytes] of checkpoints) {
    if (isLeaseRest(key)) continue;
    const stored: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (key === LAST_EPOCH) epoch = stored as number;
    else if (key.startsWith(LEASE)) leases.set((stored as Lease).epoch, stored as Lease);
    else {
      const one = workFrom(stored as StoredWork);
      work.set(placeOf(one), one);
    }
  }
  const stands = new Map(positions.map((one) => [placeOf(one), one.offset]));
  for (const lease of leases.values()) {
    for (const { topic, partition } of lease.partitions) {
      const place = placeOf({ topic, partition });
      const next = stands.get(place);
      if (!work.has(place) && next !== undefined) work.set(place, { topic, partition, next, unacked: [] });
    }
  }
  return { epoch, leases, work };
}

/** Offset, deliveries, available at, 1 where in hand. */
type StoredRecord = readonly [number, number, number, 0 | 1];

interface StoredWork {
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
  readonly unacked: readonly StoredRecord[];
}

function storedWork({ topic, partition, next, unacked }: PartitionWork): StoredWork {
  return {
    topic,
    partition,
    next,
    unacked: unacked.map((one) => [one.offset, one.deliveries, one.availableAt, one.inHand ? 1 : 0]),
  };
}

function workFrom({ topic, partition, next, unacked }: StoredWork): PartitionWork {
  const records = unacked.map(([offset, deliveries, availableAt, inHand]): UnackedRecord => ({
    offset,
    deliveries,
    availableAt,
    inHand: inHand === 1,
  }));
  return { topic, partition, next, unacked: records };
}

function isInHand({ unacked }: PartitionWork): boolean {
  return unacked.some((one) => one.inHand);
}

function storedPosition(work: PartitionWork, note: string): GroupPosition {
  const metadata = isInHand(work) ? IN_HAND_NOTE : note;
  return { topic: work.topic, partition: work.partition, offset: positionOf(work), metadata };
}

function textBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
