import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import { encodeBatch, type LogEngine, type LogRecord, type LogWriter, partitionerOf } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { ServerProcess, SHORT_LEASES, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../apps/server/testing/service-calls.js';

const HAS_POSTGRES = process.env['WEIR_TEST_POSTGRES_URL'] !== undefined;
/** Several steps for each lane: a step copies four mebibytes. */
const RECORDS = 36_000;
const KEYS = 50;
const BATCH = 500;
const PADDING = 'x'.repeat(1_000);
/** A second. Slow enough that somebody can come in between. */
const SLOW = 2_000;
/** Longest waits, for a hang alone. */
const SOON = { timeout: 240_000, interval: 20 };

describe('a second worker of a repartition on Apache Kafka, of services that share a PostgreSQL', () => {
  if (!HAS_POSTGRES) {
    it('SUITE NOT RUN: there is no PostgreSQL', () => {
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
    });
    return;
  }
  const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
  let topic: string;
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let running: ServerProcess[];
  let log: LogEngine;
  beforeEach(async () => {
    topic = `flights-${randomBytes(4).toString('hex')}`;
    database = await freshPostgresDatabase();
    directory = await temporaryDirectory();
    running = [];
    log = await openKafkaLog({ name: 'by-hand', bootstrapServers, clock: new WallClock() });
  });
  afterEach(async () => {
    for (const server of running) await server.kill();
    await log.close();
    await database.dispose();
    await directory.remove();
  });

  const start = async (): Promise<{ readonly process: ServerProcess; readonly calls: ServiceCalls }> => {
    const process = await ServerProcess.start({
      cwd: directory.path,
      env: {
        ...SHORT_LEASES,
        WEIR_DATABASE_URL: database.url,
        WEIR_LOG_ENABLED: 'false',
        WEIR_CLUSTERS: JSON.stringify({ shared: { bootstrapServers } }),
        WEIR_DEFAULT_CLUSTER: 'shared',
        WEIR_DATA_DIR: `${directory.path}/instance-${running.length}`,
      },
    });
    running.push(process);
    return { process, calls: new ServiceCalls(() => process.url) };
  };

  /** Fills the topic and begins to repartition it, slowly. Answers the operation when it has copied some of it. */
  async function begun({ records, operations }: ServiceCalls): Promise<string> {
    expect((await records.topic(topic, 3)).status).toBe(201);
    const partitionOf = partitionerOf();
    const waiting: LogRecord[][] = [[], [], []];
    const write = async (partition: number): Promise<void> => {
      const batch = waiting[partition]!.splice(0);
      if (batch.length > 0) await log.append({ topic, partition }, encodeBatch(batch));
    };
    for (let n = 0; n < RECORDS; n++) {
      const key = Buffer.from(`k${n % KEYS}`);
      const value = Buffer.from(JSON.stringify({ n, p: PADDING }));
      const partition = partitionOf(key, 3)!;
      waiting[partition]!.push({ key, value, headers: [], timestamp: 1_700_000_000_000 + n });
      if (waiting[partition]!.length === BATCH) await write(partition);
    }
    for (const partition of waiting.keys()) await write(partition);
    const request = { topic, target: { partitions: 7 }, cutover: { mode: 'auto', maxPauseMs: 60_000 } };
    const throttle = { recordsPerSecond: SLOW };
    const id = await operations.begin('/v1/repartitions/plans', request, { throttle });
    await expect.poll(() => copied(operations, id), SOON).toBeGreaterThan(0);
    return id;
  }

  const copied = async (operations: ServiceCalls['operations'], id: string): Promise<number> =>
    (await operations.operation(id)).progress?.records.done ?? 0;

  /** Every record once, those of a key in their order and in one partition. */
  async function expectWhole({ records }: ServiceCalls): Promise<void> {
    const found = new Map<string, { partitions: Set<number>; values: number[] }>();
    for (let at = 'from=start'; ;) {
      const page = await records.page(topic, `${at}&limit=1000`);
      if (page.records.length === 0) break;
      for (const { key, value, partition } of page.records) {
        const of = found.get(String(key)) ?? { partitions: new Set(), values: [] };
        found.set(String(key), of);
        of.partitions.add(partition);
        of.values.push((value as { n: number }).n);
      }
      at = `cursor=${page.next}`;
    }
    for (const [key, { partitions, values }] of found) {
      expect(partitions.size, key).toBe(1);
      expect(values, key).toEqual([...values].sort((a, b) => a - b));
    }
    const all = [...found.values()].flatMap((one) => one.values).sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: RECORDS }, (_, n) => n));
  }

  it('takes over from one that was only asleep; woken in the middle of the copy, that one writes nothing more and the copy is whole', async () => {
    const sleeper = await start();
    const id = await begun(sleeper.calls);
    sleeper.process.signal('SIGSTOP');
    const { calls } = await start();
    await expect.poll(async () => (await calls.operations.operation(id)).restarts, SOON).toBe(1);
    const before = await copied(calls.operations, id);
    await expect.poll(() => copied(calls.operations, id), SOON).toBeGreaterThan(before);
    sleeper.process.signal('SIGCONT');
    // Awake it sees what the other one does, and leaves it to that.
    await expect.poll(() => copied(sleeper.calls.operations, id), SOON).toBeGreaterThan(before);
    await calls.operations.demand('POST', `/v1/operations/${id}:throttle`, { recordsPerSecond: null });
    await expect.poll(async () => (await calls.operations.operation(id)).state, SOON).toBe('SWITCHED');
    expect(await sleeper.calls.operations.operation(id)).toMatchObject({
      ...{ state: 'SWITCHED', restarts: 1 },
      verification: { state: 'passed', mismatches: [] },
    });
    await expectWhole(calls);
    await expectWhole(sleeper.calls);
  }, 600_000);

  it('started by hand under the name of a lane fences that; the service goes on by itself, fences it in turn, and its commit is refused', async () => {
    const { calls } = await start();
    const id = await begun(calls);
    const intruders: LogWriter[] = [];
    for (let partition = 0; partition < 3; partition++) intruders.push(await log.openWriter(`${id}-${partition}`));
    await calls.operations.demand('POST', `/v1/operations/${id}:throttle`, { recordsPerSecond: null });
    await expect.poll(async () => (await calls.operations.operation(id)).state, SOON).toBe('SWITCHED');
    expect(await calls.operations.operation(id)).toMatchObject({
      lastError: { code: 'writer-fenced' },
      verification: { state: 'passed', mismatches: [] },
    });
    for (const intruder of intruders) {
      const checkpoints = [{ key: 'copy', value: Buffer.from('{}') }];
      await expect(intruder.commit({ checkpoints })).rejects.toMatchObject({ code: 'writer-fenced' });
    }
    await expectWhole(calls);
  }, 300_000);
});
