import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

/** Steps of a move at which the process is killed, in the order they are passed; every effect is gone through in `core/streams/move/killed.spec.ts`. */
const THERE = [
  'move:copy:done',
  'move:switch:closed',
  'move:switch:translated',
  'move:switch:name-moved',
  'operation:move:SWITCHED:before',
];
const BACK = ['move:switch:drained', 'move:switch:translated', 'move:switch:name-moved', 'move:rollback:cleared'];
const RECORDS = 200;

describe('a move from the embedded log to Apache Kafka, killed with kill -9', () => {
  let directory: TemporaryDirectory;
  let server: ServerProcess;
  const client = new DataPlaneCalls(overHttp(() => server.url));
  const operations = new OperationCalls(overHttp(() => server.url));
  const topic = (): string => `moved-${randomBytes(4).toString('hex')}`;

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await server?.kill();
    await directory.remove();
  });

  async function start(failPoint?: string): Promise<void> {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    const env = {
      WEIR_LOGGING_LEVEL: 'info',
      WEIR_CLUSTERS: JSON.stringify({ kafka: { bootstrapServers } }),
      ...(failPoint === undefined ? {} : { WEIR_FAIL_POINT: failPoint }),
    };
    server = await ServerProcess.start({ cwd: directory.path, env });
  }

  /** Does something that leads a service to the step at which it is killed, and starts it once more. */
  async function killedAt(step: string, act: () => Promise<unknown>): Promise<void> {
    // Its answer may be lost with the process.
    await act().catch(() => undefined);
    expect((await server.exited).signal, step).toBe('SIGKILL');
    await start();
  }

  async function settled(id: string, phase: string): Promise<void> {
    await expect
      .poll(async () => (await operations.operation(id)).phase, { interval: 20, timeout: 240_000 })
      .toBe(phase);
  }

  const values = async (name: string): Promise<unknown[]> => (await client.read(name)).map((one) => one.value);
  const positionsIn = async (cluster: string, group: string) =>
    (await client.demand<{ positions: unknown[] }>('GET', `/v1/clusters/${cluster}/groups/${group}`)).positions;

  // Ends as if nothing had happened, at each step there and back: no record lost or twice, every position exact.
  for (const [n, step] of THERE.entries()) {
    const back = BACK[n % BACK.length]!;
    it(`loses and repeats nothing at ${step}, nor on the way back at ${back}`, async () => {
      await start(step);
      const name = topic();
      const group = `${name}-readers`;
      await client.topic(name, 2);
      await client.produce(
        name,
        Array.from({ length: RECORDS }, (_, i) => ({ key: `k${i % 7}`, value: i % 9 === 4 ? null : `v${i}` })),
      );
      const positions = [11, 3].map((offset, partition) => ({ topic: name, partition, offset: String(offset) }));
      await client.demand('PUT', `/v1/groups/${group}/positions`, { positions });
      const before = await values(name);
      const { plans } = await client.demand<{ plans: { hash: string; blockers: string[] }[] }>(
        'POST',
        '/v1/moves/plans',
        {
          topics: [name],
          to: 'kafka',
          cutover: { mode: 'auto', maxPauseMs: 30_000 },
        },
      );
      expect(plans[0]!.blockers).toEqual([]);
      await killedAt(step, () => operations.start(plans[0]!));
      const id = await operations.start(plans[0]!);
      await settled(id, 'SWITCHED');
      expect((await client.get(`/v1/topics/${name}`)).json, step).toMatchObject({ cluster: 'kafka', state: 'ACTIVE' });
      expect(await values(name), step).toEqual(before);
      expect(await positionsIn('kafka', group), step).toHaveLength(2);

      await client.produce(name, [{ key: 'new', value: `written after ${step}` }]);
      const there = await values(name);
      await server.kill();
      await start(back);
      await killedAt(back, async () => {
        await operations.demand('POST', `/v1/operations/${id}:rollback`, {});
        await server.exited;
      });
      await settled(id, 'ROLLED_BACK');
      expect((await client.get(`/v1/topics/${name}`)).json, back).toMatchObject({ cluster: 'local', state: 'ACTIVE' });
      expect(await values(name), back).toEqual(there);
      expect(await positionsIn('local', group), back).toMatchObject(positions);
      await client.produce(name, [{ key: 'new', value: 'and it goes on' }]);
    }, 400_000);
  }
});
