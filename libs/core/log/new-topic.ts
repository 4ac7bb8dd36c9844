import type { LogCapabilities } from './engine.js';
import { invalidPartitionCount, tooManyPartitions, topicExists } from './errors.js';
import type { TopicSpec } from './topic.js';
import { checkTopicConfig } from './topic-config.js';
import { checkNoTwin, checkTopicName } from './topic-name.js';

/**
 * Everything an engine can say against a new topic before it does anything: name, twins, existence, partition count, settings.
 * `existing` are the names of all topics of the log.
 * @throws `invalid-topic-name`, `topic-exists`, `invalid-partition-count`, `too-many-partitions`, `invalid-topic-config`.
 */
export function checkNewTopic(spec: TopicSpec, existing: ReadonlySet<string>, capabilities: LogCapabilities): void {
  checkTopicName(spec.name);
  if (existing.has(spec.name)) throw topicExists(spec.name);
  checkNoTwin(spec.name, existing);
  checkPartitionCount(spec.partitions, capabilities.maxPartitionsPerTopic);
  checkTopicConfig(spec.config ?? {}, capabilities.topicConfigs);
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
