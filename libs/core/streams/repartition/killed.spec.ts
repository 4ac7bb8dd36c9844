import { describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import {
  drive,
  type GenerationWorld,
  Killed,
  Mortality,
  RepartitionWorld,
  runOf,
  valuesByKey,
  workInterrupted,
} from '../testing/index.js';

describe('killed anywhere', () => {
  const record = (key: string, value: string) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: [],
    timestamp: 1,
  });

  /** A batch that a producer sends before the operation, and again after it. */
  const produced = encodeBatch([record('k00', 'produced')], { producer: { id: 0, epoch: 0, baseSequence: 0 } });

  async function prepared(): Promise<RepartitionWorld> {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2, config: { 'cleanup.policy': 'compact' } });
    for (let n = 0; n < 8; n++) {
      await world.engine.append(
        { topic: 'orders', partition: n % 2 },
        encodeBatch([record(`k${n % 2}${n % 3}`, `v${n}`)]),
      );
    }
    await world.engine.openProducer();
    await world.engine.append({ topic: 'orders', partition: 0 }, produced);
    await world.engine.commitPositions('readers', [
      { topic: 'orders', partition: 0, offset: 5 },
      { topic: 'orders', partition: 1, offset: 4 },
    ]);
    return world;
  }

  /** Written to the new side: the way back has to bring it along. */
  async function write(world: GenerationWorld): Promise<void> {
    for (const n of [1, 2, 3]) await world.write('orders', `k0${n}`, `late-${n}`);
  }

  for (const last of ['finish', 'rollback'] as const) {
    it(`ends as if nothing had happened (${last}), before and after each effect`, async () => {
      const clean = await prepared();
      const uninterrupted = await clean.planned({ topic: 'orders', target: { partitions: 3 } });
      const calm = new Mortality();
      await workInterrupted({ world: clean, operation: uninterrupted, mortality: calm, last, write });
      const expected = valuesByKey(await clean.read('orders'));
      const topics = await clean.topics();
      expect(calm.effects).toBeGreaterThan(25);
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const operation = await world.planned({ topic: 'orders', target: { partitions: 3 } });
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          const mortality = new Mortality(at, after);
          expect(await workInterrupted({ world, operation, mortality, last, write }), name).toBe(true);
          expect(valuesByKey(await world.read('orders')), name).toEqual(expected);
          expect(await world.topics(), name).toEqual(topics);
          expect(await world.engine.listRetentionHolds(), name).toEqual([]);
          expect([...world.storage.writers.keys()], name).toEqual([]);
          // What was acknowledged before is recognised, wherever its topic went.
          const { physical: present } = await world.directory.resolve('orders');
          const again = await world.engine.append({ topic: present, partition: 0 }, produced);
          expect(again, name).toMatchObject({ topic: 'orders', baseOffset: 4 });
          expect(valuesByKey(await world.read('orders')), name).toEqual(expected);
          // Writers can go on, and groups.
          await world.write('orders', 'later', name);
          const { positions } = await world.engine.describeGroup('readers');
          const { physical, description } = await world.directory.resolve('orders');
          const here = positions.filter((one) => one.topic === physical).map((one) => one.offset);
          const ends = description.partitions.map((one) => one.endOffset);
          // Everything from before the switch is read, the three records of after it and the one just now are not.
          expect(here.reduce((sum, one) => sum + one, 0) + 4, name).toBe(ends.reduce((sum, one) => sum + one, 0));
          // The present generation takes positions.
          await world.engine.commitPositions('readers', [{ topic: physical, partition: 0, offset: here[0]! }]);
        }
      }
    });
  }

  it('leaves no trace when it is cancelled, wherever it was', async () => {
    const clean = await prepared();
    const operation = await clean.planned({ topic: 'orders', target: { partitions: 3 } });
    const calm = new Mortality();
    await drive(clean.process({ mortality: calm }), operation, { until: 'SWITCHED' });
    for (let at = 1; at <= calm.effects; at++) {
      const world = await prepared();
      const cut = await world.planned({ topic: 'orders', target: { partitions: 3 } });
      const mortality = new Mortality(at);
      await drive(world.process({ mortality }), cut, { until: 'SWITCHED' }).catch((error: unknown) => {
        if (!mortality.dead) throw error;
      });
      if ((await world.directory.generation('orders')) !== 1) continue;
      const dying = new Mortality(1 + (at % 5));
      await world
        .process({ mortality: dying })
        .cancel(runOf(cut))
        .catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      await world.process().cancel(runOf(cut));
      expect(await world.topics(), calm.names[at - 1]).toEqual(['orders:ACTIVE']);
      expect(await world.engine.listRetentionHolds(), calm.names[at - 1]).toEqual([]);
      expect([...world.storage.writers.keys()], calm.names[at - 1]).toEqual([]);
      await world.write('orders', 'later', 'x');
    }
  });
});
