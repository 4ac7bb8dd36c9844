import { DEFAULT_PARTITIONER, type LogEngine, type ResolvedTopic, samePartitioner } from '#libs/core/log';

/** A topic whose keys lie in partitions of the same numbers as those of another, and by whom both are read. */
export interface CoPartitioned {
  readonly topic: string;
  /** Groups, views and derivations, for people: `group joiner`. */
  readonly through: readonly string[];
}

/** What is asked of the topics beside the one of a plan. */
export interface TopicsBeside {
  readonly engine: LogEngine;
  /** All topics of the cluster. */
  readonly topics: () => Promise<readonly ResolvedTopic[]>;
  /** Views and derivations that read a topic, by name. */
  readonly readersOf: (topic: ResolvedTopic) => Promise<readonly string[]>;
}

/**
 * Topics that may have to go along when one is repartitioned: as many partitions, keys placed alike, and read together with it by a group, a view or a derivation. Whether that reader relies on equal
 * partitions (a join does, one that only reads several topics does not) nobody but its owner knows, so this is for people. By name.
 */
export async function coPartitionedWith(
  topic: ResolvedTopic,
  readers: readonly string[],
  { engine, topics, readersOf }: TopicsBeside,
): Promise<readonly CoPartitioned[]> {
  const alike = (await topics()).filter((one) => one.logical !== topic.logical && isAlike(one, topic));
  if (alike.length === 0) return [];
  const through = new Map(alike.map((one) => [one, [] as string[]]));
  for (const { group } of await engine.listGroups()) {
    const read = new Set((await engine.describeGroup(group)).positions.map((one) => one.topic));
    if (!read.has(topic.physical)) continue;
    for (const [one, names] of through) if (read.has(one.physical)) names.push(`group ${group}`);
  }
  if (readers.length > 0) {
    for (const [one, names] of through) {
      const there = await readersOf(one);
      names.push(...readers.filter((reader) => there.includes(reader)));
    }
  }
  return [...through]
    .filter(([, names]) => names.length > 0)
    .map(([one, names]) => ({ topic: one.logical, through: names.sort() }))
    .sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

function isAlike(a: ResolvedTopic, b: ResolvedTopic): boolean {
  return (
    a.description.partitions.length === b.description.partitions.length &&
    samePartitioner(a.partitioner ?? DEFAULT_PARTITIONER, b.partitioner ?? DEFAULT_PARTITIONER)
  );
}
