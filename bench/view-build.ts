import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Database from 'better-sqlite3';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
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

/** Builds the view through the service. @returns records a second, from the declaration until every record is in it. */
async function build(settings: Readonly<Record<string, string>>): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const service = await ServiceProcess.prepare(directory, settings);
    await service.start();
    const api = new Api(service.url);
    await api.post('/v1/topics', { name: 't', partitions: PARTITIONS });
    await service.stop();
    await fill(join(directory, 'data', 'log'));
    await service.start();
    const started = performance.now();
    await api.put('/v1/views/built', VIEW);
    for (;;) {
      const { lag, commit } = await api.get<{ lag: number | null; commit: number | null }>('/v1/views/built');
      if (lag === 0 && commit !== null && commit > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const ms = performance.now() - started;
    await service.stop();
    return perSecond(RECORDS, ms);
  });
}

/** The same rows, prepared beforehand, into such a table of SQLite: many in one statement, one transaction, the index afterwards. */
function plainSqlite(): Promise<number> {
  return inTemporaryDirectory(async (directory) => {
    const rows = Array.from({ length: RECORDS }, (_, n) => rowOf(n));
    const database = new Database(join(directory, 'plain.sqlite'));
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('create table t (id text primary key, n integer, tag text, at integer, x real) without rowid');
    const insert = database.prepare(
      `insert into t values ${Array.from({ length: PIECE }, () => '(?, ?, ?, ?, ?)').join(', ')}`,
    );
    const started = performance.now();
    database.transaction(() => {
      for (let at = 0; at < RECORDS; at += PIECE) insert.run(...rows.slice(at, at + PIECE).flat());
    })();
    database.exec('create index tags on t (tag)');
    const ms = performance.now() - started;
    database.close();
    return perSecond(RECORDS, ms);
  });
}

/** The same rows, prepared beforehand as text, by COPY into such a table of PostgreSQL with its indexes. */
async function plainCopy(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('drop table if exists weir_bench_plain');
    await client.query(
      'create table weir_bench_plain (id text collate "C" primary key, n bigint, tag text collate "C", at bigint, x double precision)',
    );
    await client.query('create index on weir_bench_plain (tag)');
    const text = Array.from({ length: RECORDS / BATCH }, (_, piece) =>
      Array.from({ length: BATCH }, (_each, index) => rowOf(piece * BATCH + index).join('\t'))
        .join('\n')
        .concat('\n'),
    );
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

export const viewBuild: Benchmark = {
  name: 'view-build',
  run: async () => {
    const what = `view built of ${RECORDS.toLocaleString('en-US')} records`;
    const results: (Comparison | Figure)[] = [
      {
        what: `${what}, SQLite`,
        unit: 'records/s',
        measured: await build({}),
        baseline: { what: 'a prepared insert of many rows each, of the same rows', measured: await plainSqlite() },
        goal: 0.5,
      },
    ];
    const url = process.env['WEIR_TEST_POSTGRES_URL'];
    if (url === undefined) return results;
    results.push(
      {
        what: `${what}, PostgreSQL`,
        unit: 'records/s',
        measured: await build({ WEIR_DATABASE_URL: url }),
        baseline: { what: 'COPY of the same rows, prepared beforehand', measured: await plainCopy(url) },
        goal: 0.5,
      },
      await untilVisible(url),
    );
    return results;
  },
};
