import type { PartitionRef } from '../../topic.js';
import { type Assignment, compare, existingTopics, type Subscriber } from './assignment.js';
import { believedClaims, type Claims, placeOf } from './claims.js';
import { balanceMixed } from './mixed-subscriptions.js';

/**
 * As even as can be with as few moves as can be, in two steps: a partition that goes from one live member to another is given to nobody now, so that its owner
 * revokes it first; the rebalance that follows gives it away. So a partition never has two readers, and the others are read on meanwhile.
 */
export function assignSticky(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const claims = believedClaims(subscribers, partitionCounts);
  const target = shareOut(subscribers, partitionCounts, claims);
  return new Map(
    [...target].map(([memberId, partitions]) => [
      memberId,
      partitions.filter((ref) => {
        const place = placeOf(ref);
        return !claims.disputed.has(place) && (claims.ownerOf.get(place) ?? memberId) === memberId;
      }),
    ]),
  );
}

/** Where the partitions are to be in the end. */
export function shareOut(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
  claims: Claims,
): Assignment {
  const topics = existingTopics(everyTopic(subscribers), partitionCounts);
  const [first, ...others] = subscribers.map((one) => one.topics);
  const alike = others.every((other) => areSame(first!, other));
  if (!alike) return balanceMixed(subscribers, topics, partitionCounts, claims);
  const all = topics.flatMap((topic) => partitionsOf(topic, partitionCounts));
  return balanceAlike(subscribers, all, claims);
}

function* everyTopic(subscribers: readonly Subscriber[]): Generator<string, void> {
  for (const { topics } of subscribers) yield* topics;
}

/** Whether two subscriptions name the same topics, in whatever order; most name them in the same one. */
function areSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length === other.length && one.every((topic, i) => topic === other[i])) return true;
  const [these, those] = [new Set(one), new Set(other)];
  return these.size === those.size && other.every((topic) => these.has(topic));
}

export function partitionsOf(topic: string, partitionCounts: ReadonlyMap<string, number>): PartitionRef[] {
  return Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }));
}

/**
 * Everybody reads the same: each member gets the smaller or the larger even share. The larger ones go to members that own that much already, as far as there are
 * any; of too many the lowest partition numbers are kept, so over all topics; what is left over is dealt out in turns, first up to the smaller share, then up to the larger.
 */
function balanceAlike(subscribers: readonly Subscriber[], all: readonly PartitionRef[], claims: Claims): Assignment {
  const ids = subscribers.map((one) => one.memberId).sort(compare);
  const small = Math.floor(all.length / ids.length);
  const large = Math.ceil(all.length / ids.length);
  let largeLeft = all.length % ids.length;
  const assignment = new Map<string, PartitionRef[]>(ids.map((id) => [id, []]));
  const wanted = new Set(all.map(placeOf));
  const below: string[] = [];
  const even: string[] = [];
  for (const id of ids) {
    const owned = claims.owned
      .get(id)!
      .filter((ref) => wanted.has(placeOf(ref)))
      .sort((a, b) => a.partition - b.partition || compare(a.topic, b.topic));
    if (owned.length < small) {
      assignment.get(id)!.push(...owned);
      below.push(id);
    } else if (owned.length >= large && largeLeft > 0) {
      assignment.get(id)!.push(...owned.slice(0, large));
      largeLeft--;
    } else {
      assignment.get(id)!.push(...owned.slice(0, small));
      even.push(id);
    }
  }
  const kept = new Set([...assignment.values()].flat().map(placeOf));
  const left = all.filter((ref) => !kept.has(placeOf(ref)));
  deal(left, assignment, { below, even: largeLeft > 0 ? even : [], small, large, largeLeft });
  return assignment;
}

interface Hands {
  /** Members below the smaller share. */
  below: string[];
  /** Members with the smaller share that may get one more. */
  even: string[];
  readonly small: number;
  readonly large: number;
  largeLeft: number;
}

/** Deals partitions in turns: to the members below the smaller share while there are any, then to those at it. */
function deal(left: readonly PartitionRef[], assignment: Map<string, PartitionRef[]>, hands: Hands): void {
  const { small, large } = hands;
  let turn = 0;
  for (const ref of left) {
    if (hands.below.length === 0) hands.below = hands.even.splice(0);
    if (turn >= hands.below.length) turn = 0;
    const id = hands.below[turn]!;
    const partitions = assignment.get(id)!;
    partitions.push(ref);
    if (partitions.length === small && small < large) {
      hands.below.splice(turn, 1);
      if (hands.largeLeft > 0) hands.even.push(id);
    } else if (partitions.length >= large) {
      hands.below.splice(turn, 1);
      if (small < large) hands.largeLeft--;
    } else {
      turn++;
    }
  }
}
