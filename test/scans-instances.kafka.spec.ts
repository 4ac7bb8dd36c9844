import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import type { UsageView } from '#libs/features/scans';
import { ServerProcess, SHORT_LEASES, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';
import { beginAndDie, CANDIDATE, fill, replayed, scanned } from './scans-instances.js';

const HAS_POSTGRES = process.env['WEIR_TEST_POSTGRES_URL'] !== undefined;

describe('scans of instances that share a Kafka cluster and a PostgreSQL', () => {
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

  const start = async (env: Record<string, string> = {}): Promise<ServerProcess> => {
    const shared = { bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(',') };
    const server = await ServerProcess.start({
      cwd: directory.path,
      env: {
        ...SHORT_LEASES,
        WEIR_DATABASE_URL: database.url,
        WEIR_LOG_ENABLED: 'false',
        WEIR_CLUSTERS: JSON.stringify({ shared }),
        WEIR_DATA_DIR: `${directory.path}/instance-${running.length}`,
        ...env,
      },
    });
    running.push(server);
    return server;
  };

  const callsOf = ({ url }: ServerProcess) => new ServiceCalls(() => url);

  it('are taken over by another instance when the one at work is killed, and count and try every record once', async () => {
    const first = await start();
    const filled = await fill(callsOf(first), `orders-${randomBytes(4).toString('hex')}`, '/v1/clusters/shared');
    const { topic, schemaId, total, nulls } = filled;
    await first.kill();
    const survivor = await start();
    const usage = await begun('scan:read:2', '/v1/schema-usage/plans', { cluster: 'shared', topics: [topic] });
    const counted = await scanned(callsOf(survivor), usage);
    expect(counted).toMatchObject({ complete: true, items: [{ schemaId, keys: 0, values: total }] });
    const { verdict, records } = await callsOf(survivor).operations.demand<UsageView>(
      'GET',
      `/v1/subjects/${topic}-value/versions/1/usage?scan=${usage}`,
    );
    // Topics of other tests stand in the cluster, with records that happen to name the same id.
    const partitions = records.topics.find((one) => one.topic === topic)?.partitions ?? [];
    expect([verdict, partitions.reduce((sum, { values }) => sum + values, 0)]).toEqual(['in-use', total]);

    const request = { cluster: 'shared', topic, schema: CANDIDATE, failures: 2 };
    const replay = await begun('scan:read:2', '/v1/schema-replays/plans', request);
    const found = await replayed(callsOf(survivor), replay);
    expect(found).toMatchObject({
      ...{ over: true, complete: true, verdict: 'fails' },
      ...{ read: total - nulls, failed: nulls },
      writers: [{ schemaId, read: total - nulls, failed: nulls, undecodable: 0 }],
    });

    /** Begins a scan on an instance that dies at a step, and waits for the survivor to end it. */
    async function begun(failPoint: string, path: string, body: object): Promise<string> {
      const victim = await start({ WEIR_FAIL_POINT: failPoint });
      // Whoever survives is asleep until the other is dead: the one that is to die gets the work.
      survivor.signal('SIGSTOP');
      const witness = await start({ WEIR_CLUSTERS: '{}' });
      const id = await beginAndDie(victim, callsOf(witness), path, body);
      survivor.signal('SIGCONT');
      const operation = await callsOf(survivor).operations.settled(id, 120_000);
      expect(operation).toMatchObject({ state: 'FINISHED' });
      expect(operation.restarts).toBeGreaterThanOrEqual(1);
      return id;
    }
  }, 300_000);
});
