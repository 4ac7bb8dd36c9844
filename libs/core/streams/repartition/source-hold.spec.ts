import { describe, expect, it } from 'vitest';
import { drive, RepartitionWorld, runOf } from '../testing/index.js';

/** A topic of two partitions that is being copied. */
async function copying() {
  const world = new RepartitionWorld();
  await world.engine.createTopic({ name: 'orders', partitions: 2 });
  for (let n = 0; n < 8; n++) await world.write('orders', `k${n}`, `v${n}`);
  const operation = await world.planned({ topic: 'orders', target: { partitions: 3 } });
  const handler = world.process();
  const { phases } = handler;
  await phases.PREPARING!(runOf(operation));
  return { world, operation, handler };
}

const everything = [0, 1].map((partition) => ({ topic: 'orders', partition, offset: 'end' as const }));

describe('what a repartition has still to read', () => {
  it('can not be deleted while it runs, and can when it was cancelled', async () => {
    const { world, operation, handler } = await copying();
    const refused = await world.engine.deleteRecords(everything);
    expect(refused.map((one) => one.error?.code)).toEqual(['records-kept', 'records-kept']);
    await handler.cancel(runOf(operation));
    const deleted = await world.engine.deleteRecords(everything);
    expect(deleted.map((one) => one.error)).toEqual([undefined, undefined]);
  });

  it('is held until the repartition is finished, and by nothing afterwards', async () => {
    const world = new RepartitionWorld();
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    await world.write('orders', 'k', 'v');
    const operation = await world.planned({ topic: 'orders', target: { partitions: 3 } });
    const handler = world.process();
    await drive(handler, operation, { until: 'SWITCHED' });
    expect((await world.engine.listRetentionHolds()).length).toBe(1);
    await handler.finish(runOf(operation));
    expect(await world.engine.listRetentionHolds()).toEqual([]);
  });
});
