import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { OneCluster } from '#libs/core/log/testing';
import { planOfTopic } from '../generations/member-runs.js';
import { parkedErrorsOf, parkedRecordsOf } from '../generations/parked-list.js';
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
  corrected: ({ value }: { value: unknown }) => {
    const { n, other } = value as { n?: number; other?: number };
    return (n ?? other ?? 0) * 2;
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

  it('fail together when one of them fails while the others follow their writers', async () => {
    const world = await prepared();
    const operation = await world.planned();
    await drive(world.process(), operation, { until: 'READY' });
    const ready = drive(world.process(), operation, { until: 'SWITCHED', requested: false });
    await world.one.write('payments', 'k1', '{"other":1}');
    await expect(ready).rejects.toMatchObject({ code: 'record-not-migrated' });
  });

  describe('some of which is parked', () => {
    const PARKS = { transform: { up: TRANSFORM.up }, poison: { policy: 'park-by-key' } };
    const corrected = { transform: { up: [{ set: 'value.double', cel: 'corrected' }] } };

    /** Each topic has a record that cannot be migrated, and one behind it of the same key. */
    async function withPoison(): Promise<MigratingTogether> {
      const world = await prepared();
      for (const topic of TOPICS) {
        await world.one.write(topic, 'k1', '{"other":5}');
        await world.one.write(topic, 'k1', '{"n":6}');
      }
      return world;
    }

    /** What the engine does when somebody asks for a redrive. */
    async function asked(world: MigratingTogether, operation: StoredOperation, request: JsonObject): Promise<void> {
      const notes = await world.process().redrive!(operation.plan.parameters, operation.notes, request);
      operation.notes = { ...operation.notes, ...notes };
      operation.phase = 'CATCHING_UP';
    }

    const whole = ['{"n":1,"double":2}', '{"other":5,"double":10}', '{"n":6,"double":12}'];

    it('wait for one another: the names move when nothing is parked of any, and each is redriven by itself or with the others', async () => {
      const world = await withPoison();
      const operation = await world.planned(PARKS);
      expect(operation.plan.blockers).toEqual([]);
      await drive(world.process(), operation, { until: 'READY' });
      expect(operation.notes['errors']).toMatchObject({
        ...{ read: 12, written: 8, parked: 4, parkedKeys: 2 },
        topics: { orders: { parked: 2 }, payments: { parked: 2 } },
      });
      expect(operation.notes['errors']).not.toHaveProperty('parkedIn');
      const listed = async (topic: string) => {
        const plan = { ...operation.plan, hash: 'h', kind: 'migration', createdBy: 'olga', createdAt: 0 };
        const one = planOfTopic(plan, topic);
        const errors = parkedErrorsOf(operation.notes['errors'] as JsonObject, one);
        return (await parkedRecordsOf(new OneCluster(world.one.engine), one, errors, 10)).items.map(({ id }) => id);
      };
      expect([(await listed('orders')).length, (await listed('payments')).length]).toEqual([2, 2]);
      // One process, as it is while nothing happens to it.
      const process = world.process();
      operation.phase = 'CATCHING_UP';
      await drive(process, operation, { until: 'CUTTING_OVER' });
      await drive(process, operation, { until: 'READY' });
      expect(operation.reason).toMatch(/^orders: 2 records of 1 keys .*operations\/op-1\/poison:redrive/);
      expect(operation.notes['cutover']).toEqual({
        blockers: TOPICS.map((topic) => expect.stringMatching(`^${topic}: 2 records`)),
      });
      expect(operation.notes['errors']).toMatchObject({ parked: 4, topics: { payments: { parked: 2 } } });

      await asked(world, operation, { topic: 'payments', ...corrected });
      await drive(world.process(), operation, { until: 'READY', requested: false });
      expect([operation.notes['redrive'], operation.notes['redrives']]).toEqual([null, 1]);
      expect(operation.notes['errors']).toMatchObject({ parked: 2, redriven: 2, topics: { payments: { parked: 0 } } });
      expect([(await listed('orders')).length, (await listed('payments')).length]).toEqual([2, 0]);
      await drive(world.process(), operation, { until: 'CUTTING_OVER' });
      expect(await world.generations()).toEqual([1, 1]);
      operation.phase = 'READY';
      await asked(world, operation, corrected);
      await drive(world.process(), operation, { until: 'SWITCHED' });
      expect(await world.generations()).toEqual([2, 2]);
      for (const contents of await world.contents()) expect(contents.get('k1')).toEqual(whole);
      expect(operation.notes['errors']).toMatchObject({ read: 12, written: 12, parked: 0, redriven: 4 });
      expect(operation.notes['redrives']).toBe(2);
      const redriven = operation.events.filter(({ type }) => type === 'redriven').map(({ data }) => data['topic']);
      expect([redriven[0], redriven.slice(1).sort()]).toEqual(['payments', ['orders', 'payments']]);
    });

    it('are switched by themselves once the last of them has nothing parked, where the plan says so', async () => {
      const world = await withPoison();
      const operation = await world.planned({ ...PARKS, cutover: { mode: 'auto' } });
      const process = world.process();
      await drive(process, operation, { until: 'CUTTING_OVER' });
      await drive(process, operation, { until: 'READY' });
      const stop = new AbortController();
      await asked(world, operation, { topic: 'orders', ...corrected });
      await drive(world.process(), operation, { until: 'READY' });
      // It goes on following writers, since the other one has something parked still.
      const following = world.process().phases.READY!(runOf(operation, { requested: false, signal: stop.signal }));
      following.catch(() => undefined);
      await expect.poll(() => JSON.stringify(operation.notes)).not.toContain('"retryCutover":true');
      stop.abort(new Error('enough'));
      await expect(following).rejects.toThrow('enough');
      await asked(world, operation, { topic: 'payments', ...corrected });
      await drive(world.process(), operation, { until: 'SWITCHED', requested: false });
      expect(await world.generations()).toEqual([2, 2]);
    });

    it('refuses a redrive that names another topic, or places without a topic, and changes nothing where one topic forbids it', async () => {
      const world = await withPoison();
      const operation = await world.planned(PARKS);
      await drive(world.process(), operation, { until: 'READY' });
      const refused = async (request: JsonObject): Promise<unknown> =>
        await world.process().redrive!(operation.plan.parameters, operation.notes, request).then(
          () => undefined,
          (error: unknown) => error,
        );
      const hint = expect.stringContaining('orders or payments');
      expect(await refused({ topic: 'bills' })).toMatchObject({ code: 'topic-not-in-plan', hint });
      expect(await refused({ ids: ['0/4'] })).toMatchObject({ code: 'plan-of-several', hint });
      expect(await refused({ topic: 'orders', ids: ['0/4'] })).toBeUndefined();
      expect(await refused({ transformVersion: 'other' })).toMatchObject({ code: 'transform-version-moved' });
    });

    it('end as if nothing had happened, killed before or after any effect of a redrive', async () => {
      const worked = async (world: MigratingTogether, operation: StoredOperation, mortal: Mortality): Promise<void> => {
        const handler = world.process({ mortality: mortal });
        const effect = <T>(name: string, perform: () => T) => mortal.effect(name, perform);
        if (operation.notes['asked'] === undefined) {
          await drive(handler, operation, { until: 'READY', effect });
          const notes = await handler.redrive!(operation.plan.parameters, operation.notes, corrected);
          await effect('redrive', () => {
            operation.notes = { ...operation.notes, ...notes, asked: true };
            operation.phase = 'CATCHING_UP';
          });
        }
        await drive(handler, operation, { until: 'SWITCHED', effect });
        await handler.finish(runOf(operation, { effect }));
      };
      const clean = await withPoison();
      const calm = new Mortality();
      const operation = await clean.planned(PARKS);
      await worked(clean, operation, calm);
      const expected = await clean.contents();
      for (const contents of expected) expect(contents.get('k1')).toEqual(whole);
      // Each step of one topic is one of the other, too: an odd stride comes to both.
      for (let at = 1; at <= calm.effects; at += 3) {
        const world = await withPoison();
        const cut = await world.planned(PARKS);
        const mortality = new Mortality(at, at % 2 === 0);
        const name = `effect ${at} (${calm.names[at - 1]})`;
        await expect(worked(world, cut, mortality), name).rejects.toBeDefined();
        expect(mortality.dead, name).toBe(true);
        await worked(world, cut, new Mortality());
        expect(await world.contents(), name).toEqual(expected);
        expect(await world.one.topics(), name).toEqual(await clean.one.topics());
        expect(cut.notes['errors'], name).toEqual(operation.notes['errors']);
        expect(cut.notes['redrives'], name).toBe(1);
      }
    });
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
