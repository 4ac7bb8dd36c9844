import { describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { drive, fingerprint, Killed, Mortality, MoveWorld, runOf, workInterrupted } from '../testing/index.js';

describe('a move killed anywhere', () => {
  async function prepared(): Promise<MoveWorld> {
    // Offsets of the two logs differ.
    const world = new MoveWorld({ a: true, b: false });
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

  /** Written to the new side: the way back has to bring it along. */
  const write = async (world: MoveWorld): Promise<void> => {
    for (const n of [1, 2, 3]) await world.write(`k${n}`, `late-${n}`);
  };

  const contentOf = async (world: MoveWorld): Promise<string[][]> =>
    (await world.read()).map((records) => records.map(fingerprint));

  for (const last of ['finish', 'rollback'] as const) {
    it(`ends as if nothing had happened (${last}), before and after each effect`, async () => {
      const clean = await prepared();
      const unread = await clean.unread('readers');
      const calm = new Mortality();
      await workInterrupted({ world: clean, operation: await clean.planned(), mortality: calm, last, write });
      const [expected, topics, home] = [await contentOf(clean), await clean.topics(), await clean.home()];
      expect(home).toBe(last === 'finish' ? 'b' : 'a');
      expect(calm.effects).toBeGreaterThan(25);
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          const mortality = new Mortality(at, after);
          await workInterrupted({ world, operation: await world.planned(), mortality, last, write });
          expect(await world.home(), name).toBe(home);
          expect(await contentOf(world), name).toEqual(expected);
          expect(await world.topics(), name).toEqual(topics);
          expect([await world.a.listRetentionHolds(), await world.b.listRetentionHolds()], name).toEqual([[], []]);
          for (const { writers } of [world.storages.a, world.storages.b])
            for (const { checkpoints } of writers.values()) expect(checkpoints.size, name).toBe(0);
          // What was not read is read, once, and then what came since.
          const left = await world.unread('readers');
          for (const [partition, values] of unread.entries())
            expect(left[partition]!.slice(0, values.length), name).toEqual(values);
          expect(left.flat().length, name).toBe(unread.flat().length + 3);
          // Writers can go on, and groups.
          await world.write('later', name);
          await world.directories
            .of(home)
            .engine.commitPositions('readers', [{ topic: 'orders', partition: 0, offset: 1 }]);
        }
      }
    });
  }

  it('leaves no trace when it is cancelled, wherever it was', async () => {
    const clean = await prepared();
    const calm = new Mortality();
    await drive(clean.process({ mortality: calm }), await clean.planned(), { until: 'SWITCHED' });
    for (let at = 1; at <= calm.effects; at++) {
      const world = await prepared();
      const cut = await world.planned();
      const mortality = new Mortality(at);
      await drive(world.process({ mortality }), cut, { until: 'SWITCHED' }).catch((error: unknown) => {
        if (!mortality.dead) throw error;
      });
      if ((await world.home()) === 'b') continue;
      const dying = new Mortality(1 + (at % 7));
      await world
        .process({ mortality: dying })
        .cancel(runOf(cut))
        .catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
      await world.process().cancel(runOf(cut));
      const name = calm.names[at - 1];
      expect(await world.topics(), name).toEqual({ a: ['orders:ACTIVE'], b: [] });
      expect([await world.a.listRetentionHolds(), await world.b.listRetentionHolds()], name).toEqual([[], []]);
      expect(await world.tableOfNames.find(world.b.logId, 'orders'), name).toBeUndefined();
      await world.write('later', 'x');
    }
  });
});
