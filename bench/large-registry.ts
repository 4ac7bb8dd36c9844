import type { Request } from 'autocannon';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { openSqlStore, SqlRegistryStore } from '#libs/adapters/store-sql';
import { parseSubject, Registry } from '#libs/core/registry';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { SystemClock } from '#libs/platform/observability';
import { httpLoad } from './http-load.js';
import { inTemporaryDirectory, type Benchmark, type Comparison, type Figure } from './measure.js';

const FEW = 1_000;
const MANY = 100_000;
const VERSIONS = 5;

function schemaOf(n: number): string {
  const fields = Array.from({ length: 20 }, (_, i) => ({ name: `field${i}`, type: i % 2 ? 'string' : 'long' }));
  return JSON.stringify({ type: 'record', name: 'Order', namespace: `bench.n${n}`, fields });
}

/** Registers schemas up to this many, five versions a subject. */
async function fill(path: string, from: number, to: number): Promise<void> {
  const store = await openSqlStore({ path });
  const registry = new Registry(
    new SqlRegistryStore(store),
    new LocalSchemaEngine(standardFormats()),
    new SystemClock(),
  );
  await registry.settings.setConfig(parseSubject(''), { compatibility: 'NONE' });
  const lanes = Array.from({ length: 64 }, async (_, lane) => {
    for (let n = from + lane; n < to; n += 64) {
      const subject = parseSubject(`orders-${Math.floor(n / VERSIONS)}-value`);
      await registry.register(subject, { schema: schemaOf(n) }, { normalize: false, force: false });
    }
  });
  await Promise.all(lanes);
  await store.close();
}

interface Measured {
  readonly readyMs: number;
  readonly rssMb: number;
  /** Requests a second for the same {@link FEW} schemas again and again, spread over all there are. */
  readonly byId: number;
  readonly lookups: number;
  /** GET by id of one schema after the other, none asked for before. */
  readonly unread: number;
}

/** Starts on what is there and asks for schemas, spread over all of them. */
async function measure(directory: string, schemas: number): Promise<Measured> {
  const service = await ServiceProcess.prepare(directory);
  const readyMs = await service.start();
  try {
    const ask = async (duration: number, of: (n: number) => Partial<Request>): Promise<number> => {
      let n = 0;
      const setupRequest = (request: Request): Request => ({ ...request, ...of(n++) });
      return (await httpLoad(service.url, { duration, requests: [{ setupRequest }] })).perSecond;
    };
    const unread = await ask(schemas / 10_000, (n) => ({ path: `/schemas/ids/${1 + ((n * 7_919) % schemas)}` }));
    const one = (n: number): number => (n % FEW) * (schemas / FEW);
    const byId = (n: number): Partial<Request> => ({ path: `/schemas/ids/${1 + one(n)}` });
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const bodies = Array.from({ length: FEW }, (_, n) => JSON.stringify({ schema: schemaOf(one(n)) }));
    const lookup = (n: number): Partial<Request> => ({
      method: 'POST',
      path: `/subjects/orders-${Math.floor(one(n) / VERSIONS)}-value`,
      headers,
      body: bodies[n % FEW],
    });
    // Once for nothing: every one of them has been asked for when it counts.
    await ask(3, byId);
    await ask(3, lookup);
    const measured = { byId: await ask(5, byId), lookups: await ask(5, lookup) };
    const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
    return { readyMs, ...measured, unread, rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1_024 };
  } finally {
    await service.stop();
  }
}

/** A registry of 100,000 schemas in 20,000 subjects beside one of a hundredth of that. */
export const largeRegistry: Benchmark = {
  name: 'large-registry',
  run: () =>
    inTemporaryDirectory(async (directory): Promise<readonly (Comparison | Figure)[]> => {
      const data = join(directory, 'data');
      await mkdir(data, { recursive: true });
      const first = await ServiceProcess.prepare(directory);
      await first.start();
      await first.stop();
      const path = join(data, 'metadata.sqlite');
      await fill(path, 0, FEW);
      const few = await measure(directory, FEW);
      await fill(path, FEW, MANY);
      const many = await measure(directory, MANY);
      const [ofMany, ofFew] = [MANY, FEW].map((count) => `${count.toLocaleString('en-US')} schemas`);
      const compared = (what: string, measured: number, baseline: number): Comparison => ({
        what: `${what} among ${ofMany}`,
        unit: 'requests/s',
        measured,
        baseline: { what: `the same among ${ofFew}`, measured: baseline },
        goal: 0.8,
      });
      return [
        compared(`GET by id of ${ofFew}`, many.byId, few.byId),
        compared(`POST a look-up of ${ofFew}`, many.lookups, few.lookups),
        {
          what: 'GET by id of schemas that nobody has asked for',
          unit: 'requests/s',
          measured: many.unread,
          baseline: { what: `${ofFew} that were`, measured: few.byId },
        },
        {
          what: `start to ready with ${MANY.toLocaleString('en-US')} schemas`,
          unit: 'ms',
          measured: many.readyMs,
          most: 3_000,
        },
        { what: 'resident memory after reading all of them', unit: 'MB', measured: many.rssMb, most: 500 },
      ];
    }),
};
