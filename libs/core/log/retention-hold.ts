import { checkPosition, checkWriterId } from './commit-checks.js';
import type { PartitionRef } from './topic.js';

/** A place in a partition. */
export interface HeldPosition extends PartitionRef {
  /** Nothing at or above goes. */
  readonly offset: number;
}

/** What an operation has still to read. */
export interface RetentionHold {
  /** 1 … 200 characters of `[a-zA-Z0-9._-]`, naming the operation. */
  readonly id: string;
  readonly positions: readonly HeldPosition[];
}

/** @throws `invalid-writer-id` for a name that is none, `invalid-position`. */
export function checkHold(id: string, positions: readonly HeldPosition[] | null): void {
  checkWriterId(id);
  for (const position of positions ?? []) checkPosition(position);
}

/** From where on a partition is held, and by whom; `from` is Infinity when it is not. */
export interface HeldFrom {
  readonly from: number;
  readonly by: readonly string[];
}

export const NOT_HELD: HeldFrom = { from: Infinity, by: [] };

/** The lowest of several holds on one partition, with all that stand there. */
export function lowestHold(holds: Iterable<{ readonly id: string; readonly offset: number }>): HeldFrom {
  let held = NOT_HELD;
  for (const { id, offset } of holds) {
    if (offset < held.from) held = { from: offset, by: [id] };
    else if (offset === held.from) held = { from: offset, by: [...held.by, id] };
  }
  return held;
}
