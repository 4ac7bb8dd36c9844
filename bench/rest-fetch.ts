import { join } from 'node:path';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, median, perSecond, type Benchmark, type Figure } from './measure.js';
import { keyOf, orderOf } from './records.js';

const RECORDS = 20_000;
const BATCH = 100;
const PAGE = 1_000;
const ROUNDS = 3;

interface Page {
  readonly records: readonly unknown[];
  readonly next: string;
  readonly atEnd: boolean;
}

async function fill(directory: string): Promise<void> {
  const log = await openEmbeddedLog({ directory, clock: new SystemClock() });
  for (let at = 0; at < RECORDS; at += BATCH) {
    const records = Array.from({ length: BATCH }, (_, n) => ({
      key: Buffer.from(keyOf(at + n)),
      value: Buffer.from(JSON.stringify(orderOf(at + n))),
      headers: [],
      timestamp: 1_700_000_000_000 + at,
    }));
    await log.append({ topic: 't', partition: 0 }, encodeBatch(records));
  }
  await log.close();
}

/** All of the topic by one reader, a page after the other; records a second. */
async function read(api: Api, format: 'auto' | 'binary'): Promise<number> {
  const started = performance.now();
  const path = `/v1/topics/t/records?limit=${PAGE}&format=${format}`;
  let records = 0;
  let page = await api.get<Page>(path);
  for (;;) {
    records += page.records.length;
    if (page.atEnd) break;
    page = await api.get<Page>(`${path}&cursor=${encodeURIComponent(page.next)}`);
  }
  if (records !== RECORDS) throw new Error(`${records} of ${RECORDS} records were read`);
  return perSecond(records, performance.now() - started);
}

async function figure(api: Api, what: string, format: 'auto' | 'binary'): Promise<Figure> {
  await read(api, format);
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rates.push(await read(api, format));
  return { what, unit: 'records/s', measured: median(rates) };
}

/** Records read over REST by one reader that parses the answers, decoded and as they are. */
export const restFetch: Benchmark = {
  name: 'rest-fetch',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      const api = new Api(service.url);
      await service.start();
      await api.post('/v1/topics', { name: 't', partitions: 1 });
      await service.stop();
      await fill(join(directory, 'data', 'log'));
      await service.start();
      try {
        const what = `GET /v1/topics/{t}/records, objects of 1 KB, pages of ${PAGE}, one reader`;
        return [await figure(api, `${what}, decoded`, 'auto'), await figure(api, 'the same as base64', 'binary')];
      } finally {
        await service.stop();
      }
    }),
};
