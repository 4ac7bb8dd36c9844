import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { Api } from '../apps/demo/api.js';
import { filledService } from './filled-service.js';
import { inTemporaryDirectory, perSecond, type Benchmark, type Comparison, type Figure } from './measure.js';
import { timedRepartition } from './timed-repartition.js';

/** `WEIR_BENCH_RECORDS`; the goal is stated for 10,000,000. */
const RECORDS = Number(process.env['WEIR_BENCH_RECORDS'] ?? 1_000_000);
const BATCH = 1_000;
const PARTITIONS = 6;
/** Of the topic that {@link fillCopied} fills. */
export const COPIED_PARTITIONS = PARTITIONS;

/** So many are rows of a table, which go record by record. */
const ROWS = RECORDS;
const OWNERS = 20_000;

interface Case {
  readonly what: string;
  readonly records: number;
  readonly request: Readonly<Record<string, unknown>>;
  /** Copied in whole batches, which is what the goal is stated for. */
  readonly whole: boolean;
}

const CASES: readonly Case[] = [
  ...[12, 4].map((partitions) => ({
    ...{ what: `to ${partitions},`, records: RECORDS, request: { topic: 't', target: { partitions } }, whole: true },
  })),
  {
    what: 'to 12, merged by time,',
    records: ROWS,
    request: { topic: 'rows', target: { partitions: 12 }, orderMerge: 'timestamp' },
    whole: false,
  },
  {
    what: 'of a table to another key,',
    records: ROWS,
    request: {
      topic: 'rows',
      target: { partitions: 12, key: { expr: 'value.owner', semantics: 'table', shared: 'newest' } },
    },
    whole: false,
  },
];

/** Fills a topic behind the service's back, while it is stopped: records of 100 bytes with keys spread over the partitions. Answers how many bytes that takes. */
async function fill(
  log: EmbeddedLog,
  topic: string,
  records: number,
  valueOf: (key: number) => Buffer,
): Promise<number> {
  let bytes = 0;
  for (let at = 0; at < records; at += BATCH * PARTITIONS) {
    await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => {
        const some = Array.from({ length: Math.min(BATCH, Math.ceil(records / PARTITIONS)) }, (_each, n) => {
          // A key lies in one partition.
          const key = ((at + n * PARTITIONS) % 48_000) + partition;
          return {
            key: Buffer.from(`key-${key}`),
            value: valueOf(key),
            headers: [],
            timestamp: 1_700_000_000_000 + at,
          };
        });
        const batch = encodeBatch(some);
        bytes += batch.length;
        return log.append({ topic, partition }, batch);
      }),
    );
  }
  return bytes;
}

/** Fills a topic with records of 100 bytes to be copied, while no service runs on the log. */
export async function fillCopied(log: EmbeddedLog, topic: string, records: number): Promise<number> {
  const value = Buffer.alloc(80, 'x');
  return await fill(log, topic, records, () => value);
}

/** The least a copy must do: the same bytes written to a file in large pieces, and flushed. */
async function plainWrite(directory: string, bytes: number): Promise<number> {
  const file = await open(join(directory, 'plain'), 'w');
  const piece = Buffer.alloc(1024 * 1024, 'x');
  const started = performance.now();
  for (let written = 0; written < bytes; written += piece.length) await file.write(piece);
  await file.datasync();
  await file.close();
  return performance.now() - started;
}

/** What goes record by record, beside the first run that went in whole batches. */
function beside(what: string, measured: number, inBatches: number | undefined): Comparison[] {
  if (inBatches === undefined) return [];
  const baseline = { what: `repartition ${CASES[0]!.what} in whole batches`, measured: inBatches };
  return [{ what: `${what}, the same`, unit: 'records/s', measured, baseline }];
}

export const repartition: Benchmark = {
  name: 'repartition',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      let bytes = 0;
      const service = await filledService(directory, {
        declare: async (api) => {
          for (const name of ['t', 'rows']) await api.post('/v1/topics', { name, partitions: PARTITIONS });
        },
        fill: async (log) => {
          bytes = await fillCopied(log, 't', RECORDS);
          await fill(log, 'rows', ROWS, (key) =>
            Buffer.from(`{"owner":"o-${key % OWNERS}","pad":"${'x'.repeat(54)}"}`),
          );
        },
      });
      const api = new Api(service.url);
      const results: (Comparison | Figure)[] = [];
      let inBatches = 0;
      for (const { what: way, records, request, whole } of CASES) {
        const { planMs, ms, phases, grown, processor } = await timedRepartition(service, api, request);
        const baseline = await plainWrite(directory, (bytes * records) / RECORDS);
        inBatches ||= perSecond(records, ms);
        const what = `repartition ${way} ${records.toLocaleString('en-US')} records of 100 bytes`;
        results.push(
          {
            what: `${what}, from its start until it was copied, read back and switched (${phases})`,
            unit: 'records/s',
            measured: perSecond(records, ms),
            baseline: { what: 'plain write and flush of the same bytes', measured: perSecond(records, baseline) },
          },
          // The goal is stated for many records, so that what every operation takes does not count.
          {
            what: `${what}, the same`,
            unit: 'records/s',
            measured: perSecond(records, ms),
            ...(whole && RECORDS >= 10_000_000 ? { least: 1_000_000 } : {}),
          },
          ...beside(what, perSecond(records, ms), whole ? undefined : inBatches),
          { what: `${what}: its plan`, unit: 'ms', measured: planMs },
          {
            what: `${what}: processor time of the service`,
            unit: 'ns/record',
            measured: (processor * 1e6) / records,
          },
          { what: `${what}: memory beyond that before it`, unit: 'MB', measured: grown, most: 200 },
        );
      }
      await service.stop();
      return results;
    }),
};
