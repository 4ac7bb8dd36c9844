import {
  beforeMoves,
  type ElectionOutcome,
  logErrors,
  type PartitionOutcome,
  type PartitionRef,
  type PartitionReplicas,
  planElection,
  planReassignment,
  type Reassignment,
  type ReassignmentTarget,
} from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone, KafkaRefusal, KafkaSilence } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { electLeadersApi } from './wire-elect-leaders.js';

/** How long the controller may take over a change of replicas or leaders. */
const CONTROLLER_TIMEOUT_MS = 10_000;

/** Copies of partitions: where they are, where they go, who leads. */
export class ReplicaAdmin {
  readonly #cluster: KafkaCluster;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /** By topic and partition. @throws `topic-not-found`. */
  async describe(topics?: readonly string[]): Promise<readonly PartitionReplicas[]> {
    const names = topics === undefined ? null : [...new Set(topics)];
    if (names?.length === 0) return [];
    return await this.#cluster.persist(async () => {
      // An empty name cannot be sent; no topic has it.
      if (names?.includes('')) throw logErrors.topicNotFound('');
      const answer = await this.#cluster.callAny('Metadata', api.metadata, names, false, false);
      const found: PartitionReplicas[] = [];
      for (const { name, errorCode, partitions } of answer.topics) {
        if (name === null || name === undefined) continue;
        if (errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION || errorCode === CODE.INVALID_TOPIC) {
          throw logErrors.topicNotFound(name);
        }
        if (errorCode !== CODE.LEADER_NOT_AVAILABLE) expectNone(`Metadata of ${name}`, errorCode);
        for (const one of partitions) {
          found.push({
            topic: name,
            partition: one.partitionIndex,
            leader: one.leaderId < 0 ? null : one.leaderId,
            leaderEpoch: one.leaderEpoch,
            replicas: one.replicaNodes,
            inSync: one.isrNodes,
            offline: one.offlineReplicas,
          });
        }
      }
      return found.sort(byPlace);
    });
  }

  /** Of these partitions, or of all. @throws `topic-not-found`. */
  async reassignments(partitions?: readonly PartitionRef[]): Promise<readonly Reassignment[]> {
    if (partitions?.length === 0) return [];
    if (partitions !== undefined) await this.describe(partitions.map((one) => one.topic));
    return await this.#moving(partitions);
  }

  /** See `ClusterAdministration.reassign`. */
  async reassign(targets: readonly ReassignmentTarget[]): Promise<readonly PartitionOutcome[]> {
    if (targets.length === 0) return [];
    const replicas = await this.describe(targets.map((one) => one.topic));
    const underWay = await this.#moving(targets);
    const moving = new Set(underWay.map(keyOf));
    const moves = planReassignment(targets, beforeMoves(replicas, underWay), this.#cluster.nodes());
    const needed = moves.filter((one) => !one.unchanged || moving.has(keyOf(one)));
    const codes = await this.#alter(needed.map(({ topic, partition, to }) => ({ topic, partition, replicas: to })));
    return moves.map(({ topic, partition }): PartitionOutcome => {
      const refused = codes.get(`${topic}/${partition}`);
      if (refused === undefined) return { topic, partition };
      return { topic, partition, error: logErrors.invalidReassignment(`${topic}/${partition}: ${refused.message}`) };
    });
  }

  /** See `ClusterAdministration.cancelReassignments`. */
  async cancel(partitions: readonly PartitionRef[]): Promise<readonly PartitionOutcome[]> {
    if (partitions.length === 0) return [];
    planElection(partitions, await this.describe(partitions.map((one) => one.topic)));
    const codes = await this.#alter(partitions.map(({ topic, partition }) => ({ topic, partition, replicas: null })));
    return partitions.map(({ topic, partition }): PartitionOutcome => {
      const refused = codes.get(`${topic}/${partition}`);
      if (refused === undefined) return { topic, partition };
      const error =
        refused.errorCode === CODE.NO_REASSIGNMENT_IN_PROGRESS
          ? logErrors.noReassignment({ topic, partition })
          : logErrors.invalidReassignment(refused.message);
      return { topic, partition, error };
    });
  }

  /** See `ClusterAdministration.electPreferredLeaders`. */
  async elect(partitions: readonly PartitionRef[]): Promise<readonly ElectionOutcome[]> {
    if (partitions.length === 0) return [];
    const planned = planElection(partitions, await this.describe(partitions.map((one) => one.topic)));
    const answered = await this.#cluster.persist(async () => {
      const ask = [...byTopic(partitions)].map(([topic, ofTopic]) => ({
        topic,
        partitions: ofTopic.map((one) => one.partition),
      }));
      const answer = await this.#cluster.callAny('ElectLeaders', electLeadersApi, ask, CONTROLLER_TIMEOUT_MS);
      expectNone('ElectLeaders', answer.errorCode);
      return new Map(answer.partitions.map((one) => [keyOf(one), one]));
    });
    const outcomes = planned.map(({ topic, partition, would }): ElectionOutcome => {
      const { errorCode, errorMessage } = answered.get(`${topic}/${partition}`) ?? { errorCode: 0, errorMessage: null };
      if (errorCode === 0) return { topic, partition, outcome: 'elected' };
      // It leads by now: elected by a request whose answer was lost, or by the controller on its own.
      if (errorCode === CODE.ELECTION_NOT_NEEDED) {
        return { topic, partition, outcome: would === 'elect' ? 'elected' : 'not-needed' };
      }
      const why = errorMessage ?? new KafkaRefusal('ElectLeaders', errorCode).message;
      return {
        topic,
        partition,
        outcome: 'failed',
        error: logErrors.leaderNotAvailable({ topic, partition }, why.replace(/\.$/, '')),
      };
    });
    await this.#untilLed(outcomes.filter((one) => one.outcome === 'elected'));
    for (const { topic } of partitions) this.#cluster.forget(topic);
    return outcomes;
  }

  /** Brokers learn of a new leader a moment after the controller. */
  async #untilLed(elected: readonly PartitionRef[]): Promise<void> {
    const { clock } = this.#cluster;
    const until = clock.monotonic() + CONTROLLER_TIMEOUT_MS;
    for (; elected.length > 0 && clock.monotonic() < until; await this.#cluster.pause(20)) {
      const replicas = await this.describe(elected.map((one) => one.topic));
      if (planElection(elected, replicas).every((one) => one.would === 'not-needed')) return;
    }
  }

  async #moving(partitions?: readonly PartitionRef[]): Promise<readonly Reassignment[]> {
    const ask =
      partitions === undefined
        ? null
        : [...byTopic(partitions)].map(([name, ofTopic]) => ({
            name,
            partitionIndexes: ofTopic.map((one) => one.partition),
          }));
    return await this.#cluster.persist(async () => {
      const what = 'ListPartitionReassignments';
      const answer = await this.#cluster.callAny(what, api.listPartitionReassignments, CONTROLLER_TIMEOUT_MS, ask);
      expectNone(what, answer.errorCode, answer.errorMessage);
      const moving = answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((one): Reassignment => ({
          topic: name,
          partition: one.partitionIndex,
          replicas: one.replicas,
          adding: one.addingReplicas,
          removing: one.removingReplicas,
        })),
      );
      return moving.sort(byPlace);
    });
  }

  /** @returns what the controller refused, by `topic/partition`. */
  async #alter(
    targets: readonly (PartitionRef & { readonly replicas: readonly number[] | null })[],
  ): Promise<ReadonlyMap<string, KafkaRefusal>> {
    if (targets.length === 0) return new Map();
    const what = 'AlterPartitionReassignments';
    const ask = [...byTopic(targets)].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, replicas }) => ({
        partitionIndex: partition,
        replicas: replicas === null ? null : [...replicas],
      })),
    }));
    let silent = false;
    return await this.#cluster.persist(async () => {
      try {
        const answer = await this.#cluster.callAny(
          what,
          api.alterPartitionReassignments,
          CONTROLLER_TIMEOUT_MS,
          false,
          ask,
        );
        expectNone(what, answer.errorCode, answer.errorMessage);
        const refused = new Map<string, KafkaRefusal>();
        for (const { name, partitions } of answer.responses) {
          for (const { partitionIndex, errorCode, errorMessage } of partitions) {
            // A repetition after a lost answer finds its own cancellation done.
            if (errorCode === 0 || (silent && errorCode === CODE.NO_REASSIGNMENT_IN_PROGRESS)) continue;
            const refusal = new KafkaRefusal(what, errorCode, errorMessage);
            if (refusal.passing) throw refusal;
            refused.set(`${name}/${partitionIndex}`, refusal);
          }
        }
        return refused;
      } catch (error) {
        silent ||= error instanceof KafkaSilence && error.sent;
        throw error;
      }
    });
  }
}

const keyOf = ({ topic, partition }: PartitionRef): string => `${topic}/${partition}`;

function byPlace(a: PartitionRef, b: PartitionRef): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

function byTopic<T extends PartitionRef>(partitions: readonly T[]): ReadonlyMap<string, T[]> {
  const topics = new Map<string, T[]>();
  for (const one of partitions) {
    const ofTopic = topics.get(one.topic);
    if (ofTopic === undefined) topics.set(one.topic, [one]);
    else ofTopic.push(one);
  }
  return topics;
}
