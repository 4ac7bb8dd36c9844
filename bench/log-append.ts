import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { deferred, type Deferred } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { inTemporaryDirectory, inTurns, perSecond, type Benchmark } from './measure.js';

const PRODUCERS = 128;
/** Long enough for both files of the journal to be used again, as they are but for the first 128 MiB of a log's life. */
const RUN_MS = 6_000;
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

/** What the engine flushed. */
interface Flushed {
  flushes: number;
  bytes: number;
  commits: number;
}

async function throughEngine(sum: Flushed): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const flushed = ({ bytes, commits }: { readonly bytes: number; readonly commits: number }): void => {
      sum.flushes++;
      sum.bytes += bytes;
      sum.commits += commits;
    };
    const observer = { flushed };
    const log = await openEmbeddedLog({ directory: join(directory, 'log'), clock: new SystemClock(), observer });
    await log.createTopic({ name: 't', partitions: PARTITIONS });
    const rate = await produce((producer) => log.append({ topic: 't', partition: producer % PARTITIONS }, batch));
    await log.close();
    return rate;
  });
}

/** The least a durable log can do: the bytes of the engine's entries into one file, everything that waits shares one flush, as in the engine. */
async function rawJournal(entry: Uint8Array): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const file = await open(join(directory, 'journal'), 'w+');
    let waiting: Deferred<void>[] = [];
    let flushing = false;
    let at = 0;
    const flush = async (): Promise<void> => {
      flushing = true;
      for (;;) {
        // Everyone who was woken gets a chance to be on the next flush, so that the groups are those of the engine.
        await turn();
        const group = waiting;
        if (group.length === 0) break;
        waiting = [];
        const bytes = Buffer.concat(group.map(() => entry));
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
    const flushed: Flushed = { flushes: 0, bytes: 0, commits: 0 };
    await throughEngine(flushed);
    const entry = Buffer.alloc(Math.round(flushed.bytes / flushed.commits), batch);
    const { measured, baseline } = await inTurns(
      5,
      () => throughEngine(flushed),
      () => rawJournal(entry),
    );
    const group = (flushed.commits / flushed.flushes).toFixed(0);
    return [
      {
        what: `durable append, 1 KB records, ${PRODUCERS} producers, one record a batch, ${group} in a flush`,
        unit: 'records/s',
        measured,
        baseline: {
          what: `raw file, as many bytes (${entry.length}), one flush for all that wait`,
          measured: baseline,
        },
        goal: 0.5,
      },
    ];
  },
};
