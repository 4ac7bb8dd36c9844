import { type AppError, isAppError } from '#libs/core/kernel';
import {
  checkMorePartitions,
  checkNewTopic,
  checkTopicConfig,
  leaderlessPartition,
  type LogCapabilities,
  logErrors,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
} from '#libs/core/log';
import * as api from './client.js';
import type { ConfigAdmin } from './config-admin.js';
import { clusterUnavailable, CODE, expectNone, KafkaRefusal, KafkaSilence } from './error-codes.js';
import type { KafkaCluster, TopicLayout } from './kafka-cluster.js';
import { MissingLeaders } from './missing-leaders.js';
import type { PartitionOffsets } from './partition-offsets.js';
import type { TopicStates } from './topic-states.js';

/** ConfigResource type TOPIC, and config source DYNAMIC_TOPIC_CONFIG: set on the topic itself. */
const TOPIC_RESOURCE = 2;
const SET_ON_TOPIC = 1;
/** How long the brokers may take to do what the controller has decided. */
const BROKER_TIMEOUT_MS = 10_000;

/** Creating, describing, changing and deleting topics. */
export class TopicAdmin {
  readonly #cluster: KafkaCluster;
  readonly #states: TopicStates;
  readonly #offsets: PartitionOffsets;
  readonly #configs: ConfigAdmin;
  readonly #capabilities: LogCapabilities;
  readonly #missingLeaders: MissingLeaders;

  constructor(
    cluster: KafkaCluster,
    states: TopicStates,
    offsets: PartitionOffsets,
    configs: ConfigAdmin,
    capabilities: LogCapabilities,
  ) {
    this.#cluster = cluster;
    this.#states = states;
    this.#offsets = offsets;
    this.#configs = configs;
    this.#capabilities = capabilities;
    this.#missingLeaders = new MissingLeaders(cluster.clock);
  }

