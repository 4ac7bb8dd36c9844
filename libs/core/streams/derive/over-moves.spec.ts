import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WallClock } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { JsonRecordDecoder } from '../record-decoder.js';
import { SOON, VERSIONED } from '../testing/derivation-world.js';
import { MemoryDerivationStore } from '../testing/memory-derivation-store.js';
import { MoveWorld } from '../testing/move-world.js';
import { drive, newOperation, runOf } from '../testing/operation-driver.js';
import { readTopic } from '../testing/records.js';
import type { JsonObject } from '#libs/core/kernel';
import type { MoveHandler } from '../move/handler.js';
import { Derivations } from './derivations.js';
import { ErasureHandler } from './erasure-handler.js';
import { RebuildHandler } from './rebuild-handler.js';
import { JsonValueMerging } from './value-merging.js';
import { NoValueRewriting } from './value-rewriting.js';

const clock = new WallClock();
const KEYS = ['a', 'b', 'c'];

describe('derivations whose source moves to another cluster', () => {
  let world: MoveWorld;
  const store = new MemoryDerivationStore();
  let derivations: Derivations;
  let supervisor: Supervisor;
  let number = 0;
  const written = new Map<string, (string | null)[]>();

  const start = (): void => {
    supervisor = new Supervisor({ clock, owner: `test-${number++}`, backoffMs: 1 });
    derivations = new Derivations({
      store,
      directories: world.directories,
      names: world.tableOfNames,
      decoder: new JsonRecordDecoder(),
      merging: new JsonValueMerging(),
      rewriting: new NoValueRewriting(),
      supervisor,
      clock,
      newId: () => `d${number++}`,
    });
  };

  beforeEach(async () => {
    world = new MoveWorld({ a: true, b: false });
    written.clear();
    start();
    await world.a.createTopic({ name: 'orders', partitions: 2 });
  });

  afterEach(async () => {
    await derivations.delete('a', 'versions');
    await supervisor.close();
  });

  const restart = async (): Promise<void> => {
    await supervisor.close();
    start();
    await derivations.start();
  };

  const write = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const key = KEYS[n % KEYS.length]!;
      const value = n % 5 === 4 ? null : JSON.stringify(number++);
      await world.write(key, value);
      written.set(key, [...(written.get(key) ?? []), value]);
    }
  };

  const handlerOf = (): MoveHandler => world.process({ readersOn: (...where) => derivations.readersOn(...where) });

  const move = async (from: string, to: string): Promise<ReturnType<typeof newOperation>> => {
    const request: JsonObject = { cluster: from, topic: 'orders', to };
    const operation = newOperation(`op-${number++}`, await handlerOf().plan(request));
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.impact['readers']).toEqual(['derivation versions']);
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    return operation;
  };

  /** Finishing waits for readers; here it is asked again until they have come. */
  const finish = async (operation: ReturnType<typeof newOperation>): Promise<void> => {
    await expect
      .poll(
        () =>
          handlerOf()
            .finish(runOf(operation))
            .then(
              () => 'finished',
              (error: { code: string }) => error.code,
            ),
        SOON,
      )
      .toBe('finished');
  };

  /** What the stream has of each key, and what there was to read. */
  const statesOf = async (topic: string): Promise<Map<string, (string | null)[]>> => {
    const states = new Map<string, (string | null)[]>();
    for (const { key, value } of (await readTopic(world.a, topic)).flat()) {
      const text = value === null ? null : Buffer.from(value).toString();
      states.set(String(key), [...(states.get(String(key)) ?? []), text]);
    }
    return states;
  };

  const expectAll = async (topic = 'versions'): Promise<void> => {
    const read = [...written.values()].flat().length;
    await expect.poll(async () => (await derivations.describe('a', 'versions')).progress?.counts.read, SOON).toBe(read);
    expect(await statesOf(topic)).toEqual(written);
    await expect.poll(async () => (await derivations.describe('a', 'versions')).lag, SOON).toBe(0);
  };

  it('read it there from the switch on, nothing twice and nothing left out, and come back with it', async () => {
    await derivations.create('a', { ...VERSIONED, source: 'orders' }, 'test');
    await write(20);
    await expectAll();
    const there = await move('a', 'b');
    await write(20);
    await expectAll();
    await finish(there);
    expect((await world.topics()).a).not.toContain('orders:FENCED');
    await restart();
    await write(5);
    await expectAll();
    expect(await derivations.over('b', 'orders')).toEqual(['versions']);
    // And back, where its numbers of generations are other ones than before.
    const back = await move('b', 'a');
    await write(7);
    await expectAll();
    await finish(back);
    await restart();
    await write(7);
    await expectAll();
    expect((await world.topics()).b).toEqual([]);
  });

  it('read it on under another name, and hold what they read by either name', async () => {
    await derivations.create('a', { ...VERSIONED, source: 'orders' }, 'test');
    await write(20);
    await expectAll();
    const plan = await handlerOf().plan({ cluster: 'a', topic: 'orders', name: 'purchases' });
    expect(plan.impact['readers']).toEqual(['derivation versions']);
    const renamed = newOperation(`op-${number++}`, plan);
    await drive(handlerOf(), renamed, { until: 'SWITCHED' });
    await write(20);
    await expectAll();
    await finish(renamed);
    await restart();
    await write(5);
    await expectAll();
    for (const name of ['orders', 'purchases']) expect(await derivations.over('a', name), name).toEqual(['versions']);
    const [reader] = await derivations.readersOn('a', 'purchases', 1);
    expect(reader).toMatchObject({ name: 'derivation versions' });
    expect(await derivations.readersOn('a', 'orders', 1)).toEqual([]);
  });

  it('one that was at rest while it moved reads what was left first; until then nothing of that is deleted', async () => {
    await derivations.create('a', { ...VERSIONED, source: 'orders' }, 'test');
    await write(10);
    await expectAll();
    await derivations.setState('a', 'versions', 'PAUSED');
    await write(10);
    const there = await move('a', 'b');
    await write(10);
    await expect(handlerOf().finish(runOf(there))).rejects.toMatchObject({
      code: 'readers-behind',
      details: { readers: ['derivation versions'] },
    });
    await derivations.setState('a', 'versions', 'RUNNING');
    await expectAll();
    await finish(there);
  });

  it('go back with a move that is rolled back, whether they had followed it or not', async () => {
    await derivations.create('a', { ...VERSIONED, source: 'orders' }, 'test');
    await write(10);
    await expectAll();
    for (const follows of [true, false]) {
      if (!follows) await derivations.setState('a', 'versions', 'PAUSED');
      const there = await move('a', 'b');
      await write(10);
      if (follows) await expectAll();
      there.phase = 'ROLLING_BACK';
      const rolledBack = async (): Promise<string> =>
        await drive(handlerOf(), there, { until: 'ROLLED_BACK' }).then(
          () => 'done',
          (error: { code?: string }) => error.code ?? String(error),
        );
      await expect.poll(rolledBack, SOON).toBe('done');
      await write(10);
      await derivations.setState('a', 'versions', 'RUNNING');
      await expectAll();
    }
  });

  it('are computed anew, and keep what was erased, where their source is now', async () => {
    await derivations.create('a', { ...VERSIONED, source: 'orders' }, 'test');
    await write(20);
    await expectAll();
    const options = {
      store,
      directories: world.directories,
      names: world.tableOfNames,
      workers: derivations.workers,
      clock,
    };
    const erasing = new ErasureHandler(options);
    const erasure = newOperation('erasure', await erasing.plan({ cluster: 'a', name: 'versions', keys: ['b'] }));
    await drive(erasing, erasure, { until: 'SWITCHED' });
    await finish(await move('a', 'b'));
    await write(6);
    const rebuilding = new RebuildHandler(options);
    const rebuild = newOperation('rebuild', await rebuilding.plan({ cluster: 'a', name: 'versions' }));
    expect(rebuild.plan.blockers).toEqual([]);
    await drive(rebuilding, rebuild, { until: 'SWITCHED' });
    written.set('b', written.get('b')!.slice(-2));
    expect(await statesOf('versions--g3')).toEqual(written);
  });
});
