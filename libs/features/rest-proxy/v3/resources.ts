import type {
  AccessRule,
  BrokerDescription,
  ConfigEntry,
  PartitionReplicas,
  Reassignment,
  ResolvedTopic,
} from '#libs/core/log';
import type { Links, Related, ResourcePath } from './links.js';

/** A resource of v3 as it goes out: `kind` and `metadata`, then its own members in snake case, then links (section 1.2). */
export type Resource = Readonly<Record<string, unknown>>;

function metadata(self: string, resourceName: string) {
  return { self, resource_name: resourceName };
}

/** Every list is whole: there is no next page. */
export function listOf(kind: string, self: string, data: readonly Resource[]): Resource {
  return { kind, metadata: { self, next: null }, data };
}

export function clusterResource(links: Links, id: string, controller: number | null): Resource {
  return {
    kind: 'KafkaCluster',
    metadata: metadata(links.to(), links.resourceName()),
    cluster_id: id,
    controller: controller === null ? null : links.related('brokers', controller),
    acls: links.related('acls'),
    brokers: links.related('brokers'),
    broker_configs: links.related('broker-configs'),
    consumer_groups: links.related('consumer-groups'),
    topics: links.related('topics'),
    partition_reassignments: links.related('topics', '-', 'partitions', '-', 'reassignment'),
  };
}

/** @param here where this service is reached: told of a broker that has no protocol of its own. */
export function brokerResource(
  links: Links,
  clusterId: string,
  { id, host, port, rack }: BrokerDescription,
  here: { readonly host: string; readonly port: number },
): Resource {
  return {
    kind: 'KafkaBroker',
    metadata: metadata(links.to('brokers', id), links.resourceName([['broker', id]])),
    cluster_id: clusterId,
    broker_id: id,
    host: host ?? here.host,
    port: port ?? here.port,
    rack,
    configs: links.related('brokers', id, 'configs'),
    partition_replicas: links.related('brokers', id, 'partition-replicas'),
  };
}

export function topicResource(
  links: Links,
  clusterId: string,
  name: string,
  shape: { readonly replicationFactor: number; readonly partitions: number },
  operations: readonly string[],
): Resource {
  return {
    kind: 'KafkaTopic',
    metadata: metadata(links.to('topics', name), links.resourceName([['topic', name]])),
    cluster_id: clusterId,
    topic_name: name,
    is_internal: false,
    replication_factor: shape.replicationFactor,
    partitions_count: shape.partitions,
    partitions: links.related('topics', name, 'partitions'),
    configs: links.related('topics', name, 'configs'),
    partition_reassignments: links.related('topics', name, 'partitions', '-', 'reassignment'),
    authorized_operations: operations,
  };
}

export function partitionResource(
  links: Links,
  clusterId: string,
  topic: string,
  { partition, leader }: Pick<PartitionReplicas, 'partition' | 'leader'>,
): Resource {
  const at = ['topics', topic, 'partitions', partition] as const;
  return {
    kind: 'KafkaPartition',
    metadata: metadata(links.to(...at), links.resourceName(partitionPath(topic, partition))),
    cluster_id: clusterId,
    topic_name: topic,
    partition_id: partition,
    leader: leader === null ? null : links.related(...at, 'replicas', leader),
    replicas: links.related(...at, 'replicas'),
    reassignment: links.related(...at, 'reassignment'),
  };
}

export function offsetsResource(
  links: Links,
  clusterId: string,
  topic: string,
  { partition, startOffset, endOffset }: ResolvedTopic['description']['partitions'][number],
): Resource {
  return {
    kind: 'KafkaPartitionWithOffsets',
    metadata: metadata(
      links.to('topics', topic, 'partitions', partition, 'offset'),
      links.resourceName([...partitionPath(topic, partition), ['offset_type', 'earliest_and_latest']]),
    ),
    cluster_id: clusterId,
    topic_name: topic,
    partition_id: partition,
    earliest_offset: startOffset,
    latest_offset: endOffset,
  };
}

