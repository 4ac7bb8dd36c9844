import type { SourcePosition } from '#libs/core/streams';

/** Whether a step begins where the view stands. Partitions that were added since are in the step but not in the store; they begin where the reader found them. */
export function samePosition(stored: SourcePosition, from: SourcePosition): boolean {
  return stored.generation === from.generation && stored.next.every((next, partition) => next === from.next[partition]);
}
