import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import type { PlanView } from '#libs/features/operations';
import {
  serverForSuite,
  ServerProcess,
  SHORT_LEASES,
  temporaryDirectory,
  type TemporaryDirectory,
} from '#libs/platform/testing';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';
import { begunImport, filled, highestId, settledImport, told } from './moving-service.js';

const SCHEMAS = 200;
/** Longest wait for an instance to take over, for a hang alone. */
const TAKEN_OVER_MS = 300_000;
const PLANS = '/v1/registry-imports/plans';
const PASSED = { state: 'FINISHED', verification: { state: 'passed', mismatches: [] } };

/** A process of the service, and calls to it. */
interface Instance {
  readonly process: ServerProcess;
  readonly calls: ServiceCalls;
}

describe('imports of instances that share one PostgreSQL', () => {
  const source = serverForSuite();
  let file: string;
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let running: ServerProcess[];
  beforeAll(async () => {
    file = await (await filled(source().url, SCHEMAS)).moves.exported();
  });
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

  /** An instance with a data directory of its own. */
  const start = async (env: Record<string, string> = {}): Promise<Instance> => {
    const registries = { old: { url: source().url, allowedAddresses: ['127.0.0.0/8', '::1'] } };
    const process = await ServerProcess.start({
      cwd: directory.path,
      env: {
        ...SHORT_LEASES,
        WEIR_DATABASE_URL: database.url,
        WEIR_LOG_ENABLED: 'false',
        WEIR_DATA_DIR: `${directory.path}/instance-${running.length}`,
        WEIR_REGISTRIES: JSON.stringify(registries),
        ...env,
      },
    });
    running.push(process);
    return { process, calls: new ServiceCalls(() => process.url) };
  };

  /** Starts an import of the file, slow enough to be met at work on a busy machine, too: until somebody lets it go it takes minutes. */
  const slowly = async ({ operations }: ServiceCalls, upload: string): Promise<{ plan: PlanView; id: string }> => {
    const plan = await operations.plan(PLANS, { source: { upload } });
    return { plan, id: await operations.start(plan, { throttle: { recordsPerSecond: 2 } }) };
  };
  const unthrottled = ({ operations }: ServiceCalls, id: string) =>
    operations.demand('POST', `/v1/operations/${id}:throttle`, { recordsPerSecond: null });

  it.each([
    ['import:read:9', 'registry'],
    ['import:brought-in:4', 'upload'],
    ['operation:registry-import:VERIFYING:after', 'upload'],
  ] as const)(
    'killed at %s, reading a %s, are seen and ended by another instance',
    async (failPoint, from) => {
      const first = await start({ WEIR_FAIL_POINT: failPoint });
      const origin = from === 'registry' ? { registry: 'old' } : { upload: await first.calls.moves.uploaded(file) };
      const id = await begunImport(first.calls, { source: origin });
      expect((await first.process.exited).signal).toBe('SIGKILL');
      const { calls: second } = await start();
      expect(await second.operations.operation(id)).toMatchObject({ id, kind: 'registry-import' });
      expect(await settledImport(second, id)).toMatchObject(PASSED);
      const there = await second.moves.exported();
      if (from === 'upload') expect(there).toBe(file);
      else expect(told(there)).toEqual(told(file));
      const { calls: third } = await start();
      expect(await third.moves.exported()).toBe(there);
      const next = await third.registry.registered('next', '"double"');
      expect(next.id).toBe(highestId(file) + 1);
      expect(await second.moves.demand('GET', `/schemas/ids/${next.id}`)).toMatchObject({ schema: '"double"' });
      expect(await second.moves.demand('GET', '/v1/registry-imports/uploads')).toEqual({ items: [] });
    },
    TAKEN_OVER_MS,
  );

  it(
    'are paused, throttled and resumed by whichever instance is asked',
    async () => {
      const [{ calls: first }, { calls: second }] = [await start(), await start()];
      // What was posted to one instance is planned on another.
      const { plan, id } = await slowly(first, await second.moves.uploaded(file));
      // The same plan on another instance is the same operation.
      expect(await second.operations.start(plan)).toBe(id);
      const paused = await second.operations.demand('POST', `/v1/operations/${id}:pause`);
      expect(paused).toMatchObject({ state: 'PAUSED' });
      expect(await first.operations.operation(id)).toMatchObject({ state: 'PAUSED' });
      await unthrottled(second, id);
      await second.operations.demand('POST', `/v1/operations/${id}:resume`);
      expect(await settledImport(first, id)).toMatchObject(PASSED);
      expect(await first.moves.exported()).toBe(file);
      expect(await second.moves.exported()).toBe(file);
    },
    TAKEN_OVER_MS,
  );

  it(
    'are taken over from an instance that was only asleep, which writes nothing more when it wakes',
    async () => {
      const sleeper = await start();
      const { id } = await slowly(sleeper.calls, await sleeper.calls.moves.uploaded(file));
      const done = async () => (await sleeper.calls.operations.operation(id)).progress?.records.done ?? 0;
      await expect.poll(done, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
      sleeper.process.signal('SIGSTOP');
      const { calls: second } = await start();
      await unthrottled(second, id);
      expect(await settledImport(second, id)).toMatchObject(PASSED);
      await second.registry.demand('PUT', '/config/subject-0003', { compatibility: 'NONE' });
      const there = await second.moves.exported();
      sleeper.process.signal('SIGCONT');
      // What it had in its hands broke meanwhile: it may have to say first that it is to be asked again.
      const seen = () => sleeper.calls.operations.operation(id).then(({ state }) => state, String);
      await expect.poll(seen, { timeout: 60_000, interval: 20 }).toBe('FINISHED');
      expect(await sleeper.calls.moves.exported()).toBe(there);
      expect(await sleeper.process.stop()).toMatchObject({ code: 0 });
      expect(await second.moves.exported()).toBe(there);
    },
    TAKEN_OVER_MS,
  );

  it(
    'wait for an instance that knows their source',
    async () => {
      const { calls: stranger } = await start({ WEIR_REGISTRIES: '{}' });
      const first = await start({ WEIR_FAIL_POINT: 'import:read:3' });
      const id = await begunImport(first.calls, { source: { registry: 'old' } });
      expect((await first.process.exited).signal).toBe('SIGKILL');
      const reason = async () => (await stranger.operations.operation(id)).reason;
      await expect.poll(reason, { timeout: 30_000, interval: 20 }).toContain('its source');
      const refused = await stranger.operations.post(PLANS, { source: { registry: 'old' } });
      expect([refused.status, refused.problem.code]).toEqual([404, 'source-registry-not-found']);
      const { calls: second } = await start();
      expect(await settledImport(stranger, id)).toMatchObject(PASSED);
      expect(told(await stranger.moves.exported())).toEqual(told(await second.moves.exported()));
    },
    TAKEN_OVER_MS,
  );
});
