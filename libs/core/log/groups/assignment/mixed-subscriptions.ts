import type { PartitionRef } from '../../topic.js';
import { type Assignment, compare, type Subscriber } from './assignment.js';
import { type Claims, placeOf } from './claims.js';

/** A member and what it has so far, by topic. */
interface Hand {
  readonly memberId: string;
  readonly byTopic: Map<string, PartitionRef[]>;
  size: number;
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
    const hand: Hand = { memberId, byTopic: new Map(), size: 0 };
    hands.set(memberId, hand);
    for (const topic of new Set(subscribed)) readers.get(topic)?.push(hand);
  }
  const scarceFirst = [...topics].sort((a, b) => readers.get(a)!.length - readers.get(b)!.length || compare(a, b));
  const free: PartitionRef[] = [];
  for (const topic of scarceFirst) {
    const able = new Set(readers.get(topic)!.map((one) => one.memberId));
    for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
      const owner = claims.ownerOf.get(placeOf({ topic, partition }));
      if (owner !== undefined && able.has(owner)) give(hands.get(owner)!, { topic, partition });
      else free.push({ topic, partition });
    }
  }
  for (const ref of free) give(least(readers.get(ref.topic)!), ref);
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
  for (let moved = false; ; moved = true) {
    let most: Hand | undefined;
    for (const hand of readers) {
      const has = (hand.byTopic.get(topic)?.length ?? 0) > 0;
      if (has && (most === undefined || hand.size > most.size)) most = hand;
    }
    const to = least(readers);
    if (most === undefined || most.size <= to.size + 1) return moved;
    const partitions = most.byTopic.get(topic)!;
    // One that has to move anyway moves rather than one that is owned.
    const from = most.memberId;
    const unowned = partitions.findIndex((ref) => claims.ownerOf.get(placeOf(ref)) !== from);
    const [ref] = partitions.splice(unowned < 0 ? partitions.length - 1 : unowned, 1);
    most.size--;
    give(to, ref!);
  }
}

function least(hands: readonly Hand[]): Hand {
  let found = hands[0]!;
  for (const hand of hands) if (hand.size < found.size) found = hand;
  return found;
}

function give(hand: Hand, ref: PartitionRef): void {
  const known = hand.byTopic.get(ref.topic);
  if (known === undefined) hand.byTopic.set(ref.topic, [ref]);
  else known.push(ref);
  hand.size++;
}
