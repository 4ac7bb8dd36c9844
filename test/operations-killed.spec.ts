import { describe, expect, it } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory } from '#libs/platform/testing';

const SOON = { interval: 20, timeout: 120_000 };

/** A kill at a named step, and what is to hold at the next start. */
interface Strike {
  readonly failPoint: string;
  /** Operations of one kind never pass the steps of another. */
  readonly kind: 'repartition' | 'derivation' | 'move';
  /** What there has to be before, done in the life before this one. */
  prepare?(): Promise<void>;
  /** Brings a service that kills itself there to the step. */
  reach(): Promise<void>;
  /** In the next life: as if nothing had happened. */
  holds(): Promise<void>;
}

/** A service that is killed again and again, on the same data. */
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
      await service.server.kill();
      await directory.remove();
    }
  }

  async start(failPoint?: string): Promise<void> {
    const env: Record<string, string> = failPoint === undefined ? {} : { WEIR_FAIL_POINT: failPoint };
    this.server = await ServerProcess.start({ cwd: this.cwd, env });
  }

  /**
   * One strike after another. The life that ends with one of them is the one in which the strike before has to hold: it is of another kind, so that what goes on does not pass the step. Between two of
   * one kind there is a life that nobody ends.
   */
  async strike(strikes: readonly Strike[]): Promise<void> {
    let before: Strike | undefined;
    for (const [i, strike] of strikes.entries()) {
      if (before === undefined || before.kind === strike.kind) {
        await this.start();
        await before?.holds();
        await strike.prepare?.();
        await this.server.kill();
        before = undefined;
      }
      await this.start(strike.failPoint);
      await before?.holds();
      const next = strikes[i + 1];
      if (next !== undefined && next.kind !== strike.kind) await next.prepare?.();
      await strike.reach();
      expect(await this.server.exited, strike.failPoint).toMatchObject({ signal: 'SIGKILL' });
      before = strike;
    }
    await this.start();
    await before?.holds();
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
const ONWARD = [
  ['finish:carried', 'finish', 'FINISHED'],
  ['finish:cleared', 'finish', 'FINISHED'],
  ['switch:fenced', 'rollback', 'ROLLED_BACK'],
  ['switch:name-moved', 'rollback', 'ROLLED_BACK'],
  ['rollback:complete', 'rollback', 'ROLLED_BACK'],
  ['rollback:cleared', 'rollback', 'ROLLED_BACK'],
  ['cancel:released', 'cancel', 'CANCELLED'],
  ['cancel:cleared', 'cancel', 'CANCELLED'],
] as const;
const MADE = ['derive:held', 'derive:prepared', 'derive:filled', 'derive:running'];
const REBUILT = ['rebuild:created', 'rebuild:copied', 'rebuild:verified', 'rebuild:caught-up', 'rebuild:moved'];
const ERASED = [
  ...['erasure:held', 'erasure:created', 'erasure:copied', 'erasure:verified', 'erasure:closed', 'erasure:drained'],
  ...['erasure:given', 'erasure:switch:closed', 'erasure:switch:translated', 'erasure:moved'],
];

/** Erasures that are killed once more in finish: the first one, and one that was killed when the name had moved. */
const FINISHED_LATER: ReadonlySet<string> = new Set([ERASED[0]!, ERASED.at(-1)!]);

/** Repartitions that are killed on their way there, in finish, on their way back and when they are cancelled. */
function repartitions(service: MortalService): Strike[] {
  const { records, operations } = service;
  const begin = async (topic: string, mode = 'auto'): Promise<string> => {
    await records.topic(topic, 2);
    await records.produce(topic, ORDERS);
    return await operations.begin('/v1/repartitions/plans', { topic, target: { partitions: 4 }, cutover: { mode } });
  };
  const there = THERE.map((step): Strike => {
    const topic = step.replace(':', '-');
    let id = '';
    return {
      failPoint: `repartition:${step}`,
      kind: 'repartition',
      reach: async () => void (id = await begin(topic)),
      holds: async () => {
        await service.reached(id, 'SWITCHED');
        expect(await operations.operation(id), step).toMatchObject({ verification: { state: 'passed' } });
        expect(await service.valuesOf(topic), step).toEqual(byKey(ORDERS));
        await records.produce(topic, [{ key: 'k0', value: 'later' }]);
      },
    };
  });
  const onward = ONWARD.map(([step, command, end]): Strike => {
    const topic = `${command}-${step.replace(':', '-')}`;
    let id = '';
    return {
      failPoint: `repartition:${step}`,
      kind: 'repartition',
      prepare: async () => {
        id = await begin(topic, command === 'cancel' ? 'manual' : 'auto');
        await service.reached(id, command === 'cancel' ? 'READY' : 'SWITCHED');
        await records.produce(topic, [{ key: 'k1', value: 'since' }]);
      },
      reach: () => service.command(id, command),
      holds: async () => {
        await service.reached(id, end);
        expect(await service.valuesOf(topic), topic).toEqual(byKey([...ORDERS, { key: 'k1', value: 'since' }]));
        const described = await operations.demand('GET', `/v1/topics/${topic}`);
        expect(described, topic).toMatchObject({ partitionCount: end === 'FINISHED' ? 4 : 2, state: 'ACTIVE' });
      },
    };
  });
  return [...there, ...onward];
}

/** Derived streams that are killed while they are made, computed anew, and relieved of keys. */
function derivedStreams(service: MortalService): Strike[] {
  const { records, operations } = service;
  const made = MADE.map((step, i): Strike => {
    const name = step.replace(':', '-');
    let id = '';
    return {
      failPoint: step,
      kind: 'derivation',
      prepare: async () => {
        if (i > 0) return;
        await records.topic('orders', 2);
        await records.produce('orders', ORDERS);
      },
      reach: async () => {
        id = await operations.begin('/v1/derivations/plans', { kind: 'versioned', name, source: 'orders' });
      },
      holds: async () => {
        await service.reached(id, 'FINISHED');
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(ORDERS));
      },
    };
  });
  const changed = [...REBUILT, ...ERASED].flatMap((step): Strike[] => {
    const operation = step.slice(0, step.indexOf(':'));
    const name = step.replaceAll(':', '-');
    const isErasure = operation === 'erasure';
    const left = byKey(ORDERS.filter(({ key }) => !isErasure || key !== 'k3'));
    let id = '';
    const finished = async (): Promise<void> => {
      await service.reached(id, 'FINISHED');
      expect(await service.valuesOf(name), step).toEqual(left);
    };
    const onTheWay: Strike = {
      failPoint: step,
      kind: 'derivation',
      prepare: async () => {
        await operations.demand('POST', '/v1/derivations', { kind: 'versioned', name, source: 'orders' });
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(ORDERS));
      },
      reach: async () => {
        const request = isErasure ? { derivation: name, keys: ['k3'] } : { derivation: name };
        id = await operations.begin(`/v1/${operation}s/plans`, request);
      },
      holds: async () => {
        await service.reached(id, 'SWITCHED');
        expect(await operations.operation(id), step).toMatchObject({ verification: { state: 'passed' } });
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(left);
        if (FINISHED_LATER.has(step)) return;
        await service.command(id, 'finish');
        await finished();
      },
    };
    if (!FINISHED_LATER.has(step)) return [onTheWay];
    const inFinish: Strike = {
      failPoint: 'erasure:forgotten',
      kind: 'derivation',
      reach: () => service.command(id, 'finish'),
      holds: finished,
    };
    return [onTheWay, inFinish];
  });
  return [...made, ...changed];
}

