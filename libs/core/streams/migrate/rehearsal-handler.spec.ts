import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, TopicDirectories } from '#libs/core/log';
import { OneCluster, WallClock } from '#libs/core/log/testing';
import { drive, MigrationWorld, Mortality, newOperation, ScriptedTransforms, textOf } from '../testing/index.js';
import { TransformError } from './pipeline.js';
import { RehearsalHandler } from './rehearsal-handler.js';

const clock = new WallClock();
let evaluations = 0;
const scripts = {
  positive: ({ value }: { value: unknown }) => (value as { n: number }).n >= 0,
  square: ({ value }: { value: unknown }) => {
    const { n } = value as { n: number };
    if (n === 13) throw new TransformError('transform-failed', 'an unlucky number');
    return n * n;
  },
  unstable: ({ value }: { value: unknown }) => ((value as { n: number }).n === 7 ? evaluations++ : 1),
};
const request: JsonObject = {
  topic: 'orders',
  filter: 'positive',
  transform: { up: [{ set: 'value.square', cel: 'square' }], down: [{ remove: 'value.square' }] },
  poison: { policy: 'dlq' },
};

async function worldOf(partitions: readonly (readonly number[])[]): Promise<MigrationWorld> {
  const world = new MigrationWorld(new ScriptedTransforms(scripts));
  await world.engine.createTopic({ name: 'orders', partitions: partitions.length });
  for (const [partition, numbers] of partitions.entries()) {
    for (const n of numbers) {
      const value = Buffer.from(n === 99 ? 'no json' : JSON.stringify({ n }));
      const record = { key: Buffer.from(`k${n}`), value, headers: [], timestamp: 1 };
      await world.engine.append({ topic: 'orders', partition }, encodeBatch([record]));
    }
  }
  return world;
}

const handlerOf = (world: MigrationWorld, together = 3) =>
  new RehearsalHandler({
    transforms: world.transforms,
    values: world.values,
    schemaIds: world.schemaIds,
    directories: new TopicDirectories(new OneCluster(world.engine), world.tableOfNames, clock),
    clock,
    tuning: { together, noteEveryMs: 0 },
  });

async function rehearsalOf(world: MigrationWorld, asked = request) {
  const { plan } = await world.planned(asked);
  const handler = handlerOf(world);
  return {
    handler,
    operation: newOperation('op-2', await handler.plan({ migration: 'a'.repeat(64), members: [plan.parameters] })),
  };
}

