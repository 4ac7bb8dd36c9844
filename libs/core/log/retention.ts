import { integerSetting } from './topic-config.js';

/** What retention looks at in a segment: a run of batches that is kept or goes as a whole. */
export interface RetainableSegment {
  readonly baseOffset: number;
  /** Behind its last record. */
  readonly nextOffset: number;
  readonly sizeBytes: number;
  /** When its last batch was appended, epoch ms. */
  readonly maxAppendTimeMs: number;
}

/** How long and how much a topic keeps; Infinity for no limit. */
export interface RetentionRules {
  readonly retentionMs: number;
  readonly retentionBytes: number;
}

/** What a decision about one partition rests on. */
export interface RetentionFacts {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Nothing at or above may go: what running operations have still to read. Infinity for no hold. */
  readonly heldFrom: number;
  readonly nowMs: number;
}

/** The rules in force for a topic with these settings. */
export function retentionRules(config: Readonly<Record<string, string>>): RetentionRules {
  return { retentionMs: limit(config, 'retention.ms'), retentionBytes: limit(config, 'retention.bytes') };
}

/**
 * The start offset after retention: behind the last segment that goes, or the present one when none does. Like Kafka's rules (section 7 of the format
 * reference): whole segments only, oldest first; by time until the first that is young enough; by size as long as what stays is no less than the limit. All
 * may go, the one that still grows too. Unlike there, age is counted from when a segment was appended to last and not from what its records say, so
 * that a wrong clock of a client neither keeps nor drops data (G16).
 *
 * @param segments of the partition, oldest first.
 */
export function retainedFrom(
  segments: readonly RetainableSegment[],
  { startOffset, endOffset, heldFrom, nowMs }: RetentionFacts,
  { retentionMs, retentionBytes }: RetentionRules,
): number {
  let excess = -retentionBytes;
  for (const { sizeBytes } of segments) excess += sizeBytes;
  let gone = 0;
  while (gone < segments.length) {
    const { sizeBytes, maxAppendTimeMs, nextOffset } = segments[gone]!;
    const tooOld = nowMs - maxAppendTimeMs > retentionMs;
    const tooMuch = excess - sizeBytes >= 0;
    if (nextOffset > heldFrom || !(tooOld || tooMuch)) break;
    excess -= sizeBytes;
    gone++;
  }
  if (gone === 0) return startOffset;
  return Math.max(startOffset, Math.min(segments[gone]?.baseOffset ?? endOffset, heldFrom));
}

/** A setting that Kafka turns off with −1. */
function limit(config: Readonly<Record<string, string>>, name: string): number {
  const value = integerSetting(config, name);
  return value < 0 ? Infinity : value;
}
