import { createHash } from 'node:crypto';
import type { GroupPosition } from './engine.js';

/**
 * What a log shows of leases over partitions of groups, for those who move topics and know nothing else of leases: notes of positions, the writer that the leases of a group
 * are stored by, and how far those leave a topic alone that is being handed over.
 */

/** Note of a position that was stored under a lease. */
export const LEASE_NOTE = 'weir: set under a lease';

/** Note of a position that was stored under a lease while records beyond it are in somebody's hand. */
export const IN_HAND_NOTE = 'weir: set under a lease, with records in hand';

/**
 * Note of a position that was stored with the first lease of a group over a topic, under which nothing was done yet. A cutover tells such a lease like others, but only others show that the group is told: this
 * one may have been stored too late for that, and then it does not begin.
 */
export const FIRST_LEASE_NOTE = 'weir: set with a first lease';

/** Whether a position was stored under a lease. */
export function isLeaseNoted(position: GroupPosition): boolean {
  return position.metadata === FIRST_LEASE_NOTE || isWorkNoted(position);
}

/** Whether a position was stored under a lease that had begun. */
export function isWorkNoted({ metadata }: GroupPosition): boolean {
  return metadata === LEASE_NOTE || metadata === IN_HAND_NOTE;
}

/** The writer of a group's leases. Group names are any text, ids of writers are not. */
export function leaseWriterId(group: string): string {
  return `weir-leases-${leaseDigest(group)}`;
}

/** Names in keys of checkpoints and ids of writers, whose characters and length are bounded. */
export function leaseDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}
