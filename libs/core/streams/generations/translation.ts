import type { JsonObject } from '#libs/core/kernel';
import { type CopiedChunk, sourceOffsetsByTarget } from '../copy/chunk.js';
import type { OffsetMap } from '../copy/offset-map.js';

/** A group of readers and where it stands in the source: for each partition it has a position in, the next offset. */
export interface GroupVector {
  readonly group: string;
  readonly positions: ReadonlyMap<number, number>;
}

/** Where a group goes on in the target. */
export interface TranslatedGroup {
  readonly group: string;
  /** Next offset for every target partition. */
  readonly positions: readonly number[];
  /** The group reads exactly the records it has not read. */
  readonly exact: boolean;
  /** Records it will read a second time; 0 when exact. It never misses one. */
  readonly duplicates: number;
}

/**
 * Translates positions through the offset map of a copy. A record (s, o) counts as read when o lies below the group's position in s; where the group has
 * no position in s, nothing of s counts as read. In each target partition the group goes on at the first record it has not read; what it has read beyond that (which happens when several
 * sources feed the partition and the group was not equally far in them) it reads again.
 *
 * `sources` are the lanes of the map: the source partitions, and those of what was redriven. `ends` are the ends of the target partitions: where a group that has read everything goes on. One pass over the map for each group, and a second
 * one when duplicates have to be counted.
 */
export async function translateGroups(
  map: OffsetMap,
  sources: number,
  ends: readonly number[],
  groups: readonly GroupVector[],
  signal?: AbortSignal,
): Promise<readonly TranslatedGroup[]> {
  const stretches = (position: (source: number) => number): AsyncGenerator<Stretch, void> =>
    forwards(map, sources, position, signal);
  return await translate(groups, ends, (group) => stretches((source) => group.positions.get(source) ?? 0));
}

/** The offset maps of a copy and of the one that carries what was written since back to where it came from. */
export interface BothWays {
  readonly there: OffsetMap;
  /** Lanes of that map. */
  readonly sources: number;
  /** Undefined when nothing was copied back. */
  readonly back: OffsetMap | undefined;
  readonly targets: number;
}

/**
 * The other direction: positions in the target of a copy, translated to its source, for the way back. Records that came from the source are found by the
 * map there, records written since by the map back. `ends` are the ends of the source partitions.
 */
export async function translateGroupsBack(
  maps: BothWays,
  ends: readonly number[],
  groups: readonly GroupVector[],
  signal?: AbortSignal,
): Promise<readonly TranslatedGroup[]> {
  return await translate(groups, ends, async function* (group) {
    const position = (target: number): number => group.positions.get(target) ?? 0;
    for (let source = 0; source < maps.sources; source++) {
      for await (const [chunk] of maps.there.chunks(source)) {
        signal?.throwIfAborted();
        yield* backwards(chunk, position);
      }
    }
    if (maps.back !== undefined) yield* forwards(maps.back, maps.targets, position, signal);
  });
}

/** A stretch of the side that positions are wanted on, and whether the group has read it on the other side. */
interface Stretch {
  readonly partition: number;
  readonly from: number;
  readonly until: number;
  readonly read: boolean;
}

async function translate(
  groups: readonly GroupVector[],
  ends: readonly number[],
  stretches: (group: GroupVector) => AsyncIterable<Stretch>,
): Promise<TranslatedGroup[]> {
  const translated: TranslatedGroup[] = [];
  for (const group of groups) {
    const next = [...ends];
    const readUntil = ends.map(() => 0);
    for await (const { partition, from, until, read } of stretches(group)) {
      if (read) readUntil[partition] = Math.max(readUntil[partition]!, until);
      else next[partition] = Math.min(next[partition]!, from);
    }
    let duplicates = 0;
    if (readUntil.some((until, partition) => until > next[partition]!)) {
      for await (const { partition, from, until, read } of stretches(group)) {
        if (read) duplicates += Math.max(0, until - Math.max(from, next[partition]!));
      }
    }
    translated.push({ group: group.group, positions: next, exact: duplicates === 0, duplicates });
  }
  return translated;
}

/** Target stretches of a map, by positions in its sources. */
async function* forwards(
  map: OffsetMap,
  sources: number,
  position: (source: number) => number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Stretch, void> {
  for (let source = 0; source < sources; source++) {
    for await (const [chunk] of map.chunks(source)) {
      signal?.throwIfAborted();
      yield* parts(chunk, position(chunk.source));
    }
  }
}

/** Where the records of a chunk lie in the target, cut where the group is in the source. */
function* parts(chunk: CopiedChunk, position: number): Generator<Stretch, void> {
  const whole = position <= chunk.from || position >= chunk.until;
  const offsets = whole ? undefined : sourceOffsetsByTarget(chunk);
  const skipped = new Map<number, number>();
  for (const { target: partition, base, count } of chunk.runs) {
    const until = base + count;
    if (offsets === undefined) {
      yield { partition, from: base, until, read: position >= chunk.until };
      continue;
    }
    const skip = skipped.get(partition) ?? 0;
    skipped.set(partition, skip + count);
    const split = firstAtOrAfter(offsets.get(partition) ?? new Float64Array(), position) - skip;
    const at = base + Math.max(0, Math.min(count, split));
    if (at > base) yield { partition, from: base, until: at, read: true };
    if (at < until) yield { partition, from: at, until, read: false };
  }
}

/** Where the records of a chunk lie in the source, by the group's positions in the targets. Stretches are cut to single records where they have to be. */
function* backwards(chunk: CopiedChunk, position: (target: number) => number): Generator<Stretch, void> {
  const partition = chunk.source;
  if (chunk.runs.every(({ target, base, count }) => position(target) >= base + count)) {
    for (const { first, count } of chunk.ranges) yield { partition, from: first, until: first + count, read: true };
    return;
  }
  const offsets = sourceOffsetsByTarget(chunk);
  const skipped = new Map<number, number>();
  for (const { target, base, count } of chunk.runs) {
    const skip = skipped.get(target) ?? 0;
    skipped.set(target, skip + count);
    const at = position(target) - base;
    for (let i = 0; i < count; i++) {
      const from = offsets.get(target)?.[skip + i];
      if (from !== undefined) yield { partition, from, until: from + 1, read: i < at };
    }
  }
}

/** Index of the first offset that is not below `position`. */
function firstAtOrAfter(offsets: Float64Array, position: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle]! < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** For status and events; offsets as text. */
export function translationToJson(translated: TranslatedGroup): JsonObject {
  return {
    group: translated.group,
    translation: translated.exact ? 'exact' : 'repeats',
    duplicatesExpected: translated.duplicates,
    positions: translated.positions.map(String),
  };
}
