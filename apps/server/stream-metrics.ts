import { type TopicDirectories, type TopicDirectory } from '#libs/core/log';
import type { Derivations, Views } from '#libs/core/streams';
import type { Metrics, Sample } from '#libs/platform/observability';

export interface Measured {
  readonly directories: TopicDirectories;
  readonly views: Views;
  readonly derivations: Derivations;
}

/** Topics, derivations and views as gauges, looked up when the metrics are read. Without `names`, topics are added up per cluster. */
export function streamMetrics(metrics: Metrics, names: boolean, { directories, views, derivations }: Measured): void {
  const embedded = (): { cluster: string; directory: TopicDirectory }[] =>
    directories.clusters
      .present()
      .map((cluster) => ({ cluster, directory: directories.of(cluster) }))
      // What a broker holds, the broker's own metrics tell, and asking it at every reading would cost it something.
      .filter(({ directory }) => directory.engine.capabilities.engine === 'embedded');

  metrics.gauge('log_size_bytes', 'Bytes of segments.', ['cluster', 'topic'], async () => {
    const samples: Sample[] = [];
    for (const { cluster, directory } of embedded()) {
      for (const { logical, description } of await directory.list()) {
        const value = description.partitions.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
        samples.push({ labels: { cluster, topic: logical }, value });
      }
    }
    return names ? samples : summed(samples, ['cluster']);
  });

  metrics.gauge(
    'derivation_lag_records',
    'Records a derivation is behind its source.',
    ['cluster', 'derivation'],
    async () => {
      const samples: Sample[] = [];
      for (const cluster of directories.clusters.present()) {
        for (const { stored, lag } of await derivations.list(cluster)) {
          if (lag !== null) samples.push({ labels: { cluster, derivation: stored.definition.name }, value: lag });
        }
      }
      return samples;
    },
  );

  metrics.gauge('view_lag_records', 'Records a view is behind its sources.', ['view'], async () =>
    (await views.list()).flatMap(({ stored, lag }) =>
      lag === null ? [] : [{ labels: { view: stored.name }, value: lag }],
    ),
  );
  metrics.gauge(
    'view_lag_seconds',
    'Time since a view had read everything, or the age of the oldest record it has not read.',
    ['view'],
    async () =>
      (await views.list()).flatMap(({ stored, staleMs }) =>
        staleMs === null ? [] : [{ labels: { view: stored.name }, value: staleMs / 1_000 }],
      ),
  );
}

/** Samples added up over all labels but the kept ones. */
function summed(samples: readonly Sample[], kept: readonly string[]): Sample[] {
  const sums = new Map<string, Sample>();
  for (const { labels = {}, value } of samples) {
    const rest = Object.fromEntries(kept.map((name) => [name, labels[name] ?? '']));
    const key = JSON.stringify(rest);
    sums.set(key, { labels: rest, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}
