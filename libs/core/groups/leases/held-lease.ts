import { type LeaseKey, leaseOf } from './lease-book.js';
import { type Lease, type LeaseBook, type PartitionWork, placeOf } from './lease.js';

/** A lease with how far its work is. */
export interface HeldLease {
  readonly lease: Lease;
  readonly work: readonly PartitionWork[];
}

/** What a book says of a lease. @throws `lease-lost`. */
export function heldBy(book: LeaseBook, key: LeaseKey): HeldLease {
  const lease = leaseOf(book, key);
  return { lease, work: lease.partitions.map((one) => book.work.get(placeOf(one))!) };
}
