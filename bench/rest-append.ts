import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { startBaseline } from './baseline.js';
import { httpLoad, type Load } from './http-load.js';
import { inTemporaryDirectory, inTurns, type Benchmark, type Comparison, type Figure } from './measure.js';
import { keyOf, orderOf } from './records.js';

const CONNECTIONS = 16;
const BATCH = 100;
const PARTITIONS = 8;

const numbers = Array.from({ length: BATCH }, (_, n) => n);

/** One request of {@link BATCH} records to one of the ways to write. */
interface Request {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

const PATH = '/v1/topics/t/records';
const orders: Request = {
  path: PATH,
  type: 'application/json',
  body: JSON.stringify({ records: numbers.map((n) => ({ key: keyOf(n), value: orderOf(n) })) }),
};
/** What is quickest to parse, for the baseline most of all. */
const texts: Request = {
  path: PATH,
  type: 'application/json',
  body: JSON.stringify({ records: numbers.map((n) => ({ key: keyOf(n), value: 'x'.repeat(998) })) }),
};
const lines: Request = {
  path: PATH,
  type: 'application/x-ndjson',
  body: numbers.map((n) => `${JSON.stringify({ key: keyOf(n), value: orderOf(n) })}\n`).join(''),
};
const v2: Request = {
  path: '/topics/t',
  type: 'application/vnd.kafka.json.v2+json',
  body: orders.body,
};
const v3 = (cluster: string): Request => ({
  path: `/v3/clusters/${cluster}/topics/t/records`,
  type: 'application/json',
  body: numbers
    .map((n) => JSON.stringify({ key: { type: 'STRING', data: keyOf(n) }, value: { type: 'JSON', data: orderOf(n) } }))
    .join('\n'),
});

function load(url: string, { path, type, body }: Request): Promise<Load> {
  const headers = { 'content-type': type };
  return httpLoad(url + path, { connections: CONNECTIONS, method: 'POST', headers, body });
}

const recordsOf = async (url: string, request: Request): Promise<number> =>
  (await load(url, request)).perSecond * BATCH;

/** The service in turns with a bare server that answers the same bytes. */
async function compared(url: string, what: string, request: Request, goal?: number): Promise<Comparison> {
  const { path, type, body } = request;
  const answer = await fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body });
  const bare = await startBaseline(await answer.text());
  try {
    // Once for nothing, so that both are compiled when it counts.
    await load(url, request);
    await load(bare.url, request);
    const { measured, baseline } = await inTurns(
      3,
      () => recordsOf(url, request),
      () => recordsOf(bare.url, request),
    );
    return {
      what,
      unit: 'records/s',
      measured,
      baseline: {
        what: 'a bare Fastify route that parses the same body and answers the same bytes',
        measured: baseline,
      },
      goal,
    };
  } finally {
    bare.stop();
  }
}

async function beside(url: string, what: string, request: Request): Promise<Figure> {
  await load(url, request);
  const { perSecond, p50Ms, p99Ms } = await load(url, request);
  return { what, unit: `records/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms`, measured: perSecond * BATCH };
}

/** Records written over REST, durably, each request a batch; the other ways to write stand beside. */
export const restAppend: Benchmark = {
  name: 'rest-append',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      const { url } = service;
      await service.start();
      try {
        const api = new Api(url);
        await api.post('/v1/topics', { name: 't', partitions: PARTITIONS });
        const { data } = await api.get<{ data: readonly { cluster_id: string }[] }>('/v3/clusters');
        const from = `${BATCH} records of 1 KB a request, ${CONNECTIONS} connections, durable`;
        return [
          await compared(url, `POST /v1/topics/{t}/records, objects, ${from}`, orders, 0.5),
          await compared(url, 'the same with one text as value', texts),
          await beside(url, 'the same objects as lines (NDJSON)', lines),
          await beside(url, 'the same objects through REST Proxy v2', v2),
          await beside(url, 'the same objects through REST Proxy v3, a stream a request', v3(data[0]!.cluster_id)),
        ];
      } finally {
        await service.stop();
      }
    }),
};
