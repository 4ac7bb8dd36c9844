import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import type { RowsView } from '#libs/features/views';
import { ServerProcess, SHORT_LEASES, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';

const HAS_POSTGRES = process.env['WEIR_TEST_POSTGRES_URL'] !== undefined;
/** Longest wait for work that goes on beside the test. */
const SOON = { timeout: 240_000, interval: 100 };
const VIEWS = ['a', 'b', 'c', 'd'];

describe('views of instances that share a Kafka cluster and a PostgreSQL', () => {
  if (!HAS_POSTGRES) {
    it('SUITE NOT RUN: there is no PostgreSQL', () => {
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
    });
    return;
  }
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let running: ServerProcess[];
  beforeEach(async () => {
    database = await freshPostgresDatabase();
    directory = await temporaryDirectory();
    running = [];
  });
  afterEach(async () => {
    for (const server of running) await server.kill();
    await database.dispose();
    await directory.remove();
  });

  const start = async (): Promise<ServiceCalls> => {
    const shared = { bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(',') };
    const server = await ServerProcess.start({
      cwd: directory.path,
      env: {
        ...SHORT_LEASES,
        WEIR_DATABASE_URL: database.url,
        WEIR_LOG_ENABLED: 'false',
        WEIR_CLUSTERS: JSON.stringify({ shared }),
        WEIR_DATA_DIR: `${directory.path}/instance-${running.length}`,
      },
    });
    running.push(server);
    return new ServiceCalls(() => server.url);
  };

  /** Which views an instance writes. */
  const writtenBy = async ({ records }: ServiceCalls): Promise<string[]> => {
    const { items } = await records.demand<{ items: { name: string; worker: string }[] }>('GET', '/v1/views');
    return items.filter(({ worker }) => worker === 'running').map(({ name }) => name);
  };

  it('are spread over them, and when one is killed the other goes on with all of them and counts each record once', async () => {
    const [one, other] = [await start(), await start()];
    const topic = `orders-${randomBytes(4).toString('hex')}`;
    await one.records.demand('POST', '/v1/clusters/shared/topics', { name: topic, partitions: 3 });
    const view = {
      cluster: 'shared',
      source: { topic, mode: 'events' },
      key: { country: { from: 'value.country', type: 'text' } },
      columns: { orders: { aggregate: 'count' }, cents: { aggregate: 'sum', of: 'value.cents', type: 'integer' } },
    };
    for (const [place, name] of VIEWS.entries())
      await [one, other][place % 2]!.records.demand('PUT', `/v1/views/${name}`, view);
    const cents: number[] = [];
    const order = async ({ records }: ServiceCalls): Promise<string> => {
      const from = cents.length;
      const written = Array.from({ length: 200 }, (_, n) => ({
        key: `o${(from + n) % 70}`,
        value: { country: ['NO', 'IT'][(from + n) % 2], cents: from + n },
      }));
      const { token } = await records.demand<{ token: string }>('POST', `/v1/clusters/shared/topics/${topic}/records`, {
        records: written,
      });
      cents.push(...written.map(({ value }) => value.cents));
      return token;
    };
    for (let batch = 0; batch < 5; batch++) await order([one, other][batch % 2]!);
    await expect.poll(async () => [...(await writtenBy(one)), ...(await writtenBy(other))].sort(), SOON).toEqual(VIEWS);
    // A lease that a busy machine lets lapse goes to the other: both have some, and not more is promised.
    const shares = [(await writtenBy(one)).length, (await writtenBy(other)).length];
    expect(Math.min(...shares)).toBeGreaterThan(0);
    // Killed while records come.
    const tokens = [await order(other)];
    await running[0]!.kill();
    for (let batch = 0; batch < 5; batch++) tokens.push(await order(other));
    await expect.poll(() => writtenBy(other), SOON).toEqual(VIEWS);
    const expected = ['IT', 'NO'].map((country) => {
      const of = cents.filter((n) => (n % 2 === 0) === (country === 'NO'));
      return { country, orders: of.length, cents: of.reduce((sum, n) => sum + n, 0) };
    });
    const all = tokens.map((token) => `at-least=${token}`).join('&');
    for (const name of VIEWS) {
      const path = `/v1/views/${name}/rows?order=country&wait=30s&${all}`;
      expect((await other.records.demand<RowsView>('GET', path)).rows).toEqual(expected);
    }
  }, 400_000);
});
