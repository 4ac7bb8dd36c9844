import { describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import {
  type GenerationWorld,
  MigrationWorld,
  Mortality,
  readTopic,
  ScriptedTransforms,
  valuesByKey,
  workInterrupted,
} from '../testing/index.js';

const VALUES = ['{"n":0,"name":"a"}', 'not json', '{"n":2}', '{"n":3,"name":"b"}', '{"n":4}', 'no json'];

const request = {
  topic: 'orders',
  filter: 'wanted',
  transform: { up: [{ rename: 'value.name', to: 'title' }] },
  poison: { policy: 'dlq' },
};

async function prepared(): Promise<MigrationWorld> {
  const world = new MigrationWorld(new ScriptedTransforms({ wanted: ({ value }) => (value as { n: number }).n !== 2 }));
  await world.engine.createTopic({ name: 'orders', partitions: 2 });
  for (const [n, value] of VALUES.entries()) {
    const record = { key: Buffer.from(`k${n % 3}`), value: Buffer.from(value), headers: [], timestamp: 1 };
    await world.engine.append({ topic: 'orders', partition: n % 2 }, encodeBatch([record]));
  }
  await world.engine.commitPositions('readers', [
    { topic: 'orders', partition: 0, offset: 3 },
    { topic: 'orders', partition: 1, offset: 3 },
  ]);
  return world;
}

async function write(world: GenerationWorld): Promise<void> {
  for (const n of [7, 8]) await world.write('orders', `k${n}`, JSON.stringify({ n, title: `late-${n}` }));
}

describe('a migration killed anywhere', () => {
  for (const last of ['finish', 'rollback'] as const) {
    it(`ends as if nothing had happened (${last}), before and after each effect`, async () => {
      const clean = await prepared();
      const calm = new Mortality();
      const operation = await clean.planned(request);
      await workInterrupted({ world: clean, operation, mortality: calm, last, write });
      const expected = valuesByKey(await clean.read('orders'));
      const topics = await clean.topics();
      const letters = valuesByKey(await readTopic(clean.engine, 'orders.dlq'));
      expect([...letters.values()].flat().sort()).toEqual(['no json', 'not json']);
      expect([...expected.values()].flat()).toHaveLength(last === 'finish' ? 5 : 8);
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const cut = await world.planned(request);
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          const mortality = new Mortality(at, after);
          expect(await workInterrupted({ world, operation: cut, mortality, last, write }), name).toBe(true);
          expect(valuesByKey(await world.read('orders')), name).toEqual(expected);
          expect(valuesByKey(await readTopic(world.engine, 'orders.dlq')), name).toEqual(letters);
          expect(await world.topics(), name).toEqual(topics);
          expect(await world.engine.listRetentionHolds(), name).toEqual([]);
          // The group has read everything from before the switch, and nothing since.
          const { physical } = await world.directory.resolve('orders');
          const { positions } = await world.engine.describeGroup('readers');
          const here = positions.filter((one) => one.topic === physical);
          const read = here.reduce((sum, one) => sum + one.offset, 0);
          expect(read + 2, name).toBe([...expected.values()].flat().length);
        }
      }
    });
  }
});
