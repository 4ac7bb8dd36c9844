import type { PartitionRef } from '#libs/core/log';

/** Bounds of leases, named in refusals. */
export const LEASE_LIMITS = {
  minVisibilityMs: 1_000,
  maxVisibilityMs: 3_600_000,
  /** Records a lease has in hand at once. */
  recordsInHand: 1_000,
  partitionsPerLease: 100,
  leasesPerGroup: 1_000,
  /** Records of a partition that were handed out and are not acknowledged: those in hand, and those that wait to come again. */
  unackedPerPartition: 1_000,
  /** Places between the committed position and the furthest record handed out. */
  placesAhead: 10_000,
  maxDelayMs: 86_400_000,
  maxDeliveries: 1_000,
} as const;

/** What a lease was asked for with. */
export interface LeaseTerms {
  /** How long it lasts from its acquisition or its last extension. */
  readonly visibilityMs: number;
  /** Records in hand at once. */
  readonly maxRecords: number;
  /** Handed out so often, a record goes to the dead letter topic instead of being handed out again; null where there is none. */
  readonly deadLetter: { readonly topic: string; readonly maxDeliveries: number } | null;
}

/** Sole right to work on some partitions for a group, until a time. */
export interface Lease extends LeaseTerms {
  /** Rises with each lease of the group; what names an earlier one is stale. */
  readonly epoch: number;
  /** Tells this lease from one of the same epoch in a group that was deleted and made again. */
  readonly nonce: string;
  /** Wall time in ms. */
  readonly expiresAt: number;
  /** By physical name. */
  readonly partitions: readonly PartitionRef[];
}

/** A record that was handed out and is not acknowledged. */
export interface UnackedRecord {
  readonly offset: number;
  /** How often it was handed out. */
  readonly deliveries: number;
  /** Wall time in ms from which it may be handed out again. */
  readonly availableAt: number;
  /** In the hand of the lease that holds the partition now. */
  readonly inHand: boolean;
}

/**
 * How far the work on a partition is. Every record below `next` was handed out; those that are not in `unacked` are acknowledged. So acknowledgements out of order take no room, and the
 * committed position, the first record that is not acknowledged, follows from it.
 */
export interface PartitionWork extends PartitionRef {
  readonly next: number;
  /** In offset order. */
  readonly unacked: readonly UnackedRecord[];
}

/** The position that may be committed: never behind a record that is not acknowledged. */
export function positionOf({ unacked, next }: PartitionWork): number {
  return unacked[0]?.offset ?? next;
}

/** A partition as one text. Topic names have no slash. */
export function placeOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`;
}

/** The leases of a group and the work under way. A value: every change makes another one. */
export interface LeaseBook {
  /** Of the last lease. */
  readonly epoch: number;
  /** By epoch. */
  readonly leases: ReadonlyMap<number, Lease>;
  /** By place. Only of partitions that are leased or have records unacknowledged. */
  readonly work: ReadonlyMap<string, PartitionWork>;
}

export const EMPTY_BOOK: LeaseBook = { epoch: 0, leases: new Map(), work: new Map() };
