import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { deferred, type Deferred } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { inTemporaryDirectory, inTurns, perSecond, type Benchmark } from './measure.js';

const PRODUCERS = 128;
const RUN_MS = 2_000;
const PARTITIONS = 8;
const record = {
  key: Buffer.from('key-000001'),
  value: Buffer.alloc(1_000, 'x'),
  headers: [],
  timestamp: 1_700_000_000_000,
};
const batch = encodeBatch([record]);

/** Producers that each wait for the answer before they write again, for a while; records a second. */
async function produce(append: (producer: number) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let records = 0;
  await Promise.all(
    Array.from({ length: PRODUCERS }, async (_, producer) => {
      while (performance.now() - started < RUN_MS) {
        await append(producer);
        records++;
      }
    }),
  );
  return perSecond(records, performance.now() - started);
}

async function throughEngine(): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const log = await openEmbeddedLog({ directory: join(directory, 'log'), clock: new SystemClock() });
    await log.createTopic({ name: 't', partitions: PARTITIONS });
    const rate = await produce((producer) => log.append({ topic: 't', partition: producer % PARTITIONS }, batch));
    await log.close();
    return rate;
  });
}

/** The least a durable log can do: the same bytes into one preallocated file, everything that waits shares one flush. */
async function rawJournal(): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const file = await open(join(directory, 'journal'), 'w+');
    let waiting: Deferred<void>[] = [];
    let flushing = false;
    let at = 0;
    const flush = async (): Promise<void> => {
      flushing = true;
      while (waiting.length > 0) {
        const group = waiting;
        waiting = [];
        const bytes = Buffer.concat(group.map(() => batch));
        await file.write(bytes, 0, bytes.length, at);
        at += bytes.length;
        await file.datasync();
        for (const one of group) one.resolve();
      }
      flushing = false;
    };
    const rate = await produce(() => {
      const done = deferred<void>();
      waiting.push(done);
      if (!flushing) void flush();
      return done.promise;
    });
    await file.close();
    return rate;
  });
}

export const logAppend: Benchmark = {
  name: 'log-append',
  async run() {
    const { measured, baseline } = await inTurns(3, throughEngine, rawJournal);
    return [
      {
        what: `durable append, 1 KB records, ${PRODUCERS} producers, one record a batch`,
        unit: 'records/s',
        measured,
        baseline: { what: 'raw file, same bytes, one flush for all that wait', measured: baseline },
        goal: 0.5,
      },
    ];
  },
};
