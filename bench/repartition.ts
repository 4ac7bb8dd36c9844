import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { Api } from '../apps/demo/api.js';
import { startRepartition, type OperationStatus } from '../apps/demo/operations.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, perSecond, type Benchmark } from './measure.js';

const RECORDS = 1_000_000;
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
      const results = [];
      for (const partitions of [12, 4]) {
        const started = performance.now();
        const { id } = await startRepartition(
          api,
          { topic: 't', target: { partitions }, cutover: { mode: 'auto' }, reverseTail: false },
          null,
        );
        let status: OperationStatus;
        do {
          await new Promise((resolve) => setTimeout(resolve, 20));
          status = await api.get<OperationStatus>(`/v1/operations/${id}`);
          if (status.state === 'FAILED' || status.state === 'BLOCKED')
            throw new Error(`${status.state}: ${status.reason}`);
        } while (status.state !== 'SWITCHED' && status.state !== 'FINISHED');
        const ms = performance.now() - started;
        const baseline = await plainWrite(directory, bytes);
        results.push({
          what: `repartition to ${partitions}, ${RECORDS.toLocaleString('en-US')} records of 100 bytes, planned, copied, read back, switched`,
          unit: 'records/s',
          measured: perSecond(RECORDS, ms),
          baseline: { what: 'plain write and flush of the same bytes', measured: perSecond(RECORDS, baseline) },
        });
        await api.post(`/v1/operations/${id}:finish`);
        while ((await api.get<OperationStatus>(`/v1/operations/${id}`)).state !== 'FINISHED')
          await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await service.stop();
      return results;
    }),
};
