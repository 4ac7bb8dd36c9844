import { join } from 'node:path';
import { Api } from '../apps/demo/api.js';
import { backgroundWork, fillForBackground, OFTEN, type BackgroundWork } from './background-work.js';
import { filledService } from './filled-service.js';
import { inTemporaryDirectory, median, percentile, type Benchmark, type Figure } from './measure.js';
import { keyOf, orderOf } from './records.js';
import { SteadyProducer } from './steady-producer.js';

/** Rounds of each work: `WEIR_BENCH_ROUNDS`. The disk of a machine that others use answers one round quickly and the next one slowly: only their median says something. */
const ROUNDS = Number(process.env['WEIR_BENCH_ROUNDS'] ?? 5);
/** The work to be measured, by name, apart by commas; all of it unless given. Reading back needs a backup before it. */
const CHOSEN = process.env['WEIR_BENCH_WORK']?.split(',');
const IDLE_MS = 1_500;
const BUSY_MS = 2_500;
const REQUESTS_PER_SECOND = 300;

/** The 99th percentile in milliseconds, with nothing else going on and beside some work. */
interface Beside {
  readonly idle: number;
  readonly busy: number;
}

async function beside(producer: SteadyProducer, work: BackgroundWork, round: number): Promise<Beside> {
  const idle = await producer.during(IDLE_MS, REQUESTS_PER_SECOND);
  let under = true;
  const { over } = await work.begin(round, () => under);
  // It may fail first.
  const busy = await Promise.race([producer.during(BUSY_MS, REQUESTS_PER_SECOND), over.then(() => undefined)]);
  under = false;
  await over;
  if (busy === undefined) throw new Error(`${work.what} was over too early`);
  return { idle: percentile(idle, 0.99), busy: percentile(busy, 0.99) };
}

function told(what: string, rounds: readonly Beside[]): Figure {
  const ratios = rounds.map(({ busy, idle }) => busy / idle);
  const list = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(', ');
  const ms = (of: keyof Beside): string => median(rounds.map((round) => round[of])).toFixed(1);
  return {
    what: `p99 of a durable produce beside ${what}, median of ${rounds.length} rounds`,
    unit: `× idle (rounds ${list(ratios)}; medians ${ms('busy')} ms, idle ${ms('idle')} ms)`,
    measured: median(ratios),
    most: 2,
  };
}

/** What a client that writes notices of work on other topics: one record a request over HTTP, at a fixed rate. */
export const foregroundProduce: Benchmark = {
  name: 'foreground-produce',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await filledService(directory, {
        settings: { ...OFTEN, WEIR_BACKUPS_DIRECTORY: join(directory, 'backups') },
        fill: (log) => fillForBackground(log, ROUNDS),
      });
      const { url } = service;
      const body = JSON.stringify({ records: [{ key: keyOf(1), value: orderOf(1) }] });
      const producer = new SteadyProducer(url, '/v1/topics/front/records', body);
      try {
        const api = new Api(url);
        await api.post('/v1/topics', { name: 'front', partitions: 8 });
        // Once for nothing, so that all is compiled when it counts.
        await producer.during(BUSY_MS, REQUESTS_PER_SECOND);
        const works = backgroundWork(api, url).filter(({ name }) => CHOSEN?.includes(name) ?? true);
        const measured = new Map<BackgroundWork, Beside[]>(works.map((work) => [work, []]));
        for (let round = 0; round < ROUNDS; round++) {
          for (const work of works) measured.get(work)!.push(await beside(producer, work, round));
        }
        return [...measured].map(([{ what }, rounds]) => told(what, rounds));
      } finally {
        producer.close();
        await service.stop();
      }
    }),
};
