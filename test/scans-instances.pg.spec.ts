import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import { ServerProcess, SHORT_LEASES, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import type { UsageView } from '#libs/features/scans';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';
import { beginAndDie, CANDIDATE, fill, replayed, scanned } from './scans-instances.js';

/** Longest wait for an instance to take over, for a hang alone. */
const TAKEN_OVER_MS = 300_000;

describe('scans of an instance with a log, beside one without, on one PostgreSQL', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let other: ServiceCalls;
  let running: ServerProcess[];
  beforeEach(async () => {
    database = await freshPostgresDatabase();
    directory = await temporaryDirectory();
    running = [];
    other = callsOf(await start('other', { WEIR_LOG_ENABLED: 'false' }));
  });
  afterEach(async () => {
    for (const server of running) await server.kill();
    await database.dispose();
    await directory.remove();
  });

  const start = async (name: string, env: Record<string, string> = {}): Promise<ServerProcess> => {
    const server = await ServerProcess.start({
      cwd: directory.path,
      env: { ...SHORT_LEASES, WEIR_DATABASE_URL: database.url, WEIR_DATA_DIR: `${directory.path}/${name}`, ...env },
    });
    running.push(server);
    return server;
  };
  const callsOf = ({ url }: ServerProcess) => new ServiceCalls(() => url);
  const usageOf = ({ operations }: ServiceCalls, subject: string, query = '') =>
    operations.demand<UsageView>('GET', `/v1/subjects/${subject}/versions/1/usage${query}`);
  /** Its data directory, and with it the log, is the same each time. */
  const owner = (env: Record<string, string> = {}) => start('owner', env);

  it(
    'killed, are seen by the other and go on where the log is, counting every record once',
    async () => {
      const first = await owner();
      const { topic, schemaId, total } = await fill(callsOf(first), 'filled');
      await first.kill();
      const victim = await owner({ WEIR_FAIL_POINT: 'scan:read:2' });
      const scan = await beginAndDie(victim, other, '/v1/schema-usage/plans', { topics: [topic] });
      const reason = async () => (await other.operations.operation(scan)).reason;
      await expect.poll(reason, { timeout: 60_000, interval: 20 }).toContain('its log');
      const partly = await scanned(other, scan);
      expect(partly.complete).toBe(false);
      expect(partly.items[0]?.values ?? 0).toBeLessThan(total);

      const back = callsOf(await owner());
      expect(await other.operations.settled(scan, TAKEN_OVER_MS)).toMatchObject({ state: 'FINISHED' });
      for (const calls of [back, other]) {
        expect(await scanned(calls, scan)).toMatchObject({
          complete: true,
          items: [{ schemaId, keys: 0, values: total }],
        });
      }
      expect(await usageOf(back, `${topic}-value`, `?scan=${scan}`)).toMatchObject({
        verdict: 'in-use',
        records: { total, exact: true },
        coverage: { complete: true },
      });
      // What the scan counted is true elsewhere too; what has come since is not known there.
      const elsewhere = await usageOf(other, `${topic}-value`, `?scan=${scan}`);
      expect(elsewhere).toMatchObject({
        verdict: 'in-use',
        records: { total, exact: false },
        coverage: { complete: false },
      });
      expect(elsewhere.coverage.partitions).toHaveLength(4);
      expect(elsewhere.coverage.partitions[0]).toMatchObject({ topic, state: 'unreadable' });
    },
    TAKEN_OVER_MS,
  );

  it(
    'never let an instance without a log call a version safe',
    async () => {
      const id = await other.records.register('lonely-value', 'AVRO', '"int"');
      const told = await usageOf(other, 'lonely-value');
      expect(told).toMatchObject({ schemaId: id, verdict: 'unknown', reasons: [{ code: 'no-log' }] });
      const first = await owner();
      expect(await usageOf(callsOf(first), 'lonely-value')).toMatchObject({
        verdict: 'safe',
      });
    },
    TAKEN_OVER_MS,
  );

  it(
    'that try a candidate, killed, try every record once',
    async () => {
      const first = await owner();
      const { topic, schemaId, total, nulls } = await fill(callsOf(first), 'filled');
      await first.kill();
      const victim = await owner({ WEIR_FAIL_POINT: 'scan:read:2' });
      const request = { topic, schema: CANDIDATE, failures: 2 };
      const replay = await beginAndDie(victim, other, '/v1/schema-replays/plans', request);
      expect(await replayed(other, replay)).toMatchObject({ over: false, complete: false });
      const back = callsOf(await owner());
      expect(await back.operations.settled(replay, TAKEN_OVER_MS)).toMatchObject({ state: 'FINISHED' });
      for (const calls of [back, other]) {
        const found = await replayed(calls, replay);
        expect(found).toMatchObject({
          ...{ over: true, complete: true, verdict: 'fails' },
          ...{ read: total - nulls, failed: nulls },
          writers: [{ schemaId, read: total - nulls, failed: nulls, undecodable: 0 }],
        });
        expect(found.failures).toHaveLength(8);
      }
    },
    TAKEN_OVER_MS,
  );
});
