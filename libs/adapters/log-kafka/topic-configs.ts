import { TOPIC_SETTINGS } from '#libs/core/log';

/** Settings that only this project's own engine knows. */
const OWN_PREFIX = 'weir.';

/** Topic settings of Apache Kafka 3.9 to 4.3 beyond those every engine shares. Their values are the brokers' to judge. */
const MORE = [
  'compression.gzip.level',
  'compression.lz4.level',
  'compression.zstd.level',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'follower.replication.throttled.replicas',
  'index.interval.bytes',
  'leader.replication.throttled.replicas',
  'local.retention.bytes',
  'local.retention.ms',
  'preallocate',
  'remote.storage.enable',
  'segment.index.bytes',
  'segment.jitter.ms',
  'unclean.leader.election.enable',
];

export const KAFKA_TOPIC_CONFIGS: readonly string[] = [
  ...[...TOPIC_SETTINGS.keys()].filter((name) => !name.startsWith(OWN_PREFIX)),
  ...MORE,
].sort();
