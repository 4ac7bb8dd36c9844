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
import { inTemporaryDirectory, inTurns, type Benchmark, type Comparison, type Figure } from './measure.js';

const FEW = 1_000;
const MANY = 100_000;
const VERSIONS = 5;
/** Seconds of one round, of the one before they count, and rounds. */
const ROUND_S = 2;
const WARM_S = 3;
const ROUNDS = 5;

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

type InTurns = Awaited<ReturnType<typeof inTurns>>;

interface Measured {
  readonly readyMs: number;
  readonly rssMb: number;
  /** Requests a second for the same {@link FEW} schemas again and again. */
  readonly byId: InTurns;
  readonly lookups: InTurns;
  /** GET by id of one schema after the other, none asked for before. */
  readonly unread: number;
}

/** A service on what is there, that is asked for {@link FEW} schemas, spread over all of them, again and again. */
class Asked {
  private constructor(
    private readonly service: ServiceProcess,
    readonly readyMs: number,
    private readonly schemas: number,
  ) {}

  static async start(directory: string, schemas: number): Promise<Asked> {
    const service = await ServiceProcess.prepare(directory);
    return new Asked(service, await service.start(), schemas);
  }

  /** GET by id of one schema after the other, none asked for before; requests a second. */
  unread(): Promise<number> {
    const { schemas } = this;
    return this.ask(schemas / 10_000, (n) => ({ path: `/schemas/ids/${1 + ((n * 7_919) % schemas)}` }));
  }

  byId(seconds: number): Promise<number> {
    return this.ask(seconds, (n) => ({ path: `/schemas/ids/${1 + this.one(n)}` }));
  }

  lookups(seconds: number): Promise<number> {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const bodies = Array.from({ length: FEW }, (_, n) => JSON.stringify({ schema: schemaOf(this.one(n)) }));
    return this.ask(seconds, (n) => ({
      method: 'POST',
      path: `/subjects/orders-${Math.floor(this.one(n) / VERSIONS)}-value`,
      headers,
      body: bodies[n % FEW],
    }));
  }

  get rssMb(): number {
    const status = readFileSync(`/proc/${this.service.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN) / 1_024;
  }

  async stop(): Promise<void> {
    await this.service.stop();
  }

  private one(n: number): number {
    return (n % FEW) * (this.schemas / FEW);
  }

  private async ask(duration: number, of: (n: number) => Partial<Request>): Promise<number> {
    let n = 0;
    const setupRequest = (request: Request): Request => ({ ...request, ...of(n++) });
    return (await httpLoad(this.service.url, { duration, requests: [{ setupRequest }] })).perSecond;
  }
}

/** A data directory with so many schemas. */
async function prepared(directory: string, schemas: number): Promise<string> {
  const data = join(directory, 'data');
  await mkdir(data, { recursive: true });
  const first = await ServiceProcess.prepare(directory);
  await first.start();
  await first.stop();
  await fill(join(data, 'metadata.sqlite'), 0, schemas);
  return directory;
}

/** A registry of 100,000 schemas in 20,000 subjects beside one of a hundredth of that. */
export const largeRegistry: Benchmark = {
  name: 'large-registry',
  run: () =>
    inTemporaryDirectory(async (directory): Promise<readonly (Comparison | Figure)[]> => {
      const [few, many] = [
        await Asked.start(await prepared(join(directory, 'few'), FEW), FEW),
        await Asked.start(await prepared(join(directory, 'many'), MANY), MANY),
      ];
      try {
        const unread = await many.unread();
        // Once for nothing: every one of them has been asked for when it counts.
        for (const one of [few, many]) {
          await one.byId(WARM_S);
          await one.lookups(WARM_S);
        }
        // Both run all the time and are asked in turns, since the machine itself is not equally fast in every minute.
        const byId = await inTurns(
          ROUNDS,
          () => many.byId(ROUND_S),
          () => few.byId(ROUND_S),
        );
        const lookups = await inTurns(
          ROUNDS,
          () => many.lookups(ROUND_S),
          () => few.lookups(ROUND_S),
        );
        return results({ byId, lookups, unread, readyMs: many.readyMs, rssMb: many.rssMb });
      } finally {
        await few.stop();
        await many.stop();
      }
    }),
};

function results(measured: Measured): readonly (Comparison | Figure)[] {
  const [ofMany, ofFew] = [MANY, FEW].map((count) => `${count.toLocaleString('en-US')} schemas`);
  const compared = (what: string, { measured, baseline }: InTurns): Comparison => ({
    what: `${what} among ${ofMany}`,
    unit: 'requests/s',
    measured,
    baseline: { what: `the same among ${ofFew}`, measured: baseline },
    goal: 0.8,
  });
  return [
    compared(`GET by id of ${ofFew}`, measured.byId),
    compared(`POST a look-up of ${ofFew}`, measured.lookups),
    {
      what: 'GET by id of schemas that nobody has asked for',
      unit: 'requests/s',
      measured: measured.unread,
      baseline: { what: `${ofFew} that were`, measured: measured.byId.baseline },
    },
    {
      what: `start to ready with ${MANY.toLocaleString('en-US')} schemas`,
      unit: 'ms',
      measured: measured.readyMs,
      most: 3_000,
    },
    { what: 'resident memory after reading all of them', unit: 'MB', measured: measured.rssMb, most: 500 },
  ];
}
