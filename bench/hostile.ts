import { ServerProcess } from '#libs/platform/testing';
import { HOSTILE_CASES, type HostileRequest } from '#libs/platform/testing/hostile';
import { inTemporaryDirectory, type Benchmark, type Figure } from './measure.js';

/** Time in which nobody means harm, to compare with. */
const QUIET_MS = 5_000;
/** Between two requests of the neighbour. */
const PAUSE_MS = 5;
/** Longest that one hostile request is waited for. */
const WAIT_MS = 60_000;

/** Longest time timers were late since the last reading, in milliseconds. */
async function stallMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sample = /^weir_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(text);
  return Number(sample?.[1] ?? NaN) * 1_000;
}

/** Sends a request and takes in the answer. The service may end the connection while a body it refuses is still being sent; that is an answer, too. */
async function send(url: string, { method, path, body }: HostileRequest): Promise<void> {
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  try {
    const response = await fetch(url + path, { method, headers, body: body?.(), signal: AbortSignal.timeout(WAIT_MS) });
    await response.arrayBuffer();
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    if (cause !== 'ECONNRESET' && cause !== 'EPIPE' && cause !== 'UND_ERR_SOCKET') throw error;
  }
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

/** The event loop, and a client that means well, while the hostile requests are sent; beside a quiet time of the same process. */
export const hostile: Benchmark = {
  name: 'hostile',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const main = new URL('../apps/server/main.js', import.meta.url).pathname;
      const server = await ServerProcess.start({ cwd: directory, main });
      try {
        const { url } = server;
        await stallMs(url);
        const until = performance.now() + QUIET_MS;
        const quietP99 = await neighbour(url, () => performance.now() < until);
        const quietStall = await stallMs(url);

        let under = true;
        const beside = neighbour(url, () => under);
        const worst = new Map<string, { ms: number; name: string }>();
        for (const { family, name, requests } of HOSTILE_CASES) {
          for (const request of requests) {
            await send(url, request);
            const ms = await stallMs(url);
            if (ms > (worst.get(family)?.ms ?? -1)) {
              worst.set(family, { ms, name: `${name}: ${request.method} ${request.path.slice(0, 60)}` });
            }
          }
        }
        under = false;
        const figures: Figure[] = [
          { what: 'longest delay of the event loop, quiet', unit: 'ms', measured: quietStall },
          ...[...worst].map(([family, { ms, name }]) => {
            return { what: `under ${family}`, unit: `ms (${name})`, measured: ms, most: 50 };
          }),
          { what: 'p99 of a harmless request, quiet', unit: 'ms', measured: quietP99 },
          { what: 'p99 of a harmless request beside them', unit: 'ms', measured: await beside },
        ];
        return figures;
      } finally {
        await server.kill();
      }
    }),
};
