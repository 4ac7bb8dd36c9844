import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import {
  appendRows,
  drive,
  expectPlaced,
  Mortality,
  RepartitionWorld,
  rekeyed,
  type RowChange,
  rowRecord,
  runOf,
  tableOf,
  workInterrupted,
} from '../testing/index.js';

const clock = new WallClock();

const request = (key: JsonObject = {}): JsonObject => ({
  topic: 'people',
  target: { partitions: 2, key: { expr: 'value.town', semantics: 'table', back: 'value.id', ...key } },
});

const person = (id: string, town: string, n = 0): RowChange => ({ key: id, value: { id, town, n } });

const PEOPLE: readonly RowChange[] = [
  person('ann', 'Oslo'),
  person('bob', 'Rome'),
  person('cy', 'Bonn'),
  person('ann', 'Lund', 1),
  { key: 'bob', value: null },
  person('dee', 'Rome'),
  person('cy', 'Bonn', 2),
];

async function people(changes: readonly RowChange[] = PEOPLE, partitions = 3): Promise<RepartitionWorld> {
  const world = new RepartitionWorld();
  await world.engine.createTopic({ name: 'people', partitions, config: { 'cleanup.policy': 'compact' } });
  await appendRows(world.engine, 'people', changes);
  return world;
}

const keysOf = async (world: RepartitionWorld): Promise<string[]> => [
  ...[...tableOf(await world.read('people')).keys()].sort(),
];

const save = async (world: RepartitionWorld, id: string, town: string): Promise<void> =>
  await world.write('people', town, JSON.stringify({ id, town }));

/** A tombstone, under the key that the present side knows the row by. */
async function end(world: RepartitionWorld, key: string): Promise<void> {
  const record = { key: Buffer.from(key), value: null, headers: [], timestamp: -1 };
  const { outcomes } = await world.producer.produce('people', [record], { maxHoldMs: 10_000 });
  for (const outcome of outcomes) if ('error' in outcome) throw outcome.error;
}

/** Lets the operation stay current for a moment. */
async function current(world: RepartitionWorld, operation: Parameters<typeof runOf>[0]): Promise<void> {
  const stop = new AbortController();
  const phase = world.process().phases.SWITCHED!(runOf(operation, { signal: stop.signal }));
  await Promise.race([phase.catch(() => undefined), clock.sleep(30)]);
  stop.abort(new Error('next'));
  await phase.catch(() => undefined);
}

