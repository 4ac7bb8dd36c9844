import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { encodeBatch, type LogRecord } from '#libs/core/log';
import { OneCluster, WallClock } from '#libs/core/log/testing';
import { consumersOf } from '../generations/consumers.js';
import {
  drive,
  MigrationWorld,
  readTopic,
  runOf,
  ScriptedTransforms,
  textOf,
  type Scripted,
} from '../testing/index.js';
import type { TransformStep } from './program.js';

const clock = new WallClock();

const amountOf = (value: unknown): number => {
  const amount = (value as { amount?: unknown }).amount;
  if (typeof amount !== 'number') throw new Error('every record of these tests has one');
  return amount;
};
const SCRIPTS: Readonly<Record<string, Scripted>> = {
  large: ({ value }) => amountOf(value) > 5,
  twice: ({ value }) => amountOf(value) * 2,
  wrap: ({ value }) => ({ wrapped: value, amount: amountOf(value) }),
  source: ({ partition }) => `p${partition}`,
};

/** A step, and what it makes of a value by an oracle that shares nothing with the pipeline. */
const STEPS: readonly (readonly [TransformStep, (value: JsonObject) => JsonObject])[] = [
  [
    { rename: 'value.name', to: 'title' },
    ({ name, ...rest }) => (name === undefined ? rest : { ...rest, title: name }),
  ],
  [{ remove: 'value.tmp' }, ({ tmp: _, ...rest }) => rest],
  [{ set: 'value.double', cel: 'twice' }, (value) => ({ ...value, double: amountOf(value) * 2 })],
  [{ mask: 'value.tmp', with: 'redact' }, (value) => (Object.hasOwn(value, 'tmp') ? { ...value, tmp: '***' } : value)],
  [{ shape: 'wrap' }, (value) => ({ wrapped: value, amount: value['amount']! })],
];

const anyValue = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record(
        {
          amount: fc.integer({ min: 0, max: 10 }),
          name: fc.string({ maxLength: 8 }),
          tmp: fc.constantFrom(null, 1, 'x'),
        },
        { requiredKeys: ['amount'] },
      )
      .map((value) => JSON.stringify(value)),
  },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant('not json') },
);
const anyContent = fc.array(
  fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', null), value: anyValue }), { maxLength: 12 }),
  { minLength: 1, maxLength: 4 },
);

const recordOf = (key: string | null, value: string | null): LogRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [{ key: 'h', value: Buffer.from('1') }],
  timestamp: 7,
});

/** Key and value of a record, the value as JSON where it is any. */
function plain({ key, value }: LogRecord): JsonValue {
  const text = value === null ? null : textOf(value);
  try {
    return [key && textOf(key), text === null ? null : (JSON.parse(text) as JsonValue)];
  } catch {
    return [key && textOf(key), { text }];
  }
}

async function worldOf(
  content: readonly (readonly { key: string | null; value: string | null }[])[],
  scripts = SCRIPTS,
) {
  const world = new MigrationWorld(new ScriptedTransforms(scripts));
  await world.engine.createTopic({ name: 'orders', partitions: content.length });
  for (const [partition, records] of content.entries()) {
    for (const { key, value } of records) {
      await world.engine.append({ topic: 'orders', partition }, encodeBatch([recordOf(key, value)]));
    }
  }
  return world;
}

const orders = (...values: string[]) => worldOf([values.map((value, n) => ({ key: `k${n}`, value }))]);

