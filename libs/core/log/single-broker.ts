import type { AccessRule } from './access-rules.js';
import { ClusterAdministration, type AlterConfigOptions } from './cluster-administration.js';
import type {
  ClusterDescription,
  ConfigDescription,
  ConfigEntry,
  ConfigResource,
  ElectionOutcome,
  LogDirectory,
  PartitionOutcome,
  PartitionReplicas,
  Reassignment,
} from './cluster-description.js';
import type { LogEngine } from './engine.js';
import { accessRulesNotKept, brokerNotFound, invalidBrokerConfig, noReassignment } from './errors.js';
import { planElection, planReassignment, type ReassignmentTarget } from './reassignment.js';
import type { PartitionRef, TopicDescription } from './topic.js';
import { checkTopicConfig, TOPIC_SETTINGS, type TopicSettingType } from './topic-config.js';

/** The number of the one broker. */
export const SINGLE_BROKER = 1;

/** What its administration is told of a log of one machine. */
export interface SingleBrokerFacts {
  /** Where the segments lie. */
  readonly path: string;
  /** @throws `log-closed`. */
  readonly checkOpen: () => void;
}

/**
 * The administration of a log of one machine: one broker that leads everything and has the only copies. What there is to say is said; a plan that would need
 * a second broker is refused as any plan that names a broker the cluster does not have.
 */
export class SingleBrokerAdministration extends ClusterAdministration {
  readonly #engine: LogEngine;
  readonly #facts: SingleBrokerFacts;

  constructor(engine: LogEngine, facts: SingleBrokerFacts) {
    super();
    this.#engine = engine;
    this.#facts = facts;
  }

  async describeCluster(): Promise<ClusterDescription> {
    this.#facts.checkOpen();
    return {
      id: this.#engine.logId,
      controller: SINGLE_BROKER,
      brokers: [{ id: SINGLE_BROKER, host: null, port: null, rack: null }],
      exactlyOnce: { basis: 'one-entry', transactionVersion: null },
    };
  }

  async describeReplicas(topics?: readonly string[]): Promise<readonly PartitionReplicas[]> {
    const only = [SINGLE_BROKER];
    return (await this.#topics(topics)).flatMap(({ name, partitions }) =>
      partitions.map(({ partition }) => ({
        topic: name,
        partition,
        leader: SINGLE_BROKER,
        leaderEpoch: 0,
        replicas: only,
        inSync: only,
        offline: [],
      })),
    );
  }

  async describeLogDirectories(brokers: readonly number[] = [SINGLE_BROKER]): Promise<readonly LogDirectory[]> {
    for (const broker of brokers) this.#checkBroker(broker);
    if (brokers.length === 0) return [];
    const replicas = (await this.#topics()).flatMap(({ name, partitions }) =>
      partitions.map(({ partition, sizeBytes }) => ({
        topic: name,
        partition,
        sizeBytes: sizeBytes ?? 0,
        lagRecords: 0,
        moving: false,
      })),
    );
    return [{ broker: SINGLE_BROKER, path: this.#facts.path, totalBytes: null, usableBytes: null, replicas }];
  }

  async describeConfigs(resources: readonly ConfigResource[]): Promise<readonly ConfigDescription[]> {
    const descriptions: ConfigDescription[] = [];
    for (const resource of resources) {
      if (resource.kind === 'broker') this.#checkBroker(resource.broker);
      const entries =
        resource.kind === 'topic' ? this.#entriesOf(await this.#engine.describeTopic(resource.topic)) : [];
      descriptions.push({ resource, entries });
    }
    return descriptions;
  }

  async alterConfig(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    { validateOnly = false }: AlterConfigOptions = {},
  ): Promise<void> {
    if (resource.kind === 'topic') {
      if (!validateOnly) return void (await this.#engine.alterTopicConfig(resource.topic, changes));
      await this.#engine.describeTopic(resource.topic);
      return checkTopicConfig(changes, this.#engine.capabilities.topicConfigs);
    }
    if (resource.kind === 'broker') this.#checkBroker(resource.broker);
    for (const key of Object.keys(changes)) {
      throw invalidBrokerConfig(key, 'is not known: the brokers of this engine have no settings of their own');
    }
  }

  async listReassignments(partitions: readonly PartitionRef[] = []): Promise<readonly Reassignment[]> {
    await this.#replicasOf(partitions);
    return [];
  }

  async reassign(targets: readonly ReassignmentTarget[]): Promise<readonly PartitionOutcome[]> {
    const moves = planReassignment(targets, await this.#replicasOf(targets), [SINGLE_BROKER]);
    return moves.map(({ topic, partition }) => ({ topic, partition }));
  }

  async cancelReassignments(partitions: readonly PartitionRef[]): Promise<readonly PartitionOutcome[]> {
    // The election plan says which partitions there are; nothing of it is done.
    const known = planElection(partitions, await this.#replicasOf(partitions));
    return known.map(({ topic, partition }) => ({ topic, partition, error: noReassignment({ topic, partition }) }));
  }

  async electPreferredLeaders(partitions: readonly PartitionRef[]): Promise<readonly ElectionOutcome[]> {
    const planned = planElection(partitions, await this.#replicasOf(partitions));
    return planned.map(({ topic, partition }) => ({ topic, partition, outcome: 'not-needed' }));
  }

  async listAccessRules(): Promise<readonly AccessRule[]> {
    throw noRules();
  }

  async createAccessRules(): Promise<void> {
    throw noRules();
  }

  async deleteAccessRules(): Promise<readonly AccessRule[]> {
    throw noRules();
  }

  #checkBroker(broker: number): void {
    if (broker !== SINGLE_BROKER) throw brokerNotFound(broker, [SINGLE_BROKER]);
  }

  async #topics(names?: readonly string[]): Promise<readonly TopicDescription[]> {
    if (names === undefined) return await this.#engine.listTopics();
    const described: TopicDescription[] = [];
    for (const name of [...new Set(names)].sort()) described.push(await this.#engine.describeTopic(name));
    return described;
  }

  async #replicasOf(partitions: readonly PartitionRef[]): Promise<readonly PartitionReplicas[]> {
    return await this.describeReplicas(partitions.map((one) => one.topic));
  }

  #entriesOf({ config }: TopicDescription): readonly ConfigEntry[] {
    return [...this.#engine.capabilities.topicConfigs].sort().map((name): ConfigEntry => {
      const setting = TOPIC_SETTINGS.get(name);
      const set = Object.hasOwn(config, name) ? config[name]! : null;
      const base = setting?.default ?? null;
      const own = { name, value: set, source: 'DYNAMIC_TOPIC_CONFIG' } as const;
      const rest = { name, value: base, source: 'DEFAULT_CONFIG' } as const;
      return {
        name,
        value: set ?? base,
        default: base,
        source: set === null ? 'DEFAULT_CONFIG' : 'DYNAMIC_TOPIC_CONFIG',
        isDefault: set === null,
        readOnly: false,
        sensitive: false,
        type: setting === undefined ? 'STRING' : TYPE_WORDS[setting.type.kind],
        documentation: setting?.doc ?? null,
        synonyms: set === null ? [rest] : [own, rest],
      };
    });
  }
}

const TYPE_WORDS = {
  integer: 'LONG',
  decimal: 'DOUBLE',
  choice: 'STRING',
  choices: 'LIST',
} as const satisfies Record<TopicSettingType['kind'], ConfigEntry['type']>;

function noRules(): Error {
  return accessRulesNotKept('this engine has no clients but this service, whose roles decide');
}
