import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CompactionThread, FlushWatch, openEmbeddedLog } from '#libs/adapters/log-embedded';
import type { KafkaSasl, KafkaTls } from '#libs/adapters/log-kafka';
import { AppError, type StorageRoom } from '#libs/core/kernel';
import type { LogEngine } from '#libs/core/log';
import { LOCAL_CLUSTER, type ClusterDefinition } from '#libs/platform/config';
import { factsLogger } from '#libs/platform/observability';
import type { ServiceParts } from './service.js';

/** Opens the embedded log; resolves when it has been recovered. */
export async function openLocal(parts: ServiceParts, directory: string, room: StorageRoom): Promise<LogEngine> {
  const { config, metrics, health, onFatal } = parts;
  const appended = metrics.counter('records_appended_total', 'Records that became durable and visible.');
  const bytes = metrics.counter('append_bytes_total', 'Bytes of batches that became durable and visible.');
  const flushes = metrics.histogram('fsync_duration_seconds', 'Flushes of the journal.');
  const commits = metrics.counter('journal_commits_total', 'Commits of the journal; many share one flush.');
  const checkpoints = metrics.histogram('checkpoint_duration_seconds', 'Checkpoints of the embedded log.');
  const droppedSegments = metrics.counter('retention_segments_total', 'Segments that went by age or size.');
  const droppedBytes = metrics.counter('retention_bytes_total', 'Bytes of segments that went by age or size.');
  const compactions = metrics.histogram('compaction_duration_seconds', 'Compactions of one partition.');
  const compactedBytes = metrics.counter(
    'compaction_bytes_total',
    'Bytes of overwritten records that compaction took.',
  );
  const compactionFailures = metrics.counter(
    'compaction_failures_total',
    'Partitions that could not be compacted; each is tried again at the next look.',
  );
  const logger = factsLogger(parts.logger, 'log');
  const watch = new FlushWatch(logger);
  metrics.gauge(
    'flush_implausibly_quick',
    '1 while flushes are quicker than a device that keeps what it acknowledges.',
    [],
    () => [{ value: watch.implausible ? 1 : 0 }],
  );
  let fatal: Error | undefined;
  health.progress({ recovering: LOCAL_CLUSTER });
  health.add({
    name: 'log-writable',
    check: () => (fatal === undefined ? { ok: true } : { ok: false, detail: 'a flush failed; the service ends' }),
  });
  const log = await openEmbeddedLog({
    directory,
    clock: parts.clock,
    room,
    settings: {
      segmentBytes: config.log.segmentBytes,
      checkpointBytes: config.log.checkpointBytes,
      checkpointIntervalMs: config.log.checkpointIntervalMs,
      groupWaitMs: config.log.groupWaitMs,
      flushBytes: config.log.flushBytes,
      flushIntervalMs: config.log.flushIntervalMs,
      producerExpirationMs: config.log.producerExpirationMs,
      retentionCheckMs: config.log.retentionCheckMs,
      compactionBytesPerSecond: config.log.compactionBytesPerSecond,
      compactionMapBytes: config.log.compactionMapBytes,
    },
    limits: {
      topics: config.log.maxTopics,
      partitionsPerTopic: config.log.maxPartitionsPerTopic,
      partitions: config.log.maxPartitions,
      openSegments: config.log.openSegments,
      producers: config.log.maxProducers,
      waitingBytes: config.log.waitingBytes,
    },
    compaction: new CompactionThread(),
    logger,
    observer: {
      flushed: (flush) => {
        watch.flushed(flush.durationMs, parts.clock.monotonic());
        flushes.observe(flush.durationMs / 1_000);
        commits.add(flush.commits);
      },
      appended: (group) => {
        appended.add(group.records);
        bytes.add(group.bytes);
      },
      checkpointed: (checkpoint) => checkpoints.observe(checkpoint.durationMs / 1_000),
      retained: ({ segments, bytes: gone }) => {
        droppedSegments.add(segments);
        droppedBytes.add(gone);
      },
      compacted: ({ durationMs, readBytes, keptBytes }) => {
        compactions.observe(durationMs / 1_000);
        compactedBytes.add(readBytes - keptBytes);
      },
      compactionFailed: () => compactionFailures.add(1),
    },
    onFatal: (error) => {
      fatal = error;
      onFatal(error);
    },
    failPoint: parts.failPoints.pass,
    replaying: (progress) => health.progress({ recovering: LOCAL_CLUSTER, ...progress }),
  });
  metrics.gauge('log_producers', 'Producers that the embedded log remembers, counted in each partition.', [], () => [
    { value: log.producers },
  ]);
  metrics.gauge('log_unflushed_bytes', 'Bytes acknowledged at a weaker level than durable and not flushed.', [], () => [
    { value: log.unflushed.bytes },
  ]);
  metrics.gauge('log_unflushed_age_seconds', 'Age of the oldest of them.', [], () => [
    { value: log.unflushed.ageMs / 1_000 },
  ]);
  return log;
}

/** Connects to a Kafka cluster. @throws as `openKafkaLog`; `invalid-configuration` for a file that cannot be read. */
export async function openKafka(parts: ServiceParts, name: string, definition: ClusterDefinition): Promise<LogEngine> {
  const { openKafkaLog } = await import('#libs/adapters/log-kafka');
  return openKafkaLog({
    name,
    bootstrapServers: definition.bootstrapServers,
    clock: parts.clock,
    logger: factsLogger(parts.logger, `kafka ${name}`),
    ...(definition.tls === undefined || definition.tls === false ? {} : { tls: await tlsOf(name, definition.tls) }),
    ...(definition.sasl === undefined ? {} : { sasl: saslOf(name, definition.sasl) }),
    ...(definition.replicationFactor === undefined ? {} : { replicationFactor: definition.replicationFactor }),
  });
}

async function tlsOf(
  cluster: string,
  given: Exclude<ClusterDefinition['tls'], boolean | undefined> | true,
): Promise<KafkaTls> {
  if (given === true) return {};
  const read = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined
      ? undefined
      : readFile(file, 'utf8').catch((error: unknown) => Promise.reject(unreadable(cluster, file, error)));
  const [ca, cert, key] = [await read(given.caFile), await read(given.certFile), await read(given.keyFile)];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(given.serverName === undefined ? {} : { serverName: given.serverName }),
  };
}

/** A password in a file is read at every connection, so that it can change while the service runs. */
function saslOf(cluster: string, given: NonNullable<ClusterDefinition['sasl']>): KafkaSasl {
  const { mechanism, username, password, passwordFile } = given;
  const fromFile = (): string => {
    try {
      return readFileSync(passwordFile!, 'utf8').trim();
    } catch (error) {
      throw unreadable(cluster, passwordFile!, error);
    }
  };
  return { mechanism, username, password: password ?? fromFile };
}

function unreadable(cluster: string, file: string, cause: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-configuration',
    message: `Cluster '${cluster}' names the file '${file}', which cannot be read.`,
    cause,
  });
}
