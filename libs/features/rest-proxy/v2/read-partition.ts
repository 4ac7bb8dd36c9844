import type { GroupPosition } from '#libs/core/log';
import type { Place } from './consumer-requests.js';

/** A partition that is read: where the next read begins (null: not known yet), and up to where records were delivered and not committed (null: none). */
export interface ReadPartition extends Place {
  readonly physical: string;
  next: number | null;
  delivered: number | null;
  /** Records of this generation were delivered: offsets that are committed by name are of it. */
  told: boolean;
}

/** Nothing was read of it yet. */
export function unread({ topic, partition }: Place, physical: string, next: number | null): ReadPartition {
  return { topic, partition, physical, next, delivered: null, told: false };
}

/** Reads on elsewhere; what was delivered before is not committed any more. */
export function moveTo(read: ReadPartition, offset: number): void {
  read.next = offset;
  read.delivered = null;
}

/** Behind what was delivered, where anything was. */
export function positionsDelivered(reads: Iterable<ReadPartition>): readonly GroupPosition[] {
  return [...reads].flatMap(({ physical, partition, delivered }) =>
    delivered === null ? [] : [{ topic: physical, partition, offset: delivered }],
  );
}

/** Where the reading stands, also where nothing was delivered yet. */
export function positionsStanding(reads: Iterable<ReadPartition>): readonly GroupPosition[] {
  return [...reads].flatMap(({ physical, partition, delivered, next }) =>
    next === null ? [] : [{ topic: physical, partition, offset: delivered ?? next }],
  );
}