describe('a full rehearsal', () => {
  it('counts what would become of every record, as a migration then does it, and writes nothing', async () => {
    const numbers = fc.array(fc.constantFrom(-1, 0, 1, 2, 13, 99), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(numbers, { minLength: 1, maxLength: 3 }), async (partitions) => {
        const world = await worldOf(partitions);
        const { handler, operation } = await rehearsalOf(world);
        await drive(handler, operation, { until: 'FINISHED' });
        expect(await world.topics()).toEqual(['orders:ACTIVE']);
        const found = operation.notes['verification'] as JsonObject;
        const migration = await world.planned(request);
        await drive(world.process(), migration, { until: 'SWITCHED' });
        const { read, written, leftOut, byClass } = migration.notes['errors'] as JsonObject;
        expect(found).toMatchObject({
          state: 'passed',
          records: read!,
          changed: written!,
          leftOut: leftOut!,
          poison: byClass!,
        });
      }),
      { numRuns: 20 },
    );
  });

  it('names the first places of what it finds, beyond any sample, and says what stands against the migration', async () => {
    const many = Array.from({ length: 1_500 }, (_, n) => (n === 1_203 ? 13 : n === 1_377 ? 7 : 1));
    const world = await worldOf([many]);
    const { handler, operation } = await rehearsalOf(world, {
      ...request,
      transform: {
        up: [
          { set: 'value.square', cel: 'square' },
          { set: 'value.other', cel: 'unstable' },
        ],
        down: [{ remove: 'value.square' }],
      },
      poison: { policy: 'fail' },
    });
    await drive(handler, operation, { until: 'FINISHED' });
    expect(operation.notes['verification']).toMatchObject({
      state: 'failed',
      records: 1_500,
      unstable: 1,
      poison: { 'transform-failed': 1 },
      lost: { '/other': 1_499 },
      examples: { 'poison:transform-failed': ['0/1203'], unstable: ['0/1377'] },
      findings: [
        expect.stringContaining('1 of 1500 records came to something else'),
        expect.stringContaining("'/other' in 1499 records"),
        expect.stringContaining('1 records cannot be migrated: transform-failed'),
      ],
    });
    const { examples } = operation.notes['verification'] as { examples: Record<string, string[]> };
    expect(examples['lost:/other']).toHaveLength(10);
  });

  it('judges keys that become others on all records: those that come from several partitions are counted, also over a restart', async () => {
    const topic = async (): Promise<MigrationWorld> => {
      const world = new MigrationWorld(new ScriptedTransforms({}));
      await world.engine.createTopic({ name: 'orders', partitions: 2 });
      const keys = Array.from({ length: 1_500 }, (_, n) => `{"id":${n}}`);
      for (const [n, key] of keys.entries()) {
        const record = { key: Buffer.from(key), value: Buffer.from('{}'), headers: [], timestamp: 1 };
        await world.engine.append({ topic: 'orders', partition: n % 2 === 0 ? 0 : 1 }, encodeBatch([record]));
      }
      // Beyond any sample one key lies in two partitions.
      const again = { key: Buffer.from('{"id":8}'), value: null, headers: [], timestamp: 1 };
      await world.engine.append({ topic: 'orders', partition: 1 }, encodeBatch([again]));
      return world;
    };
    const asked: JsonObject = { topic: 'orders', key: { format: { type: 'json' } } };
    const world = await topic();
    const clean = await rehearsalOf(world, asked);
    const handler = handlerOf(world, 100);
    await drive(handler, clean.operation, { until: 'FINISHED' });
    expect(clean.operation.notes['verification']).toMatchObject({
      state: 'failed',
      records: 1_501,
      splitKeys: 1,
      keysBeyond: false,
      examples: { 'several-partitions': ['1/750'] },
      findings: [expect.stringContaining('1 new keys come from several partitions')],
    });
    for (const at of [3, 12, 16]) {
      const again = await topic();
      const { operation } = await rehearsalOf(again, asked);
      const mortality = new Mortality(at, true);
      const effect = <T>(name: string, perform: () => T) => mortality.effect(name, perform);
      await expect(drive(handlerOf(again, 100), operation, { until: 'FINISHED', effect })).rejects.toThrow('killed');
      await drive(handlerOf(again, 100), operation, { until: 'FINISHED' });
      expect(operation.notes, `effect ${at}`).toEqual(clean.operation.notes);
    }
  });

  it('comes to the same, killed before and after each note', async () => {
    const partitions = [
      [1, 2, 13, 99, -1, 3, 4],
      [5, 6, 13, 8],
    ];
    const clean = await rehearsalOf(await worldOf(partitions));
    const calm = new Mortality();
    const by = (mortality: Mortality) => ({
      effect: <T>(name: string, perform: () => T) => mortality.effect(name, perform),
    });
    await drive(clean.handler, clean.operation, { until: 'FINISHED', ...by(calm) });
    expect(calm.effects).toBeGreaterThan(4);
    for (const after of [false, true]) {
      for (let at = 1; at <= calm.effects; at++) {
        const world = await worldOf(partitions);
        const { handler, operation } = await rehearsalOf(world);
        await expect(drive(handler, operation, { until: 'FINISHED', ...by(new Mortality(at, after)) })).rejects.toThrow(
          'killed',
        );
        await drive(handlerOf(world), operation, { until: 'FINISHED' });
        expect(operation.notes, `effect ${at}`).toEqual(clean.operation.notes);
      }
    }
  });

  it('of several topics is one, says of which topic a finding is, and comes to the same, killed before and after each note', async () => {
    const prepared = async (): Promise<MigrationWorld> => {
      const world = await worldOf([[1, 13, 3], [5]]);
      await world.engine.createTopic({ name: 'bills', partitions: 1 });
      for (const n of [1, -1, 2, 4]) await world.write('bills', `k${n}`, JSON.stringify({ n }));
      return world;
    };
    const rehearsal = async (world: MigrationWorld) => {
      const members: JsonObject[] = [];
      for (const topic of ['orders', 'bills']) {
        const { plan } = await world.planned({ ...request, topic, poison: { policy: 'fail' } });
        members.push(plan.parameters);
      }
      return newOperation('op-2', await handlerOf(world).plan({ migration: 'a'.repeat(64), members }));
    };
    const world = await prepared();
    const clean = await rehearsal(world);
    expect(clean.plan).toMatchObject({
      subject: expect.stringMatching(/orders$/),
      alsoOn: [expect.stringMatching(/bills$/)],
      estimates: { records: 8 },
      steps: expect.arrayContaining([expect.stringMatching(/^bills: read about 4 records/)]),
    });
    expect(handlerOf(world).accepts(clean.plan.parameters, clean.plan.fingerprint)).toBe(true);
    expect(await handlerOf(world).fingerprint(clean.plan.parameters)).toEqual(clean.plan.fingerprint);
    const calm = new Mortality();
    const by = (mortality: Mortality) => ({
      effect: <T>(name: string, perform: () => T) => mortality.effect(name, perform),
    });
    await drive(handlerOf(world), clean, { until: 'FINISHED', ...by(calm) });
    expect(clean.notes).toMatchObject({
      errors: { read: 8, poison: 1, topics: { orders: { read: 4 }, bills: { read: 4, leftOut: 1 } } },
      verification: {
        ...{ level: 'rehearsal', state: 'failed', checked: 8, records: 8, changed: 6, leftOut: 1 },
        poison: { 'transform-failed': 1 },
        findings: ['orders: 1 records cannot be migrated: transform-failed'],
        topics: { orders: { examples: { 'poison:transform-failed': ['0/1'] } }, bills: { state: 'passed' } },
      },
    });
    expect(clean.progress).toMatchObject({ recordsDone: 8, recordsTotal: 8 });
    for (let at = 1; at <= calm.effects; at++) {
      const again = await prepared();
      const operation = await rehearsal(again);
      const mortality = new Mortality(at, at % 2 === 0);
      const cut = drive(handlerOf(again), operation, { until: 'FINISHED', ...by(mortality) });
      await expect(cut).rejects.toThrow('killed');
      await drive(handlerOf(again), operation, { until: 'FINISHED' });
      expect(operation.notes, `effect ${at}`).toEqual(clean.notes);
    }
  });

  it('passes over what is gone, and looks at nothing that came later', async () => {
    const world = await worldOf([[1, 2, 3, 4]]);
    const { handler, operation } = await rehearsalOf(world);
    await world.write('orders', 'k', JSON.stringify({ n: 5 }));
    await world.engine.deleteRecords([{ topic: 'orders', partition: 0, offset: 2 }]);
    await drive(handler, operation, { until: 'FINISHED' });
    expect(operation.notes['verification']).toMatchObject({ records: 2, changed: 2 });
    expect((await world.read('orders')).flat().map((one) => textOf(one.value))).toHaveLength(3);
  });
});
