import { fork } from 'node:child_process';
import { once } from 'node:events';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { httpLoad } from './http-load.js';
import { inTemporaryDirectory, type Benchmark, type Figure } from './measure.js';

const CLIENTS = 64;

/** A record that nobody has registered yet. */
function newSchema(n: number): string {
  const fields = Array.from({ length: 10 }, (_, i) => ({ name: `field${i}`, type: i % 2 ? 'string' : 'long' }));
  return JSON.stringify({ type: 'record', name: `Order${n}`, namespace: 'bench', fields });
}

/** Registers for five seconds, every request a subject of its own with a schema of its own; before, as long for nothing, so that all is compiled when it counts. */
async function figure(what: string, url: string, least: number): Promise<Figure> {
  let n = 0;
  const load: Parameters<typeof httpLoad>[1] = {
    connections: CLIENTS,
    duration: 5,
    method: 'POST',
    requests: [
      {
        method: 'POST',
        setupRequest: (request) => {
          n++;
          return { ...request, path: `/subjects/bench-${n}/versions`, body: JSON.stringify({ schema: newSchema(n) }) };
        },
      },
    ],
  };
  await httpLoad(url, load);
  const { perSecond, p50Ms, p99Ms } = await httpLoad(url, load);
  return { what, unit: `subjects/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms`, measured: perSecond, least };
}

const onSqlite = (): Promise<Figure> =>
  inTemporaryDirectory(async (directory) => {
    const service = await ServiceProcess.prepare(directory);
    await service.start();
    try {
      return await figure(`new subjects from ${CLIENTS} clients, SQLite, durable`, service.url, 2_000);
    } finally {
      await service.stop();
    }
  });

const onSlowDisk = (flushMs: number): Promise<Figure> =>
  inTemporaryDirectory(async (directory) => {
    const child = fork(new URL('./slow-disk-service.js', import.meta.url));
    child.send({ directory, flushMs });
    const [url] = (await once(child, 'message')) as [string];
    try {
      return await figure(`the same with ${flushMs} ms added to every flush`, url, 1_000);
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });

/** Printed beside, where there is a server. */
const onPostgres = (database: string): Promise<Figure> =>
  inTemporaryDirectory(async (directory) => {
    const service = await ServiceProcess.prepare(directory, { WEIR_DATABASE_URL: database });
    await service.start();
    try {
      return await figure('the same on PostgreSQL', service.url, 0);
    } finally {
      await service.stop();
    }
  });

/** Durable registrations, many at a time; on PostgreSQL too where `WEIR_TEST_POSTGRES_URL` names a server (`scripts/bench.mjs`). */
export const newSubjects: Benchmark = {
  name: 'new-subjects',
  async run() {
    const database = process.env['WEIR_TEST_POSTGRES_URL'];
    return [await onSqlite(), await onSlowDisk(5), ...(database === undefined ? [] : [await onPostgres(database)])];
  },
};
