import { describe, expect, it } from 'vitest';
import { RepartitionHandler } from '../repartition/handler.js';
import { JsonRecordDecoder } from '../record-decoder.js';
import { type Change, DerivationWorld, LATEST, SOON } from '../testing/derivation-world.js';
import { drive, newOperation, runOf } from '../testing/operation-driver.js';
import { readTopic } from '../testing/records.js';
import { expectPlaced, textOf } from '../testing/repartition-world.js';

/** A record that is newer than what its key has, and one that is older. */
const turn = (n: number): readonly Change[] => [
  { key: `k${n % 12}`, value: n, timestamp: 1_000 + n },
  { key: `k${n % 12}`, value: `late ${n}`, timestamp: 1 },
];

describe('topics that a derivation writes beside its own', () => {
  it('may be repartitioned like any other: it goes on in the new generation, where the topic places keys', async () => {
    const world = await DerivationWorld.open();
    try {
      const { directories, names, clock } = world;
      await world.derivations.create(
        undefined,
        { ...LATEST, orderBy: { by: 'timestamp' }, nullKeys: 'dlq', late: 'topic' },
        'test',
      );
      let written = 0;
      const write = async (turns: number): Promise<void> => {
        for (let n = 0; n < turns; n++) await world.write('t', ...turn(written++));
      };
      await write(20);
      await world.write('t', { key: null, value: 'without' });
      await world.settle('latest', 41);
      const tuning = { tailWaitMs: 2, stragglerMs: 2, readersMs: 0 };
      const handler = new RepartitionHandler({ directories, names, decoder: new JsonRecordDecoder(), clock, tuning });
      let going = true;
      const writing = (async () => {
        while (going) {
          await write(1);
          await clock.sleep(1);
        }
      })();
      try {
        for (const [n, topic] of ['latest.late', 'latest.dlq'].entries()) {
          const plan = await handler.plan({
            topic,
            target: { partitions: 5, partitioner: 'crc32' },
            nullKeys: 'spread',
          });
          expect(plan.blockers).toEqual([]);
          const operation = newOperation(`op-${n}`, plan);
          await drive(handler, operation, { until: 'SWITCHED' });
          await write(3);
          await handler.finish(runOf(operation));
        }
      } finally {
        going = false;
        await writing;
      }
      await write(20);
      await world.write('t', { key: null, value: 'without, later' });
      await world.settle('latest', 2 * written + 2);
      expect((await world.describe('latest')).problem).toBeNull();
      const late = await readTopic(world.engine, 'latest.late--g2');
      expectPlaced(late, 'crc32');
      expect(late.filter((records) => records.length > 0).length).toBeGreaterThan(1);
      const values = late.flat().map((one) => textOf(one.value));
      expect(values.sort()).toEqual(Array.from({ length: written }, (_, n) => `"late ${n}"`).sort());
      const dead = (await readTopic(world.engine, 'latest.dlq--g2')).flat();
      expect(dead.map((one) => textOf(one.value))).toEqual(['"without"', '"without, later"']);
    } finally {
      await world.close();
    }
  });

  it('hold it back while they are closed, and it goes on when they are not', async () => {
    let folded = 0;
    const failPoint = (name: string): void => {
      if (name === 'derivation-step-folded') folded++;
    };
    const world = await DerivationWorld.open({ failPoint });
    try {
      await world.derivations.create(undefined, { ...LATEST, orderBy: { by: 'timestamp' }, late: 'topic' }, 'test');
      await world.write('t', ...turn(0));
      await world.settle('latest', 2);
      await world.engine.setTopicState('latest.late', 'FENCED');
      const before = folded;
      await world.write('t', ...turn(1), ...turn(12));
      await expect.poll(() => folded, SOON).toBeGreaterThan(before);
      expect((await world.describe('latest')).progress?.counts.read).toBe(2);
      expect((await readTopic(world.engine, 'latest.late')).flat()).toHaveLength(1);
      await world.engine.setTopicState('latest.late', 'ACTIVE');
      await world.settle('latest', 6);
      expect((await readTopic(world.engine, 'latest.late')).flat()).toHaveLength(3);
    } finally {
      await world.close();
    }
  });
});
