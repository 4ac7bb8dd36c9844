import type { PartitionReplicas, Reassignment } from './cluster-description.js';
import { brokerNotFound, invalidReassignment, partitionNotFound, topicNotFound } from './errors.js';
import type { PartitionRef } from './topic.js';

/** Where the copies of a partition shall be; the first broker is the preferred leader. */
export interface ReassignmentTarget extends PartitionRef {
  readonly replicas: readonly number[];
}

/** What a plan means for one partition. */
export interface PlannedMove extends PartitionRef {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  /** Copies and order are what they should be already. */
  readonly unchanged: boolean;
}

/** Most partitions of one plan. */
export const MAX_REASSIGNED = 1_000;

/**
 * Judges a plan against the cluster as it is, and says what it means. Pure: every engine refuses the same plans before it does anything.
 * `replicas` must hold every partition of the topics named.
 * @throws `topic-not-found`, `partition-not-found`, `broker-not-found`, `invalid-reassignment`.
 */
export function planReassignment(
  targets: readonly ReassignmentTarget[],
  replicas: readonly PartitionReplicas[],
  brokers: readonly number[],
): readonly PlannedMove[] {
  if (targets.length > MAX_REASSIGNED) {
    throw invalidReassignment(`it moves ${targets.length} partitions, more than ${MAX_REASSIGNED}`);
  }
  const find = partitionsOf(replicas);
  const seen = new Set<string>();
  return targets.map(({ topic, partition, replicas: to }) => {
    const from = find({ topic, partition }).replicas;
    const key = `${topic}/${partition}`;
    if (seen.has(key)) throw invalidReassignment(`it names ${key} twice`);
    seen.add(key);
    for (const broker of to) if (!brokers.includes(broker)) throw brokerNotFound(broker, brokers);
    if (new Set(to).size !== to.length) throw invalidReassignment(`${key} would have two copies on one broker`);
    if (to.length !== from.length) {
      throw invalidReassignment(`${key} has ${from.length} copies and would have ${to.length}; their number stays`);
    }
    return {
      topic,
      partition,
      from,
      to,
      adding: to.filter((broker) => !from.includes(broker)),
      removing: from.filter((broker) => !to.includes(broker)),
      unchanged: to.every((broker, i) => broker === from[i]),
    };
  });
}

/**
 * Partitions with the copies they had before the moves under way: a moving partition has old and new ones at once, and a new plan for it is judged by the old.
 */
export function beforeMoves(
  replicas: readonly PartitionReplicas[],
  moving: readonly Reassignment[],
): readonly PartitionReplicas[] {
  const adding = new Map(moving.map((one) => [`${one.topic}/${one.partition}`, one.adding]));
  return replicas.map((one) => {
    const added = adding.get(`${one.topic}/${one.partition}`) ?? [];
    return { ...one, replicas: one.replicas.filter((broker) => !added.includes(broker)) };
  });
}

/** What an election of the preferred leader would do for one partition. */
export interface PlannedElection extends PartitionRef {
  readonly leader: number | null;
  readonly preferred: number;
  /** `unavailable`: the preferred broker is not in sync, so it cannot lead. */
  readonly would: 'elect' | 'not-needed' | 'unavailable';
}

/** What an election would do, partition by partition in the order given. @throws `topic-not-found`, `partition-not-found`. */
export function planElection(
  partitions: readonly PartitionRef[],
  replicas: readonly PartitionReplicas[],
): readonly PlannedElection[] {
  const find = partitionsOf(replicas);
  return partitions.map(({ topic, partition }) => {
    const { leader, replicas: copies, inSync } = find({ topic, partition });
    const preferred = copies[0]!;
    const would = leader === preferred ? 'not-needed' : inSync.includes(preferred) ? 'elect' : 'unavailable';
    return { topic, partition, leader, preferred, would };
  });
}

/** The partition described, or why there is none. */
function partitionsOf(replicas: readonly PartitionReplicas[]): (ref: PartitionRef) => PartitionReplicas {
  const topics = new Map<string, Map<number, PartitionReplicas>>();
  for (const one of replicas) {
    const ofTopic = topics.get(one.topic) ?? new Map<number, PartitionReplicas>();
    topics.set(one.topic, ofTopic.set(one.partition, one));
  }
  return ({ topic, partition }) => {
    const ofTopic = topics.get(topic);
    if (ofTopic === undefined) throw topicNotFound(topic);
    const found = ofTopic.get(partition);
    if (found === undefined) throw partitionNotFound(topic, partition, ofTopic.size);
    return found;
  };
}
