import {
  type AccessRule,
  type AccessRuleFilter,
  type AlterConfigOptions,
  checkTopicConfig,
  ClusterAdministration,
  type ClusterDescription,
  type ConfigDescription,
  type ConfigResource,
  type ElectionOutcome,
  type LogDirectory,
  logErrors,
  type NewAccessRule,
  type PartitionOutcome,
  type PartitionRef,
  type PartitionReplicas,
  type Reassignment,
  type ReassignmentTarget,
  type StoredReplica,
} from '#libs/core/log';
import { AccessRuleAdmin } from './access-rules.js';
import * as api from './client.js';
import type { ConfigAdmin } from './config-admin.js';
import { expectNone, nameOfCode } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';
import { ReplicaAdmin } from './replica-admin.js';
import { KAFKA_TOPIC_CONFIGS } from './topic-configs.js';
import type { TopicAdmin } from './topic-admin.js';

/** What the administration works with. */
export interface KafkaAdministrationParts {
  readonly cluster: KafkaCluster;
  readonly topics: TopicAdmin;
  readonly configs: ConfigAdmin;
  /** Refuses on a closed engine, and gives a failure its name of the port. */
  readonly run: <T>(call: () => Promise<T>) => Promise<T>;
}

/** The administration of a Kafka cluster: every verb is asked of the brokers, nothing is remembered here. */
export class KafkaAdministration extends ClusterAdministration {
  readonly #cluster: KafkaCluster;
  readonly #topics: TopicAdmin;
  readonly #configs: ConfigAdmin;
  readonly #replicas: ReplicaAdmin;
  readonly #access: AccessRuleAdmin;
  readonly #run: KafkaAdministrationParts['run'];

  constructor({ cluster, topics, configs, run }: KafkaAdministrationParts) {
    super();
    this.#cluster = cluster;
    this.#topics = topics;
    this.#configs = configs;
    this.#replicas = new ReplicaAdmin(cluster);
    this.#access = new AccessRuleAdmin(cluster);
    this.#run = run;
  }

  describeCluster(): Promise<ClusterDescription> {
    return this.#run(() =>
      this.#cluster.persist(async () => {
        const { controllerId, brokers } = await this.#cluster.callAny('Metadata', api.metadata, [], false, false);
        await this.#cluster.askVersions();
        const { endsEpochs, transactionVersion } = this.#cluster;
        return {
          id: this.#cluster.clusterId,
          controller: controllerId < 0 ? null : controllerId,
          brokers: brokers
            .map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack: rack ?? null }))
            .sort((a, b) => a.id - b.id),
          exactlyOnce: {
            basis: endsEpochs ? 'epoch-ended-with-each' : 'epoch-ended-when-unknown',
            transactionVersion,
          },
        };
      }),
    );
  }

  describeReplicas(topics?: readonly string[]): Promise<readonly PartitionReplicas[]> {
    return this.#run(() => this.#replicas.describe(topics));
  }

  describeLogDirectories(brokers?: readonly number[]): Promise<readonly LogDirectory[]> {
    return this.#run(() =>
      this.#cluster.persist(async () => {
        await this.#cluster.askLayouts([]);
        const known = this.#cluster.nodes();
        for (const broker of brokers ?? []) if (!known.includes(broker)) throw logErrors.brokerNotFound(broker, known);
        const asked = [...new Set(brokers ?? known)].sort((a, b) => a - b);
        return (await Promise.all(asked.map((broker) => this.#directoriesOf(broker)))).flat();
      }),
    );
  }

  describeConfigs(resources: readonly ConfigResource[]): Promise<readonly ConfigDescription[]> {
    return this.#run(() => this.#configs.describe(resources));
  }

  alterConfig(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    { validateOnly = false }: AlterConfigOptions = {},
  ): Promise<void> {
    return this.#run(async () => {
      if (resource.kind !== 'topic') return await this.#configs.alterBroker(resource, changes, validateOnly);
      if (!validateOnly) return void (await this.#topics.alterConfig(resource.topic, changes));
      await this.#cluster.freshLayoutOf(resource.topic);
      checkTopicConfig(changes, KAFKA_TOPIC_CONFIGS);
      await this.#configs.send(resource, changes, true);
    });
  }

  listReassignments(partitions?: readonly PartitionRef[]): Promise<readonly Reassignment[]> {
    return this.#run(() => this.#replicas.reassignments(partitions));
  }

  reassign(targets: readonly ReassignmentTarget[]): Promise<readonly PartitionOutcome[]> {
    return this.#run(() => this.#replicas.reassign(targets));
  }

  cancelReassignments(partitions: readonly PartitionRef[]): Promise<readonly PartitionOutcome[]> {
    return this.#run(() => this.#replicas.cancel(partitions));
  }

  electPreferredLeaders(partitions: readonly PartitionRef[]): Promise<readonly ElectionOutcome[]> {
    return this.#run(() => this.#replicas.elect(partitions));
  }

  listAccessRules(filter: AccessRuleFilter = {}): Promise<readonly AccessRule[]> {
    return this.#run(() => this.#access.list(filter));
  }

  createAccessRules(rules: readonly NewAccessRule[]): Promise<void> {
    return this.#run(() => this.#access.create(rules));
  }

  deleteAccessRules(filter: AccessRuleFilter): Promise<readonly AccessRule[]> {
    return this.#run(() => this.#access.delete(filter));
  }

  async #directoriesOf(broker: number): Promise<readonly LogDirectory[]> {
    const answer = await this.#cluster.call(broker, 'admin', 'DescribeLogDirs', api.describeLogDirs, null);
    expectNone('DescribeLogDirs', answer.errorCode);
    const directories = answer.results.map(({ errorCode, logDir, topics, totalBytes, usableBytes }): LogDirectory => {
      const replicas = topics.flatMap(({ name, partitions }) =>
        partitions.map((one): StoredReplica => ({
          topic: name,
          partition: one.partitionIndex,
          sizeBytes: Number(one.partitionSize),
          lagRecords: Number(one.offsetLag),
          moving: one.isFutureKey,
        })),
      );
      replicas.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
      const total = totalBytes < 0n ? null : Number(totalBytes);
      const usable = usableBytes < 0n ? null : Number(usableBytes);
      const error = errorCode === 0 ? {} : { error: nameOfCode(errorCode) };
      return { broker, path: logDir, totalBytes: total, usableBytes: usable, replicas, ...error };
    });
    return directories.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
