import { integerSetting, textSetting } from './topic-config.js';

/** What compaction looks at in a segment. */
export interface CompactableSegment {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly sizeBytes: number;
  /** When its first and its last batch were appended, epoch ms. */
  readonly firstAppendTimeMs: number;
  readonly maxAppendTimeMs: number;
}

export interface CompactionRules {
  /** Compaction begins when more than this share of the bytes was never compacted. */
  readonly minDirtyRatio: number;
  /** Records younger than this stay as they are. */
  readonly minLagMs: number;
  /** Records older than this are compacted whatever the ratio; Infinity for no limit. */
  readonly maxLagMs: number;
  /** How long a tombstone is kept from the first compaction that met it. */
  readonly deleteRetentionMs: number;
}

/** What a decision about one partition rests on. */
export interface CompactionFacts {
  /** First offset that can be read. */
  readonly startOffset: number;
  /** Everything below was compacted before: each key stands there once at most. */
  readonly cleanUpTo: number;
  /** Nothing at or above may go. Infinity for no hold. */
  readonly heldFrom: number;
  readonly nowMs: number;
}

/** A compaction that is due. */
export interface CompactionScope {
  /** Keys are looked up from here … */
  readonly from: number;
  /** … up to here; what lies behind is not touched. */
  readonly to: number;
  /** Share of the bytes up to the end of the scope that was never compacted: of several partitions the highest goes first. */
  readonly dirtyRatio: number;
}

/** The rules in force for a topic with these settings. */
export function compactionRules(config: Readonly<Record<string, string>>): CompactionRules {
  return {
    minDirtyRatio: Number(textSetting(config, 'min.cleanable.dirty.ratio')),
    minLagMs: integerSetting(config, 'min.compaction.lag.ms'),
    maxLagMs: integerSetting(config, 'max.compaction.lag.ms'),
    deleteRetentionMs: integerSetting(config, 'delete.retention.ms'),
  };
}

/**
 * Whether a partition is to be compacted now, and how far: up to the first closed segment that is too young, and no further than the holds. Undefined when
 * there is nothing to compact, or not enough of it. Like Kafka's rules (section 8 of the format reference), on append time.
 *
 * @param segments the closed ones, oldest first.
 */
export function dueCompaction(
  segments: readonly CompactableSegment[],
  { startOffset, cleanUpTo, heldFrom, nowMs }: CompactionFacts,
  { minDirtyRatio, minLagMs, maxLagMs }: CompactionRules,
): CompactionScope | undefined {
  const from = Math.max(startOffset, cleanUpTo);
  let to = from;
  let clean = 0;
  let dirty = 0;
  let oldestMs = Infinity;
  for (const segment of segments) {
    if (segment.nextOffset <= from) {
      clean += segment.sizeBytes;
      continue;
    }
    if (segment.maxAppendTimeMs > nowMs - minLagMs || segment.baseOffset >= heldFrom) break;
    dirty += segment.sizeBytes;
    oldestMs = Math.min(oldestMs, segment.firstAppendTimeMs);
    to = Math.min(segment.nextOffset, heldFrom);
  }
  if (to <= from) return undefined;
  const dirtyRatio = dirty / (clean + dirty);
  const overdue = nowMs - oldestMs > maxLagMs;
  return dirtyRatio > minDirtyRatio || overdue ? { from, to, dirtyRatio } : undefined;
}

/** A 31-bit distance of offsets is what index files can hold. */
const MAX_OFFSET_SPAN = 0x7fff_ffff;

/**
 * Neighbours that become one segment each, so that what compaction makes small does not stay many files: as many as fit together before they are compacted.
 */
export function segmentGroups<Segment extends CompactableSegment>(
  segments: readonly Segment[],
  segmentBytes: number,
): Segment[][] {
  const groups: Segment[][] = [];
  let bytes = 0;
  for (const segment of segments) {
    const group = groups.at(-1);
    const fits = group !== undefined && bytes + segment.sizeBytes <= segmentBytes;
    if (fits && segment.nextOffset - group[0]!.baseOffset <= MAX_OFFSET_SPAN) {
      group.push(segment);
      bytes += segment.sizeBytes;
    } else {
      groups.push([segment]);
      bytes = segment.sizeBytes;
    }
  }
  return groups;
}
