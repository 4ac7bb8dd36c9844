import { join } from 'node:path';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import type { KafkaService } from '../scripts/services/kafka.mjs';
import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { closedLoop, forSome, type Reached } from './closed-loop.js';
import { httpLoad } from './http-load.js';
import { createKafkaTopic, loadKafka, startKafkaBroker, type KafkaReached } from './kafka-load.js';
import { inTemporaryDirectory, median, type Benchmark, type Comparison, type Figure } from './measure.js';
import { metric } from './service-metrics.js';

const PRODUCERS = 128;
const PARTITIONS = 8;
const RECORD_BYTES = 1_000;
/** Records in a batch of Kafka's producer, as its `batch.size` makes them. */
const KAFKA_BATCH = 15;
const RUN_SECONDS = 2;
const ROUNDS = 3;
/** For a few seconds each. */
const FLUSHED_RECORDS = 100_000;
const UNFLUSHED_RECORDS = 300_000;

const record = { key: null, value: Buffer.alloc(RECORD_BYTES, 'x'), headers: [], timestamp: 1_700_000_000_000 };
const single = encodeBatch([record]);
const batch = encodeBatch(Array.from({ length: KAFKA_BATCH }, () => record));

/** A rate of records with what rode on one flush. */
interface Flushed extends Reached {
  readonly recordsAFlush: number;
}

async function inProcess(): Promise<Flushed> {
  return inTemporaryDirectory(async (directory) => {
    let flushes = 0;
    const observer = { flushed: () => void flushes++ };
    const log = await openEmbeddedLog({ directory: join(directory, 'log'), clock: new SystemClock(), observer });
    try {
      await log.createTopic({ name: 't', partitions: PARTITIONS });
      const ask = (producer: number): Promise<unknown> =>
        log.append({ topic: 't', partition: producer % PARTITIONS }, single);
      flushes = 0;
      let records = 0;
      const reached = await closedLoop(PRODUCERS, forSome(RUN_SECONDS * 1_000), (producer) => {
        records++;
        return ask(producer);
      });
      return { ...reached, recordsAFlush: records / flushes };
    } finally {
      await log.close();
    }
  });
}

/** Requests of so many records each, in turns to these paths. */
interface Asked {
  readonly paths: readonly string[];
  readonly type: string;
  readonly body: string | Buffer;
  readonly records: number;
}

async function overHttp(url: string, { paths, type, body, records }: Asked): Promise<Flushed> {
  const [flushesBefore, recordsBefore] = await counts(url);
  const { perSecond, p50Ms, p99Ms } = await httpLoad(url, {
    connections: PRODUCERS,
    duration: RUN_SECONDS,
    method: 'POST',
    headers: { 'content-type': type },
    body,
    requests: paths.map((path) => ({ path })),
  });
  const [flushes, written] = await counts(url);
  const recordsAFlush = (written - recordsBefore) / (flushes - flushesBefore);
  return { perSecond: perSecond * records, p50Ms, p99Ms, recordsAFlush };
}

async function counts(url: string): Promise<[flushes: number, records: number]> {
  return [await metric(url, 'fsync_duration_seconds_count'), await metric(url, 'records_appended_total')];
}

/** Each figure by itself in the middle of the rounds. */
function middle<T extends Flushed | KafkaReached>(rounds: readonly T[]): T {
  const names = Object.keys(rounds[0]!) as (keyof T)[];
  const figures = names.map((name) => [name, median(rounds.map((one) => one[name] as number))]);
  return Object.fromEntries(figures) as T;
}

const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));

function told(what: string, { perSecond, p50Ms, p99Ms, recordsAFlush }: Flushed): Figure {
  const unit = `records/s, p50 ${ms(p50Ms)} ms, p99 ${ms(p99Ms)} ms, ${recordsAFlush.toFixed(0)} records a flush`;
  return { what, unit, measured: perSecond };
}

/** Its tool is one producer that never waits, Weir's clients are 128 that do. */
function against(
  kafka: string,
  weir: Flushed,
  { perSecond, p50Ms, p99Ms, batchRecords }: KafkaReached,
  goal: number,
): Comparison {
  const figures = `p50 ${p50Ms} ms, p99 ${p99Ms} ms, batches of ${batchRecords.toFixed(0)} records`;
  return {
    what: `Weir in process, ${PRODUCERS} producers that wait, one record a batch, durable`,
    unit: 'records/s',
    measured: weir.perSecond,
    baseline: {
      what: `${kafka}, acks=all, its own load tool over its own protocol (not the same client; ${figures})`,
      measured: perSecond,
    },
    goal,
  };
}

async function measured(kafka: KafkaService, service: ServiceProcess): Promise<readonly (Comparison | Figure)[]> {
  await service.start();
  await new Api(service.url).post('/v1/topics', { name: 't', partitions: PARTITIONS });
  await createKafkaTopic(kafka, 'flushed', PARTITIONS, ['flush.messages=1']);
  await createKafkaTopic(kafka, 'unflushed', PARTITIONS, []);
  const json = JSON.stringify({ records: [{ value: 'x'.repeat(RECORD_BYTES - 2) }] });
  const path = '/v1/topics/t/records';
  const toPartitions = Array.from({ length: PARTITIONS }, (_, partition) => `${path}?partition=${partition}`);
  const oneRecord: Asked = { paths: [path], type: 'application/json', body: json, records: 1 };
  const asBytes: Asked = { paths: toPartitions, type: 'application/octet-stream', body: batch, records: KAFKA_BATCH };
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      inProcess: await inProcess(),
      json: await overHttp(service.url, oneRecord),
      bytes: await overHttp(service.url, asBytes),
      flushed: await loadKafka(kafka, 'flushed', { records: FLUSHED_RECORDS, recordBytes: RECORD_BYTES }),
      unflushed: await loadKafka(kafka, 'unflushed', { records: UNFLUSHED_RECORDS, recordBytes: RECORD_BYTES }),
    });
  }
  const weir = middle(rounds.map((round) => round.inProcess));
  return [
    told(`durable append of 1 KB records, Weir in process, ${PRODUCERS} producers`, weir),
    told(`Weir over HTTP, ${PRODUCERS} connections, one record of JSON a request`, middle(rounds.map((r) => r.json))),
    told(
      `Weir over HTTP, ${PRODUCERS} connections, a batch of ${KAFKA_BATCH} records as bytes a request`,
      middle(rounds.map((round) => round.bytes)),
    ),
    against(`Apache Kafka ${kafka.version} with flush.messages=1`, weir, middle(rounds.map((r) => r.flushed)), 3),
    against(`Apache Kafka ${kafka.version} unflushed, its default`, weir, middle(rounds.map((r) => r.unflushed)), 1),
  ];
}

/** Durable appends beside those of Apache Kafka on the same machine, at the same durability and at the one it has by default. */
export const kafkaAppend: Benchmark = {
  name: 'kafka-append',
  async run() {
    const kafka = await startKafkaBroker();
    if ('unavailable' in kafka) {
      process.stdout.write(`kafka-append DID NOT RUN: ${kafka.unavailable}\n`);
      return [];
    }
    try {
      return await inTemporaryDirectory(async (directory) => {
        const service = await ServiceProcess.prepare(directory);
        try {
          return await measured(kafka, service);
        } finally {
          await service.stop();
        }
      });
    } finally {
      await kafka.stop();
    }
  },
};