export function replicaResource(
  links: Links,
  clusterId: string,
  topic: string,
  of: PartitionReplicas,
  broker: number,
): Resource {
  const { partition } = of;
  return {
    kind: 'KafkaReplica',
    metadata: metadata(
      links.to('topics', topic, 'partitions', partition, 'replicas', broker),
      links.resourceName([...partitionPath(topic, partition), ['replica', broker]]),
    ),
    cluster_id: clusterId,
    topic_name: topic,
    partition_id: partition,
    broker_id: broker,
    is_leader: broker === of.leader,
    is_in_sync: of.inSync.includes(broker),
    broker: links.related('brokers', broker),
  };
}

export function reassignmentResource(
  links: Links,
  clusterId: string,
  topic: string,
  { partition, adding, removing }: Reassignment,
): Resource {
  const at = ['topics', topic, 'partitions', partition] as const;
  return {
    kind: 'KafkaReassignment',
    metadata: metadata(
      links.to(...at, 'reassignment'),
      `${links.resourceName(partitionPath(topic, partition))}/reassignment`,
    ),
    cluster_id: clusterId,
    topic_name: topic,
    partition_id: partition,
    adding_replicas: adding,
    removing_replicas: removing,
    replicas: links.related(...at, 'replicas'),
  };
}

/** Whose setting it is: path and names of its place, and the members only this kind has. */
export interface ConfigPlace {
  readonly kind: 'KafkaTopicConfig' | 'KafkaBrokerConfig' | 'KafkaClusterConfig';
  readonly path: readonly (string | number)[];
  readonly names: ResourcePath;
  readonly own: Resource;
}

export const topicConfigs = (topic: string): ConfigPlace => ({
  kind: 'KafkaTopicConfig',
  path: ['topics', topic, 'configs'],
  names: [['topic', topic]],
  own: { topic_name: topic },
});
export const brokerConfigs = (broker: number): ConfigPlace => ({
  kind: 'KafkaBrokerConfig',
  path: ['brokers', broker, 'configs'],
  names: [['broker', broker]],
  own: { broker_id: broker },
});
export const clusterConfigs: ConfigPlace = {
  kind: 'KafkaClusterConfig',
  path: ['broker-configs'],
  names: [],
  own: { config_type: 'BROKER' },
};

export function configResource(links: Links, clusterId: string, place: ConfigPlace, entry: ConfigEntry): Resource {
  const named = place.kind === 'KafkaClusterConfig' ? 'broker-config' : 'config';
  return {
    kind: place.kind,
    metadata: metadata(links.to(...place.path, entry.name), links.resourceName([...place.names, [named, entry.name]])),
    cluster_id: clusterId,
    name: entry.name,
    value: entry.value,
    is_read_only: entry.readOnly,
    is_sensitive: entry.sensitive,
    source: entry.source,
    synonyms: entry.synonyms.map(({ name, value, source }) => ({ name, value, source })),
    ...place.own,
    is_default: entry.isDefault,
  };
}

/** Access rules have no name of their own: `self` is the search that finds the rule. */
export function aclResource(links: Links, clusterId: string, rule: AccessRule): Resource {
  return {
    kind: 'KafkaAcl',
    metadata: { self: aclUrl(links, rule) },
    cluster_id: clusterId,
    ...aclMembers(rule),
  };
}

/** The search that finds one access rule: its URL, since rules have no names. */
export function aclUrl(links: Links, rule: AccessRule): string {
  return `${links.to('acls')}?${new URLSearchParams(aclMembers(rule)).toString()}`;
}

function aclMembers(rule: AccessRule) {
  return {
    resource_type: rule.resourceType,
    resource_name: rule.resourceName,
    pattern_type: rule.patternType,
    principal: rule.principal,
    host: rule.host,
    operation: rule.operation,
    permission: rule.permission,
  };
}

function partitionPath(topic: string, partition: number): [['topic', string], ['partition', number]] {
  return [
    ['topic', topic],
    ['partition', partition],
  ];
}

export type { Related };
