import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Database from 'better-sqlite3';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import {
  inTemporaryDirectory,
  percentile,
  perSecond,
  type Benchmark,
  type Comparison,
  type Figure,
} from './measure.js';
import { processorMs } from './processor-time.js';
import { residentMb } from './resident-memory.js';

/** `WEIR_BENCH_VIEW_RECORDS`. */
const RECORDS = Number(process.env['WEIR_BENCH_VIEW_RECORDS'] ?? 200_000);
const BATCH = 1_000;
const PARTITIONS = 4;
/** Rows of one statement of the plain insert. */
const PIECE = 500;

/** The row of the n-th record, as a plain load has it prepared. */
const rowOf = (n: number): [string, number, string, number, number] => [
  `key-${n}`,
  n,
  `tag-${n % 1_000}`,
  1_700_000_000_000 + n,
  n / 4,
];

const VIEW = {
  source: { topic: 't' },
  key: { id: { from: 'key', type: 'text' } },
  columns: {
    n: { from: 'value.n', type: 'integer' },
    tag: { from: 'value.tag', type: 'text' },
    at: { from: 'value.at', type: 'timestamp' },
    x: { from: 'value.x', type: 'real' },
  },
  indexes: ['tag'],
};

/** Fills the topic behind the service's back, while it is stopped. */
async function fill(directory: string): Promise<void> {
  const log = await openEmbeddedLog({ directory, clock: new SystemClock() });
  for (let at = 0; at < RECORDS; at += BATCH * PARTITIONS)
    await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => {
        const records = Array.from({ length: BATCH }, (_each, index) => {
          const [key, n, tag, time, x] = rowOf(at + partition * BATCH + index);
          const value = Buffer.from(JSON.stringify({ n, tag, at: time, x }));
          return { key: Buffer.from(key), value, headers: [], timestamp: time };
        });
        return log.append({ topic: 't', partition }, encodeBatch(records));
      }),
    );
  await log.close();
}

interface Built {
  readonly rate: number;
  /** Microseconds of the service's processor time for each record, all its threads together. */
  readonly cpuUs: number;
  /** Most resident memory beyond that of the service before, in MB. */
  readonly memoryMb: number;
}

/** Builds the view through the service. @param after is given the data directory of the service, which has stopped. @returns from the declaration until every record is in it. */
async function build<T>(
  settings: Readonly<Record<string, string>>,
  after: (directory: string) => Promise<T>,
): Promise<{ built: Built; after: T }> {
  return inTemporaryDirectory(async (directory) => {
    const service = await ServiceProcess.prepare(directory, settings);
    await service.start();
    const api = new Api(service.url);
    await api.post('/v1/topics', { name: 't', partitions: PARTITIONS });
    await service.stop();
    await fill(join(directory, 'data', 'log'));
    await service.start();
    const [memoryBefore, cpuBefore] = [await residentMb(service), await processorMs(service.pid)];
    let memory = memoryBefore;
    const started = performance.now();
    await api.put('/v1/views/built', VIEW);
    for (;;) {
      const { lag, commit } = await api.get<{ lag: number | null; commit: number | null }>('/v1/views/built');
      memory = Math.max(memory, await residentMb(service));
      if (lag === 0 && commit !== null && commit > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const ms = performance.now() - started;
    const cpuUs = ((await processorMs(service.pid)) - cpuBefore) * (1_000 / RECORDS);
    await service.stop();
    const built = { rate: perSecond(RECORDS, ms), cpuUs, memoryMb: memory - memoryBefore };
    return { built, after: await after(join(directory, 'data')) };
  });
}

/** Rows beyond this are not held in memory for a plain load. */
const MOST_PLAIN = 1_000_000;

/** The rows of the view, prepared beforehand, into a SQLite table like that of the view: many in one statement, one transaction, the indexes afterwards. */
async function sameIntoSqlite(data: string): Promise<number> {
  if (RECORDS > MOST_PLAIN) return NaN;
  const views = new Database(join(data, 'views.sqlite'), { readonly: true });
  const schema = views.prepare(
    "select sql from sqlite_master where tbl_name like 'v\\_%\\_0' escape '\\' and sql is not null",
  );
  const [table, ...indexes] = (schema.pluck().all() as string[]).sort((one) => (/^create table/i.test(one) ? -1 : 1));
  const name = /v_[a-z0-9]+_0/.exec(table!)![0];
  // In the order in which they came.
  const rows = views.prepare(`select * from ${name} order by c2, c1`).raw().all() as unknown[][];
  views.close();
  return plainSqlite(rows, table!, name, indexes);
}

/** Such rows of the fields alone, into a table without what a view keeps beside them. */
async function fieldsIntoSqlite(): Promise<number> {
  const rows = Array.from({ length: RECORDS }, (_, n) => rowOf(n));
  const table = 'create table t (id text primary key, n integer, tag text, at integer, x real) without rowid';
  return plainSqlite(rows, table, 't', ['create index tags on t (tag)']);
}

function plainSqlite(
  rows: readonly (readonly unknown[])[],
  table: string,
  name: string,
  indexes: readonly string[],
): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const database = new Database(join(directory, 'plain.sqlite'));
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec(table);
    const row = `(${rows[0]!.map(() => '?').join(', ')})`;
    const insert = database.prepare(
      `insert into ${name} values ${Array.from({ length: PIECE }, () => row).join(', ')}`,
    );
    const started = performance.now();
    database.transaction(() => {
      for (let at = 0; at < rows.length; at += PIECE) insert.run(...rows.slice(at, at + PIECE).flat());
    })();
    for (const index of indexes) database.exec(index);
    const ms = performance.now() - started;
    database.close();
    return perSecond(rows.length, ms);
  });
}