describe('migrating a topic', () => {
  it('gives every record what its steps make of it, in its partition and order, and accounts for all of them (M2, M4)', async () => {
    const scenario = fc.record({
      content: anyContent,
      steps: fc.shuffledSubarray([...STEPS]),
      filter: fc.constantFrom(undefined, 'large'),
      policy: fc.constantFrom('dlq' as const, 'pass-through' as const),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ content, steps, filter, policy }) => {
        if (steps.length === 0 && filter === undefined) return;
        const world = await worldOf(content);
        const up = steps.map(([step]) => step) as unknown as JsonValue;
        const operation = await world.planned({
          topic: 'orders',
          transform: { up },
          ...(filter === undefined ? {} : { filter }),
          poison: { policy },
        });
        await drive(world.process(), operation, { until: 'SWITCHED' });
        const after = (await world.read('orders')).map((partition) => partition.map(plain));
        const refused: JsonValue[] = [];
        let leftOut = 0;
        const expected = content.map((records) =>
          records.flatMap(({ key, value }): JsonValue[] => {
            if (value === null) return [[key, null]];
            if (value === 'not json') {
              refused.push([key, { text: value }]);
              return policy === 'dlq' ? [] : [[key, { text: value }]];
            }
            const json = JSON.parse(value) as JsonObject;
            if (filter !== undefined && amountOf(json) <= 5) {
              leftOut++;
              return [];
            }
            return [[key, steps.reduce((one, [, change]) => change(one), json)]];
          }),
        );
        expect(after).toEqual(expected);
        const written = expected.flat().length;
        expect(operation.notes['errors']).toMatchObject({
          read: content.flat().length,
          written,
          leftOut,
          poison: refused.length,
          dlq: policy === 'dlq' ? refused.length : 0,
        });
        expect(operation.notes['verification']).toMatchObject({ level: 'full', state: 'passed', checked: written });
        if (policy !== 'dlq' || refused.length === 0) return;
        const letters = (await readTopic(world.engine, 'orders.dlq')).flat();
        expect(letters.map(plain).map(String).sort()).toEqual(refused.map(String).sort());
      }),
      { numRuns: 60 },
    );
  });

  it('brings what was written to the new side back, where there is a down (M3)', async () => {
    const names = fc.array(fc.string({ maxLength: 6 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(names, names, async (before, since) => {
        const value = (name: string, member: string) => JSON.stringify({ amount: 1, [member]: name });
        const world = await orders(...before.map((name) => value(name, 'name')));
        const operation = await world.planned({
          topic: 'orders',
          transform: { up: [{ rename: 'value.name', to: 'title' }] },
        });
        expect(operation.plan.impact).toMatchObject({
          rehearsal: { wayBack: { returned: before.length, restored: before.length, lost: {} } },
        });
        const handler = world.process();
        await drive(handler, operation, { until: 'SWITCHED' });
        for (const name of since) await world.write('orders', 'later', value(name, 'title'));
        operation.phase = 'ROLLING_BACK';
        await drive(handler, operation, { until: 'ROLLED_BACK' });
        const values = (await world.read('orders')).flat().map((record) => textOf(record.value));
        expect(values.map((text) => JSON.parse(text) as JsonValue)).toEqual(
          [...before, ...since].map((name) => ({ amount: 1, name })),
        );
        expect(await world.topics()).toEqual(['orders:ACTIVE']);
      }),
      { numRuns: 20 },
    );
  });

  it('has no way back without a down once something was written to the new side', async () => {
    const world = await orders('{"amount":1}');
    const operation = await world.planned({
      topic: 'orders',
      transform: { up: [{ set: 'value.amount', cel: 'twice' }] },
    });
    expect(operation.plan.risks).toContainEqual(expect.stringContaining('only while nothing was written'));
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    await world.write('orders', 'k', '{"amount":9}');
    operation.phase = 'ROLLING_BACK';
    await drive(handler, operation, { until: 'SWITCHED' });
    expect(operation.reason).toContain('records were written');
    expect((await world.directory.resolve('orders')).generation).toBe(2);
  });

  it('closes the way back when a record has none, and goes on', async () => {
    const world = await orders('{"amount":1,"name":"a"}');
    const operation = await world.planned({
      topic: 'orders',
      transform: { up: [{ rename: 'value.name', to: 'title' }] },
    });
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    await world.write('orders', 'k', '{"title":"b","name":"taken"}');
    const stop = new AbortController();
    const current = handler.phases.SWITCHED!(runOf(operation, { signal: stop.signal }));
    await expect.poll(() => operation.notes['wayBack'], { interval: 2 }).toBe('closed');
    expect(operation.events.at(-1)).toMatchObject({ type: 'way-back-closed' });
    stop.abort(new Error('over'));
    await current.catch(() => undefined);
    await handler.finish(runOf(operation));
    expect(await world.topics()).toEqual(['orders--g2:ACTIVE']);
  });

  it('tells which groups read the old side and which the new one', async () => {
    const world = await orders('{"amount":1}', '{"amount":2}');
    const clusters = new OneCluster(world.engine);
    await world.engine.commitPositions('readers', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const operation = await world.planned({
      topic: 'orders',
      config: { 'retention.ms': '1000' },
      groups: { mode: 'exact' },
    });
    const plan = { ...operation.plan, hash: 'h', kind: 'migration', createdBy: 'olga', createdAt: 0 };
    expect(await consumersOf(clusters, plan)).toEqual([{ group: 'readers', members: 0, oldLag: 1, newLag: null }]);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await consumersOf(clusters, plan)).toEqual([{ group: 'readers', members: 0, oldLag: 1, newLag: 1 }]);
    await expect(consumersOf(clusters, { ...plan, parameters: {} })).rejects.toMatchObject({
      code: 'operation-without-sides',
    });
  });

  it('keeps tombstones and what no step touches byte for byte', async () => {
    const spelled = '{ "amount" : 1.50, "big": 12345678901234567890 }';
    const world = await worldOf([
      [
        { key: 'a', value: spelled },
        { key: 'a', value: null },
      ],
    ]);
    const operation = await world.planned({
      topic: 'orders',
      transform: {
        up: [
          { rename: 'value.absent', to: 'other' },
          { rename: 'header.h', to: 'trace' },
        ],
      },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const [records] = await world.read('orders');
    expect(records!.map((one) => textOf(one.value))).toEqual([spelled, '(null)']);
    for (const { headers, timestamp } of records!) {
      expect(headers).toEqual([{ key: 'trace', value: expect.anything() as Buffer }]);
      expect(timestamp).toBe(7);
    }
  });

  it('changes settings and nothing else when that is all that is asked', async () => {
    const world = await orders('not json', '{"amount":1}');
    const operation = await world.planned({ topic: 'orders', config: { 'retention.ms': '1000' } });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    const { description } = await world.directory.resolve('orders');
    expect(description.config).toEqual({ 'retention.ms': '1000' });
    expect((await world.read('orders')).flat().map((one) => textOf(one.value))).toEqual(['not json', '{"amount":1}']);
    expect((world.transforms as ScriptedTransforms).evaluated).toBe(0);
  });

  it('goes on with writers of the topic, in the order of each partition', async () => {
    const world = await orders();
    await world.write('orders', 'k', '{"amount":0}');
    const operation = await world.planned({
      topic: 'orders',
      transform: { up: [{ set: 'value.double', cel: 'twice' }] },
    });
    const writing = (async () => {
      for (let n = 1; n <= 60; n++) {
        await world.write('orders', 'k', JSON.stringify({ amount: n }));
        if (n % 5 === 0) await clock.sleep(0);
      }
    })();
    await drive(world.process({ readyRecords: 5 }), operation, { until: 'SWITCHED' });
    await writing;
    const values = (await world.read('orders')).flat().map((one) => JSON.parse(textOf(one.value)) as JsonObject);
    expect(values.map((one) => one['amount'])).toEqual(Array.from({ length: 61 }, (_, n) => n));
    for (const one of values)
      if (isJsonObject(one) && one['double'] !== undefined) expect(one['double']).toBe(amountOf(one) * 2);
  });
});

describe('what keeps a migration from going wrong', () => {
  const doubled = { topic: 'orders', transform: { up: [{ set: 'value.double', cel: 'twice' }] } };

  it('negative control: a copy that another transform made is found, although it is whole', async () => {
    const world = await orders('{"amount":1}', '{"amount":2}');
    const operation = await world.planned(doubled);
    await drive(world.process(), operation, { until: 'VERIFYING' });
    const other = new MigrationWorld(new ScriptedTransforms({ ...SCRIPTS, twice: ({ value }) => amountOf(value) * 3 }));
    Object.assign(other, { storage: world.storage, tableOfNames: world.tableOfNames });
    await expect(drive(other.process(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'verification-failed',
    });
    expect(operation.notes['verification']).toMatchObject({ state: 'failed', mismatches: [{ kind: 'different' }] });
  });

  it('negative control: a transform that does not come to the same twice blocks the plan', async () => {
    let n = 0;
    const world = await worldOf([[{ key: 'k', value: '{"amount":1}' }]], { ...SCRIPTS, twice: () => n++ });
    const { plan } = await world.planned(doubled);
    expect(plan.blockers).toEqual([expect.stringContaining('not deterministic: 1 of 1')]);
  });

  it('blocks what down does not restore, unless that was said to be lost', async () => {
    const world = await orders('{"amount":1,"tmp":"x"}', '{"amount":2}');
    const transform = { up: [{ remove: 'value.tmp' }], down: [] };
    const { plan } = await world.planned({ topic: 'orders', transform });
    expect(plan.blockers).toEqual([expect.stringContaining("down does not restore '/tmp' in 1 of 2 records")]);
    const declared = await world.planned({ topic: 'orders', transform: { ...transform, lossy: ['/tmp'] } });
    expect(declared.plan.blockers).toEqual([]);
  });

  it('blocks a plan whose sample has records that cannot be migrated, and stops at those that come later', async () => {
    const world = await orders('{"amount":1}', 'not json');
    const { plan } = await world.planned(doubled);
    expect(plan.blockers).toEqual([
      expect.stringContaining('1 of 2 records looked at cannot be migrated: undecodable'),
    ]);
    const sound = await orders('{"amount":1}');
    const operation = await sound.planned(doubled);
    await sound.write('orders', 'k', 'not json');
    await expect(drive(sound.process(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'record-not-migrated',
      details: { partition: 0, offset: '1', poison: 'undecodable' },
    });
    await sound.process().cancel(runOf(operation));
    expect(await sound.topics()).toEqual(['orders:ACTIVE']);
  });

  it('stops when more cannot be migrated than the plan bears', async () => {
    const world = await orders('no', 'no', '{"amount":1}', 'no');
    const operation = await world.planned({ ...doubled, poison: { policy: 'dlq', maxCount: 2 } });
    await expect(drive(world.process(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'too-much-poison',
    });
    const borne = await world.planned({ ...doubled, poison: { policy: 'dlq', maxCount: 3 } }, 'op-2');
    await world.process().cancel(runOf(operation));
    await drive(world.process(), borne, { until: 'SWITCHED' });
    const letters = (await readTopic(world.engine, 'orders.dlq')).flat();
    expect(letters.at(-1)!.headers.map((one) => one.key)).toEqual([
      'h',
      'weir.source.partition',
      'weir.source.offset',
      'weir.rule',
      'weir.transform',
    ]);
  });

  it('stops when a larger part cannot be migrated than the plan bears, once enough were read to tell', async () => {
    const content = Array.from({ length: 200 }, (_, n) => ({
      key: `k${n}`,
      value: n % 10 === 9 ? 'no' : `{"amount":${n}}`,
    }));
    const world = await worldOf([content]);
    const poison = { policy: 'dlq', maxRatio: 0.09 };
    const operation = await world.planned({ ...doubled, poison });
    await expect(drive(world.process(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'too-much-poison',
    });
    await world.process().cancel(runOf(operation));
    const borne = await world.planned({ ...doubled, poison: { ...poison, maxRatio: 0.11 } }, 'op-2');
    await drive(world.process(), borne, { until: 'SWITCHED' });
    expect(borne.notes['errors']).toMatchObject({ read: 200, written: 180, dlq: 20 });
    // Of ten nobody can tell.
    const few = await worldOf([content.slice(0, 10)]);
    const small = await few.planned({ ...doubled, poison });
    await drive(few.process(), small, { until: 'SWITCHED' });
    expect(small.notes['errors']).toMatchObject({ read: 10, dlq: 1 });
  });

  it('refuses what makes no sense, naming all of it', async () => {
    const world = await orders('{"amount":1}');
    await expect(
      world.planned({
        topic: 'orders',
        transform: { up: [{ rename: 'key.a', to: 'b' }, { set: 'value.x' }, { drop: 'value.x' }], down: 3 },
        poison: { maxRatio: 2 },
      }),
    ).rejects.toMatchObject({
      code: 'invalid-migration-request',
      items: [
        { path: 'transform.up[0].rename' },
        { path: 'transform.up[1].cel' },
        { path: 'transform.up[2]' },
        { path: 'transform.down' },
        { path: 'poison.maxRatio' },
      ],
    });
    await expect(world.planned({ topic: 'orders', transform: { up: [{ shape: 'unknown' }] } })).rejects.toMatchObject({
      code: 'invalid-transform',
    });
    const { plan } = await world.planned({ topic: 'orders' });
    expect(plan.blockers).toEqual([expect.stringContaining('nothing would change')]);
  });
});
