import { openKafkaLog } from '#libs/adapters/log-kafka';
import { encodeBatch, partitionerOf, type LogEngine, type LogRecord } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import type { KafkaService } from '../scripts/services/kafka.mjs';
import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { copyWithStreams, createKafkaTopic, startKafkaBroker } from './kafka-load.js';
import { inTemporaryDirectory, perSecond, type Benchmark, type Comparison } from './measure.js';
import { timedRepartition } from './timed-repartition.js';

const RECORDS = Number(process.env['WEIR_BENCH_RECORDS'] ?? 1_000_000);
const PARTITIONS = 6;
const WIDER = 12;
const BATCH = 1_000;
const SOURCE = 'flights';

/** Records of 100 bytes, each in the partition of its key. */
async function fill(log: LogEngine): Promise<void> {
  const partitionOf = partitionerOf();
  const value = Buffer.alloc(80, 'x');
  const waiting: LogRecord[][] = Array.from({ length: PARTITIONS }, () => []);
  const write = async (partition: number): Promise<void> => {
    const batch = waiting[partition]!.splice(0);
    if (batch.length > 0) await log.append({ topic: SOURCE, partition }, encodeBatch(batch));
  };
  for (let n = 0; n < RECORDS; n++) {
    const record = { key: Buffer.from(`key-${n % 50_000}`), value, headers: [], timestamp: 1_700_000_000_000 + n };
    const partition = partitionOf(record.key, PARTITIONS)!;
    waiting[partition]!.push(record);
    if (waiting[partition]!.length === BATCH) await write(partition);
  }
  for (const partition of waiting.keys()) await write(partition);
}

/** The least a copy must do: every batch read and written as it is, all partitions side by side. @returns milliseconds. */
async function plainCopy(log: LogEngine, target: string): Promise<number> {
  await log.createTopic({ name: target, partitions: PARTITIONS });
  const started = performance.now();
  await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      for (let offset = 0; ;) {
        const [part] = await log.fetch({ positions: [{ topic: SOURCE, partition, offset }], maxBytes: 1024 * 1024 });
        if (part === undefined || part.nextOffset === offset) return;
        await Promise.all(part.batches.map((batch) => log.append({ topic: target, partition }, atZero(batch))));
        offset = part.nextOffset;
      }
    }),
  );
  return performance.now() - started;
}

/** A batch as producers send it: its offset, which no checksum covers, is for the log to give. */
function atZero(batch: Uint8Array): Uint8Array {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(0n);
  return copy;
}

async function measured(kafka: KafkaService, directory: string): Promise<readonly Comparison[]> {
  const { bootstrapServers, version } = kafka;
  const settings = {
    WEIR_LOG_ENABLED: 'false',
    WEIR_CLUSTERS: JSON.stringify({ kafka: { bootstrapServers: bootstrapServers.split(',') } }),
  };
  const service = await ServiceProcess.prepare(directory, settings);
  const log = await openKafkaLog({
    name: 'bench',
    bootstrapServers: bootstrapServers.split(','),
    clock: new SystemClock(),
  });
  try {
    await createKafkaTopic(kafka, SOURCE, PARTITIONS, []);
    await fill(log);
    const plain = await plainCopy(log, 'plain');
    await createKafkaTopic(kafka, 'streams', WIDER, []);
    const streams = await copyWithStreams(kafka, SOURCE, 'streams', RECORDS);
    await service.start();
    const { planMs, ms, phases } = await timedRepartition(service, new Api(service.url), {
      topic: SOURCE,
      target: { partitions: WIDER },
    });
    const weir = {
      what: `repartition on Apache Kafka ${version} to ${WIDER}, ${RECORDS.toLocaleString('en-US')} records of 100 bytes, from its start until it was copied, read back and switched (plan ${Math.round(planMs)} ms; ${phases})`,
      unit: 'records/s',
      measured: perSecond(RECORDS, ms),
    };
    return [
      {
        ...weir,
        baseline: {
          what: 'plain reading and writing of the same batches through the same client',
          measured: perSecond(RECORDS, plain),
        },
        goal: 0.5,
      },
      {
        ...weir,
        what: 'the same',
        baseline: {
          what: `Kafka Streams ${version}, exactly once, two threads, its defaults, not verified`,
          measured: perSecond(RECORDS, streams),
        },
        goal: 1,
      },
    ];
  } finally {
    await log.close();
    await service.stop();
  }
}

/** A repartition on a broker beside the same copy by Kafka Streams, and beside the plainest copy through Weir's own client. */
export const kafkaRepartition: Benchmark = {
  name: 'kafka-repartition',
  async run() {
    const kafka = await startKafkaBroker();
    if ('unavailable' in kafka) {
      process.stdout.write(`kafka-repartition DID NOT RUN: ${kafka.unavailable}\n`);
      return [];
    }
    try {
      return await inTemporaryDirectory((directory) => measured(kafka, directory));
    } finally {
      await kafka.stop();
    }
  },
};
