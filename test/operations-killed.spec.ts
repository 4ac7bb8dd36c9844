import { describe, expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory } from '#libs/platform/testing';

const SOON = { interval: 20, timeout: 120_000 };

/** A service that is killed at a step and started again, on the same data. */
class MortalService {
  server!: ServerProcess;
  readonly records = new DataPlaneCalls(overHttp(() => this.server.url));
  readonly operations = new OperationCalls(overHttp(() => this.server.url));

  private constructor(private readonly cwd: string) {}

  /** Runs `work` against a service of its own. */
  static async run(work: (service: MortalService) => Promise<void>): Promise<void> {
    const directory = await temporaryDirectory();
    const service = new MortalService(directory.path);
    try {
      await work(service);
    } finally {
      await service.server.stop();
      await directory.remove();
    }
  }

  async start(failPoint?: string): Promise<void> {
    const env: Record<string, string> = failPoint === undefined ? {} : { WEIR_FAIL_POINT: failPoint };
    this.server = await ServerProcess.start({ cwd: this.cwd, env });
  }

  /** Does something in a service that kills itself at the step, and starts another one. */
  async killedAt<T>(failPoint: string, doing: () => Promise<T>): Promise<T> {
    await this.start(failPoint);
    const done = await doing();
    expect(await this.server.exited, failPoint).toMatchObject({ signal: 'SIGKILL' });
    await this.start();
    return done;
  }

  async reached(id: string, state: string): Promise<void> {
    await expect
      .poll(async () => {
        const { state: now, reason } = await this.operations.operation(id);
        return now === 'FAILED' ? `FAILED: ${reason}` : now;
      }, SOON)
      .toBe(state);
  }

  /** Asks for a command; the service may die before it has answered. */
  async command(id: string, name: string): Promise<void> {
    await this.operations.post(`/v1/operations/${id}:${name}`).catch(() => undefined);
  }

  /** Values of the topic by key, in their order. */
  async valuesOf(topic: string): Promise<Record<string, unknown[]>> {
    const found: Record<string, unknown[]> = {};
    for (const { key, value } of await this.records.read(topic)) (found[String(key)] ??= []).push(value);
    return found;
  }
}

const ORDERS = Array.from({ length: 30 }, (_, n) => ({ key: `k${n % 7}`, value: { n } }));
const byKey = (records: readonly { readonly key: string; readonly value: unknown }[]): Record<string, unknown[]> => {
  const found: Record<string, unknown[]> = {};
  for (const { key, value } of records) (found[key] ??= []).push(value);
  return found;
};

const THERE = [
  ...['prepare:begun', 'prepare:held', 'prepare:done', 'copy:done', 'verify:round', 'switch:before-fence'],
  ...['switch:fenced', 'switch:drained', 'switch:verified', 'switch:closed', 'switch:translated', 'switch:kept'],
  ...['switch:name-moved', 'switch:activated', 'switch:retired', 'switch:complete'],
];

