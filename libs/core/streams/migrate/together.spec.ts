import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { TogetherHandler } from '../generations/together.js';
import {
  drive,
  MigrationWorld,
  Mortality,
  newOperation,
  type ProcessOptions,
  runOf,
  ScriptedTransforms,
  type StoredOperation,
  textOf,
  valuesByKey,
  workInterrupted,
} from '../testing/index.js';
import { TransformError } from './pipeline.js';

const TOPICS = ['orders', 'payments'];
const SCRIPTS = {
  doubled: ({ value }: { value: unknown }) => {
    const { n } = value as { n?: number };
    if (n === undefined) throw new TransformError('transform-failed', 'there is no n');
    return n * 2;
  },
};
const TRANSFORM = {
  up: [{ set: 'value.double', cel: 'doubled' }],
  down: [{ remove: 'value.double' }],
};

/** A world in which topics are migrated together. */
class MigratingTogether {
  readonly one = new MigrationWorld(new ScriptedTransforms(SCRIPTS));

  process(options: ProcessOptions = {}): TogetherHandler {
    return new TogetherHandler(this.one.process(options), false);
  }

  async planned(more: JsonObject = {}): Promise<StoredOperation> {
    return newOperation('op-1', await this.process().plan({ topics: TOPICS, transform: TRANSFORM, ...more }));
  }

  async generations(): Promise<number[]> {
    const rows = await this.one.tableOfNames.list(this.one.engine.logId);
    return TOPICS.map((topic) => rows.find((row) => row.logical === topic)?.generation ?? 1);
  }

  async contents(): Promise<Map<string, string[]>[]> {
    return await Promise.all(TOPICS.map(async (topic) => valuesByKey(await this.one.read(topic))));
  }
}

async function prepared(): Promise<MigratingTogether> {
  const world = new MigratingTogether();
  for (const [i, topic] of TOPICS.entries()) {
    // They need not have as many partitions: keys stay where they are.
    await world.one.engine.createTopic({ name: topic, partitions: 1 + i });
    for (let n = 0; n < 4; n++) await world.one.write(topic, `k${n % 3}`, `{"n":${n}}`);
  }
  return world;
}

const write = async (world: MigratingTogether): Promise<void> => {
  for (const topic of TOPICS)
    for (const n of [1, 2]) await world.one.write(topic, `k${n}`, `{"n":${n},"double":${n * 2}}`);
};

describe('topics that are migrated in one step', () => {
  it('all get the new form, are switched together, and come back together with what was written since', async () => {
    const world = await prepared();
    const operation = await world.planned();
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.impact).toMatchObject({
      topics: TOPICS,
      members: { orders: { rehearsal: { records: 4 } }, payments: { rehearsal: { records: 4 } } },
    });
    const before = await world.contents();
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await world.generations()).toEqual([2, 2]);
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', checked: 8 });
    for (const contents of await world.contents()) expect(contents.get('k1')).toEqual(['{"n":1,"double":2}']);
    await write(world);
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect(await world.generations()).toEqual([1, 1]);
    for (const [i, contents] of (await world.contents()).entries()) {
      for (const [key, values] of before[i]!) {
        const n = key.slice(1);
        expect(contents.get(key)).toEqual(n === '0' ? values : [...values, `{"n":${n}}`]);
      }
    }
  });

  it('stay as they are when one of them cannot be migrated', async () => {
    const world = await prepared();
    const operation = await world.planned();
    await world.one.write('payments', 'k1', '{"other":1}');
    await expect(drive(world.process(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'record-not-migrated',
    });
    expect(await world.generations()).toEqual([1, 1]);
    await world.process().cancel(runOf(operation));
    const lettered = await world.planned({ poison: { policy: 'dlq' } });
    expect(lettered.plan.blockers).toEqual([]);
    await drive(world.process(), { ...lettered }, { until: 'READY' });
    expect((await world.one.read('payments.dlq')).flat().map(({ value }) => textOf(value))).toEqual(['{"other":1}']);
  });

  it('are planned one by one where records are to be parked with their keys, and nothing of several is redriven', async () => {
    const world = await prepared();
    const { plan } = await world.planned({ poison: { policy: 'park-by-key' } });
    expect(plan.blockers).toEqual(
      TOPICS.map((topic) => expect.stringContaining(`${topic}: records are parked by key`)),
    );
    const { parameters } = (await world.planned({ poison: { policy: 'dlq' } })).plan;
    await expect(world.process().redrive!(parameters, {}, {})).rejects.toMatchObject({ code: 'redrive-of-several' });
  });

  for (const last of ['finish', 'rollback'] as const) {
    it(`end as if nothing had happened, killed before or after any effect (${last})`, async () => {
      const clean = await prepared();
      const calm = new Mortality();
      await workInterrupted({ world: clean, operation: await clean.planned(), mortality: calm, last, write });
      const [expected, generations] = [await clean.contents(), await clean.generations()];
      expect(generations).toEqual(last === 'finish' ? [2, 2] : [1, 1]);
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          let apart = 0;
          const look = async (): Promise<void> => {
            if (new Set(await world.generations()).size > 1) apart++;
          };
          const watched = {
            one: world.one,
            process: (options: ProcessOptions = {}) => world.process({ ...options, failPoint: look }),
          } as unknown as MigratingTogether;
          const mortality = new Mortality(at, after);
          await workInterrupted({ world: watched, operation: await world.planned(), mortality, last, write });
          expect(apart, name).toBe(0);
          expect(await world.contents(), name).toEqual(expected);
          expect(await world.generations(), name).toEqual(generations);
        }
      }
    });
  }
});
