import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StickyPartitions, TopicProducer } from '#libs/core/log';
import { RepartitionHandler } from '../repartition/handler.js';
import { JsonRecordDecoder } from '../record-decoder.js';
import { DerivationWorld, LATEST, VERSIONED } from '../testing/derivation-world.js';
import { drive, newOperation } from '../testing/operation-driver.js';

/** A key, its value or none for a tombstone. */
type Change = readonly [key: string, value: number | undefined];

const anyChange: fc.Arbitrary<Change> = fc.tuple(
  fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  fc.option(fc.nat(99), { nil: undefined }),
);
const scenario = fc.record({
  before: fc.array(anyChange, { maxLength: 12 }),
  moves: fc.array(
    fc.record({
      partitions: fc.integer({ min: 1, max: 5 }),
      rolledBack: fc.boolean(),
      after: fc.array(anyChange, { maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

describe('derivations whose source is repartitioned, and rolled back, while they follow it', () => {
  it('read every record once, and hold what those hold that are built anew', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ before, moves }) => {
        const world = await DerivationWorld.open();
        try {
          const { directories, names, clock } = world;
          const producer = new TopicProducer(directories.of(), new StickyPartitions(() => 0.5));
          let written = 0;
          const write = async (changes: readonly Change[]): Promise<void> => {
            for (const [key, value] of changes) {
              const bytes = value === undefined ? null : Buffer.from(JSON.stringify(value));
              const record = { key: Buffer.from(key), value: bytes, headers: [], timestamp: ++written };
              await producer.produce('t', [record], { maxHoldMs: 5_000 });
            }
          };
          const tuning = { tailWaitMs: 2, stragglerMs: 2, readersMs: 5_000 };
          const handler = new RepartitionHandler({
            directories,
            names,
            decoder: new JsonRecordDecoder(),
            clock,
            tuning,
          });
          await world.derivations.create(undefined, LATEST, 'test');
          await world.derivations.create(undefined, VERSIONED, 'test');
          await write(before);
          for (const [n, { partitions, rolledBack, after }] of moves.entries()) {
            const plan = await handler.plan({ topic: 't', target: { partitions } });
            if (plan.blockers.length > 0) continue;
            const operation = newOperation(`op-${n}`, plan);
            await drive(handler, operation, { until: 'SWITCHED' });
            await write(after);
            for (const name of ['latest', 'versions']) await world.settle(name, written);
            if (!rolledBack) continue;
            operation.phase = 'ROLLING_BACK';
            await drive(handler, operation, { until: 'ROLLED_BACK' });
          }
          await world.derivations.create(undefined, { ...LATEST, name: 'latest-anew' }, 'test');
          await world.derivations.create(undefined, { ...VERSIONED, name: 'versions-anew' }, 'test');
          expect(await world.settled('latest', written)).toEqual(await world.settled('latest-anew', written));
          const states = async (name: string): Promise<Record<string, string[]>> => {
            await world.settle(name, written);
            const found: Record<string, string[]> = {};
            for (const { key, value } of await world.recordsOf(name))
              (found[String(key)] ??= []).push(value === null ? 'ended' : Buffer.from(value).toString());
            return found;
          };
          expect(await states('versions')).toEqual(await states('versions-anew'));
        } finally {
          await world.close();
        }
      }),
      { numRuns: 8 },
    );
  });
});
