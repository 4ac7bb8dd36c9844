import { readFile } from 'node:fs/promises';
import { ServerProcess } from '#libs/platform/testing';
import {
  clusterIdOf,
  headersOf,
  HOSTILE_CASES,
  idIn,
  pathAt,
  type HostileRequest,
} from '#libs/platform/testing/hostile';
import { inTemporaryDirectory, type Benchmark, type Figure } from './measure.js';

/** Time in which nobody means harm, to compare with. */
const QUIET_MS = 5_000;
/** Between two requests of the neighbour. */
const PAUSE_MS = 5;
/** Longest that one hostile request is waited for. */
const WAIT_MS = 60_000;

/** Longest time timers were late since the last reading, in milliseconds. */
async function stallMs(url: string): Promise<number> {
  const read = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  // A connection that the service ended after an answer may be taken for the next request before that is noticed.
  const text = await read().catch((error: unknown) => {
    if (!isEnded(error)) throw error;
    return read();
  });
  const sample = /^weir_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(text);
  return Number(sample?.[1] ?? NaN) * 1_000;
}

/** Processor time of the main thread so far, in milliseconds: on a busy machine the delay says how long it waited, this what it did. Linux only. */
async function processorMs(pid: number): Promise<number> {
  const [running] = (await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').catch(() => 'NaN')).split(' ');
  return Number(running) / 1e6;
}

/** Sends a request and takes in the answer. @param earlier the id that an earlier answer of the case told. @returns the id that this one tells. The service may end the connection while a body it refuses is still being sent; that is an answer, too. */
async function send(url: string, request: HostileRequest, clusterId = '', earlier = ''): Promise<string> {
  const { method } = request;
  const body = request.body?.(earlier) as string | Uint8Array<ArrayBuffer> | undefined;
  try {
    const response = await fetch(url + pathAt(clusterId, request, earlier), {
      method,
      headers: headersOf(request),
      body,
      signal: AbortSignal.timeout(WAIT_MS),
    });
    return idIn(Buffer.from(await response.arrayBuffer()).toString('latin1', 0, 200));
  } catch (error) {
    if (!isEnded(error)) throw error;
    return '';
  }
}

/** Whether the other side has ended the connection. */
function isEnded(error: unknown): boolean {
  const code = (error as { cause?: { code?: string } }).cause?.code;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
}

/** How long a harmless request takes while something else goes on, at the 99th percentile. */
async function neighbour(url: string, under: () => boolean): Promise<number> {
  const times: number[] = [];
  while (under()) {
    const began = performance.now();
    await send(url, { method: 'GET', path: '/schemas/types' });
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? NaN;
}

/** Which request failed, and how the service is. */
function failureOf(server: ServerProcess, family: string, name: string, { method, path }: HostileRequest): string {
  const { exit, lines } = server;
  const state = exit === undefined ? 'The service runs.' : `The service is gone (${exit.signal ?? exit.code}).`;
  return `${family}: ${name}: ${method} ${path.slice(0, 100)} failed. ${state} It wrote last:\n${lines.slice(-10).join('\n')}`;
}

/** The longest of a family, and the request it was seen under. */
interface Worst {
  readonly ms: number;
  readonly what: string;
}

interface Family {
  delay: Worst;
  /** Of the main thread in one request, from its arrival to its answer, turns of others not counted. */
  processor: Worst;
}

const NOTHING: Worst = { ms: 0, what: 'none' };
const larger = (one: Worst, other: Worst): Worst => (other.ms > one.ms ? other : one);

/** The event loop, and a client that means well, while the hostile requests are sent; beside a quiet time of the same process. */
export const hostile: Benchmark = {
  name: 'hostile',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const main = new URL('../apps/server/main.js', import.meta.url).pathname;
      const server = await ServerProcess.start({ cwd: directory, main });
      try {
        const { url } = server;
        const clusterId = await clusterIdOf(url);
        await stallMs(url);
        const until = performance.now() + QUIET_MS;
        const quietP99 = await neighbour(url, () => performance.now() < until);
        const quietStall = await stallMs(url);

        let under = true;
        const beside = neighbour(url, () => under);
        // What becomes of it is told where it is waited for. Unhandled until then, its failure would end the run in place of that of a hostile request.
        beside.catch(() => undefined);
        const families = new Map<string, Family>();
        const wanted = process.env['WEIR_BENCH_FAMILIES']?.split(',');
        for (const { family, name, requests } of HOSTILE_CASES) {
          if (wanted?.includes(family) === false) continue;
          const worst = families.get(family) ?? { delay: NOTHING, processor: NOTHING };
          families.set(family, worst);
          let earlier = '';
          for (const request of requests) {
            const before = await processorMs(server.pid);
            const id = await send(url, request, clusterId, earlier).catch((cause: unknown) => {
              throw new Error(failureOf(server, family, name, request), { cause });
            });
            earlier ||= id;
            const processor = (await processorMs(server.pid)) - before;
            const what = `${name}, ${request.method} ${request.path.slice(0, 40)}`;
            worst.delay = larger(worst.delay, { ms: await stallMs(url), what });
            worst.processor = larger(worst.processor, { ms: processor, what });
          }
        }
        under = false;
        const figures: Figure[] = [
          { what: 'longest delay of the event loop, quiet', unit: 'ms', measured: quietStall },
          ...[...families].map(([family, { delay, processor }]) => ({
            what: `under ${family}`,
            unit: `ms (${delay.what}); ${processor.ms.toFixed(0)} ms of the main thread at most, in turns (${processor.what})`,
            measured: delay.ms,
            most: 50,
          })),
          { what: 'p99 of a harmless request, quiet', unit: 'ms', measured: quietP99 },
          { what: 'p99 of a harmless request beside them', unit: 'ms', measured: await beside },
        ];
        return figures;
      } finally {
        await server.kill();
      }
    }),
};
