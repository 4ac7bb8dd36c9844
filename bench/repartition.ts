import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { Api } from '../apps/demo/api.js';
import type { OperationStatus } from '../apps/demo/operations.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, perSecond, type Benchmark, type Comparison, type Figure } from './measure.js';
import { processorMs } from './processor-time.js';
import { residentMb } from './resident-memory.js';

/** `WEIR_BENCH_RECORDS`; the goal is stated for 10,000,000. */
const RECORDS = Number(process.env['WEIR_BENCH_RECORDS'] ?? 1_000_000);
const BATCH = 1_000;
const PARTITIONS = 6;

/** Fills the topic behind the service's back, while it is stopped: records of 100 bytes with keys spread over the partitions. */
async function fill(directory: string): Promise<number> {
  const log = await openEmbeddedLog({ directory, clock: new SystemClock() });
  const value = Buffer.alloc(80, 'x');
  let bytes = 0;
  for (let at = 0; at < RECORDS; at += BATCH * PARTITIONS) {
    await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => {
        const records = Array.from({ length: BATCH }, (_each, n) => ({
          key: Buffer.from(`key-${(at + partition * BATCH + n) % 50_000}`),
          value,
          headers: [],
          timestamp: 1_700_000_000_000 + at,
        }));
        const batch = encodeBatch(records);
        bytes += batch.length;
        return log.append({ topic: 't', partition }, batch);
      }),
    );
  }
  await log.close();
  return bytes;
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

export const repartition: Benchmark = {
  name: 'repartition',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      await service.start();
      const api = new Api(service.url);
      await api.post('/v1/topics', { name: 't', partitions: PARTITIONS });
      await service.stop();
      const bytes = await fill(join(directory, 'data', 'log'));
      await service.start();
      const results: (Comparison | Figure)[] = [];
      for (const partitions of [12, 4]) {
        const { planMs, ms, phases, grown, processor } = await timed(service, api, partitions);
        const baseline = await plainWrite(directory, bytes);
        const what = `repartition to ${partitions}, ${RECORDS.toLocaleString('en-US')} records of 100 bytes`;
        results.push(
          {
            what: `${what}, from its start until it was copied, read back and switched (${phases})`,
            unit: 'records/s',
            measured: perSecond(RECORDS, ms),
            baseline: { what: 'plain write and flush of the same bytes', measured: perSecond(RECORDS, baseline) },
          },
          // The goal is stated for many records, so that what every operation takes does not count.
          {
            what: `${what}, the same`,
            unit: 'records/s',
            measured: perSecond(RECORDS, ms),
            ...(RECORDS >= 10_000_000 ? { least: 1_000_000 } : {}),
          },
          { what: `${what}: its plan`, unit: 'ms', measured: planMs },
          {
            what: `${what}: processor time of the service`,
            unit: 'ns/record',
            measured: (processor * 1e6) / RECORDS,
          },
          { what: `${what}: memory beyond that before it`, unit: 'MB', measured: grown, most: 200 },
        );
      }
      await service.stop();
      return results;
    }),
};

interface Timed {
  readonly planMs: number;
  /** From the start until it had switched. */
  readonly ms: number;
  readonly phases: string;
  /** MB of memory. */
  readonly grown: number;
  /** Processor time in ms. */
  readonly processor: number;
}

/** One repartition, planned, started and followed until it has switched: how long each phase took, and how much memory grew meanwhile. Then it is finished. */
async function timed(service: ServiceProcess, api: Api, partitions: number): Promise<Timed> {
  const before = await residentMb(service);
  let most = before;
  const asked = performance.now();
  const request = { topic: 't', target: { partitions }, cutover: { mode: 'auto' }, reverseTail: false };
  const { hash } = await api.post<{ readonly hash: string }>('/v1/repartitions/plans', request);
  const processorBefore = await processorMs(service.pid);
  const began = performance.now();
  const { id } = await api.post<OperationStatus>('/v1/operations', { planHash: hash });
  const phases: string[] = [];
  let phase = 'started';
  let since = began;
  for (;;) {
    const { state, reason } = await api.get<OperationStatus>(`/v1/operations/${id}`);
    if (state === 'FAILED' || state === 'BLOCKED') throw new Error(`${state}: ${reason}`);
    most = Math.max(most, await residentMb(service));
    if (state !== phase) {
      phases.push(`${phase} ${Math.round(performance.now() - since)} ms`);
      since = performance.now();
      phase = state;
    }
    if (state === 'SWITCHED' || state === 'FINISHED') break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const ms = performance.now() - began;
  const processor = (await processorMs(service.pid)) - processorBefore;
  await api.post(`/v1/operations/${id}:finish`);
  while ((await api.get<OperationStatus>(`/v1/operations/${id}`)).state !== 'FINISHED')
    await new Promise((resolve) => setTimeout(resolve, 20));
  return { planMs: began - asked, ms, phases: phases.join(', '), grown: most - before, processor };
}
