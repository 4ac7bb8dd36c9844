import type { LogCapabilities } from './engine.js';
import { invalidPartitionCount, invalidReplication, tooManyPartitions, topicExists } from './errors.js';
import { SINGLE_BROKER } from './single-broker.js';
import type { TopicSpec } from './topic.js';
import { checkTopicConfig } from './topic-config.js';
import { checkNoTwin, checkTopicName } from './topic-name.js';

/**
 * Everything an engine can say against a new topic before it does anything: name, twins, existence, partition count, settings, copies.
 * `existing` are the names of all topics of the log.
 * @throws `invalid-topic-name`, `topic-exists`, `invalid-partition-count`, `too-many-partitions`, `invalid-topic-config`, `invalid-replication`.
 */
export function checkNewTopic(spec: TopicSpec, existing: ReadonlySet<string>, capabilities: LogCapabilities): void {
  checkTopicName(spec.name);
  if (existing.has(spec.name)) throw topicExists(spec.name);
  checkNoTwin(spec.name, existing);
  checkPartitionCount(spec.partitions, capabilities.maxPartitionsPerTopic);
  checkTopicConfig(spec.config ?? {}, capabilities.topicConfigs);
  checkCopies(spec, capabilities);
}

/** What can be said without asking brokers; where there are several, they judge the rest. */
function checkCopies({ partitions, replicationFactor, assignments }: TopicSpec, capabilities: LogCapabilities): void {
  if (replicationFactor !== undefined && !(Number.isSafeInteger(replicationFactor) && replicationFactor >= 1))
    throw invalidReplication('a replication factor is an integer from 1 on');
  if (assignments !== undefined && assignments.length !== partitions)
    throw invalidReplication(`${assignments.length} partitions have brokers, of ${partitions}`);
  if (capabilities.administration.replication) return;
  if (replicationFactor !== undefined && replicationFactor > 1)
    throw invalidReplication(`a replication factor of ${replicationFactor} needs more brokers than the one there is`);
  for (const brokers of assignments ?? []) {
    if (brokers.length !== 1 || brokers[0] !== SINGLE_BROKER)
      throw invalidReplication(`the only broker is ${SINGLE_BROKER}`);
  }
}

/** @throws `invalid-partition-count`, `too-many-partitions`. */
export function checkPartitionCount(count: number, max: number | null): void {
  if (!Number.isSafeInteger(count) || count < 1) throw invalidPartitionCount(count, 'it must be an integer from 1 on');
  if (max !== null && count > max) throw tooManyPartitions(count, max);
}

/** Checks a raised partition count. @throws `invalid-partition-count` when it is not higher than `current`, `too-many-partitions`. */
export function checkMorePartitions(count: number, current: number, max: number | null): void {
  checkPartitionCount(count, max);
  if (count <= current) {
    throw invalidPartitionCount(
      count,
      `the topic has ${current} partitions already, and partitions cannot be taken away`,
    );
  }
}
