import type { PartitionRef } from '../../topic.js';
import { type Assignment, compare, type Subscriber } from './assignment.js';
import { type Claims, placeOf } from './claims.js';
import { Ranking } from './ranking.js';

/** A member and what it has so far, by topic. */
interface Hand {
  readonly memberId: string;
  /** Place among the members, by id. */
  readonly order: number;
  readonly byTopic: Map<string, PartitionRef[]>;
  size: number;
  /** The topic last looked at that this member reads. */
  reads: string | undefined;
}

/**
 * Members read different topics: nobody has two more than somebody who could read one of his partitions. Kept are the partitions owned as far as that allows; those
 * that are free go first where few can take them.
 */
export function balanceMixed(
  subscribers: readonly Subscriber[],
  topics: readonly string[],
  partitionCounts: ReadonlyMap<string, number>,
  claims: Claims,
): Assignment {
  const hands = new Map<string, Hand>();
  const readers = new Map<string, Hand[]>(topics.map((topic) => [topic, []]));
  for (const { memberId, topics: subscribed } of [...subscribers].sort((a, b) => compare(a.memberId, b.memberId))) {
    const hand: Hand = { memberId, order: hands.size, byTopic: new Map(), size: 0, reads: undefined };
    hands.set(memberId, hand);
    for (const topic of subscribed) {
      const known = readers.get(topic);
      // A topic that is named twice is read once.
      if (known !== undefined && known.at(-1) !== hand) known.push(hand);
    }
  }
  const scarceFirst = [...topics].sort((a, b) => readers.get(a)!.length - readers.get(b)!.length || compare(a, b));
  const free = new Map<string, PartitionRef[]>();
  for (const topic of scarceFirst) {
    for (const hand of readers.get(topic)!) hand.reads = topic;
    const ofTopic: PartitionRef[] = [];
    for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
      const owner = claims.ownerOf.get(placeOf({ topic, partition }));
      const hand = owner === undefined ? undefined : hands.get(owner);
      if (hand?.reads === topic) give(hand, { topic, partition });
      else ofTopic.push({ topic, partition });
    }
    if (ofTopic.length > 0) free.set(topic, ofTopic);
  }
  for (const [topic, partitions] of free) {
    const ranking = new Ranking('least', readers.get(topic)!);
    for (const ref of partitions) {
      const hand = ranking.first!;
      give(hand, ref);
      ranking.changed(hand);
    }
  }
  for (let moved = true; moved;) {
    moved = false;
    for (const topic of scarceFirst) moved = even(topic, readers.get(topic)!, claims) || moved;
  }
  return new Map(
    subscribers.map(({ memberId }) => [memberId, [...hands.get(memberId)!.byTopic.values()].flat()] as const),
  );
}

/** Moves partitions of one topic while that evens out two members. Each move brings the sizes closer, so it ends. Answers whether any moved. */
function even(topic: string, readers: readonly Hand[], claims: Claims): boolean {
  const holders: Hand[] = [];
  let [largest, least] = [0, Infinity];
  for (const hand of readers) {
    least = Math.min(least, hand.size);
    if ((hand.byTopic.get(topic)?.length ?? 0) === 0) continue;
    holders.push(hand);
    largest = Math.max(largest, hand.size);
  }
  if (largest <= least + 1) return false;
  const takers = new Ranking('least', readers);
  const givers = new Ranking('largest', holders);
  for (let moved = false; ; moved = true) {
    const [most, to] = [givers.first, takers.first!];
    if (most === undefined || most.size <= to.size + 1) return moved;
    const partitions = most.byTopic.get(topic)!;
    // One that has to move anyway moves rather than one that is owned.
    const from = most.memberId;
    const unowned = partitions.findIndex((ref) => claims.ownerOf.get(placeOf(ref)) !== from);
    const [ref] = partitions.splice(unowned < 0 ? partitions.length - 1 : unowned, 1);
    most.size--;
    give(to, ref!);
    if (partitions.length === 0) givers.removeFirst();
    else givers.changed(most);
    givers.changed(to);
    takers.changed(most);
    takers.changed(to);
  }
}

function give(hand: Hand, ref: PartitionRef): void {
  const known = hand.byTopic.get(ref.topic);
  if (known === undefined) hand.byTopic.set(ref.topic, [ref]);
  else known.push(ref);
  hand.size++;
}