describe('an operation whose service is killed with kill -9 at a named step goes on at the next start as if nothing had happened:', () => {
  it('a repartition on its way there, in finish, on its way back and when it is cancelled', async () => {
    await MortalService.run(async (service) => {
      const { records, operations } = service;
      const request = (topic: string, mode = 'auto') => ({ topic, target: { partitions: 4 }, cutover: { mode } });
      const prepared = async (topic: string): Promise<void> => {
        await records.topic(topic, 2);
        await records.produce(topic, ORDERS);
      };
      for (const step of THERE) {
        const topic = step.replace(':', '-');
        const id = await service.killedAt(`repartition:${step}`, async () => {
          await prepared(topic);
          return await operations.begin('/v1/repartitions/plans', request(topic));
        });
        await service.reached(id, 'SWITCHED');
        expect(await operations.operation(id), step).toMatchObject({ verification: { state: 'passed' } });
        expect(await service.valuesOf(topic), step).toEqual(byKey(ORDERS));
        await records.produce(topic, [{ key: 'k0', value: 'later' }]);
        await service.server.stop();
      }
      for (const [step, command, end] of [
        ['finish:carried', 'finish', 'FINISHED'],
        ['finish:cleared', 'finish', 'FINISHED'],
        ['switch:fenced', 'rollback', 'ROLLED_BACK'],
        ['switch:name-moved', 'rollback', 'ROLLED_BACK'],
        ['rollback:complete', 'rollback', 'ROLLED_BACK'],
        ['rollback:cleared', 'rollback', 'ROLLED_BACK'],
        ['cancel:released', 'cancel', 'CANCELLED'],
        ['cancel:cleared', 'cancel', 'CANCELLED'],
      ] as const) {
        const topic = `${command}-${step.replace(':', '-')}`;
        await service.start();
        await prepared(topic);
        const id = await operations.begin(
          '/v1/repartitions/plans',
          request(topic, command === 'cancel' ? 'manual' : 'auto'),
        );
        await service.reached(id, command === 'cancel' ? 'READY' : 'SWITCHED');
        await records.produce(topic, [{ key: 'k1', value: 'since' }]);
        await service.server.stop();
        await service.killedAt(`repartition:${step}`, () => service.command(id, command));
        await service.reached(id, end);
        expect(await service.valuesOf(topic), topic).toEqual(byKey([...ORDERS, { key: 'k1', value: 'since' }]));
        const described = await operations.demand('GET', `/v1/topics/${topic}`);
        expect(described, topic).toMatchObject({ partitionCount: end === 'FINISHED' ? 4 : 2, state: 'ACTIVE' });
        await service.server.stop();
      }
      await service.start();
    });
  }, 900_000);

  it('a derived stream that is made, computed anew, and relieved of keys', async () => {
    await MortalService.run(async (service) => {
      const { records, operations } = service;
      await service.start();
      await records.topic('orders', 2);
      await records.produce('orders', ORDERS);
      await service.server.stop();
      for (const step of ['derive:held', 'derive:prepared', 'derive:filled', 'derive:running']) {
        const name = step.replace(':', '-');
        const id = await service.killedAt(step, () =>
          operations.begin('/v1/derivations/plans', { kind: 'versioned', name, source: 'orders' }),
        );
        await service.reached(id, 'FINISHED');
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(ORDERS));
        await service.server.stop();
      }
      const steps = [
        ...['rebuild:created', 'rebuild:copied', 'rebuild:verified', 'rebuild:caught-up', 'rebuild:moved'],
        ...[
          'erasure:held',
          'erasure:created',
          'erasure:copied',
          'erasure:verified',
          'erasure:closed',
          'erasure:drained',
        ],
        ...['erasure:given', 'erasure:switch:closed', 'erasure:switch:translated', 'erasure:moved'],
      ];
      for (const step of steps) {
        const kind = step.slice(0, step.indexOf(':'));
        const name = step.replaceAll(':', '-');
        const request = kind === 'erasure' ? { derivation: name, keys: ['k3'] } : { derivation: name };
        const id = await service.killedAt(step, async () => {
          await operations.demand('POST', '/v1/derivations', { kind: 'versioned', name, source: 'orders' });
          await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(ORDERS));
          return await operations.begin(`/v1/${kind}s/plans`, request);
        });
        await service.reached(id, 'SWITCHED');
        expect(await operations.operation(id), step).toMatchObject({ verification: { state: 'passed' } });
        const left = ORDERS.filter(({ key }) => kind !== 'erasure' || key !== 'k3');
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(left));
        const finishing = kind === 'erasure' ? 'erasure:forgotten' : undefined;
        if (finishing !== undefined) {
          await service.server.stop();
          await service.killedAt(finishing, () => service.command(id, 'finish'));
        } else await service.command(id, 'finish');
        await service.reached(id, 'FINISHED');
        expect(await service.valuesOf(name), step).toEqual(byKey(left));
        await service.server.stop();
      }
      await service.start();
    });
  }, 900_000);
});