describe('repartitioning a table by a new key', () => {
  it('plans what becomes of rows, and switches to the table under its new keys', async () => {
    const world = await people();
    const before = (await world.read('people')).flat();
    const operation = await world.planned(request());
    expect(operation.plan.blockers).toEqual([]);
    expect(operation.plan.impact).toMatchObject({ table: { rows: 3, sharedKeys: 0 } });
    expect(operation.plan.steps.join('\n')).toContain('a tombstone under the one it had');
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(tableOf(await world.read('people'))).toEqual(rekeyed(before, (value) => value['town']));
    expectPlaced(await world.read('people'));
    expect(operation.notes['verification']).toMatchObject({ state: 'passed' });
    await world.process().finish(runOf(operation));
    expect(await world.topics()).toEqual(['people--g2:ACTIVE']);
  });

  it('goes back with what was written since, under the keys that rows had: changed, new, moved and ended ones', async () => {
    const world = await people();
    const operation = await world.planned(request());
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await keysOf(world)).toEqual(['Bonn', 'Lund', 'Rome']);
    await save(world, 'eve', 'Riga');
    await save(world, 'ann', 'Oslo');
    await end(world, 'Lund');
    await end(world, 'Bonn');
    await save(world, 'dee', 'Rome');
    await current(world, operation);
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    const table = tableOf(await world.read('people'));
    expect([...table.keys()].sort()).toEqual(['ann', 'dee', 'eve']);
    expect(table.get('ann')).toBe('{"id":"ann","town":"Oslo"}');
    expectPlaced(await world.read('people'));
    expect(await world.topics()).toEqual(['people:ACTIVE']);
  });

  it('follows writers who move rows while it goes on', async () => {
    const world = await people();
    const operation = await world.planned(request());
    await drive(world.process(), operation, { until: 'READY' });
    await appendRows(world.engine, 'people', [person('cy', 'Riga', 3), { key: 'dee', value: null }], 1_700_000_009_000);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await keysOf(world)).toEqual(['Lund', 'Riga']);
  });

  it('is blocked, by name, where rows have one new key, lie in several partitions, have no key, or another one than the way back gives', async () => {
    const shared = await people([person('ann', 'Oslo'), person('bob', 'Oslo')]);
    expect((await shared.planned(request())).plan.blockers).toEqual([expect.stringContaining('1 new keys are those')]);
    const newest = await shared.planned(request({ shared: 'newest' }));
    expect(newest.plan.blockers).toEqual([]);
    expect(newest.plan.risks.join('\n')).toContain('shared keys: 1');
    const other = await people([{ key: 'x', value: { id: 'ann', town: 'Oslo' } }]);
    expect((await other.planned(request())).plan.blockers).toEqual([expect.stringContaining("'value.id'")]);
    const keyless = await people();
    await keyless.engine.alterTopicConfig('people', { 'cleanup.policy': 'delete' });
    await keyless.write('people', null, '{"id":"y","town":"Bari"}');
    expect((await keyless.planned(request())).plan.blockers.join('\n')).toContain('are no rows');
    expect((await keyless.planned({ ...request(), nullKeys: 'drop' })).plan.blockers).toEqual([]);
    const split = await people();
    for (const partition of [0, 1]) {
      await split.engine.append({ topic: 'people', partition }, encodeBatch([rowRecord(person('zoe', 'Kiel'), 1)]));
    }
    expect((await split.planned(request())).plan.blockers.join('\n')).toContain('do not lie where their key belongs');
  });

  it('switches nothing while rows have one new key that must not, and goes on when they have not', async () => {
    const world = await people();
    const operation = await world.planned(request());
    await drive(world.process(), operation, { until: 'READY' });
    await appendRows(world.engine, 'people', [person('eve', 'Lund')], 1_700_000_009_000);
    const process = world.process();
    await expect(drive(process, operation, { until: 'SWITCHED' })).rejects.toMatchObject({ code: 'shared-new-key' });
    expect(await world.directory.generation('people')).toBe(1);
    await appendRows(world.engine, 'people', [person('eve', 'Kiel')], 1_700_000_009_500);
    await drive(process, operation, { until: 'SWITCHED' });
    expect(await keysOf(world)).toEqual(['Bonn', 'Kiel', 'Lund', 'Rome']);
  });

  it('refuses what makes no sense of a table, or only of one', async () => {
    const world = await people();
    await expect(world.planned(request({ tombstones: 'drop' }))).rejects.toMatchObject({
      code: 'invalid-repartition-request',
    });
    await expect(world.planned(request({ semantics: 'stream' }))).rejects.toMatchObject({
      items: [{ path: 'target.key.back' }],
    });
  });

  for (const last of ['finish', 'rollback'] as const) {
    it(`ends as if nothing had happened when it is killed before or after any effect (${last})`, async () => {
      const write = async (world: RepartitionWorld): Promise<void> => {
        await save(world, 'eve', 'Riga');
        await save(world, 'ann', 'Oslo');
        await end(world, 'Lund');
        await end(world, 'Bonn');
      };
      const clean = await people();
      const calm = new Mortality();
      await workInterrupted({
        world: clean,
        operation: await clean.planned(request()),
        mortality: calm,
        last,
        write,
      });
      const expected = last === 'finish' ? ['Oslo', 'Riga', 'Rome'] : ['ann', 'dee', 'eve'];
      expect(await keysOf(clean)).toEqual(expected);
      const table = tableOf(await clean.read('people'));
      const topics = await clean.topics();
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await people();
          const operation = await world.planned(request());
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          await workInterrupted({ world, operation, mortality: new Mortality(at, after), last, write });
          expect(tableOf(await world.read('people')), name).toEqual(table);
          expect(await world.topics(), name).toEqual(topics);
          expect(await world.engine.listRetentionHolds(), name).toEqual([]);
        }
      }
    });
  }
});
