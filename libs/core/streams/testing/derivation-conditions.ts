import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogEngine, StoredRecord } from '#libs/core/log';
import type { DerivationRequest } from '../derive/derivations.js';
import { stateDigest } from '../derive/state-order.js';
import { sourceHeaders } from '../derive/derived-headers.js';
import { type Change, DerivationWorld, LATEST, VERSIONED } from './derivation-world.js';
import type { ConditionsSubject } from './generation-conditions.js';
import { fingerprint } from './records.js';
import { brokenVersionLaws } from './version-laws.js';

const LONGEST_MS = 300_000;

const changes = fc.array(
  fc.record<Change>({
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    timestamp: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 20 },
);

/** What the latest states are by the law: the last change of each key, none for one that ended. */
function latestOf(history: readonly Change[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { key, value } of history) {
    if (value === undefined) delete found[key!];
    else found[key!] = value;
  }
  return found;
}

/** The conditions of latest and versioned streams as properties against oracles, on one log: L1 to L5. */
export function derivationConditions(name: string, { open, mark, runs }: ConditionsSubject): void {
  describe(`conditions of latest and versioned streams, ${name}`, () => {
    let log: LogEngine;
    let world: DerivationWorld;
    let number = 0;
    beforeAll(async () => {
      log = await open();
      world = await DerivationWorld.open({ log });
    });
    afterAll(async () => {
      await world.stop();
      await log.close();
    });

    /** A topic of its own, with what was written to it so far. */
    async function source(history: readonly Change[]): Promise<string> {
      const topic = `${mark}-l${number++}`;
      await log.createTopic({ name: topic, partitions: 1 });
      await world.write(topic, ...history);
      return topic;
    }

    async function derive(request: DerivationRequest, from: string, as: string): Promise<string> {
      const name = `${from}-${as}`;
      await world.derivations.create(undefined, { ...request, source: from, name }, 'test');
      return name;
    }

    /** Deletes derivations, and the topic they were made of. */
    async function clear(topic: string, ...names: readonly string[]): Promise<void> {
      for (const one of names) await world.derivations.delete(undefined, one);
      await log.deleteTopic(topic);
    }

    const check = <Case>(property: fc.IAsyncProperty<Case>): Promise<void> => fc.assert(property, { numRuns: runs });

    it(
      'L1, L2: versions are dense from 1 in intervals that touch, and the latest of them is the latest of the source',
      async () => {
        const property = fc.asyncProperty(changes, fc.nat(20), async (history, split) => {
          const topic = await source(history.slice(0, split));
          const latest = await derive(LATEST, topic, 'latest');
          const versions = await derive(VERSIONED, topic, 'versions');
          const back = await derive(LATEST, versions, 'back');
          await world.write(topic, ...history.slice(split));
          expect(await world.settled(latest, history.length)).toEqual(latestOf(history));
          await world.settle(versions, history.length);
          const records = await world.recordsOf(versions);
          expect(brokenVersionLaws(records)).toEqual([]);
          await world.settle(back, records.length);
          expect((await world.recordsOf(back)).map(fingerprint)).toEqual(
            (await world.recordsOf(latest)).map(fingerprint),
          );
          await clear(topic, back, versions, latest);
        });
        await check(property);
      },
      LONGEST_MS,
    );

    it(
      'L3: where a version orders, the order of arrival does not matter',
      async () => {
        const versions = fc.uniqueArray(
          fc.record({ key: fc.constantFrom('a', 'b'), version: fc.integer({ min: 1, max: 1_000 }) }),
          { selector: (one) => `${one.key}${one.version}`, maxLength: 12 },
        );
        const orders = fc.constantFrom<DerivationRequest['orderBy']>(
          { by: 'timestamp' },
          { by: 'field', path: 'value.version' },
        );
        const property = fc.asyncProperty(versions, orders, async (list, orderBy) => {
          const topic = await source(list.map(({ key, version }) => ({ key, value: { version }, timestamp: version })));
          const latest = await derive({ ...LATEST, orderBy }, topic, 'latest');
          const expected: Record<string, unknown> = {};
          for (const { key, version } of [...list].sort((a, b) => a.version - b.version)) expected[key] = { version };
          expect(await world.settled(latest, list.length)).toEqual(expected);
          await clear(topic, latest);
        });
        await check(property);
      },
      LONGEST_MS,
    );

    it(
      'L4: what is kept beside the streams is a cache: without it they go on as if nothing had happened',
      async () => {
        const property = fc.asyncProperty(changes, fc.nat(20), async (history, split) => {
          const streams: unknown[] = [];
          for (const isLost of [false, true]) {
            const first = history.slice(0, split);
            const topic = await source(first);
            const versions = await derive(VERSIONED, topic, 'versions');
            await world.settle(versions, first.length);
            if (isLost) await world.stop();
            await world.write(topic, ...history.slice(split));
            if (isLost) await world.restart();
            await world.settle(versions, history.length);
            const state = ({ key, value, headers, timestamp }: StoredRecord): unknown => [
              ...[String(key), value && Buffer.from(value).toString(), timestamp],
              headers.map((one) => [one.key, String(one.value)]),
              stateDigest({ key, value, timestamp, headers: sourceHeaders(headers) }),
            ];
            streams.push((await world.recordsOf(versions)).map(state));
            await clear(topic, versions);
          }
          expect(streams[1]).toEqual(streams[0]);
        });
        await check(property);
      },
      LONGEST_MS,
    );

    it(
      'L5: a snapshot has every live key once at a stated position, and what is behind that is the rest',
      async () => {
        const property = fc.asyncProperty(changes, changes, async (first, later) => {
          const topic = await source(first);
          const latest = await derive(LATEST, topic, 'latest');
          await world.settle(latest, first.length);
          const taking = world.derivations.lookups.snapshot(undefined, latest);
          const [{ rows, vector }] = await Promise.all([taking, world.write(topic, ...later)]);
          const state: Record<string, unknown> = {};
          for (const [key, row] of rows) {
            expect(key in state).toBe(false);
            state[key] = JSON.parse(Buffer.from(row.value).toString());
          }
          await world.settle(latest, first.length + later.length);
          const records = await world.recordsOf(latest);
          const at = vector.positions.get(0)!;
          const told = ({ key, value }: StoredRecord): Change => ({
            key: String(key),
            value: value === null ? undefined : (JSON.parse(Buffer.from(value).toString()) as unknown),
          });
          expect(latestOf(records.filter(({ offset }) => offset < at).map(told))).toEqual(state);
          expect(latestOf(records.map(told))).toEqual(latestOf([...first, ...later]));
          await clear(topic, latest);
        });
        await check(property);
      },
      LONGEST_MS,
    );
  });
}
