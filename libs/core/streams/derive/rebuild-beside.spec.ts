import { physicalName } from '#libs/core/log';
import { describe, expect, it } from 'vitest';
import { type Change, DerivationWorld, LATEST } from '../testing/derivation-world.js';
import { drive, newOperation } from '../testing/operation-driver.js';
import { ErasureHandler } from './erasure-handler.js';
import { RebuildHandler } from './rebuild-handler.js';

const DEFINITION = { ...LATEST, orderBy: { by: 'timestamp' }, nullKeys: 'dlq', late: 'topic' } as const;

/** A state that counts, one that comes late, and a record that has no place. */
const turn = (n: number): readonly Change[] => [
  { key: `k${n % 5}`, value: n, timestamp: 1_000 + n },
  { key: `k${n % 5}`, value: `late ${n}`, timestamp: 1 },
  { key: null, value: `dead ${n}` },
];

/** A world with such a derivation, and what was written beside. */
class Beside {
  written = 0;

  private constructor(readonly world: DerivationWorld) {}

  static async open(): Promise<Beside> {
    const beside = new Beside(await DerivationWorld.open());
    await beside.write(4);
    await beside.world.derivations.create(undefined, DEFINITION, 'test');
    await beside.settle();
    return beside;
  }

  async write(turns: number): Promise<void> {
    for (let n = 0; n < turns; n++) await this.world.write('t', ...turn(this.written++));
  }

  settle(): Promise<void> {
    return this.world.settle('latest', 3 * this.written);
  }

  handler(failPoint?: (name: string) => void | Promise<void>): RebuildHandler {
    const { store, directories, names, clock, derivations } = this.world;
    return new RebuildHandler({
      ...{ store, directories, names, clock, workers: derivations.workers, readersMs: 0, failPoint },
      readersOn: (...where) => derivations.readersOn(...where),
    });
  }

  async values(topic: string): Promise<unknown[]> {
    return (await this.world.recordsOf(topic)).map((one) => JSON.parse(Buffer.from(one.value!).toString()) as unknown);
  }

  /** Each record that came late or has no place is beside the stream, once. */
  async expectExact(at: string): Promise<void> {
    const all = (what: string): string[] => Array.from({ length: this.written }, (_, n) => `${what} ${n}`);
    expect(await this.values('latest.late'), at).toEqual(all('late'));
    expect(await this.values('latest.dlq'), at).toEqual(all('dead'));
  }
}

/** Where a rebuild may be killed, each with what it is on its way to. */
const STEPS = [
  'created',
  'copied',
  'verified',
  'closed',
  'caught-up',
  'moved',
  'closed-back',
  'caught-up-back',
  'moved-back',
];

describe('what a derivation has written beside its stream, while that is made anew', () => {
  it('is what it was: nothing is written again, nothing is left out, there and back, whoever writes meanwhile', async () => {
    const beside = await Beside.open();
    const { world } = beside;
    try {
      const operation = newOperation('op-1', await beside.handler().plan({ name: 'latest' }));
      const writing = beside.handler((name) => (name === 'rebuild:moved-back' ? undefined : beside.write(1)));
      await drive(writing, operation, { until: 'SWITCHED' });
      await beside.settle();
      await beside.expectExact('switched');
      await beside.write(3);
      await beside.settle();
      operation.phase = 'ROLLING_BACK';
      await drive(writing, operation, { until: 'ROLLED_BACK' });
      await beside.write(2);
      await beside.settle();
      await beside.expectExact('rolled back');
    } finally {
      await world.close();
    }
  });

  it('is what it was where a cutover was given up: the present generation goes on', async () => {
    const beside = await Beside.open();
    try {
      const operation = newOperation('op-1', await beside.handler().plan({ name: 'latest' }));
      const dying = beside.handler((name) => {
        if (name === 'rebuild:caught-up') throw new Error('held up');
      });
      await expect(drive(dying, operation, { until: 'SWITCHED' })).rejects.toThrow('held up');
      expect(operation.phase).toBe('CUTTING_OVER');
      await drive(beside.handler(), operation, { until: 'READY', cutoverCancelled: true });
      await beside.write(2);
      await beside.settle();
      await beside.expectExact('given up');
      await drive(beside.handler(), operation, { until: 'SWITCHED' });
      await beside.write(1);
      await beside.settle();
      await beside.expectExact('switched');
    } finally {
      await beside.world.close();
    }
  });

  it('is what it was wherever the process is killed', async () => {
    for (const step of STEPS) {
      const beside = await Beside.open();
      const { world } = beside;
      try {
        const operation = newOperation('op-1', await beside.handler().plan({ name: 'latest' }));
        let isAlive = true;
        const work = async (failPoint?: (name: string) => void): Promise<void> => {
          if (operation.phase !== 'ROLLING_BACK')
            await drive(beside.handler(failPoint), operation, { until: 'SWITCHED' });
          operation.phase = 'ROLLING_BACK';
          await drive(beside.handler(failPoint), operation, { until: 'ROLLED_BACK' });
        };
        const dying = (passed: string): void => {
          if (!isAlive || passed !== `rebuild:${step}`) return;
          isAlive = false;
          throw new Error(`killed at ${step}`);
        };
        await expect(work(dying)).rejects.toThrow(`killed at ${step}`);
        await world.stop();
        await world.restart();
        await beside.write(1);
        await work();
        await beside.write(1);
        await beside.settle();
        await beside.expectExact(step);
      } finally {
        await world.close();
      }
    }
  });

  it('is what it was when an erasure is rolled back', async () => {
    const beside = await Beside.open();
    const { world } = beside;
    try {
      const { store, directories, names, clock, derivations } = world;
      const handler = new ErasureHandler({
        ...{ store, directories, names, clock, workers: derivations.workers, readersMs: 0 },
        readersOn: (...where) => derivations.readersOn(...where),
      });
      const operation = newOperation('op-1', await handler.plan({ name: 'latest', keys: ['nobody'] }));
      await drive(handler, operation, { until: 'SWITCHED' });
      await beside.write(3);
      await beside.settle();
      operation.phase = 'ROLLING_BACK';
      await drive(handler, operation, { until: 'ROLLED_BACK' });
      await beside.write(1);
      await beside.settle();
      await beside.expectExact('rolled back');
    } finally {
      await world.close();
    }
  });

  it('negative control: a generation that is not told who has written it writes it again', async () => {
    const beside = await Beside.open();
    const { world } = beside;
    try {
      const { definition } = (await world.store.find(world.engine.logId, 'latest'))!;
      await world.engine.createTopic({ name: physicalName('latest', 2), partitions: 1, state: 'FENCED' });
      const worker = world.derivations.workers.worker(world.directories.of('local'), definition, 2);
      await worker.catchUp({ signal: new AbortController().signal });
      expect(await beside.values('latest.late')).toHaveLength(2 * beside.written);
    } finally {
      await world.close();
    }
  });
});
