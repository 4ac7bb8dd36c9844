import { createHash } from 'node:crypto';
import { stableJson, type ErrorItem } from '#libs/core/kernel';
import type { PartitionDescription } from '#libs/core/log';
import { noPosition, positionOutOfRange } from '../errors.js';
import type { RecordCount } from '../record-count.js';

/** A partition whose position is to be set, and what the decision rests on. */
export interface ResetPartition extends Pick<PartitionDescription, 'partition' | 'startOffset' | 'endOffset'> {
  /** Logical name. */
  readonly topic: string;
  readonly generation: number;
  readonly physical: string;
  /** Where the group stands; null where it has no position. */
  readonly current: number | null;
}

/** One move of a reset: from `current` to `target`. */
export interface ResetMove extends ResetPartition {
  readonly target: number;
}

/** A move with the records it makes a difference for. A group without a position counts as one that has read nothing. */
export interface CountedMove extends ResetMove {
  /** Records the group will not read. */
  readonly skipped: RecordCount;
  /** Records the group has read and will read again. */
  readonly repeated: RecordCount;
}

/**
 * Moves to where the target function leads.
 * @throws `position-out-of-range` naming every partition whose target is not retained, `no-position` where a shift has nothing to start from. A target is never corrected silently.
 */
export function decideMoves(
  group: string,
  partitions: readonly ResetPartition[],
  target: (partition: ResetPartition) => number | null,
): readonly ResetMove[] {
  const lacking: ErrorItem[] = [];
  const outside: ErrorItem[] = [];
  const moves: ResetMove[] = [];
  for (const one of partitions) {
    const path = `${one.topic}/${one.partition}`;
    const offset = target(one);
    if (offset === null) lacking.push({ path, message: 'the group has no position here' });
    else if (offset < one.startOffset || offset > one.endOffset) {
      const message = `offset ${offset} lies outside ${one.startOffset} to ${one.endOffset}`;
      outside.push({ path, message, code: 'offset-out-of-range' });
    } else moves.push({ ...one, target: offset });
  }
  if (lacking.length > 0) throw noPosition(group, lacking);
  if (outside.length > 0) throw positionOutOfRange(outside);
  return moves;
}

/** Between which offsets records are skipped and repeated by a move. What retention removed already counts nowhere. */
export function rangesOf(move: ResetMove): { readonly skipped: Range; readonly repeated: Range } {
  const { startOffset, endOffset, target } = move;
  const from = Math.min(Math.max(move.current ?? startOffset, startOffset), endOffset);
  return {
    skipped: { from, to: Math.max(from, target) },
    repeated: { from: Math.min(from, target), to: from },
  };
}

/** Offsets from `from` up to but not including `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Names what a reset does: log, group, and for each partition generation, present and new position. How the target was asked for makes no difference, nor do records that come meanwhile.
 */
export function resetHash(logId: string, group: string, moves: readonly ResetMove[]): string {
  const facts = moves.map(({ physical, partition, current, target }) => [physical, partition, current, target]);
  return createHash('sha256')
    .update(stableJson({ logId, group, moves: facts }))
    .digest('hex');
}
