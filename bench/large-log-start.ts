import { join } from 'node:path';
import { type EmbeddedLog, openEmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, median, type Benchmark } from './measure.js';

/** Gibibytes of log: `WEIR_BENCH_LOG_GIB`. The goal is stated for 10. */
const GIB = Number(process.env['WEIR_BENCH_LOG_GIB'] ?? 2);
const TOPICS = 4;
const PARTITIONS = 250;
const RECORDS_A_BATCH = 250;
const ROUNDS = 3;
/** What is written before the process is killed: to every partition, and so many requests of a megabyte beside. */
const REQUESTS = 64;

const nameOf = (topic: number): string => `large-${topic}`;

/** Batches of a quarter of a megabyte to all partitions in turn. They need not be flushed one by one. */
async function fill(log: EmbeddedLog): Promise<void> {
  for (let topic = 0; topic < TOPICS; topic++) {
    const config = { 'retention.ms': '-1', 'weir.durability': 'none' };
    await log.createTopic({ name: nameOf(topic), partitions: PARTITIONS, config });
  }
  const batch = encodeBatch(
    Array.from({ length: RECORDS_A_BATCH }, (_, n) => ({
      key: Buffer.from(`key-${n}`),
      value: Buffer.alloc(1_000, 'x'),
      headers: [],
      timestamp: 1_700_000_000_000 + n,
    })),
  );
  const batches = Math.ceil((GIB * 1024 ** 3) / batch.length);
  for (let n = 0; n < batches;) {
    const some = Array.from({ length: 16 }, () => n++);
    await Promise.all(
      some.map((at) => {
        const partition = Math.floor(at / TOPICS) % PARTITIONS;
        return log.append({ topic: nameOf(at % TOPICS), partition }, Buffer.from(batch));
      }),
    );
  }
}

/** Writes that the journal holds when the process is killed. */
async function write(url: string): Promise<void> {
  const api = new Api(url);
  for (let topic = 0; topic < TOPICS; topic++) {
    const records = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: 'x' }));
    await api.post(`/v1/topics/${nameOf(topic)}/records`, { records });
  }
  const value = 'x'.repeat(10_000);
  for (let n = 0; n < REQUESTS; n++) {
    const records = Array.from({ length: 100 }, (_, i) => ({ partition: (n * 100 + i) % PARTITIONS, value }));
    await api.post(`/v1/topics/${nameOf(n % TOPICS)}/records`, { records });
  }
}

/** Start of a service that has much: after an orderly end, and after a kill in the middle of writes. */
export const largeLogStart: Benchmark = {
  name: 'large-log-start',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      const empty = await service.start();
      await service.stop();
      const log = await openEmbeddedLog({ directory: join(directory, 'data', 'log'), clock: new SystemClock() });
      await fill(log);
      await log.close();
      const clean: number[] = [];
      const unclean: number[] = [];
      await service.start();
      try {
        for (let round = 0; round < ROUNDS; round++) {
          await service.stop();
          clean.push(await service.start());
          await write(service.url);
          await service.kill();
          unclean.push(await service.start());
        }
      } finally {
        await service.stop();
      }
      const held = `${GIB} GiB in ${TOPICS * PARTITIONS} partitions`;
      return [
        { what: 'process start to ready, empty directory', unit: 'ms', measured: empty },
        { what: `the same with ${held}, after an orderly end`, unit: 'ms', measured: median(clean), most: 5_000 },
        {
          what: `the same with ${held}, killed after ${REQUESTS} MB of writes to all of them`,
          unit: 'ms',
          measured: median(unclean),
          most: 30_000,
        },
      ];
    }),
};
