import type { GroupDescription, GroupMemberDescription } from '#libs/core/log';
import type { Links } from './links.js';
import type { Resource } from './resources.js';

/** How far a group is behind in one partition, and who reads it. */
export interface Lag {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly end: number;
  readonly lag: number;
  readonly member: GroupMemberDescription | undefined;
}

export function groupResource(
  links: Links,
  clusterId: string,
  { group, state, strategy, members }: GroupDescription,
  coordinator: number | null,
): Resource {
  return {
    kind: 'KafkaConsumerGroup',
    metadata: {
      self: links.to('consumer-groups', group),
      resource_name: links.resourceName([['consumer-group', group]]),
    },
    cluster_id: clusterId,
    consumer_group_id: group,
    is_simple: false,
    partition_assignor: members.length === 0 ? '' : (strategy ?? ''),
    state,
    type: 'CLASSIC',
    is_mixed_consumer_group: false,
    coordinator: coordinator === null ? null : links.related('brokers', coordinator),
    consumers: links.related('consumer-groups', group, 'consumers'),
    lag_summary: links.related('consumer-groups', group, 'lag-summary'),
  };
}

export function consumerResource(
  links: Links,
  clusterId: string,
  group: string,
  { memberId, instanceId, clientId }: GroupMemberDescription,
): Resource {
  const at = ['consumer-groups', group, 'consumers', memberId] as const;
  return {
    kind: 'KafkaConsumer',
    metadata: {
      self: links.to(...at),
      resource_name: links.resourceName([
        ['consumer-group', group],
        ['consumer', memberId],
      ]),
    },
    cluster_id: clusterId,
    consumer_group_id: group,
    consumer_id: memberId,
    instance_id: instanceId,
    client_id: clientId,
    assignments: links.related(...at, 'assignments'),
  };
}

export function assignmentResource(
  links: Links,
  clusterId: string,
  group: string,
  member: string,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): Resource {
  return {
    kind: 'KafkaConsumerAssignment',
    metadata: {
      self: links.to('consumer-groups', group, 'consumers', member, 'assignments', topic, 'partitions', partition),
      resource_name: links.resourceName([
        ['consumer-group', group],
        ['consumer', member],
        ['assignment', topic],
        ['partition', partition],
      ]),
    },
    cluster_id: clusterId,
    consumer_group_id: group,
    consumer_id: member,
    topic_name: topic,
    partition_id: partition,
    partition: links.related('topics', topic, 'partitions', partition),
    lag: links.related('consumer-groups', group, 'lags', topic, 'partitions', partition),
  };
}

export function lagResource(links: Links, clusterId: string, group: string, lag: Lag): Resource {
  const { topic, partition, member } = lag;
  return {
    kind: 'KafkaConsumerLag',
    metadata: {
      self: links.to('consumer-groups', group, 'lags', topic, 'partitions', partition),
      resource_name: links.resourceName([
        ['consumer-group', group],
        ['lag', topic],
        ['partition', partition],
      ]),
    },
    cluster_id: clusterId,
    consumer_group_id: group,
    topic_name: topic,
    partition_id: partition,
    consumer_id: member?.memberId ?? '',
    instance_id: member?.instanceId ?? null,
    client_id: member?.clientId ?? '',
    current_offset: lag.offset,
    log_end_offset: lag.end,
    lag: lag.lag,
  };
}

/** @param most the partition that is most behind. */
export function lagSummaryResource(
  links: Links,
  clusterId: string,
  group: string,
  { topic, partition, lag, member }: Lag,
  total: number,
): Resource {
  return {
    kind: 'KafkaConsumerGroupLagSummary',
    metadata: {
      self: links.to('consumer-groups', group, 'lag-summary'),
      resource_name: `${links.resourceName([['consumer-group', group]])}/lag-summary`,
    },
    cluster_id: clusterId,
    consumer_group_id: group,
    max_lag_consumer_id: member?.memberId ?? '',
    max_lag_consumer: links.related(
      'consumer-groups',
      group,
      'consumers',
      ...(member === undefined ? [] : [member.memberId]),
    ),
    max_lag_client_id: member?.clientId ?? '',
    max_lag_instance_id: member?.instanceId ?? null,
    max_lag_topic_name: topic,
    max_lag_partition_id: partition,
    max_lag_partition: links.related('topics', topic, 'partitions', partition),
    max_lag: lag,
    total_lag: total,
  };
}
