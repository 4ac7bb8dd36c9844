import { generationOf, logErrors, type PartitionRef, type TopicDirectory } from '#libs/core/log';
import type { GroupInLog } from './group-leases.js';
import { type HeldLease, heldBy } from './held-lease.js';
import { acquire, heldPlaces, type LeasablePartition } from './lease-book.js';
import { type Lease, type LeaseBook, type LeaseTerms, placeOf } from './lease.js';

/** What a lease is asked for. */
export interface LeaseRequest {
  readonly terms: LeaseTerms;
  /** Logical names. */
  readonly topics: readonly string[];
  /** Only these partitions of each topic. */
  readonly partitions?: readonly number[];
  /** Most partitions of the lease. */
  readonly maxPartitions: number;
  /** Where to begin in a partition the group has no position in. */
  readonly startAt: 'earliest' | 'latest';
  /** Longest wait for a partition that has something to read and that nobody holds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/** Why there is no lease: others hold everything, or there is nothing to read in what they leave. */
export type NoLease = 'held' | 'empty';

/** A partition that was asked for. */
export interface Candidate extends PartitionRef {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Its topic is in a cutover of which leases of groups that have never worked on it may not be told any more. */
  readonly inCutover: boolean;
}

/** What carries a name now, and whether it is in a cutover as {@link Candidate} means it: a log that hands groups over tells every lease itself. @throws `topic-not-found`. */
async function placeNow(directory: TopicDirectory, logical: string) {
  const { physical, description, guard } = await directory.resolve(logical);
  const inCutover = !directory.engine.capabilities.handsOver && description.state === 'FENCED' && !guard.frozen;
  return { physical, description, inCutover };
}

/**
 * Whether a lease that has just been stored may be worked under: a first lease over a topic, where the group had never `worked` on it. A cutover may have begun since its partitions were chosen, and have looked
 * for leases before this one was there: then nobody tells it that its topic is closed, and what it acknowledges would come again. A topic that is open now was fenced afterwards, if at all, and
 * whoever fences it finds the lease.
 */
export async function mayBegin(
  directory: TopicDirectory,
  { partitions }: Lease,
  worked: ReadonlySet<string>,
): Promise<boolean> {
  if (directory.engine.capabilities.handsOver) return true;
  for (const topic of new Set(partitions.map((one) => one.topic))) {
    if (worked.has(topic)) continue;
    const { physical, inCutover } = await placeNow(directory, generationOf(topic).logical);
    if (inCutover || physical !== topic) return false;
  }
  return true;
}

/** The partitions that a request means, in the generations that carry the names now. @throws `topic-not-found`, `partition-not-found`. */
export async function candidatesOf(
  directory: TopicDirectory,
  { topics, partitions }: LeaseRequest,
): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  for (const logical of new Set(topics)) {
    const { physical, description, inCutover } = await placeNow(directory, logical);
    const { length } = description.partitions;
    const missing = partitions?.find((one) => one >= length);
    if (missing !== undefined) throw logErrors.partitionNotFound(logical, missing, length);
    for (const { partition, startOffset, endOffset } of description.partitions) {
      if (partitions !== undefined && !partitions.includes(partition)) continue;
      candidates.push({ topic: physical, partition, startOffset, endOffset, inCutover });
    }
  }
  return candidates;
}

/**
 * A lease over those of the candidates that have something to read and that nobody holds, the furthest behind first.
 * @throws `offset-out-of-range` when the group stands at what retention has removed in everything it could be given, `too-many-leases`.
 */
export function choose(
  book: LeaseBook,
  now: number,
  { stands, worked, resting }: GroupInLog,
  candidates: readonly Candidate[],
  { terms, maxPartitions, startAt }: LeaseRequest,
  nonce: string,
): { book: LeaseBook; reply: HeldLease | NoLease } {
  const held = heldPlaces(book);
  const left = candidates.filter((one) => !held.has(placeOf(one)));
  const free = left.filter((one) => !resting.has(one.topic) && (!one.inCutover || worked.has(one.topic)));
  const open: (LeasablePartition & { readonly behind: number })[] = [];
  let fallen: Candidate | undefined;
  for (const one of free) {
    const place = placeOf(one);
    const position = stands.get(place) ?? (startAt === 'earliest' ? one.startOffset : one.endOffset);
    if (position < one.startOffset) {
      fallen ??= one;
      continue;
    }
    const work = book.work.get(place);
    const next = work?.next ?? position;
    const back = work?.unacked.filter((record) => record.availableAt <= now).length ?? 0;
    const behind = Math.max(0, one.endOffset - next) + back;
    const { topic, partition } = one;
    if (behind > 0) open.push({ topic, partition, position, behind });
  }
  if (open.length === 0) {
    if (fallen !== undefined) {
      const { topic, partition, startOffset, endOffset } = fallen;
      const { logical } = generationOf(topic);
      throw logErrors.offsetOutOfRange(logical, partition, stands.get(placeOf(fallen))!, startOffset, endOffset);
    }
    return { book, reply: left.length === 0 ? 'held' : 'empty' };
  }
  open.sort((a, b) => b.behind - a.behind);
  const { book: changed, lease } = acquire(book, terms, open.slice(0, maxPartitions), nonce, now);
  return { book: changed, reply: heldBy(changed, lease) };
}
