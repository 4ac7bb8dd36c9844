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
 * `ends` are the ends of the target partitions: where a group that has read everything goes on. One pass over the map, a second one over
 * it only when duplicates have to be counted.
 */
export async function translateGroups(
  map: OffsetMap,
  sources: number,
  ends: readonly number[],
  groups: readonly GroupVector[],
  signal?: AbortSignal,
): Promise<readonly TranslatedGroup[]> {
  if (groups.length === 0) return [];
  const states = groups.map((group) => ({
    group,
    next: [...ends],
    readUntil: ends.map(() => 0),
    duplicates: 0,
  }));
  for (let source = 0; source < sources; source++) {
    for await (const [chunk] of map.chunks(source)) {
      signal?.throwIfAborted();
      for (const { group, next, readUntil } of states) {
        const position = group.positions.get(source) ?? 0;
        for (const { target, until } of readParts(chunk, position)) {
          readUntil[target] = Math.max(readUntil[target]!, until);
        }
        for (const { target, from } of unreadParts(chunk, position)) next[target] = Math.min(next[target]!, from);
      }
    }
  }
  const inexact = states.filter(({ next, readUntil }) => readUntil.some((until, target) => until > next[target]!));
  for (let source = 0; source < sources && inexact.length > 0; source++) {
    for await (const [chunk] of map.chunks(source)) {
      signal?.throwIfAborted();
      for (const state of inexact) {
        for (const { target, from, until } of readParts(chunk, state.group.positions.get(source) ?? 0)) {
          state.duplicates += Math.max(0, until - Math.max(from, state.next[target]!));
        }
      }
    }
  }
  return states.map(({ group, next, duplicates }) => ({
    group: group.group,
    positions: next,
    exact: duplicates === 0,
    duplicates,
  }));
}

/** Target offsets, as stretches without a break. */
interface Stretch {
  readonly target: number;
  readonly from: number;
  readonly until: number;
}

/** Where the records of a chunk lie that are below a source position. */
function readParts(chunk: CopiedChunk, position: number): Iterable<Stretch> {
  return position <= chunk.from ? [] : parts(chunk, position, true);
}

/** Where the records of a chunk lie that are not. */
function unreadParts(chunk: CopiedChunk, position: number): Iterable<Stretch> {
  return position >= chunk.until ? [] : parts(chunk, position, false);
}

function* parts(chunk: CopiedChunk, position: number, below: boolean): Generator<Stretch, void> {
  const whole = position <= chunk.from || position >= chunk.until;
  const offsets = whole ? undefined : sourceOffsetsByTarget(chunk);
  const skipped = new Map<number, number>();
  for (const { target, base, count } of chunk.runs) {
    if (offsets === undefined) {
      yield { target, from: base, until: base + count };
      continue;
    }
    const skip = skipped.get(target) ?? 0;
    skipped.set(target, skip + count);
    const split = firstAtOrAfter(offsets.get(target) ?? new Float64Array(), position) - skip;
    const at = base + Math.max(0, Math.min(count, split));
    if (below && at > base) yield { target, from: base, until: at };
    if (!below && at < base + count) yield { target, from: at, until: base + count };
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
