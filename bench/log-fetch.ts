import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedLog, type EmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch, FetchMemory, recordsFrom } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { inTemporaryDirectory, inTurns, perSecond, type Benchmark, type Comparison } from './measure.js';

const MIB = 1024 * 1024;
const TOTAL = 256 * MIB;
const RECORDS_PER_BATCH = 100;
const value = Buffer.alloc(1_000, 'x');
const batch = encodeBatch(
  Array.from({ length: RECORDS_PER_BATCH }, (_, n) => ({
    key: Buffer.from(`key-${n}`),
    value,
    headers: [],
    timestamp: 1_700_000_000_000 + n,
  })),
);

async function fetchAll(log: EmbeddedLog, decode: boolean): Promise<number> {
  const started = performance.now();
  let bytes = 0;
  let records = 0;
  // As the plain reads do, which read into the same memory again and again.
  const memory = new FetchMemory();
  for (let offset = 0; ;) {
    const [part] = await log.fetch({ positions: [{ topic: 't', partition: 0, offset }], maxBytes: MIB, memory });
    if (part === undefined || part.nextOffset === offset) break;
    for (const one of part.batches) bytes += one.length;
    if (decode) for (const one of recordsFrom(part, offset)) records += one.value === null ? 0 : 1;
    offset = part.nextOffset;
  }
  const ms = performance.now() - started;
  return decode ? perSecond(records, ms) : perSecond(bytes / MIB, ms);
}

async function readFiles(directory: string): Promise<number> {
  const files = (await readdir(directory, { recursive: true }))
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(directory, name));
  const buffer = Buffer.allocUnsafe(MIB);
  const started = performance.now();
  let bytes = 0;
  for (const name of files) {
    const file = await open(name);
    const { size } = await stat(name);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(buffer, 0, MIB, at);
      at += bytesRead;
      bytes += bytesRead;
    }
    await file.close();
  }
  return perSecond(bytes / MIB, performance.now() - started);
}

export const logFetch: Benchmark = {
  name: 'log-fetch',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openEmbeddedLog({ directory: join(directory, 'log'), clock: new SystemClock() });
      await log.createTopic({ name: 't', partitions: 1 });
      for (let written = 0; written < TOTAL;) {
        const group = Array.from({ length: 32 }, () => log.append({ topic: 't', partition: 0 }, batch));
        await Promise.all(group);
        written += 32 * batch.length;
      }
      const raw = await inTurns(
        3,
        () => fetchAll(log, false),
        () => readFiles(directory),
      );
      const decoded = await fetchAll(log, true);
      await log.close();
      const comparison: Comparison = {
        what: 'fetch of old data as batches, checksums checked, warm cache',
        unit: 'MiB/s',
        measured: raw.measured,
        baseline: { what: 'plain read of the same files, 1 MiB at a time', measured: raw.baseline },
        goal: 0.4,
      };
      return [comparison, { what: 'the same, decoded to records of 1 KB', unit: 'records/s', measured: decoded }];
    }),
};
