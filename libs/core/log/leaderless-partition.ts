import type { AppError } from '#libs/core/kernel';
import type { PartitionDescription } from './topic.js';

/**
 * A partition that nobody leads: it is there, and what it holds cannot be asked. Whoever wants its offsets is refused, so that nothing is decided by numbers that nobody knows, such as where a copy ends;
 * whoever shows it looks at its health before ({@link knownOffsets}).
 */
export function leaderlessPartition(partition: number, refusal: () => AppError): PartitionDescription {
  return {
    partition,
    get startOffset(): number {
      throw refusal();
    },
    get endOffset(): number {
      throw refusal();
    },
    sizeBytes: null,
    health: 'leaderless',
  };
}

/** The offsets of a partition; null while nobody leads it. */
export function knownOffsets(of: PartitionDescription): Pick<PartitionDescription, 'startOffset' | 'endOffset'> | null {
  return of.health === 'leaderless' ? null : { startOffset: of.startOffset, endOffset: of.endOffset };
}

/** End minus start offsets over partitions; null while nobody leads one of them. */
export function knownRecords(partitions: readonly PartitionDescription[]): number | null {
  let records = 0;
  for (const one of partitions) {
    if (one.health === 'leaderless') return null;
    records += one.endOffset - one.startOffset;
  }
  return records;
}
