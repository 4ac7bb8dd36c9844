import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, partitionerOf } from '#libs/core/log';
import { drive, expectPlaced, MigrationWorld, ScriptedTransforms, textOf, valuesByKey } from '../testing/index.js';

const partitionOf = partitionerOf();

/** Records in the order they are written, each where its key belongs, unless told otherwise. */
async function worldOf(partitions: number, keys: readonly (string | null)[], place?: (n: number) => number) {
  const world = new MigrationWorld(new ScriptedTransforms({}));
  await world.engine.createTopic({ name: 'orders', partitions });
  for (const [n, text] of keys.entries()) {
    const key = text === null ? null : Buffer.from(text);
    const partition = place?.(n) ?? partitionOf(key, partitions) ?? n % partitions;
    const record = { key, value: n % 5 === 4 ? null : Buffer.from(String(n)), headers: [], timestamp: 1 };
    await world.engine.append({ topic: 'orders', partition }, encodeBatch([record]));
  }
  return world;
}

const toJson: JsonObject = {
  topic: 'orders',
  key: { source: { type: 'raw', encoding: 'text' }, format: { type: 'json' } },
};

describe('keys in another format', () => {
  it('lie where they belong, each with its records in their order, and come back', async () => {
    const keys = fc.array(fc.constantFrom('a', 'b', '1', '"a"', 'ключ', null), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), keys, async (partitions, list) => {
        const world = await worldOf(partitions, list);
        const before = valuesByKey(await world.read('orders'));
        const operation = await world.planned(toJson);
        expect(operation.plan.blockers).toEqual([]);
        await drive(world.process(), operation, { until: 'SWITCHED' });
        const after = await world.read('orders');
        expectPlaced(after);
        const renamed = [...before].map(([key, values]) => [
          key.startsWith('null/') ? key : JSON.stringify(key),
          values,
        ]);
        expect(valuesByKey(after)).toEqual(new Map(renamed as [string, string[]][]));
        await world.write('orders', '"since"', 'x');
        operation.phase = 'ROLLING_BACK';
        await drive(world.process(), operation, { until: 'ROLLED_BACK' });
        const back = await world.read('orders');
        expectPlaced(back);
        expect(valuesByKey(back)).toEqual(new Map([...before, ['since', ['x']]]));
      }),
      { numRuns: 25 },
    );
  });

  it('block the plan where one comes from several partitions, or a group wants its exact place', async () => {
    const world = await worldOf(2, ['"a"', ' "a"', '"a" '], (n) => n % 2);
    const request = { topic: 'orders', key: { format: { type: 'raw', encoding: 'text' } } };
    const { blockers } = (await world.planned(request)).plan;
    expect(blockers).toContainEqual(expect.stringContaining('come from several partitions'));
    // Two of them came to be spelled like the third.
    expect(blockers).toContainEqual(expect.stringContaining("down does not restore 'key' in 2 of 3"));
    const grouped = await worldOf(2, ['a']);
    await grouped.engine.commitPositions('readers', [{ topic: 'orders', partition: 0, offset: 0 }]);
    const { plan } = await grouped.planned({ ...toJson, groups: { mode: 'exact' } });
    expect(plan.blockers).toEqual([expect.stringContaining("'readers' have no exact position")]);
  });

  it('are poison where they are not what they are said to be', async () => {
    const world = await worldOf(2, ['plain', '3']);
    const request = { topic: 'orders', key: { format: { type: 'raw', encoding: 'text' } }, poison: { policy: 'dlq' } };
    const operation = await world.planned(request);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(operation.notes['errors']).toMatchObject({
      written: 0,
      dlq: 2,
      byClass: { 'undecodable-key': 1, 'key-does-not-fit-schema': 1 },
    });
  });

  it('park with the key that the writers gave', async () => {
    const world = await worldOf(2, ['3', '"a"', '3']);
    const request = {
      topic: 'orders',
      key: { format: { type: 'raw', encoding: 'text' } },
      poison: { policy: 'park-by-key', leaveParked: true },
    };
    const operation = await world.planned(request);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(operation.notes['errors']).toMatchObject({ parked: 2, parkedKeys: 1, written: 1 });
    const [written] = (await world.read('orders')).flat();
    expect(textOf(written!.key)).toBe('a');
  });
});

describe('how keys are placed', () => {
  it('stays with the topic over a migration', async () => {
    const world = await worldOf(2, ['a', 'b']);
    const row = { opensAt: [], closedAt: [], keyExpression: null, partitioner: 'crc32' as const };
    await world.tableOfNames.compareAndSet(world.engine.logId, 'orders', 0, 1, row);
    const operation = await world.planned({ topic: 'orders', config: { 'retention.ms': '1000' } });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await world.directory.resolve('orders')).partitioner).toBe('crc32');
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect((await world.directory.resolve('orders')).partitioner).toBe('crc32');
  });
});
