import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch, TopicLifecycle, TopicReader, type ReadVector } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import {
  drive,
  fingerprint,
  Killed,
  Mortality,
  MoveWorld,
  runOf,
  type StoredOperation,
  workInterrupted,
} from '../testing/index.js';
import { SourceReader, type SourcePosition } from '../source-reader.js';

const clock = new WallClock();
const RENAMED = { to: null, name: 'purchases' };
const LIMITS = { records: 100, maxBytes: 100_000, waitMs: 0 };

/** A topic `orders` of 8 records, half of which a group has read. */
async function prepared(): Promise<MoveWorld> {
  const world = new MoveWorld();
  await world.a.createTopic({ name: 'orders', partitions: 2, config: { 'cleanup.policy': 'compact' } });
  for (let n = 0; n < 8; n++) {
    const value = n === 5 ? null : Buffer.from(`v${n}`);
    const record = { key: Buffer.from(`k${n % 3}`), value, headers: [], timestamp: n };
    const compression = n % 2 === 0 ? 'gzip' : 'none';
    await world.a.append({ topic: 'orders', partition: n % 2 }, encodeBatch([record], { compression }));
  }
  await world.a.commitPositions('readers', [
    { topic: 'orders', partition: 0, offset: 1 },
    { topic: 'orders', partition: 1, offset: 3 },
  ]);
  return world;
}

const lifecycleOf = (world: MoveWorld, users: readonly string[] = []): TopicLifecycle =>
  new TopicLifecycle({
    directories: world.directories,
    names: world.tableOfNames,
    clock,
    deletedRetentionMs: 60_000,
    use: {
      usersOf: (_, topic) =>
        Promise.resolve(topic === 'orders' ? users.map((name) => ({ kind: 'view' as const, name })) : []),
      operationOn: () => Promise.resolve(undefined),
    },
  });

const contentOf = async (world: MoveWorld, topic = 'orders'): Promise<string[][]> =>
  (await world.read(topic)).map((records) => records.map(fingerprint));

const switched = async (world: MoveWorld): Promise<StoredOperation> => {
  const operation = await world.planned(RENAMED);
  expect(operation.plan.blockers).toEqual([]);
  await drive(world.process(), operation, { until: 'SWITCHED' });
  return operation;
};

/** Reads to the end, page by page, under a name. */
async function readOn(
  world: MoveWorld,
  name: string,
  from: ReadVector,
): Promise<{ values: string[]; next: ReadVector }> {
  const values: string[] = [];
  let next = from;
  for (let pages = 0; pages < 10; pages++) {
    const page = await new TopicReader(world.directories.of('a')).read(name, next, LIMITS);
    values.push(...page.records.map(({ value }) => String(value)));
    next = page.next;
    if (page.atEnd) return { values, next };
  }
  throw new Error('no end');
}

/** What a reader of ours reads from a position on. */
async function follow(
  reader: SourceReader,
  from: SourcePosition,
): Promise<{ readonly values: string[]; readonly to: SourcePosition }> {
  const values: string[] = [];
  let to = from;
  for (let steps = 0; steps < 20; steps++) {
    const chunk = await reader.next(to, { maxBytes: 100_000, maxWaitMs: 0 });
    for (const { value } of chunk.records) values.push(String(value));
    to = chunk.to;
    if (chunk.lag === 0 && chunk.records.length === 0) return { values, to };
  }
  throw new Error('no end');
}

