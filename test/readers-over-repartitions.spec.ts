import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { type Flight, loadFlights } from '../apps/demo/flights.js';
import { runService, type RunningService } from '../apps/server/testing/running-service.js';

const FLIGHTS = 6_000;
/** Longest waits; on a busy machine everything takes many times as long. */
const SOON = { timeout: 120_000, interval: 20 };

interface LeaseAnswer {
  readonly lease: { readonly id: string } | null;
}
interface HandedOut {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: { readonly number: number };
}
interface Operation {
  readonly id: string;
  readonly state: string;
  readonly verification: unknown;
}
interface Rows {
  readonly rows: readonly Record<string, unknown>[];
  readonly next: string | null;
}

describe('a repartition of real flights from 6 partitions to 24 and back, with a rollback, under everything that reads and writes', () => {
  let running: RunningService;
  const service = overHttp(() => running.url);
  const records = new DataPlaneCalls(service);
  const routeOf = ({ origin, destination }: Flight): string => `${origin}-${destination}`;
  let flights: readonly Flight[] = [];
  let written = 0;
  let token = '';

  /** Writes the next flights, if there are any. */
  async function write(count: number): Promise<void> {
    const some = flights.slice(written, written + count);
    if (some.length === 0) return;
    const answer = await records.produce(
      'flights',
      some.map((flight) => ({ key: routeOf(flight), value: flight, timestamp: flight.scheduled })),
    );
    expect(answer).toMatchObject({ status: 200, json: { failed: 0 } });
    written += some.length;
    ({ token } = answer.json as unknown as { token: string });
  }

  /** Works as a group under leases; answers what was acknowledged, in order. */
  async function workOff(seen: HandedOut[]): Promise<'nothing' | 'some'> {
    const terms = { topics: ['flights'], maxRecords: 500, visibilityMs: 60_000, waitMs: 0, startAt: 'earliest' };
    const { json: acquired } = await records.post<LeaseAnswer>('/v1/groups/desk/leases', terms);
    const id = acquired.lease?.id;
    if (id === undefined) return 'nothing';
    let outcome: 'nothing' | 'some' = 'nothing';
    for (;;) {
      const read = await records.get<{ records: readonly HandedOut[] }>(`/v1/leases/${id}/records?wait=0`);
      if (read.status !== 200 || read.json.records.length === 0) break;
      const given = read.json.records;
      const places = given.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
      const acked = await records.post(`/v1/leases/${id}:ack`, { records: places });
      if (acked.status >= 300) break;
      seen.push(...given);
      outcome = 'some';
    }
    await records.post(`/v1/leases/${id}:release`);
    return outcome;
  }

  async function repartition(partitions: number): Promise<string> {
    const plan = await records.post<{ hash: string; blockers: string[]; readers: string[] }>('/v1/repartitions/plans', {
      topic: 'flights',
      target: { partitions },
      verification: 'full',
      cutover: { mode: 'auto', maxPauseMs: 20_000 },
    });
    expect(plan.json.blockers).toEqual([]);
    expect(plan.json.readers).toHaveLength(4);
    const { id } = (await records.post<Operation>('/v1/operations', { planHash: plan.json.hash })).json;
    await reached(id, 'SWITCHED');
    return id;
  }

  const reached = async (id: string, state: string): Promise<void> => {
    await expect
      .poll(async () => (await records.get<Operation>(`/v1/operations/${id}`)).json.state, {
        ...SOON,
        timeout: 240_000,
      })
      .toBe(state);
    const { json } = await records.get<Operation>(`/v1/operations/${id}`);
    expect(json.verification).toMatchObject({ state: 'passed', mismatches: [] });
  };

  const ordered = async (id: string, command: string, state: string): Promise<void> => {
    expect((await records.post(`/v1/operations/${id}:${command}`)).status).toBeLessThan(300);
    await reached(id, state);
  };

  async function rows(view: string): Promise<readonly Record<string, unknown>[]> {
    const all: Record<string, unknown>[] = [];
    for (let cursor = ''; ;) {
      const page = await records.get<Rows>(
        `/v1/views/${view}/rows?limit=1000&at-least=${token}&wait=20000${cursor && `&cursor=${cursor}`}`,
      );
      expect(page.status).toBe(200);
      all.push(...page.json.rows);
      if (page.json.next === null) break;
      cursor = page.json.next;
    }
    return all
      .map((row) => JSON.stringify(row))
      .sort()
      .map((row) => JSON.parse(row) as Record<string, unknown>);
  }

  const VIEWS = {
    by_origin: {
      source: { topic: 'flights', mode: 'events' },
      key: { origin: { from: 'value.origin', type: 'text' } },
      columns: {
        flights: { aggregate: 'count' },
        miles: { aggregate: 'sum', of: 'value.distance', type: 'integer' },
      },
    },
    routes: {
      columns: {
        route: { from: 'key', type: 'text' },
        number: { from: 'value.number', type: 'integer' },
        delay: { from: 'value.delay', type: 'integer' },
      },
      source: { topic: 'flights', mode: 'latest' },
    },
  };
  const declare = async (name: string, view: object): Promise<void> =>
    expect(await records.ask('PUT', `/v1/views/${name}`, view)).toMatchObject({ status: 200 });
  const derive = async (name: string, kind: string): Promise<void> =>
    expect((await records.post('/v1/derivations', { kind, name, source: 'flights' })).status).toBe(201);
  const read = (name: string) =>
    expect
      .poll(
        async () => (await records.get<{ counts: { read: number } }>(`/v1/derivations/${name}`)).json.counts.read,
        SOON,
      )
      .toBe(FLIGHTS);

  beforeAll(async () => {
    flights = (await loadFlights()).slice(0, FLIGHTS);
    running = await runService();
  });
  afterAll(() => running.stop());

  it('loses, repeats and reorders nothing for writers and a leased group; view and derivations equal those that are built anew', async () => {
    await records.topic('flights', 6);
    for (const [name, view] of Object.entries(VIEWS)) await declare(name, view);
    await derive('route-now', 'latest');
    await derive('route-states', 'versioned');
    await write(500);
    // A plan rests on the groups that have positions: one that comes between plan and start would make it stale.
    const seen: HandedOut[] = [];
    expect(await workOff(seen)).toBe('some');
    // They tail from here on.
    for (const name of Object.keys(VIEWS)) await rows(name);
    let going = true;
    const writing = (async () => {
      for (; going; await delay(20)) await write(20);
    })();
    const working = (async () => {
      for (; going; await delay(5)) await workOff(seen);
    })();

    try {
      const wide = await repartition(24);
      await ordered(wide, 'finish', 'FINISHED');
      const narrow = await repartition(6);
      await ordered(narrow, 'rollback', 'ROLLED_BACK');
      expect((await records.get<{ partitionCount: number }>('/v1/topics/flights')).json.partitionCount).toBe(24);
      const again = await repartition(6);
      await ordered(again, 'finish', 'FINISHED');
    } finally {
      going = false;
      await Promise.allSettled([writing, working]);
    }
    await Promise.all([writing, working]);
    while (written < FLIGHTS) await write(500);
    while ((await workOff(seen)) === 'some');

    // Writers: everything is there once, each route in its order.
    const stored: { key: unknown; value: unknown }[] = [];
    for (let at = 'from=start'; ;) {
      const page = await records.page('flights', `${at}&limit=1000`);
      stored.push(...page.records);
      if (page.records.length === 0) break;
      at = `cursor=${page.next}`;
    }
    const numbersOf = (list: readonly { key: unknown; value: unknown }[]): Map<string, number[]> => {
      const found = new Map<string, number[]>();
      for (const { key, value } of list) {
        const numbers = found.get(String(key)) ?? [];
        numbers.push((value as { number: number }).number);
        found.set(String(key), numbers);
      }
      return found;
    };
    const expected = numbersOf(flights.map((flight) => ({ key: routeOf(flight), value: flight })));
    const byRoute = (map: Map<string, number[]>) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(byRoute(numbersOf(stored))).toEqual(byRoute(expected));
    // The group: everything was acknowledged once, each route in its order.
    expect(byRoute(numbersOf(seen))).toEqual(byRoute(expected));

    // Views and derivations: as if they had been built now.
    for (const [name, view] of Object.entries(VIEWS)) {
      await declare(`${name}_again`, view);
      const present = await rows(name);
      expect(present.length).toBeGreaterThan(100);
      expect(present).toEqual(await rows(`${name}_again`));
    }
    await derive('route-now-again', 'latest');
    await derive('route-states-again', 'versioned');
    for (const name of ['route-now', 'route-states', 'route-now-again', 'route-states-again']) await read(name);
    for (const route of [...expected.keys()].slice(0, 60)) {
      const versions = async (name: string): Promise<unknown> =>
        (
          await records.get<{ items: Record<string, unknown>[] }>(
            `/v1/derivations/${name}/keys/${route}/versions?limit=1000`,
          )
        ).json.items.map(({ version, change, validFrom, validTo, value }) => ({
          version,
          change,
          validFrom,
          validTo,
          value,
        }));
      expect(await versions('route-states'), route).toEqual(await versions('route-states-again'));
      const now = async (name: string): Promise<unknown> =>
        (await records.get<{ value: unknown }>(`/v1/topics/${name}/latest/${route}`)).json.value;
      expect(await now('route-now'), route).toEqual(await now('route-now-again'));
      expect(await now('route-now'), route).toMatchObject({ number: expected.get(route)!.at(-1) });
    }
  }, 900_000);
});
