import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { drive, MigrationWorld, RepartitionWorld, ScriptedTransforms, TogetherWorld } from '../testing/index.js';

/** Bytes of the stored batches of a topic, as plans tell them. */
async function filled(world: RepartitionWorld, topic: string): Promise<number> {
  await world.engine.createTopic({ name: topic, partitions: 2 });
  for (let n = 0; n < 20; n++) await world.write(topic, `k${n}`, `value ${n}`);
  const { plan } = await world.planned({ topic, target: { partitions: 3 } });
  return plan.estimates.bytes!;
}

describe('the room for a copy', () => {
  it('is looked at by the plan: one that cannot fit is blocked with both sizes, one that just fits is not', async () => {
    const world = new RepartitionWorld();
    const bytes = await filled(world, 'orders');
    expect(bytes).toBeGreaterThan(20 * 'value'.length);
    const request = { topic: 'orders', target: { partitions: 3 } };
    world.storage.bytesForCopies = bytes - 1;
    const { plan } = await world.planned(request);
    expect(plan.blockers).toEqual([
      expect.stringMatching(new RegExp(`takes ${bytes} bytes.*'local'.*${bytes - 1} bytes`)),
    ]);
    world.storage.bytesForCopies = bytes;
    const fitting = await world.planned(request);
    expect(fitting.plan.blockers).toEqual([]);
    await drive(world.process(), fitting, { until: 'SWITCHED' });
  });

  it('is not judged where a log does not know it', async () => {
    const world = new RepartitionWorld();
    await filled(world, 'orders');
    expect((await world.planned({ topic: 'orders', target: { partitions: 3 } })).plan.blockers).toEqual([]);
  });

  it('is a risk where a rule may leave records out, since nobody knows how much smaller the copy is', async () => {
    const world = new RepartitionWorld();
    const bytes = await filled(world, 'orders');
    world.storage.bytesForCopies = bytes - 1;
    const { plan } = await world.planned({ topic: 'orders', target: { partitions: 3 }, nullKeys: 'drop' });
    expect(plan.blockers).toEqual([]);
    expect(plan.risks).toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(`^disk: .*${bytes} bytes`))]));
  });

  it('is shared by topics that are copied together: each fits, and both do not', async () => {
    const world = new TogetherWorld();
    const [one, other] = [await filled(world.one, 'orders'), await filled(world.one, 'payments')];
    world.one.storage.bytesForCopies = one + other - 1;
    const request: JsonObject = { topics: ['orders', 'payments'], target: { partitions: 3 } };
    const { plan } = await world.planned(request);
    expect(plan.blockers).toEqual([expect.stringContaining(`takes ${one + other} bytes`)]);
    world.one.storage.bytesForCopies = one + other;
    expect((await world.planned(request)).plan.blockers).toEqual([]);
  });

  it('of a migration is judged by its source while nothing of it becomes other records, and is a risk otherwise', async () => {
    const world = new MigrationWorld(new ScriptedTransforms({}));
    await world.engine.createTopic({ name: 'orders', partitions: 2 });
    for (let n = 0; n < 20; n++) await world.write('orders', `k${n}`, JSON.stringify({ n }));
    world.storage.bytesForCopies = 10;
    const settings = await world.planned({ topic: 'orders', config: { 'max.message.bytes': '500000' } });
    expect(settings.plan.blockers).toEqual([expect.stringContaining('room for 10 bytes')]);
    const smaller = await world.planned({ topic: 'orders', transform: { up: [{ rename: 'value.n', to: 'm' }] } });
    expect(smaller.plan.blockers).toEqual([]);
    expect(smaller.plan.risks.join('\n')).toContain('room for 10 bytes');
  });
});
