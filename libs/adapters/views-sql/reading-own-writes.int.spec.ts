import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred, type JsonObject } from '#libs/core/kernel';
import { ViewWorld, type ViewInstance } from './testing/view-world.js';

const ROUTES: JsonObject = {
  source: { topic: 't' },
  joins: [
    { as: 'start', topic: 'airports', on: 'value.from' },
    { as: 'goal', topic: 'airports', on: 'value.to' },
  ],
  key: { id: 'key' },
  columns: { start: 'start.value.city', goal: 'goal.value.city' },
};
/** Place of the second join among the topics of the view. */
const GOAL = 2;

describe('a read that waits for a write to a topic that the view reads twice', () => {
  let world: ViewWorld;
  let one: ViewInstance;

  beforeEach(async () => {
    world = await ViewWorld.open();
    await world.engine.createTopic({ name: 'airports', partitions: 1 });
    one = world.instance();
    await world.write('t', 0, ['r1', { from: 'OSL', to: 'BGO' }]);
    await world.write('airports', 0, ['OSL', { city: 'Oslo' }], ['BGO', { city: 'Bergen' }]);
    await one.views.declare('v', undefined, ROUTES);
    await world.settled(one, 'v');
  });
  afterEach(() => world.close());

  it('waits until both tables have it', async () => {
    const apply = world.tables.apply.bind(world.tables);
    const [held, other] = [deferred<void>(), deferred<void>()];
    world.tables.apply = async (...given) => {
      const source = given[3].move?.source;
      if (source === GOAL) await held.promise;
      const stored = await apply(...given);
      if (source === GOAL - 1) other.resolve();
      return stored;
    };
    // Only one of the tables can have it: their steps come one after the other.
    const token = await world.write('airports', 0, ['BGO', { city: 'Bjørgvin' }], ['OSL', { city: 'Kristiania' }]);
    const ask = (waitMs: number) => one.views.query('v', new Map(), { tokens: [token], waitMs });
    await expect(ask(100)).rejects.toMatchObject({ code: 'view-behind' });
    held.resolve();
    const { answer } = await ask(10_000);
    expect(answer.rows).toEqual([{ id: 'r1', start: 'Kristiania', goal: 'Bjørgvin' }]);
  });
});
