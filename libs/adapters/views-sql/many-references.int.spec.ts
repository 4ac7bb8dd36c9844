import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { ViewWorld, type ViewInstance } from './testing/view-world.js';

const REGIONS: JsonObject = {
  source: { topic: 't' },
  joins: [{ as: 'who', topic: 'people', on: 'value.who' }],
  key: { region: 'who.value.region' },
  columns: { all: { aggregate: 'count' } },
};

describe('a change of reference rows that many rows refer to', () => {
  let world: ViewWorld;
  let one: ViewInstance;

  beforeEach(async () => {
    world = await ViewWorld.open();
    await world.engine.createTopic({ name: 'people', partitions: 1 });
    one = world.instance({ mostShares: 3 });
    await world.write('t', 0, ['o1', { who: 'ann' }], ['o2', { who: 'ann' }], ['o3', { who: 'ann' }]);
    await world.write('t', 1, ['p1', { who: 'bob' }], ['p2', { who: 'bob' }]);
    await one.views.declare('v', undefined, REGIONS);
    await world.settled(one, 'v');
  });
  afterEach(() => world.close());

  const lives = (who: string, region: string) => [who, { region }] as const;
  const regions = async (): Promise<unknown> =>
    Object.fromEntries(
      ((await world.settled(one, 'v')) as JsonObject[]).map((row) => [String(row['region']), row['all']]),
    );

  it('is stored in several steps where it is of several of them', async () => {
    await world.write('people', 0, lives('bob', 'S'), lives('ann', 'N'), lives('bob', 'W'), lives('cy', 'N'));
    expect(await regions()).toEqual({ N: 3, W: 2 });
    expect(await one.views.describe('v')).toMatchObject({ problem: null, positions: { refused: 0 } });
  });

  it('is set aside where it is of one of them, for what reason is said, and all else goes on', async () => {
    await world.write('people', 0, lives('ann', 'N'));
    await world.write('t', 0, ['o4', { who: 'ann' }]);
    expect(await regions()).toEqual({ N: 4, null: 2 });
    await world.write('people', 0, lives('bob', 'S'), lives('ann', 'W'), lives('cy', 'N'));
    expect(await regions()).toEqual({ N: 4, S: 2 });
    await world.write('t', 1, ['p3', { who: 'cy' }]);
    expect(await regions()).toEqual({ N: 5, S: 2 });
    expect(await one.views.describe('v')).toMatchObject({ problem: null, positions: { refused: 1 } });
    expect(await one.views.refused('v', 10)).toEqual([
      {
        ...{ source: 1, generation: 1, partition: 0, offset: 2, code: 'too-many-references' },
        message: expect.stringMatching(/More than 3 rows refer by 'who'.*Group by the field itself/) as string,
      },
    ]);
    // It stays until fewer refer to it.
    expect(await one.views.redrive('v', 10)).toEqual({ taken: 0, refused: 1, gone: 0 });
    await world.write('t', 0, ['o4']);
    await world.settled(one, 'v');
    expect(await one.views.redrive('v', 10)).toEqual({ taken: 1, refused: 0, gone: 0 });
    expect(await regions()).toEqual({ W: 3, S: 2, N: 1 });
  });
});
