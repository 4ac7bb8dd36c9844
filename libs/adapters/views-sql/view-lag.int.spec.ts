import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { ViewWorld, type ViewInstance } from './testing/view-world.js';

const ROWS: JsonObject = { source: { topic: 't' }, key: { id: 'key' }, columns: { n: 'value.n' } };

describe('how far a view is behind', () => {
  let world: ViewWorld;
  let one: ViewInstance;

  beforeEach(async () => {
    world = await ViewWorld.open();
    one = world.instance();
    await one.views.declare('v', undefined, ROWS);
  });
  afterEach(() => world.close());

  it('is told in records and in time also while nobody writes it, by the oldest record that it has not read', async () => {
    await world.write('t', 0, ['a', { n: 1 }, world.clock.now() - 90_000]);
    await world.settled(one, 'v');
    await one.views.setState('v', 'PAUSED');
    expect(await one.views.describe('v')).toMatchObject({ lag: 0, staleMs: 0 });
    await world.write('t', 1, ['b', { n: 2 }, world.clock.now() - 30_000], ['c', { n: 3 }, world.clock.now()]);
    await world.write('t', 0, ['d', { n: 4 }, world.clock.now() - 60_000]);
    const { lag, staleMs } = await one.views.describe('v');
    expect(lag).toBe(3);
    expect(staleMs).toBeGreaterThanOrEqual(60_000);
    expect(staleMs).toBeLessThan(89_000);
    // Of records without a time only their number is known.
    await one.views.setState('v', 'RUNNING');
    await world.settled(one, 'v');
    await one.views.setState('v', 'PAUSED');
    await world.write('t', 1, ['e', { n: 5 }, -1]);
    expect(await one.views.describe('v')).toMatchObject({ lag: 1, staleMs: null });
  });
});
