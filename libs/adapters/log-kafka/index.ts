import type { LogEngine } from '#libs/core/log';
import type { KafkaLogOptions } from './options.js';

export {
  KAFKA_LOG_SETTINGS,
  type BrokerAddress,
  type KafkaLogLogger,
  type KafkaLogOptions,
  type KafkaLogSettings,
  type KafkaSasl,
  type KafkaTls,
} from './options.js';

/**
 * Opens a Kafka cluster as a log. Resolves once a broker answered, authenticated and speaks the versions needed; nothing is created or
 * written by opening. The client library is loaded by the first call (about 0.6 s and 50 MB), so an embedded service never pays for it.
 * @throws `cluster-unavailable` (retryable) when no bootstrap server answers, `cluster-unsupported` when the brokers are too old or too new,
 * `cluster-access-denied` when they refuse the credentials.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<LogEngine> {
  const { KafkaLog } = await import('./kafka-log.js');
  return await KafkaLog.open(options);
}
