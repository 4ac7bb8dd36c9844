import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { physicalName } from '#libs/core/log';
import { DerivationWorld, LATEST, SOON } from '../testing/derivation-world.js';
import { headerText } from './derived-headers.js';
import type { DerivationRequest } from './derivations.js';

describe('latest derivations', () => {
  let world: DerivationWorld;

  beforeEach(async () => {
    world = await DerivationWorld.open();
  });

  afterEach(() => world.close());

  it('keeps one state per key, the newest, and none after its tombstone', async () => {
    await world.write('t', { key: 'a', value: 1 }, { key: 'b', value: 2 }, { key: 'a', value: 3 });
    await world.derivations.create(undefined, LATEST, 'test');
    expect(await world.settled('latest', 3)).toEqual({ a: 3, b: 2 });
    await world.write('t', { key: 'a', value: undefined }, { key: 'c', value: 4 });
    expect(await world.settled('latest', 5)).toEqual({ b: 2, c: 4 });
  });

  it('begins with what comes from now on where it is told to, says so, and begins there again after a restart', async () => {
    await world.write('t', { key: 'a', value: 1 }, { key: 'b', value: 2 });
    const since = await world.derivations.create(undefined, { ...LATEST, backfill: false }, 'test');
    expect(since.stored.definition.since).toEqual({ generation: 1, next: [2] });
    await world.write('t', { key: 'a', value: 3 }, { key: 'c', value: 4 });
    expect(await world.settled('latest', 2)).toEqual({ a: 3, c: 4 });
    const { progress } = await world.derivations.describe(undefined, 'latest');
    expect(progress).toMatchObject({ historyStart: [2], counts: { read: 2 } });
    // Before a record came nothing was kept of it but the definition.
    await world.derivations.create(undefined, { ...LATEST, name: 'later', backfill: false }, 'test');
    await world.derivations.setState(undefined, 'later', 'PAUSED');
    await world.write('t', { key: 'd', value: 5 });
    await world.derivations.setState(undefined, 'later', 'RUNNING');
    expect(await world.settled('later', 1)).toEqual({ d: 5 });
  });

  it('goes by timestamp or by a field when told to, whatever order records come in (L3)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.record({ key: fc.constantFrom('a', 'b'), version: fc.integer({ min: 1, max: 1_000 }) }), {
          selector: (one) => `${one.key}${one.version}`,
          maxLength: 15,
        }),
        fc.constantFrom<DerivationRequest['orderBy']>({ by: 'timestamp' }, { by: 'field', path: 'value.version' }),
        fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
        async (versions, orderBy, splits) => {
          const topic = `s${world.fresh()}`;
          await world.engine.createTopic({ name: topic, partitions: 1 });
          await world.derivations.create(
            undefined,
            { ...LATEST, name: `${topic}-latest`, source: topic, orderBy },
            'test',
          );
          for (const [index, { key, version }] of versions.entries()) {
            await world.write(topic, { key, value: { version }, timestamp: version });
            if (splits[index]) await new Promise((resolve) => setImmediate(resolve));
          }
          const expected: Record<string, unknown> = {};
          for (const { key, version } of versions)
            if (version > ((expected[key] as { version: number } | undefined)?.version ?? 0))
              expected[key] = { version };
          expect(await world.settled(`${topic}-latest`, versions.length)).toEqual(expected);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('counts what it leaves out: late, equal, without key, without version', async () => {
    await world.write(
      't',
      { key: 'a', value: { v: 5 } },
      { key: 'a', value: { v: 4 } },
      { key: 'a', value: { v: 5 } },
      { key: 'a', value: { v: 5, other: true } },
      { key: null, value: { v: 1 } },
      { key: 'b', value: {} },
      { key: 'c', value: undefined },
    );
    await world.derivations.create(
      undefined,
      { ...LATEST, orderBy: { by: 'field', path: 'value.v' }, onConflict: 'first' },
      'test',
    );
    expect(await world.settled('latest', 7)).toEqual({ a: { v: 5 } });
    expect((await world.derivations.describe(undefined, 'latest')).progress?.counts).toEqual({
      read: 7,
      written: 1,
      late: 1,
      same: 2,
      conflicts: 1,
      nullKeys: 1,
      refused: 1,
      erased: 0,
    });
  });

  it('copies what it has no place for to the dead letters, or stops, when told to', async () => {
    await world.write('t', { key: null, value: 1 }, { key: 'a', value: 2 });
    await world.derivations.create(undefined, { ...LATEST, name: 'kept', nullKeys: 'dlq' }, 'test');
    expect(await world.settled('kept', 2)).toEqual({ a: 2 });
    expect((await world.engine.describeTopic('kept.dlq')).partitions[0]?.endOffset).toBe(1);
    await world.derivations.create(undefined, { ...LATEST, name: 'strict', nullKeys: 'fail' }, 'test');
    await expect
      .poll(async () => (await world.derivations.describe(undefined, 'strict')).problem, SOON)
      .toMatch(/t\/0\/0 has no place in 'strict'/);
  });

  it('adds partial values up in the order they come in, over a restart too', async () => {
    await world.write(
      't',
      { key: 'a', value: { n: 1, at: { city: 'Oslo', zip: '0150' } } },
      { key: 'a', value: { n: 2 } },
    );
    await world.derivations.create(undefined, { ...LATEST, merge: { nulls: 'keep' } }, 'test');
    expect(await world.settled('latest', 2)).toEqual({ a: { n: 2, at: { city: 'Oslo', zip: '0150' } } });
    await world.stop();
    await world.write('t', { key: 'a', value: { at: { city: 'Bergen' }, n: null } }, { key: 'a', value: { n: 2 } });
    await world.restart();
    expect(await world.settled('latest', 4)).toEqual({ a: { n: 2, at: { city: 'Bergen', zip: '0150' } } });
    expect((await world.describe('latest')).progress?.counts).toMatchObject({ written: 3, same: 1 });
    await world.write('t', { key: 'a', value: undefined }, { key: 'a', value: { n: 7 } });
    expect(await world.settled('latest', 6)).toEqual({ a: { n: 7 } });
  });

  it('ends a key with a value that says so, and no late record brings it back', async () => {
    const request = {
      ...LATEST,
      orderBy: { by: 'field', path: 'value.v' } as const,
      deletes: { path: 'value.state', equals: 'gone' },
    };
    await world.write(
      't',
      { key: 'a', value: { v: 1 } },
      { key: 'b', value: { v: 1 } },
      { key: 'a', value: { v: 3, state: 'gone' } },
    );
    await world.derivations.create(undefined, request, 'test');
    expect(await world.settled('latest', 3)).toEqual({ b: { v: 1 } });
    await world.stop();
    await world.restart();
    await world.write('t', { key: 'a', value: { v: 2 } });
    expect(await world.settled('latest', 4)).toEqual({ b: { v: 1 } });
    await world.write('t', { key: 'a', value: { v: 4 } });
    expect(await world.settled('latest', 5)).toEqual({ a: { v: 4 }, b: { v: 1 } });
  });

  it('copies the second of two versions that differ to the dead letters when told to', async () => {
    const orderBy = { by: 'timestamp' } as const;
    await world.write('t', { key: 'a', value: 1, timestamp: 5 }, { key: 'a', value: 2, timestamp: 5 });
    await world.derivations.create(undefined, { ...LATEST, orderBy, onConflict: 'dlq' }, 'test');
    expect(await world.settled('latest', 2)).toEqual({ a: 1 });
    const [dead] = await world.recordsOf('latest.dlq');
    expect(Buffer.from(dead!.value!).toString()).toBe('2');
    expect(headerText(dead!.headers, 'weir-refused')).toBe('version-conflict t/0/1');
  });

  it('forgets ended keys when no late record is looked out for any more', async () => {
    const keys = Array.from({ length: 10_001 }, (_, index) => `k${index}`);
    await world.derivations.create(undefined, { ...LATEST, orderBy: { by: 'timestamp' }, lateHorizonMs: 0 }, 'test');
    await world.write('t', ...keys.map((key) => ({ key, value: 1, timestamp: 10 })));
    await world.write('t', ...keys.map((key) => ({ key, value: undefined, timestamp: 11 })));
    await world.settle('latest', 20_002);
    await world.write('t', { key: 'other', value: 1, timestamp: 10 });
    await world.settle('latest', 20_003);
    await world.write('t', { key: 'k0', value: 2, timestamp: 10 });
    expect(await world.settled('latest', 20_004)).toEqual({ k0: 2, other: 1 });
  });

  it('gives every live key once at one position, whatever is written meanwhile (L5)', async () => {
    await world.write('t', { key: 'a', value: 1 }, { key: 'b', value: 2 }, { key: 'a', value: undefined });
    await world.derivations.create(undefined, LATEST, 'test');
    await world.settle('latest', 3);
    const { rows, vector } = await world.derivations.lookups.snapshot(undefined, 'latest');
    await world.write('t', { key: 'b', value: 3 }, { key: 'c', value: 4 });
    expect(await world.settled('latest', 5)).toEqual({ b: 3, c: 4 });
    expect(rows.map(([key, row]) => [key, Buffer.from(row.value).toString()])).toEqual([['b', '2']]);
    expect([...vector.positions]).toEqual([[0, 3]]);
  });

  it('writes nothing twice when an acknowledgement is lost, and fences whoever ran before (L4)', async () => {
    await world.derivations.create(undefined, LATEST, 'test');
    for (let n = 0; n < 10; n++) {
      if (n % 3 === 1) world.faults.once('commit', { kind: 'lost-acknowledgement' });
      if (n % 3 === 2) world.faults.once('commit', { kind: 'lost-request' });
      await world.write('t', { key: `k${n % 4}`, value: n });
      await world.settled('latest', n + 1);
    }
    expect(await world.settled('latest', 10)).toEqual({ k0: 8, k1: 9, k2: 6, k3: 7 });
    expect((await world.engine.describeTopic('latest')).partitions[0]?.endOffset).toBe(10);
  });

  it('begins anew after an abort that was not its own, as after any error', async () => {
    let aborted = false;
    const failPoint = (name: string): void => {
      if (name !== 'derivation-step-folded' || aborted) return;
      aborted = true;
      throw new DOMException('Somebody else has given up.', 'AbortError');
    };
    const other = await DerivationWorld.open({ failPoint });
    await other.write('t', { key: 'a', value: 1 });
    await other.derivations.create(undefined, LATEST, 'test');
    expect(await other.settled('latest', 1)).toEqual({ a: 1 });
    expect(aborted).toBe(true);
    await other.close();
  });

  it('goes on after a restart, its state folded anew from what it wrote', async () => {
    await world.write('t', { key: 'a', value: { v: 5 } });
    await world.derivations.create(undefined, { ...LATEST, orderBy: { by: 'field', path: 'value.v' } }, 'test');
    await world.settled('latest', 1);
    await world.stop();
    await world.write('t', { key: 'a', value: { v: 4 } }, { key: 'b', value: { v: 1 } });
    await world.restart();
    expect(await world.settled('latest', 3)).toEqual({ a: { v: 5 }, b: { v: 1 } });
  });

  it('follows a cutover of its source, reading no record twice', async () => {
    await world.write('t', { key: 'a', value: 1 });
    await world.derivations.create(undefined, LATEST, 'test');
    await world.settled('latest', 1);
    const next = physicalName('t', 2);
    await world.engine.createTopic({ name: next, partitions: 2 });
    await world.write(next, { key: 'a', value: 1 });
    await world.engine.setTopicState('t', 'FENCED');
    await world.names.compareAndSet(world.engine.logId, 't', 0, 2, {
      opensAt: [1, 0],
      closedAt: [],
      keyExpression: null,
      partitioner: null,
    });
    await world.write(next, { key: 'a', value: 2 });
    expect(await world.settled('latest', 2)).toEqual({ a: 2 });
  });

  it('lets nobody else write its topic, and takes it away when it is deleted', async () => {
    await world.derivations.create(undefined, LATEST, 'test');
    await expect(world.write('latest', { key: 'a', value: 1 })).rejects.toMatchObject({ code: 'topic-fenced' });
    await expect(world.derivations.create(undefined, LATEST, 'test')).rejects.toMatchObject({
      code: 'derivation-exists',
    });
    await world.derivations.delete(undefined, 'latest');
    await expect(world.engine.describeTopic('latest')).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(world.derivations.describe(undefined, 'latest')).rejects.toMatchObject({
      code: 'derivation-not-found',
    });
    await world.write('t', { key: 'x', value: 1 });
    await world.derivations.create(undefined, LATEST, 'test');
    expect(await world.settled('latest', 1)).toEqual({ x: 1 });
  });

  it('refuses a source that is not there, a name that is taken, and itself as source, creating nothing', async () => {
    await expect(world.derivations.create(undefined, { ...LATEST, source: 'nope' }, 'test')).rejects.toMatchObject({
      code: 'topic-not-found',
    });
    await expect(world.derivations.create(undefined, { ...LATEST, name: 't' }, 'test')).rejects.toMatchObject({
      code: 'derivation-of-itself',
    });
    await world.engine.createTopic({ name: 'other', partitions: 1 });
    await expect(world.derivations.create(undefined, { ...LATEST, name: 'other' }, 'test')).rejects.toMatchObject({
      code: 'topic-exists',
    });
    await expect(world.derivations.lookups.latest(undefined, 'other')).rejects.toMatchObject({
      code: 'not-a-latest-stream',
    });
    expect(await world.derivations.list(undefined)).toEqual([]);
  });
});
