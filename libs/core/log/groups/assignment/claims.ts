import type { PartitionRef } from '../../topic.js';
import type { Subscriber } from './assignment.js';

/** What members hold on to, as far as it can be believed. */
export interface Claims {
  /** By member id, in the order they were named. Partitions that exist, each with one owner. */
  readonly owned: ReadonlyMap<string, readonly PartitionRef[]>;
  /** Claimed by two members of one generation: nobody is given these before both have let go. */
  readonly disputed: ReadonlySet<string>;
  /** The believed owner of a partition, by {@link placeOf}. */
  readonly ownerOf: ReadonlyMap<string, string>;
}

export function placeOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`;
}

/** Of two claims on a partition that of the later generation holds: the other member was away while the group went on. */
export function believedClaims(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Claims {
  const holders = new Map<string, { ref: PartitionRef; owner: string; generation: number }>();
  const disputed = new Set<string>();
  for (const { memberId, owned, generation } of subscribers) {
    for (const ref of owned) {
      if (ref.partition < 0 || ref.partition >= (partitionCounts.get(ref.topic) ?? 0)) continue;
      const place = placeOf(ref);
      const holder = holders.get(place);
      if (holder !== undefined && holder.owner !== memberId && holder.generation === generation) disputed.add(place);
      if (holder !== undefined && holder.generation >= generation) continue;
      disputed.delete(place);
      holders.set(place, { ref, owner: memberId, generation });
    }
  }
  const owned = new Map<string, PartitionRef[]>(subscribers.map(({ memberId }) => [memberId, []]));
  const ownerOf = new Map<string, string>();
  for (const { memberId, owned: named } of subscribers) {
    for (const ref of new Map(named.map((one) => [placeOf(one), one])).values()) {
      const place = placeOf(ref);
      if (holders.get(place)?.owner !== memberId || disputed.has(place)) continue;
      owned.get(memberId)!.push(ref);
      ownerOf.set(place, memberId);
    }
  }
  return { owned, disputed, ownerOf };
}
