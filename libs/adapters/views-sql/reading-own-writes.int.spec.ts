import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PositionToken } from '#libs/core/log';
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

/** A write of one record: a route, or the city of an airport; without a value the end of its key. */
const anyWrite = fc.oneof(
  fc.record({
    topic: fc.constant('t'),
    partition: fc.integer({ min: 0, max: 1 }),
    key: fc.constantFrom('r1', 'r2', 'r3'),
    value: fc.option(fc.record({ from: fc.constantFrom('OSL', 'BGO'), to: fc.constantFrom('OSL', 'BGO', 'TRD') }), {
      nil: undefined,
    }),
  }),
  fc.record({
    topic: fc.constant('airports'),
    partition: fc.constant(0),
    key: fc.constantFrom('OSL', 'BGO', 'TRD'),
    value: fc.option(fc.record({ city: fc.string({ maxLength: 3 }) }), { nil: undefined }),
  }),
);

describe('a read with the token of a write', () => {
  let world: ViewWorld;
  let one: ViewInstance;
  let number = 0;

  beforeEach(async () => {
    world = await ViewWorld.open();
    await world.engine.createTopic({ name: 'airports', partitions: 1 });
    one = world.instance();
  });
  afterEach(() => world.close());

  it('sees it and all before it, whatever was written where (V5)', async () => {
    let time = 0;
    /** The last write to each partition. */
    const last = new Map<string, PositionToken>();
    const state = { t: new Map<string, JsonObject>(), airports: new Map<string, JsonObject>() };
    await fc.assert(
      fc.asyncProperty(fc.array(anyWrite, { minLength: 1, maxLength: 12 }), async (writes) => {
        const name = `v${number++}`;
        await one.views.declare(name, undefined, ROUTES);
        for (const { topic, partition, key, value } of writes) {
          const of = state[topic as keyof typeof state];
          // Of a key in several partitions the later time wins.
          const token = await world.write(topic, partition, [key, value, ++time]);
          if (value === undefined) of.delete(key);
          else of.set(key, value);
          last.set(`${topic}/${partition}`, token);
          const { answer } = await one.views.query(name, new Map(), { tokens: [...last.values()], waitMs: 20_000 });
          const city = (airport: JsonValue | undefined): JsonValue =>
            state.airports.get(String(airport))?.['city'] ?? null;
          const expected = [...state.t].map(([id, { from, to }]) => ({ id, start: city(from), goal: city(to) }));
          expect(answer.rows).toEqual(expected.sort((a, b) => (a.id < b.id ? -1 : 1)));
        }
        await one.views.delete(name);
      }),
      { numRuns: 15 },
    );
  });
});

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
