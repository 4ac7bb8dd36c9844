import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import {
  drive,
  MigrationWorld,
  Mortality,
  readTopic,
  runOf,
  ScriptedTransforms,
  type StoredOperation,
  fingerprint,
  valuesByKey,
} from '../testing/index.js';
import { TransformError } from './pipeline.js';

/** Of two keys each, one of which has a record that only the corrected transform can do, and one that none can. */
const VALUES = ['{"n":0}', '{"late":1}', '{"n":2}', 'no json', '{"n":4}', '{"n":5}', '{"n":6}', '{"late":7}'];

const squareOf = (n: number | undefined): number => {
  if (n === undefined) throw new TransformError('transform-failed', 'there is no number');
  return n * n;
};
const scripts = {
  square: ({ value }: { value: unknown }) => squareOf((value as { n?: number }).n),
  corrected: ({ value }: { value: unknown }) => {
    const { n, late } = value as { n?: number; late?: number };
    return squareOf(n ?? late);
  },
};
const JSON_KEYS = { source: { type: 'raw', encoding: 'text' }, format: { type: 'json' } };
const request = (leaveParked: boolean, rekeys: boolean): JsonObject => ({
  topic: 'orders',
  ...(rekeys ? { key: JSON_KEYS } : {}),
  transform: { up: [{ set: 'value.square', cel: 'square' }] },
  poison: { policy: 'park-by-key', leaveParked },
});

async function prepared(): Promise<MigrationWorld> {
  const world = new MigrationWorld(new ScriptedTransforms(scripts));
  await world.engine.createTopic({ name: 'orders', partitions: 2 });
  for (const [n, value] of VALUES.entries()) {
    const record = { key: Buffer.from(`k${n % 4}`), value: Buffer.from(value), headers: [], timestamp: 1 };
    await world.engine.append({ topic: 'orders', partition: n % 2 }, encodeBatch([record]));
  }
  return world;
}

/** Asked for one after another; the second one changes nothing. */
const REDRIVES: readonly JsonObject[] = [{ transform: { up: [{ set: 'value.square', cel: 'corrected' }] } }, {}];

type Last = 'finish' | 'cancel';

/** One process after another works on the operation until its end, the first of which dies at an effect. Answers whether it did. */
async function worked(world: MigrationWorld, operation: StoredOperation, mortality: Mortality, last: Last) {
  const going = async (mortal: Mortality): Promise<void> => {
    const handler = world.process({ mortality: mortal });
    const effect = <T>(name: string, perform: () => T) => mortal.effect(name, perform);
    for (const [n, asked] of REDRIVES.entries()) {
      if (((operation.notes['asked'] as number | undefined) ?? 0) > n) continue;
      await drive(handler, operation, { until: 'READY', effect });
      const notes = await handler.redrive!(operation.plan.parameters, operation.notes, asked);
      await effect('redrive', () => {
        operation.notes = { ...operation.notes, ...notes, asked: n + 1 };
        operation.phase = 'CATCHING_UP';
      });
    }
    if (last === 'cancel') {
      await drive(handler, operation, { until: 'READY', effect });
      await handler.cancel(runOf(operation, { effect }));
      return;
    }
    await drive(handler, operation, { until: 'SWITCHED', effect });
    await handler.finish(runOf(operation, { effect }));
  };
  try {
    await going(mortality);
    return false;
  } catch (error) {
    if (!mortality.dead) throw error;
  }
  await going(new Mortality());
  return true;
}

describe('a migration that parks and redrives, killed anywhere', () => {
  const cases = [
    ['finish', false],
    ['cancel', false],
    ['finish', true],
  ] as const;
  for (const [last, rekeys] of cases) {
    const title = `${last}${rekeys ? ', keys in another format' : ''}`;
    it(`ends as if nothing had happened (${title}), before and after each effect`, async () => {
      const clean = await prepared();
      const calm = new Mortality();
      const operation = await clean.planned(request(true, rekeys));
      await worked(clean, operation, calm, last);
      const expected = valuesByKey(await clean.read('orders'));
      const topics = await clean.topics();
      const parked = async (world: MigrationWorld): Promise<string[][]> => {
        if (last === 'cancel') return [];
        return (await readTopic(world.engine, 'orders.parked-op-1')).map((records) => records.map(fingerprint));
      };
      const left = await parked(clean);
      if (last === 'finish') {
        const named = (key: string): string => (rekeys ? JSON.stringify(key) : key);
        expect(Object.fromEntries(expected)).toEqual({
          [named('k0')]: ['{"n":0,"square":0}', '{"n":4,"square":16}'],
          [named('k1')]: ['{"late":1,"square":1}', '{"n":5,"square":25}'],
          [named('k2')]: ['{"n":2,"square":4}', '{"n":6,"square":36}'],
        });
        expect(operation.notes['errors']).toMatchObject({ read: 8, written: 6, parked: 2, parkedKeys: 1, redriven: 2 });
      }
      for (const after of [false, true]) {
        for (let at = 1; at <= calm.effects; at++) {
          const world = await prepared();
          const cut = await world.planned(request(true, rekeys));
          const name = `${after ? 'after' : 'before'} effect ${at} (${calm.names[at - 1]})`;
          expect(await worked(world, cut, new Mortality(at, after), last), name).toBe(true);
          expect(valuesByKey(await world.read('orders')), name).toEqual(expected);
          expect(await world.topics(), name).toEqual(topics);
          expect(await parked(world), name).toEqual(left);
          expect(await world.engine.listRetentionHolds(), name).toEqual([]);
          if (last === 'finish') expect(cut.notes['errors'], name).toEqual(operation.notes['errors']);
        }
      }
    });
  }
});
