import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { TogetherHandler } from '../generations/together.js';
import {
  Mortality,
  type MovingProcess,
  MoveWorld,
  newOperation,
  type StoredOperation,
  valuesByKey,
  workInterrupted,
} from '../testing/index.js';

const TOPICS = ['orders', 'payments'];

/** A world in which topics go to another cluster together. */
class MovingTogether {
  readonly one = new MoveWorld({ a: true, b: false });

  process(options: MovingProcess = {}): TogetherHandler {
    return new TogetherHandler(this.one.process(options), false);
  }

  async planned(more: JsonObject = {}): Promise<StoredOperation> {
    return newOperation('op-1', await this.process().plan({ topics: TOPICS, to: 'b', ...more }));
  }

  /** Where the names say the topics are. */
  async homes(): Promise<string[]> {
    return await Promise.all(TOPICS.map((topic) => this.one.home(topic)));
  }

  async contents(): Promise<Map<string, string[]>[]> {
    return await Promise.all(TOPICS.map(async (topic) => valuesByKey(await this.one.read(topic))));
  }
}

async function prepared(): Promise<MovingTogether> {
  const world = new MovingTogether();
  for (const [i, topic] of TOPICS.entries()) {
    await world.one.a.createTopic({ name: topic, partitions: 2 + i });
    for (let n = 0; n < 6; n++) await world.one.write(`k${n % 4}`, `${topic}-${n}`, topic);
    await world.one.a.commitPositions('joiner', [{ topic, partition: 0, offset: 1 }]);
  }
  return world;
}

const write = async (world: MovingTogether): Promise<void> => {
  for (const topic of TOPICS) for (const n of [1, 2]) await world.one.write(`k${n}`, `late-${n}`, topic);
};

describe('topics that are moved to another cluster in one step', () => {
  it('need not have as many partitions, and are planned as one', async () => {
    const { plan } = await (await prepared()).planned();
    expect(plan.blockers).toEqual([]);
    expect(plan).toMatchObject({ subject: 'topic:a/orders', alsoOn: ['topic:a/payments'] });
    expect(plan.impact).toMatchObject({ topics: TOPICS, translation: [{ topic: 'orders' }, { topic: 'payments' }] });
  });

  for (const last of ['finish', 'rollback'] as const) {
    it(`end as if nothing had happened, killed before or after any effect (${last})`, async () => {
      const clean = await prepared();
      const unread = await Promise.all(TOPICS.map((topic) => clean.one.unread('joiner', topic)));
      const calm = new Mortality();
      await workInterrupted({ world: clean, operation: await clean.planned(), mortality: calm, last, write });
      const [expected, topics, homes] = [await clean.contents(), await clean.one.topics(), await clean.homes()];
      expect(new Set(homes)).toEqual(new Set([last === 'finish' ? 'b' : 'a']));
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          const operation = await world.planned();
          let apart = 0;
          const look = async (): Promise<void> => {
            if (new Set(await world.homes()).size > 1) apart++;
          };
          const watched = {
            one: world.one,
            process: (options: MovingProcess = {}) => world.process({ ...options, failPoint: look }),
          } as unknown as MovingTogether;
          await workInterrupted({ world: watched, operation, mortality: new Mortality(at, after), last, write });
          expect(apart, name).toBe(0);
          expect(await world.homes(), name).toEqual(homes);
          expect(await world.contents(), name).toEqual(expected);
          expect(await world.one.topics(), name).toEqual(topics);
          expect([await world.one.a.listRetentionHolds(), await world.one.b.listRetentionHolds()], name).toEqual([
            [],
            [],
          ]);
          for (const [i, topic] of TOPICS.entries()) {
            const left = (await world.one.unread('joiner', topic)).flat();
            expect(left.length, name).toBe(unread[i]!.flat().length + 2);
          }
        }
      }
    }, 300_000);
  }
});
