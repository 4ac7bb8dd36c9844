import type { KafkaService } from '../scripts/services/kafka.mjs';
import type { Reached } from './closed-loop.js';

/** What Kafka's own load tool says. Times are from handing a record to its producer, so they hold the wait in the producer's buffer. */
export interface KafkaReached extends Reached {
  /** Records of a batch, on average. */
  readonly batchRecords: number;
}

/** As the start scripts of the distribution give it to a broker. */
const BROKER_JVM = ['-server', '-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'];

/** A Kafka broker for a benchmark, or why there can be none here. */
export async function startKafkaBroker(): Promise<KafkaService | { readonly unavailable: string }> {
  const { startKafka } = (await import(script('kafka.mjs'))) as typeof import('../scripts/services/kafka.mjs');
  try {
    return await startKafka({ jvm: BROKER_JVM });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ServiceUnavailable') throw error;
    return { unavailable: error.message };
  }
}

/** Copies a topic to one with another number of partitions with Kafka Streams, exactly once. @returns the milliseconds it took. */
export async function copyWithStreams(
  kafka: KafkaService,
  source: string,
  target: string,
  records: number,
): Promise<number> {
  const { copyWithKafkaStreams } = (await import(
    script('kafka-streams.mjs')
  )) as typeof import('../scripts/services/kafka-streams.mjs');
  const { version, bootstrapServers } = kafka;
  return copyWithKafkaStreams({ version, bootstrapServers, source, target, records });
}

/** Relative to where this is run from, which is below `dist/`: scripts are not compiled. */
function script(name: string): string {
  return new URL(`../../scripts/services/${name}`, import.meta.url).href;
}

/** @param config of the topic, as `flush.messages=1`. */
export async function createKafkaTopic(
  kafka: KafkaService,
  name: string,
  partitions: number,
  config: readonly string[],
): Promise<void> {
  const settings = config.flatMap((one) => ['--config', one]);
  const what = ['--create', '--topic', name, '--partitions', String(partitions), '--replication-factor', '1'];
  await kafka.tool('org.apache.kafka.tools.TopicCommand', [
    '--bootstrap-server',
    kafka.bootstrapServers,
    ...what,
    ...settings,
  ]);
}

/** Runs `kafka-producer-perf-test` with `acks=all` and the producer's defaults, as quickly as it goes. @throws when its answer is not understood. */
export async function loadKafka(
  kafka: KafkaService,
  topic: string,
  load: { readonly records: number; readonly recordBytes: number },
): Promise<KafkaReached> {
  const text = await kafka.tool('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', topic, '--num-records', String(load.records), '--record-size', String(load.recordBytes)],
    ...['--throughput', '-1', '--print-metrics'],
    ...['--producer-props', `bootstrap.servers=${kafka.bootstrapServers}`, 'acks=all'],
  ]);
  const number = (pattern: RegExp): number => {
    const found = [...text.matchAll(pattern)].at(-1)?.[1];
    if (found === undefined) throw new Error(`Kafka's load tool did not say ${pattern.source}:\n${text}`);
    return Number(found);
  };
  // The last line sums up; those before it are of the seconds between.
  return {
    perSecond: number(/ records sent, ([\d.]+) records\/sec/g),
    p50Ms: number(/, (\d+) ms 50th/g),
    p99Ms: number(/, (\d+) ms 99th/g),
    batchRecords: number(/:batch-size-avg:\S*\s*: ([\d.]+)/g) / load.recordBytes,
  };
}
