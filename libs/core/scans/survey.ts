import { generationOf, isInternalTopic, type Clusters, type TopicDescription } from '#libs/core/log';
import type { ScanRange } from './scan.js';

/** A partition as it is now. */
export interface SurveyedPartition extends ScanRange {
  /** What users call the topic. */
  readonly logical: string;
  readonly generation: number;
  /** Where the engine knows it. */
  readonly sizeBytes: number | null;
  /** Records may be gone from between others. */
  readonly compacted: boolean;
}

/** What there is to be read. */
export interface Survey {
  /** By cluster, topic and partition. All generations of a topic are there: each retains what was written to it. */
  readonly partitions: readonly SurveyedPartition[];
  /** Topics that hold no user's messages: those of logs and of this service. */
  readonly internal: readonly { readonly cluster: string; readonly topic: string }[];
}

/**
 * Every partition that may retain what somebody wrote.
 * @param wanted topics that count, by their logical names; all when not given. @param among clusters that are asked; all when not given.
 * @throws `cluster-unavailable` when one of them is away: an answer without it would call safe what is not known.
 */
export async function surveyPartitions(
  clusters: Clusters,
  wanted: (logical: string) => boolean = () => true,
  among: readonly string[] = clusters.names(),
): Promise<Survey> {
  const partitions: SurveyedPartition[] = [];
  const internal: { cluster: string; topic: string }[] = [];
  for (const cluster of [...among].sort()) {
    for (const topic of await clusters.get(cluster).listTopics()) {
      const { logical, generation } = generationOf(topic.name);
      if (!wanted(logical)) continue;
      if (isInternalTopic(topic.name)) internal.push({ cluster, topic: topic.name });
      else partitions.push(...partitionsOf(cluster, topic).map((range) => ({ ...range, logical, generation })));
    }
  }
  return { partitions, internal };
}

/** The partitions of one topic, from their first record to their end. */
export function partitionsOf(
  cluster: string,
  { name: topic, id: topicId, partitions, config }: TopicDescription,
): readonly Omit<SurveyedPartition, 'logical' | 'generation'>[] {
  const compacted = (config['cleanup.policy'] ?? '').includes('compact');
  return partitions.map(({ partition, startOffset: from, endOffset: to, sizeBytes }) => {
    return { cluster, topic, topicId, partition, from, to, sizeBytes, compacted };
  });
}