/** Topics that are killed while they get another name: the rest of what moves have is tried for both in core/streams. */
function renames(service: MortalService): Strike[] {
  const { records, operations } = service;
  const strikes = [
    ['switch:name-moved', undefined, 'SWITCHED'],
    ['finish:cleared', 'finish', 'FINISHED'],
    ['rollback:complete', 'rollback', 'ROLLED_BACK'],
  ] as const;
  return strikes.map(([step, command, end]): Strike => {
    const topic = `named-${step.replace(':', '-')}`;
    let id = '';
    const begin = async (): Promise<void> => {
      await records.topic(topic, 2);
      await records.produce(topic, ORDERS);
      const request = { topics: [topic], name: `${topic}-anew`, cutover: { mode: 'auto' } };
      const { plans } = await operations.demand<{ plans: [{ hash: string }] }>('POST', '/v1/moves/plans', request);
      id = await operations.start(plans[0]);
    };
    return {
      failPoint: `move:${step}`,
      kind: 'move',
      prepare: async () => {
        if (command === undefined) return;
        await begin();
        await service.reached(id, 'SWITCHED');
      },
      reach: async () => (command === undefined ? await begin() : await service.command(id, command)),
      holds: async () => {
        await service.reached(id, end);
        const present = end === 'ROLLED_BACK' ? topic : `${topic}-anew`;
        await records.produce(topic, [{ key: 'k1', value: 'since' }]);
        for (const name of [topic, `${topic}-anew`]) {
          expect(await operations.demand('GET', `/v1/topics/${name}`), step).toMatchObject({ name: present });
          expect(await service.valuesOf(name), step).toEqual(byKey([...ORDERS, { key: 'k1', value: 'since' }]));
        }
      },
    };
  });
}

/** One of each in turns, as long as there are both. */
function* inTurns<T>(one: readonly T[], other: readonly T[]): Generator<T, void> {
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    if (i < one.length) yield one[i]!;
    if (i < other.length) yield other[i]!;
  }
}

describe('an operation whose service is killed with kill -9 at a named step goes on at the next start as if nothing had happened:', () => {
  it('a repartition on its way there, in finish, on its way back and when it is cancelled; a derived stream that is made, computed anew, and relieved of keys; a topic that gets another name', async () => {
    await MortalService.run(async (service) => {
      await service.strike([...inTurns(repartitions(service), [...derivedStreams(service), ...renames(service)])]);
    });
  }, 900_000);
});
