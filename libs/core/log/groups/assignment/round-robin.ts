import type { PartitionRef } from '../../topic.js';
import { type Assignment, existingTopics, inOrder, type Subscriber } from './assignment.js';

/** All partitions in order of topic and number, dealt out in turns; whoever does not read a topic is passed over. */
export function assignInTurns(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const ordered = inOrder(subscribers);
  const hands = ordered.map(({ topics }) => ({ topics: new Set(topics), partitions: [] as PartitionRef[] }));
  const topics = existingTopics(
    ordered.flatMap((one) => one.topics),
    partitionCounts,
  );
  let turn = 0;
  for (const topic of topics) {
    for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
      while (!hands[turn % hands.length]!.topics.has(topic)) turn++;
      hands[turn++ % hands.length]!.partitions.push({ topic, partition });
    }
  }
  return new Map(ordered.map(({ memberId }, i) => [memberId, hands[i]!.partitions]));
}
