import {
  DEFAULT_PARTITIONER,
  knownOffsets,
  knownRecords,
  type PartitionerSpec,
  type ResolvedTopic,
  type TopicLoss,
} from '#libs/core/log';
import type { DeletedTopicView, TopicSummary, TopicView } from './topic-schemas.js';
import type { PlacedTopic } from './topics.service.js';

/** A resolved topic as the list shows it. */
export function summaryOf(cluster: string, topic: ResolvedTopic): TopicSummary {
  const { partitions, id, state, config, createdAtMs } = topic.description;
  const { deletion } = topic.guard;
  const sizes = partitions.map((one) => one.sizeBytes);
  const records = knownRecords(partitions);
  return {
    name: topic.logical,
    cluster,
    id,
    generation: topic.generation,
    state,
    protected: topic.guard.protected,
    frozen: topic.guard.frozen,
    deletedAt: deletion === null ? null : new Date(deletion.atMs).toISOString(),
    purgeAt: deletion === null ? null : new Date(deletion.purgeAtMs).toISOString(),
    partitionCount: partitions.length,
    partitioner: partitionerView(topic.partitioner ?? DEFAULT_PARTITIONER),
    keyExpression: topic.keyExpression,
    records: records === null ? null : String(records),
    sizeBytes: sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
    createdAt: createdAtMs === null ? null : new Date(createdAtMs).toISOString(),
    config: { ...config },
  };
}

function partitionerView(spec: PartitionerSpec): TopicSummary['partitioner'] {
  return typeof spec === 'string' ? spec : { ...spec };
}

/** A topic of the cluster it is in. */
export function placedView({ cluster, topic, oldNames }: PlacedTopic): TopicView {
  return viewOf(cluster, topic, oldNames);
}

/** A resolved topic with its partitions. */
export function viewOf(cluster: string, topic: ResolvedTopic, oldNames: readonly string[] = []): TopicView {
  return {
    ...summaryOf(cluster, topic),
    oldNames: [...oldNames],
    partitions: topic.description.partitions.map((one) => {
      const known = knownOffsets(one);
      return {
        partition: one.partition,
        startOffset: known === null ? null : String(known.startOffset),
        endOffset: known === null ? null : String(known.endOffset),
        sizeBytes: one.sizeBytes,
        health: one.health,
      };
    }),
  };
}

/** What went with a topic, or would. */
export function deletedView(
  name: string,
  permanent: boolean,
  dryRun: boolean,
  { oldNameOf, records, purgeAtMs }: TopicLoss,
): DeletedTopicView {
  return {
    name,
    oldNameOf,
    records: records === null ? null : String(records),
    permanent,
    purgeAt: purgeAtMs === null || permanent ? null : new Date(purgeAtMs).toISOString(),
    dryRun,
  };
}
