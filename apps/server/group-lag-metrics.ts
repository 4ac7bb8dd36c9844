import { UnreadAges, type UnreadPosition } from '#libs/core/groups';
import type { Clock } from '#libs/core/kernel';
import { generationOf, type LogEngine, type TopicDirectories, type TopicDirectory } from '#libs/core/log';
import type { Metrics, Sample } from '#libs/platform/observability';

/** Series of groups and topics that are told; of more, those furthest behind. */
const MAX_SERIES = 1_000;
/** How long one reading of the metrics looks for the times of records; what it does not come to is told by a later one. */
const AGES_MS = 100;

/** How far a group is behind in a topic. */
interface GroupLag {
  readonly cluster: string;
  readonly group: string;
  readonly topic: string;
  records: number;
  readonly unread: { readonly engine: LogEngine; readonly position: UnreadPosition }[];
}

/**
 * Lag of groups in records and in seconds, of the clusters that are held here: what a broker holds, the broker's own metrics tell. Without `names` records are added up per
 * cluster, and the oldest record counts.
 */
export function groupLagMetrics(metrics: Metrics, names: boolean, directories: TopicDirectories, clock: Clock): void {
  const ages = new UnreadAges(clock);
  let leftOut = 0;
  const told = async (): Promise<readonly GroupLag[]> => {
    const all: GroupLag[] = [];
    for (const cluster of directories.clusters.present()) {
      const directory = directories.of(cluster);
      if (directory.engine.capabilities.engine === 'embedded') all.push(...(await lagsOf(cluster, directory)));
    }
    if (!names) return all;
    leftOut = Math.max(0, all.length - MAX_SERIES);
    return leftOut === 0 ? all : all.sort((a, b) => b.records - a.records).slice(0, MAX_SERIES);
  };
  const sampled = (values: ReadonlyMap<GroupLag, number>, both: (a: number, b: number) => number): Sample[] => {
    const samples = new Map<string, Sample>();
    for (const [{ cluster, group, topic }, value] of values) {
      const labels: Record<string, string> = names ? { cluster, group, topic } : { cluster };
      const key = JSON.stringify(labels);
      const known = samples.get(key);
      samples.set(key, { labels, value: known === undefined ? value : both(known.value, value) });
    }
    return [...samples.values()];
  };

  metrics.gauge('group_lag_records', 'Records a group has not read.', ['cluster', 'group', 'topic'], async () =>
    sampled(new Map((await told()).map((one) => [one, one.records])), (a, b) => a + b),
  );
  metrics.gauge(
    'group_lag_seconds',
    'Age of the oldest record a group has not read, by its timestamp.',
    ['cluster', 'group', 'topic'],
    async () => {
      const lags = await told();
      const deadline = clock.monotonic() + AGES_MS;
      const now = clock.now();
      const oldest = new Map<GroupLag, number>();
      for (const lag of lags) {
        if (lag.unread.length === 0) oldest.set(lag, 0);
        const [first] = lag.unread;
        if (first === undefined) continue;
        const positions = lag.unread.map((one) => one.position);
        const found = await ages.find(first.engine, positions, Math.max(0, deadline - clock.monotonic()));
        const times = found.flatMap((one) => one?.timestampMs ?? []);
        // Half of the truth could be the better half.
        if (times.length === positions.length) oldest.set(lag, Math.max(0, now - Math.min(...times)) / 1_000);
      }
      return sampled(oldest, Math.max);
    },
  );
  metrics.gauge('group_lag_series_left_out', 'Groups and topics beyond the number of series that are told.', [], () =>
    Promise.resolve([{ value: leftOut }]),
  );
}

async function lagsOf(cluster: string, directory: TopicDirectory): Promise<readonly GroupLag[]> {
  const { engine } = directory;
  const topics = new Map((await directory.list()).map((topic) => [topic.physical, topic.description.partitions]));
  const lags: GroupLag[] = [];
  for (const { group } of await engine.listGroups()) {
    const byTopic = new Map<string, GroupLag>();
    for (const { topic: physical, partition, offset } of (await engine.describeGroup(group)).positions) {
      const range = topics.get(physical)?.[partition];
      if (range === undefined) continue;
      const { logical: topic } = generationOf(physical);
      const lag = byTopic.get(topic) ?? { cluster, group, topic, records: 0, unread: [] };
      byTopic.set(topic, lag);
      lag.records += Math.max(0, range.endOffset - offset);
      const from = Math.max(offset, range.startOffset);
      if (from < range.endOffset) {
        lag.unread.push({ engine, position: { topic: physical, partition, offset: from } });
      }
    }
    lags.push(...byTopic.values());
  }
  return lags;
}
