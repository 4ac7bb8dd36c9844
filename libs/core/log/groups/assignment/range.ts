import type { PartitionRef } from '../../topic.js';
import { type Assignment, existingTopics, inOrder, type Subscriber } from './assignment.js';

/**
 * Topic by topic, neighbouring partitions to each subscriber; the first few get one more when it does not come out even. Topics with the same
 * number of partitions and the same subscribers are shared out alike, so that records of one key number land with one member.
 */
export function assignRanges(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const ordered = inOrder(subscribers);
  const assignment = new Map<string, PartitionRef[]>(ordered.map(({ memberId }) => [memberId, []]));
  const byTopic = new Map<string, string[]>();
  for (const { memberId, topics } of ordered) {
    for (const topic of new Set(topics)) {
      const known = byTopic.get(topic);
      if (known === undefined) byTopic.set(topic, [memberId]);
      else known.push(memberId);
    }
  }
  for (const topic of existingTopics(byTopic.keys(), partitionCounts)) {
    const members = byTopic.get(topic)!;
    const partitions = partitionCounts.get(topic)!;
    const each = Math.floor(partitions / members.length);
    const more = partitions % members.length;
    let partition = 0;
    members.forEach((memberId, place) => {
      const end = partition + each + (place < more ? 1 : 0);
      for (; partition < end; partition++) assignment.get(memberId)!.push({ topic, partition });
    });
  }
  return assignment;
}
