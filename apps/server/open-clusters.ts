import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import type { Clock } from '#libs/core/kernel';
import type { LogEngine } from '#libs/core/log';
import { clusterNames, LOCAL_CLUSTER, type Config } from '#libs/platform/config';
import { factsLogger, type Health, type Logger, type Metrics } from '#libs/platform/observability';
import { ConfiguredClusters } from './configured-clusters.js';
import type { FailPoints } from './fail-points.js';

export interface OpenClustersOptions {
  readonly config: Config;
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly failPoints: FailPoints;
  /** The embedded log can no longer be trusted with writes. */
  readonly onFatal: (error: Error) => void;
}

/** Opens every configured log. What is open already is closed again when one cannot be opened. */
export async function openClusters(options: OpenClustersOptions): Promise<ConfiguredClusters> {
  const engines = new Map<string, LogEngine>();
  try {
    if (options.config.log.enabled) engines.set(LOCAL_CLUSTER, await openLocal(options));
  } catch (error) {
    for (const engine of engines.values()) await engine.close();
    throw error;
  }
  return new ConfiguredClusters(engines, options.config.defaultCluster ?? clusterNames(options.config)[0]);
}

async function openLocal(options: OpenClustersOptions): Promise<LogEngine> {
  const { config, metrics, health, onFatal } = options;
  const appended = metrics.counter('records_appended_total', 'Records that became durable and visible.');
  const bytes = metrics.counter('append_bytes_total', 'Bytes of batches that became durable and visible.');
  const flushes = metrics.histogram('fsync_duration_seconds', 'Flushes of the journal.');
  const commits = metrics.counter('journal_commits_total', 'Commits of the journal; many share one flush.');
  const checkpoints = metrics.histogram('checkpoint_duration_seconds', 'Checkpoints of the embedded log.');
  let fatal: Error | undefined;
  health.progress({ recovering: LOCAL_CLUSTER });
  health.add({
    name: 'log-writable',
    check: () => (fatal === undefined ? { ok: true } : { ok: false, detail: 'a flush failed; the service restarts' }),
  });
  return openEmbeddedLog({
    directory: options.directory,
    clock: options.clock,
    settings: {
      segmentBytes: config.log.segmentBytes,
      checkpointBytes: config.log.checkpointBytes,
      checkpointIntervalMs: config.log.checkpointIntervalMs,
      groupWaitMs: config.log.groupWaitMs,
    },
    limits: {
      topics: config.log.maxTopics,
      partitionsPerTopic: config.log.maxPartitionsPerTopic,
      partitions: config.log.maxPartitions,
      openSegments: config.log.openSegments,
      waitingBytes: config.log.waitingBytes,
    },
    logger: factsLogger(options.logger, 'log'),
    observer: {
      flushed: (flush) => {
        flushes.observe(flush.durationMs / 1_000);
        commits.add(flush.commits);
      },
      appended: (group) => {
        appended.add(group.records);
        bytes.add(group.bytes);
      },
      checkpointed: (checkpoint) => checkpoints.observe(checkpoint.durationMs / 1_000),
    },
    onFatal: (error) => {
      fatal = error;
      onFatal(error);
    },
    failPoint: options.failPoints.pass,
  });
}