  async create(spec: TopicSpec): Promise<TopicDescription> {
    const existing = await this.#cluster.persist(() => this.#cluster.askLayouts(null));
    checkNewTopic(spec, new Set(existing.keys()), this.#capabilities);
    const state = spec.state ?? 'ACTIVE';
    await this.#states.see();
    // Said before the topic exists, so that at no moment it can be written against its state.
    if (state !== 'ACTIVE') await this.#states.announce(spec.name, null, state);
    const id = await this.#create(spec).catch(async (error: unknown) => {
      // Whoever has the name now did not ask for this state. When the topic may have come to be after all, the safe side is to leave it.
      if (state !== 'ACTIVE' && !isAppError(error, 'outcome-unknown')) await this.#withdraw(spec.name, state);
      throw error;
    });
    const layout = await this.#untilLayout(spec.name, (one) => one.id === id);
    if (state !== 'ACTIVE') await this.#states.announce(spec.name, id, state);
    else await this.#states.clear(spec.name);
    return await this.#describeOne(layout);
  }

  async describe(name: string): Promise<TopicDescription> {
    await this.#states.see();
    return await this.#describeOne(await this.#cluster.freshLayoutOf(name));
  }

  async list(): Promise<readonly TopicDescription[]> {
    await this.#states.see();
    const descriptions = await this.#cluster.persist(async () => {
      const layouts = await this.#cluster.askLayouts(null);
      return await this.#describe([...layouts.values()], true);
    });
    return descriptions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async alterConfig(name: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription> {
    const layout = await this.#cluster.freshLayoutOf(name);
    checkTopicConfig(changes, this.#capabilities.topicConfigs);
    const resource = { kind: 'topic', topic: name } as const;
    await this.#configs.send(resource, changes, false);
    await this.#configs.untilFollowed(layout.leaders, resource, changes);
    return await this.#describeOne(layout);
  }

  async addPartitions(name: string, partitions: number): Promise<TopicDescription> {
    const { leaders, id } = await this.#cluster.freshLayoutOf(name);
    checkMorePartitions(partitions, leaders.length, this.#capabilities.maxPartitionsPerTopic);
    const what = `CreatePartitions of ${name}`;
    let silent = false;
    await this.#cluster.persist(async () => {
      try {
        const ask = [{ name, count: partitions, assignments: null }];
        const answer = await this.#cluster.callAny(what, api.createPartitions, ask, BROKER_TIMEOUT_MS, false);
        const [result] = answer.results;
        // A repetition after a lost answer finds its own work done.
        if (result?.errorCode === CODE.INVALID_PARTITIONS && !silent) {
          throw logErrors.invalidPartitionCount(partitions, result.errorMessage ?? 'the brokers refuse it');
        }
        if (result !== undefined && result.errorCode !== CODE.INVALID_PARTITIONS) {
          expectNone(what, result.errorCode, result.errorMessage);
        }
      } catch (error) {
        silent ||= error instanceof KafkaSilence && error.sent;
        throw error;
      }
    });
    return await this.#describeOne(
      await this.#untilLayout(name, (one) => one.id === id && one.leaders.length >= partitions),
    );
  }

  async delete(name: string): Promise<void> {
    const { id } = await this.#cluster.freshLayoutOf(name);
    const what = `DeleteTopics of ${name}`;
    let silent = false;
    await this.#cluster.persist(async () => {
      try {
        const answer = await this.#cluster.callAny(
          what,
          api.deleteTopics,
          [{ name, topicId: null }],
          BROKER_TIMEOUT_MS,
        );
        const [result] = answer.responses;
        if (result?.errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION) {
          if (silent) return;
          throw logErrors.topicNotFound(name);
        }
        if (result !== undefined) expectNone(what, result.errorCode, result.errorMessage);
      } catch (error) {
        silent ||= error instanceof KafkaSilence && error.sent;
        throw error;
      }
    });
    await this.#cluster.persist(async () => {
      const layout = (await this.#cluster.askLayouts([name])).get(name);
      if (layout?.id === id) throw new KafkaRefusal(`${name} is being deleted`, CODE.LEADER_NOT_AVAILABLE);
    });
    this.#cluster.forget(name);
    await this.#states.clear(name);
  }

  /** @returns the new topic's id. A creation whose answer is lost is not repeated: the repetition could not tell its own work from another's. */
  async #create(spec: TopicSpec): Promise<string> {
    const what = `CreateTopics of ${spec.name}`;
    const topic = {
      name: spec.name,
      // The protocol wants both left out where the brokers of each partition are named.
      ...(spec.assignments === undefined
        ? {
            numPartitions: spec.partitions,
            replicationFactor: spec.replicationFactor ?? this.#cluster.options.replicationFactor ?? -1,
            assignments: [],
          }
        : {
            numPartitions: -1,
            replicationFactor: -1,
            assignments: spec.assignments.map((brokers, partitionIndex) => ({
              partitionIndex,
              brokerIds: [...brokers],
            })),
          }),
      configs: Object.entries(spec.config ?? {}).map(([name, value]) => ({ name, value })),
    };
    return await this.#cluster.persist(async () => {
      let answer;
      try {
        answer = await this.#cluster.callAny(what, api.createTopics, [topic], BROKER_TIMEOUT_MS, false);
      } catch (error) {
        if (error instanceof KafkaSilence && error.sent)
          throw logErrors.outcomeUnknown(`the creation of topic '${spec.name}'`, error);
        throw error;
      }
      const made = answer.topics[0];
      if (made === undefined) throw new KafkaRefusal(what, CODE.REQUEST_TIMED_OUT);
      const why = made.errorMessage ?? 'the brokers refuse it';
      switch (made.errorCode) {
        case 0:
          return made.topicId;
        case CODE.TOPIC_ALREADY_EXISTS:
          throw logErrors.topicExists(spec.name);
        case CODE.INVALID_TOPIC:
          throw logErrors.invalidTopicName(spec.name, why);
        case CODE.INVALID_PARTITIONS:
          throw logErrors.invalidPartitionCount(spec.partitions, why);
        case CODE.INVALID_REPLICATION_FACTOR:
        case CODE.INVALID_REPLICA_ASSIGNMENT:
          throw logErrors.invalidReplication(why);
        case CODE.INVALID_CONFIG:
          throw logErrors.invalidTopicConfig(
            Object.keys(spec.config ?? {})[0] ?? '',
            `is refused by the brokers: ${why}`,
          );
        case CODE.REQUEST_TIMED_OUT:
          throw logErrors.outcomeUnknown(`the creation of topic '${spec.name}'`);
        default:
          throw new KafkaRefusal(what, made.errorCode, made.errorMessage);
      }
    });
  }

  /** Takes back what was announced for a topic that was not created. */
  async #withdraw(name: string, state: TopicState): Promise<void> {
    try {
      await this.#states.withdraw(name, state);
    } catch (error) {
      const facts = { cluster: this.#cluster.name, topic: name, state, error: String(error) };
      this.#cluster.options.logger?.warn('a state announced for a topic that was not created still stands', facts);
    }
  }

  /** Waits until the brokers serve a topic as it should be now, with a leader for each partition. */
  async #untilLayout(name: string, isRight: (layout: TopicLayout) => boolean): Promise<TopicLayout> {
    return await this.#cluster.persist(async () => {
      const layout = (await this.#cluster.askLayouts([name])).get(name);
      if (layout === undefined || !isRight(layout) || layout.leaders.some((leader) => leader < 0)) {
        throw new KafkaRefusal(`leaders of ${name}`, CODE.LEADER_NOT_AVAILABLE);
      }
      return layout;
    });
  }

  async #describeOne({ name }: TopicLayout): Promise<TopicDescription> {
    return await this.#cluster.persist(async () => {
      const layout = await this.#cluster.freshLayoutOf(name);
      const [description] = await this.#describe([layout]);
      if (description === undefined) throw logErrors.topicNotFound(name);
      return description;
    });
  }

  /** @param all topics of the cluster. */
  async #describe(layouts: readonly TopicLayout[], all = false): Promise<readonly TopicDescription[]> {
    const leaderless = this.#missingLeaders.among(layouts, all);
    if (layouts.length === 0) return [];
    const [ranges, configs, sizes] = await Promise.all([
      this.#offsets.rangesOf(layouts),
      this.#configsOf(layouts),
      this.#sizesOf(layouts),
    ]);
    return layouts.flatMap((layout): TopicDescription[] => {
      const config = configs.get(layout.name);
      // Deleted while it was described.
      if (config === undefined) return [];
      return [
        {
          name: layout.name,
          id: layout.id,
          state: this.#states.of(layout),
          config,
          createdAtMs: null,
          partitions: layout.leaders.map((_, partition) => {
            const place = `${layout.name}/${partition}`;
            if (leaderless.has(place)) return leaderlessPartition(partition, () => this.#withoutLeader(place));
            const { start, end } = ranges.get(place)!;
            return {
              partition,
              startOffset: start,
              endOffset: end,
              sizeBytes: sizes === null ? null : (sizes.get(place) ?? 0),
              health: 'ok' as const,
            };
          }),
        },
      ];
    });
  }

  #withoutLeader(place: string): AppError {
    return clusterUnavailable(this.#cluster.name, new Error(`no broker leads ${place}`));
  }

  /** Settings made on the topics themselves. */
  async #configsOf(layouts: readonly TopicLayout[]): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
    const resources = layouts.map(({ name }) => ({
      resourceType: TOPIC_RESOURCE as 2,
      resourceName: name,
      configurationKeys: null,
    }));
    const answer = await this.#cluster.callAny('DescribeConfigs', api.describeConfigs, resources, false, false);
    const configs = new Map<string, Readonly<Record<string, string>>>();
    for (const { resourceName, errorCode, errorMessage, configs: entries } of answer.results) {
      if (errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION) continue;
      expectNone(`DescribeConfigs of ${resourceName}`, errorCode, errorMessage);
      const own = entries.filter((one) => one.configSource === SET_ON_TOPIC && one.value !== null);
      configs.set(resourceName, Object.fromEntries(own.map((one) => [one.name, one.value!])));
    }
    return configs;
  }

  /** Bytes of the leaders' copies, by `topic/partition`; null where this service may not ask. */
  async #sizesOf(layouts: readonly TopicLayout[]): Promise<ReadonlyMap<string, number> | null> {
    const byLeader = new Map<number, Map<string, number[]>>();
    for (const { name, leaders } of layouts) {
      for (const [partition, leader] of leaders.entries()) {
        if (leader < 0) continue;
        const topics = byLeader.get(leader) ?? new Map<string, number[]>();
        byLeader.set(leader, topics);
        topics.set(name, [...(topics.get(name) ?? []), partition]);
      }
    }
    const sizes = new Map<string, number>();
    try {
      for (const [leader, topics] of byLeader) {
        const ask = [...topics].map(([name, partitions]) => ({ name, partitions }));
        const answer = await this.#cluster.call(leader, 'admin', 'DescribeLogDirs', api.describeLogDirs, ask);
        expectNone('DescribeLogDirs', answer.errorCode);
        for (const directory of answer.results) {
          for (const { name, partitions } of directory.topics) {
            for (const one of partitions) {
              if (!one.isFutureKey) sizes.set(`${name}/${one.partitionIndex}`, Number(one.partitionSize));
            }
          }
        }
      }
    } catch (error) {
      if (error instanceof KafkaRefusal && error.denied) return null;
      throw error;
    }
    return sizes;
  }
}
