import {
  type AccessRule,
  type AccessRuleFilter,
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  ACL_RESOURCE_TYPES,
  type AlterConfigOptions,
  checkTopicConfig,
  ClusterAdministration,
  type ClusterDescription,
  type ConfigDescription,
  type ConfigResource,
  type ElectionOutcome,
  type LogDirectory,
  logErrors,
  type PartitionOutcome,
  type PartitionRef,
  type PartitionReplicas,
  type Reassignment,
  type ReassignmentTarget,
  type StoredReplica,
} from '#libs/core/log';
import * as api from './client.js';
import type { ConfigAdmin } from './config-admin.js';
import { CODE, expectNone, nameOfCode } from './error-codes.js';
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
  readonly #run: KafkaAdministrationParts['run'];

  constructor({ cluster, topics, configs, run }: KafkaAdministrationParts) {
    super();
    this.#cluster = cluster;
    this.#topics = topics;
    this.#configs = configs;
    this.#replicas = new ReplicaAdmin(cluster);
    this.#run = run;
  }

  describeCluster(): Promise<ClusterDescription> {
    return this.#run(() =>
      this.#cluster.persist(async () => {
        const { controllerId, brokers } = await this.#cluster.callAny('Metadata', api.metadata, [], false, false);
        const versions = await this.#cluster.callAny('ApiVersions', api.apiVersions, 'weir', '1');
        expectNone('ApiVersions', versions.errorCode);
        const feature = versions.finalizedFeatures?.find((one) => one.name === 'transaction.version');
        return {
          id: this.#cluster.clusterId,
          controller: controllerId < 0 ? null : controllerId,
          brokers: brokers
            .map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, rack: rack ?? null }))
            .sort((a, b) => a.id - b.id),
          // Requests are pinned to the first protocol on every release: see the README's laws on unknown outcomes.
          exactlyOnce: { basis: 'epoch-ended-when-unknown', transactionVersion: feature?.maxVersionLevel ?? 0 },
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
    return this.#run(() =>
      this.#cluster.persist(async () => {
        const answer = await this.#cluster.callAny('DescribeAcls', api.describeAcls, {
          resourceType: RESOURCE_TYPES.number(filter.resourceType) as 1,
          resourceName: filter.resourceName ?? null,
          resourcePatternType: PATTERN_TYPES.number(filter.patternType) as 1,
          principal: filter.principal ?? null,
          host: filter.host ?? null,
          operation: OPERATIONS.number(filter.operation) as 1,
          permissionType: PERMISSIONS.number(filter.permission) as 1,
        });
        if (answer.errorCode === CODE.SECURITY_DISABLED) {
          throw logErrors.accessRulesNotKept('its brokers have no authorizer');
        }
        expectNone('DescribeAcls', answer.errorCode, answer.errorMessage);
        const rules = answer.resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
          acls.map(({ principal, host, operation, permissionType }): AccessRule => ({
            resourceType: RESOURCE_TYPES.word(resourceType),
            resourceName,
            patternType: PATTERN_TYPES.word(resourcePatternType),
            principal,
            host,
            operation: OPERATIONS.word(operation),
            permission: PERMISSIONS.word(permissionType),
          })),
        );
        const ordered = rules.map((rule) => [JSON.stringify(Object.values(rule)), rule] as const);
        return ordered.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
      }),
    );
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

/** What the protocol's filters call "any". */
const ANY = 1;

/** The numbers the protocol has for words. */
class Words<Word extends string> {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #words: ReadonlyMap<number, Word>;

  constructor(words: readonly Word[], numbers: readonly number[]) {
    this.#numbers = new Map(words.map((word, i) => [word, numbers[i]!]));
    this.#words = new Map(words.map((word, i) => [numbers[i]!, word]));
  }

  number(word: string | undefined): number {
    return word === undefined ? ANY : (this.#numbers.get(word) ?? ANY);
  }

  word(number: number): Word | 'UNKNOWN' {
    return this.#words.get(number) ?? 'UNKNOWN';
  }
}

const RESOURCE_TYPES = new Words(ACL_RESOURCE_TYPES, [2, 3, 4, 5, 6, 7]);
const PATTERN_TYPES = new Words([...ACL_PATTERN_TYPES, 'MATCH'], [3, 4, 2]) as Words<
  (typeof ACL_PATTERN_TYPES)[number]
>;
const OPERATIONS = new Words(ACL_OPERATIONS, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
const PERMISSIONS = new Words(ACL_PERMISSIONS, [3, 2]);
