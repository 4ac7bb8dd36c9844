import { Api } from '../apps/demo/api.js';
import type { OperationStatus } from '../apps/demo/operations.js';
import { filledService } from './filled-service.js';
import { inTemporaryDirectory, median, percentile, perSecond, type Benchmark } from './measure.js';
import { keyOf, orderOf } from './records.js';
import { fillCopied, COPIED_PARTITIONS } from './repartition.js';
import { SteadyProducer } from './steady-producer.js';

/** Enough that the copy is not over before the last round: `WEIR_BENCH_RECORDS`. */
const RECORDS = Number(process.env['WEIR_BENCH_RECORDS'] ?? 24_000_000);
/** `WEIR_BENCH_ROUNDS`. */
const ROUNDS = Number(process.env['WEIR_BENCH_ROUNDS'] ?? 5);
const IDLE_MS = 1_500;
const COPYING_MS = 1_500;
/** The throttle has to find its measure anew each time. */
const SETTLING_MS = 1_000;
const THROTTLED_MS = 2_500;
const REQUESTS_PER_SECOND = 300;

/** 99th percentiles in ms, and records a second that were copied. */
interface Round {
  readonly idle: number;
  readonly unthrottled: number;
  readonly throttled: number;
  readonly copied: number;
  readonly copiedThrottled: number;
}

/** A repartition beside a client that writes one record a request at a fixed rate to another topic: the copy as it goes by itself, and held to what the client may wait (`maxProduceMs: auto`). */
export const latencyThrottle: Benchmark = {
  name: 'latency-throttle',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await filledService(directory, {
        declare: async (api) => {
          await api.post('/v1/topics', { name: 'copied', partitions: COPIED_PARTITIONS });
          await api.post('/v1/topics', { name: 'front', partitions: 8 });
        },
        fill: (log) => fillCopied(log, 'copied', RECORDS),
      });
      const api = new Api(service.url);
      const body = JSON.stringify({ records: [{ key: keyOf(1), value: orderOf(1) }] });
      const producer = new SteadyProducer(service.url, '/v1/topics/front/records', body);
      try {
        // Once for nothing, so that all is compiled when it counts.
        await producer.during(IDLE_MS, REQUESTS_PER_SECOND);
        const request = { topic: 'copied', target: { partitions: 12 } };
        const { hash } = await api.post<{ readonly hash: string }>('/v1/repartitions/plans', request);
        const { id } = await api.post<OperationStatus>('/v1/operations', { planHash: hash });
        const of = `/v1/operations/${id}`;
        /** Records copied so far. */
        const copied = async (): Promise<number> => {
          const { state, progress } = await api.get<OperationStatus>(of);
          if (state !== 'COPYING' && state !== 'PREPARING' && state !== 'PLANNED' && state !== 'PAUSED')
            throw new Error(`the copy is ${state} too early: more records`);
          return progress?.records.done ?? 0;
        };
        const beside = async (ms: number): Promise<{ readonly p99: number; readonly rate: number }> => {
          const [before, began] = [await copied(), performance.now()];
          const times = await producer.during(ms, REQUESTS_PER_SECOND);
          const [after, took] = [await copied(), performance.now() - began];
          return { p99: percentile(times, 0.99), rate: perSecond(after - before, took) };
        };
        /** Begun, or resumed, it opens its lanes first. */
        const untilItMoves = async (): Promise<void> => {
          for (const before = await copied(); (await copied()) === before;)
            await producer.during(50, REQUESTS_PER_SECOND);
        };
        await untilItMoves();
        const rounds: Round[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          await api.post(`${of}:pause`);
          const idle = percentile(await producer.during(IDLE_MS, REQUESTS_PER_SECOND), 0.99);
          await api.post(`${of}:throttle`, { maxProduceMs: null });
          await api.post(`${of}:resume`);
          await untilItMoves();
          await producer.during(SETTLING_MS, REQUESTS_PER_SECOND);
          const free = await beside(COPYING_MS);
          await api.post(`${of}:throttle`, { maxProduceMs: 'auto' });
          await producer.during(SETTLING_MS, REQUESTS_PER_SECOND);
          const held = await beside(THROTTLED_MS);
          if (free.rate === 0) throw new Error('nothing was copied in a round without the throttle');
          rounds.push({
            idle,
            unthrottled: free.p99,
            throttled: held.p99,
            copied: free.rate,
            copiedThrottled: held.rate,
          });
        }
        await api.post(`${of}:cancel`);
        const list = (values: readonly number[], digits = 1): string =>
          values.map((value) => value.toFixed(digits)).join(', ');
        const of99 = (member: keyof Round): string => median(rounds.map((one) => one[member])).toFixed(1);
        // Twice as long, or two milliseconds more: whichever is longer counts as 1.
        const times = rounds.map(({ idle, throttled }) => throttled / Math.max(2 * idle, idle + 2));
        const kept = rounds.map((one) => one.copiedThrottled / one.copied);
        return [
          {
            what: `p99 of a durable produce beside a repartition with the latency throttle on, median of ${ROUNDS} rounds`,
            unit: `× what is allowed, twice idle or idle + 2 ms (rounds ${list(times, 2)}; medians ${of99('throttled')} ms, idle ${of99('idle')} ms, without the throttle ${of99('unthrottled')} ms)`,
            measured: median(times),
            most: 1,
          },
          {
            what: `records copied a second with the latency throttle on, median of ${ROUNDS} rounds`,
            unit: `of the rate without it (rounds ${list(kept, 2)}; medians ${of99('copiedThrottled')} and ${of99('copied')} records/s)`,
            measured: median(kept),
            least: 0.4,
          },
        ];
      } finally {
        producer.close();
        await service.stop();
      }
    }),
};
