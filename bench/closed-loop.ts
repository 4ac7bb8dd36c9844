import { percentile, perSecond } from './measure.js';

/** What clients reach that each wait for the answer before they ask again. */
export interface Reached {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Lets so many clients ask, each again as soon as it has its answer.
 * @param goesOn asked before each request, with how many were sent before it in all
 * @param ask one request of the client of this number
 * @throws what `ask` throws.
 */
export async function closedLoop(
  clients: number,
  goesOn: (sent: number) => boolean,
  ask: (client: number) => Promise<unknown>,
): Promise<Reached> {
  const times: number[] = [];
  let sent = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (goesOn(sent)) {
        sent++;
        const began = performance.now();
        await ask(client);
        times.push(performance.now() - began);
      }
    }),
  );
  const ms = performance.now() - started;
  return { perSecond: perSecond(times.length, ms), p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

/** A condition of {@link closedLoop} that holds for so many milliseconds from now. */
export function forSome(ms: number): () => boolean {
  const until = performance.now() + ms;
  return () => performance.now() < until;
}