/** The rows of the view, prepared beforehand as text, by COPY into a table like that of the view with its indexes. */
async function sameIntoPostgres(url: string): Promise<number> {
  if (RECORDS > MOST_PLAIN) return NaN;
  return plainCopy(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      "select table_name as name from weir_views_data.weir_names where view_name = 'built' limit 1",
    );
    const table = `weir_views_data.${rows[0]!.name}`;
    await client.query(`create table weir_bench_plain (like ${table} including all)`);
    const text: Buffer[] = [];
    for await (const piece of client.query(copyTo(`copy ${table} to stdout`))) text.push(piece as Buffer);
    return text;
  });
}

/** Such rows of the fields alone, into a table without what a view keeps beside them. */
async function fieldsIntoPostgres(url: string): Promise<number> {
  return plainCopy(url, async (client) => {
    await client.query(
      'create table weir_bench_plain (id text collate "C" primary key, n bigint, tag text collate "C", at bigint, x double precision)',
    );
    await client.query('create index on weir_bench_plain (tag)');
    return Array.from({ length: RECORDS / BATCH }, (_, piece) =>
      Buffer.from(
        Array.from({ length: BATCH }, (_each, index) => rowOf(piece * BATCH + index).join('\t'))
          .join('\n')
          .concat('\n'),
      ),
    );
  });
}

async function plainCopy(url: string, prepare: (client: pg.Client) => Promise<readonly Buffer[]>): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('drop table if exists weir_bench_plain');
    const text = await prepare(client);
    const started = performance.now();
    await pipeline(Readable.from(text), client.query(copyFrom('copy weir_bench_plain from stdin')));
    return perSecond(RECORDS, performance.now() - started);
  } finally {
    await client.query('drop table if exists weir_bench_plain');
    await client.end();
  }
}

/** From the answer to a produce until three views in PostgreSQL show it, at 1,000 records a second. */
async function untilVisible(url: string): Promise<Figure> {
  const [batch, seconds] = [20, 10];
  return inTemporaryDirectory(async (directory) => {
    const service = await ServiceProcess.prepare(directory, { WEIR_DATABASE_URL: url });
    await service.start();
    const api = new Api(service.url);
    await api.post('/v1/topics', { name: 't', partitions: PARTITIONS });
    const views = ['one', 'two', 'three'];
    for (const view of views) await api.put(`/v1/views/${view}`, VIEW);
    const times: number[] = [];
    const reads: Promise<void>[] = [];
    const started = performance.now();
    for (let sent = 0; sent < seconds * 1_000; sent += batch) {
      const due = started + sent;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      const records = Array.from({ length: batch }, (_, index) => {
        const [key, n, tag, at, x] = rowOf(sent + index);
        return { key, value: { n, tag, at, x } };
      });
      const { token } = await api.post<{ token: string }>('/v1/topics/t/records', { records });
      const answered = performance.now();
      for (const view of views)
        reads.push(
          api
            .get(`/v1/views/${view}/rows?limit=1&at-least=${token}&wait=30s`)
            .then(() => void times.push(performance.now() - answered)),
        );
    }
    await Promise.all(reads);
    for (const view of views) await api.call('DELETE', `/v1/views/${view}`);
    await service.stop();
    return {
      what: `from the answer to a produce until three views in PostgreSQL show it, 1,000 records/s, p50 ${percentile(times, 0.5).toFixed(0)} ms, p99`,
      unit: 'ms',
      measured: percentile(times, 0.99),
      most: 50,
    };
  });
}

/** A build beside a plain load of its rows into such a table, and of its fields alone; and what it takes. */
function toldOf(
  target: string,
  load: string,
  { rate, cpuUs, memoryMb }: Built,
  same: number,
  fields: number,
): (Comparison | Figure)[] {
  const what = `view built of ${RECORDS.toLocaleString('en-US')} records, ${target}`;
  const told = { what, unit: 'records/s', measured: rate };
  const compared: Comparison[] = [
    {
      ...told,
      baseline: { what: `${load} of the same rows, prepared beforehand, into such a table`, measured: same },
      goal: 0.5,
    },
    { ...told, baseline: { what: `${load} of the fields alone, with one index`, measured: fields } },
  ];
  return [
    ...(Number.isNaN(same) ? [told] : compared),
    { what: `${what}: processor time of the service for each`, unit: 'µs', measured: cpuUs },
    { what: `${what}: resident memory beyond that before`, unit: 'MB', measured: memoryMb },
  ];
}

export const viewBuild: Benchmark = {
  name: 'view-build',
  run: async () => {
    const sqlite = await build({}, sameIntoSqlite);
    const fields = RECORDS > MOST_PLAIN ? NaN : await fieldsIntoSqlite();
    const results = toldOf('SQLite', 'a prepared insert of many rows each', sqlite.built, sqlite.after, fields);
    const url = process.env['WEIR_TEST_POSTGRES_URL'];
    if (url === undefined) return results;
    const postgres = await build({ WEIR_DATABASE_URL: url }, () => sameIntoPostgres(url));
    const copied = RECORDS > MOST_PLAIN ? NaN : await fieldsIntoPostgres(url);
    results.push(...toldOf('PostgreSQL', 'COPY', postgres.built, postgres.after, copied), await untilVisible(url));
    return results;
  },
};
