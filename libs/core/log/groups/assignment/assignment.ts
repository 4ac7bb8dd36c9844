import type { PartitionRef } from '../../topic.js';

/** A member as whoever shares out sees it. */
export interface Subscriber {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  /** What it holds on to, and since which generation; −1 for none. */
  readonly owned: readonly PartitionRef[];
  readonly generation: number;
}

/** Partitions by member id; every subscriber has an entry. */
export type Assignment = ReadonlyMap<string, readonly PartitionRef[]>;

/** A way to share out partitions, pure: the same input gives the same answer. Topics without a count do not exist and are left out. */
export type Assignor = (subscribers: readonly Subscriber[], partitionCounts: ReadonlyMap<string, number>) => Assignment;

/** Static members come first, by instance id; the others by member id. So Kafka's assignors order members. */
export function inOrder(subscribers: readonly Subscriber[]): Subscriber[] {
  return [...subscribers].sort((a, b) => {
    if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId);
    if (a.instanceId !== null) return -1;
    if (b.instanceId !== null) return 1;
    return compare(a.memberId, b.memberId);
  });
}

/** By UTF-16 code units, as Java compares texts. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The topics of a subscription that exist, each once, by name. */
export function existingTopics(topics: Iterable<string>, partitionCounts: ReadonlyMap<string, number>): string[] {
  return [...new Set(topics)].filter((topic) => (partitionCounts.get(topic) ?? 0) > 0).sort(compare);
}