describe('a topic that gets another name', () => {
  it('is found under both from the switch on, listed under the new one alone, and no sooner', async () => {
    const world = await prepared();
    const [before, unread] = [await contentOf(world), await world.unread('readers')];
    const operation = await world.planned(RENAMED);
    expect(operation.plan).toMatchObject({ subject: 'topic:a/orders', alsoOn: ['topic:a/purchases'] });
    await drive(world.process(), operation, { until: 'READY' });
    const a = world.directories.of('a');
    await expect(a.resolve('purchases')).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(a.create({ name: 'purchases', partitions: 1 })).rejects.toMatchObject({ code: 'topic-exists' });
    expect((await a.list()).map(({ logical }) => logical)).toEqual(['orders']);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    for (const name of ['orders', 'purchases'])
      expect(await a.resolve(name)).toMatchObject({ logical: 'purchases', generation: 1, physical: 'purchases' });
    expect((await a.list()).map(({ logical }) => logical)).toEqual(['purchases']);
    expect(await contentOf(world)).toEqual(before);
    expect(await world.unread('readers', 'purchases')).toEqual(unread);
    await expect(a.create({ name: 'orders', partitions: 1 })).rejects.toMatchObject({ code: 'topic-renamed' });
    await world.write('k', 'by the old name');
    await world.write('k', 'by the new name', 'purchases');
    await world.process().finish(runOf(operation));
    expect(await world.topics()).toEqual({ a: ['purchases:ACTIVE'], b: [] });
    await world.write('k', 'by the old name still');
    expect((await contentOf(world)).flat()).toHaveLength(before.flat().length + 3);
  });

  it('is read on by cursors and by readers of ours, nothing twice and nothing left out, there and back', async () => {
    for (const last of ['finish', 'rollback'] as const) {
      const world = await prepared();
      const a = world.directories.of('a');
      const start = await new TopicReader(a).start('orders', undefined, { kind: 'start' });
      const reader = new SourceReader(a, world.tableOfNames, 'orders');
      const [all, half] = [await readOn(world, 'orders', start), await follow(reader, await reader.begin())];
      expect([all.values.length, half.values.length]).toEqual([8, 8]);
      await world.write('k', 'before');
      const operation = await switched(world);
      await world.write('k', 'after');
      const read = await readOn(world, 'orders', all.next);
      expect(read.values).toEqual(['before', 'after']);
      const followed = await follow(reader, half.to);
      expect(followed.values).toEqual(['before', 'after']);
      // Another process, which has not met the name yet; and one that begins now.
      const other = new SourceReader(a, world.tableOfNames, 'orders');
      expect((await follow(other, followed.to)).values).toEqual([]);
      expect((await follow(other, await other.begin())).values).toHaveLength(10);
      expect((await readOn(world, 'purchases', read.next)).values).toEqual([]);
      if (last === 'finish') await world.process().finish(runOf(operation));
      else {
        operation.phase = 'ROLLING_BACK';
        await drive(world.process(), operation, { until: 'ROLLED_BACK' });
      }
      await world.write('k', 'last', 'purchases');
      expect((await follow(reader, followed.to)).values).toEqual(['last']);
      if (last === 'finish') expect((await readOn(world, 'orders', read.next)).values).toEqual(['last']);
      expect(await a.presentName('purchases')).toBe(last === 'finish' ? 'purchases' : 'orders');
    }
  });

  it('goes on by other generations of the new name, and by further names', async () => {
    const world = await prepared();
    const a = world.directories.of('a');
    const reader = new SourceReader(a, world.tableOfNames, 'orders');
    const { to } = await follow(reader, await reader.begin());
    await world.process().finish(runOf(await switched(world)));
    const again = await world.planned({ topic: 'purchases', to: null, name: 'sales' }, 'op-2');
    expect(again.plan.blockers).toEqual([]);
    await drive(world.process(), again, { until: 'SWITCHED' });
    await world.process().finish(runOf(again));
    await world.write('k', 'new');
    expect((await follow(new SourceReader(a, world.tableOfNames, 'orders'), to)).values).toEqual(['new']);
    expect([...(await a.namesOf('sales'))].sort()).toEqual(['orders', 'purchases', 'sales']);
    expect((await world.planned({ topic: 'sales' }, 'op-3')).plan.blockers).toEqual([
      "'orders', 'purchases' still lead to topic 'sales'; give such old names up first",
    ]);
    await a.delete('sales');
    for (const name of ['orders', 'purchases', 'sales'])
      expect(await world.tableOfNames.find(world.a.logId, name), name).toBeUndefined();
  });

  it('keeps its old name until that is given up, which takes nobody who needs it', async () => {
    const world = await prepared();
    await world.process().finish(runOf(await switched(world)));
    const refused = { code: 'topic-renamed', details: { name: 'orders', topic: 'purchases' } };
    for (const change of [
      lifecycleOf(world).protect('a', 'orders', true),
      lifecycleOf(world).freeze('a', 'orders'),
      lifecycleOf(world).unfreeze('a', 'orders'),
      lifecycleOf(world).restore('a', 'orders'),
    ])
      await expect(change).rejects.toMatchObject(refused);
    const how = { permanent: false, force: false };
    await expect(lifecycleOf(world, ['revenue']).delete('a', 'orders', how)).rejects.toMatchObject({
      code: 'topic-in-use',
    });
    expect(await lifecycleOf(world).tryDelete('a', 'orders', how)).toMatchObject({ oldNameOf: 'purchases' });
    expect(await lifecycleOf(world).delete('a', 'orders', how)).toEqual({
      oldNameOf: 'purchases',
      records: 0,
      purgeAtMs: null,
    });
    expect(await world.topics()).toEqual({ a: ['purchases:ACTIVE'], b: [] });
    await expect(world.write('k', 'v')).rejects.toMatchObject({ code: 'topic-not-found' });
    expect(await world.directories.of('a').create({ name: 'orders', partitions: 1 })).toMatchObject({ generation: 1 });
  });

  it('takes protection along, there and back', async () => {
    const world = await prepared();
    await lifecycleOf(world).protect('a', 'orders', true);
    const operation = await switched(world);
    const a = world.directories.of('a');
    expect((await a.resolve('purchases')).guard.protected).toBe(true);
    await lifecycleOf(world).protect('a', 'purchases', false);
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect(await a.resolve('orders')).toMatchObject({ logical: 'orders', guard: { protected: false } });
    expect(await a.resolve('purchases')).toMatchObject({ logical: 'orders' });
  });

  it.each([
    ['orders', "topic 'orders' has that name already"],
    ['taken', 'exists'],
    ['ORDERS', 'confused with'],
    ['orders--g9', 'generations'],
    ['a b', 'characters'],
  ])('is not called %s', async (name, why) => {
    const world = await prepared();
    await world.a.createTopic({ name: 'taken', partitions: 1 });
    const { blockers } = (await world.planned({ to: null, name })).plan;
    expect(blockers).toHaveLength(1);
    expect(blockers[0]).toContain(why);
  });

  it('is either moved or renamed by one operation', async () => {
    const world = await prepared();
    const both: JsonObject = { name: 'purchases' };
    for (const request of [both, { to: null }])
      await expect(world.planned(request)).rejects.toMatchObject({ code: 'invalid-move-request' });
  });

  const write = async (world: MoveWorld): Promise<void> => {
    for (const n of [1, 2, 3]) await world.write(`k${n}`, `late-${n}`);
  };

  for (const last of ['finish', 'rollback'] as const) {
    it(`ends as if nothing had happened, killed before or after effects (${last})`, async () => {
      const clean = await prepared();
      const unread = await clean.unread('readers');
      const calm = new Mortality();
      const planned = await clean.planned(RENAMED);
      await workInterrupted({ world: clean, operation: planned, mortality: calm, last, write });
      const [expected, topics] = [await contentOf(clean), await clean.topics()];
      const present = last === 'finish' ? 'purchases' : 'orders';
      expect(topics).toEqual({ a: [`${present}:ACTIVE`], b: [] });
      expect(calm.effects).toBeGreaterThan(25);
      // Before every other effect, and after those between: the whole of both is what moves to other clusters are tried with.
      for (let at = 1; at <= calm.effects; at++) {
        const world = await prepared();
        const name = `effect ${at} (${calm.names[at - 1]})`;
        const operation = await world.planned(RENAMED);
        await workInterrupted({ world, operation, mortality: new Mortality(at, at % 2 === 0), last, write });
        expect(await contentOf(world), name).toEqual(expected);
        expect(await world.topics(), name).toEqual(topics);
        expect(await world.a.listRetentionHolds(), name).toEqual([]);
        for (const { checkpoints } of world.storages.a.writers.values()) expect(checkpoints.size, name).toBe(0);
        for (const asked of ['orders', 'purchases'])
          expect((await world.directories.of('a').resolve(asked)).logical, name).toBe(present);
        const left = await world.unread('readers');
        for (const [partition, values] of unread.entries())
          expect(left[partition]!.slice(0, values.length), name).toEqual(values);
        expect(left.flat().length, name).toBe(unread.flat().length + 3);
      }
    });
  }

  it('leaves no trace when it is cancelled, wherever it was', async () => {
    const clean = await prepared();
    const calm = new Mortality();
    await drive(clean.process({ mortality: calm }), await clean.planned(RENAMED), { until: 'SWITCHED' });
    for (let at = 1; at <= calm.effects; at++) {
      const world = await prepared();
      const cut = await world.planned(RENAMED);
      const mortality = new Mortality(at);
      await drive(world.process({ mortality }), cut, { until: 'SWITCHED' }).catch((error: unknown) => {
        if (!mortality.dead) throw error;
      });
      if ((await world.directories.of('a').presentName('orders')) === 'purchases') continue;
      const dying = new Mortality(1 + (at % 7));
      await world
        .process({ mortality: dying })
        .cancel(runOf(cut))
        .catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      await world.process().cancel(runOf(cut));
      const name = calm.names[at - 1];
      expect(await world.topics(), name).toEqual({ a: ['orders:ACTIVE'], b: [] });
      expect(await world.a.listRetentionHolds(), name).toEqual([]);
      expect(await world.tableOfNames.find(world.a.logId, 'purchases'), name).toBeUndefined();
      await world.write('later', 'x');
    }
  });
});
