import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deferred, type JsonObject } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { type Change, DerivationWorld, LATEST, SOON, VERSIONED } from '../testing/derivation-world.js';
import { drive, newOperation, runOf, type StoredOperation } from '../testing/operation-driver.js';
import { ErasureHandler } from './erasure-handler.js';
import { RebuildHandler } from './rebuild-handler.js';
import { versionHeaders } from './versioned-stream.js';

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

const STEPS = [
  'erasure:held',
  'erasure:created',
  'erasure:copied',
  'erasure:verified',
  'erasure:begun',
  'erasure:closed',
  'erasure:drained',
  'erasure:given',
  'erasure:switch:closed',
  'erasure:switch:translated',
  'erasure:moved',
];

describe('erasing keys from a derived stream', () => {
  let world: DerivationWorld;

  beforeEach(async () => {
    world = await DerivationWorld.open();
  });

  afterEach(() => world.close());

  const tools = (failPoint?: (name: string) => void): ConstructorParameters<typeof ErasureHandler>[0] => ({
    store: world.store,
    directories: world.directories,
    names: world.names,
    workers: world.derivations.workers,
    clock: world.clock,
    readersMs: 0,
    readersOn: (...where) => world.derivations.readersOn(...where),
    ...(failPoint && { failPoint }),
  });

  const handlerOf = (failPoint?: (name: string) => void): ErasureHandler => new ErasureHandler(tools(failPoint));

  const planned = async (request: JsonObject, id = 'op-1'): Promise<StoredOperation> =>
    newOperation(id, await handlerOf().plan(request));

  /** A process that ends at a step, once. */
  const dyingAt = (step: string): ((passed: string) => void) => {
    let isAlive = true;
    return (passed) => {
      if (!isAlive || passed !== step) return;
      isAlive = false;
      throw new Error(`killed at ${step}`);
    };
  };

  const topics = async (): Promise<string[]> =>
    (await world.engine.listTopics()).map((one) => `${one.name}:${one.state}`);

  const changes: readonly Change[] = [
    { key: 'a', value: 1, timestamp: 10 },
    { key: 'b', value: 2, timestamp: 11 },
    { key: 'a', value: 3, timestamp: 12 },
    { key: 'b', value: undefined, timestamp: 13 },
    { key: 'c', value: 5, timestamp: 14 },
    { key: 'b', value: 6, timestamp: 15 },
  ];
  const numbers = async (topic: string): Promise<unknown[]> =>
    (await world.recordsOf(topic)).map((record) => [
      text(record.key),
      versionHeaders(record).number,
      text(record.value),
    ]);

  const versioned = async (name = 'versions', read = changes.length): Promise<void> => {
    await world.derivations.create(undefined, { ...VERSIONED, name }, 'test');
    await world.settle(name, read);
  };

  it('removes them from records, state and history, leaves everything else as it was, and goes on', async () => {
    await world.write('t', ...changes);
    await versioned();
    const before = await world.recordsOf('versions');
    await world.derivations.lookups.history(undefined, 'versions');
    const operation = await planned({ name: 'versions', keys: ['b', 'nobody'] });
    expect(operation.plan.impact).toMatchObject({ keys: 2, to: 'versions--g2' });
    expect(operation.plan.risks).toEqual([expect.stringContaining('t is not touched')]);
    // The keys themselves are kept nowhere.
    expect(JSON.stringify(operation.plan)).not.toContain('nobody');
    await drive(handlerOf(), operation, { until: 'VERIFYING' });
    await world.write('t', { key: 'b', value: 7, timestamp: 20 }, { key: 'a', value: 8, timestamp: 21 });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({
      state: 'passed',
      mismatches: [],
      erased: { keys: 2, records: expect.any(Number) },
    });
    await world.settle('versions', 8);
    const after = await world.recordsOf('versions--g2');
    expect(after.slice(0, 3).map(({ offset: _, ...record }) => record)).toEqual(
      before.filter(({ key }) => text(key) !== 'b').map(({ offset: _, ...record }) => record),
    );
    const history = await world.derivations.lookups.history(undefined, 'versions');
    expect((await history.versions('a', 0, 10)).map(({ place }) => place.number)).toEqual([1, 2, 3]);
    // What its source says of the key from then on makes it a new one.
    await world.write('t', { key: 'b', value: 9, timestamp: 30 });
    await world.settle('versions', 9);
    expect((await numbers('versions--g2')).at(-1)).toEqual(['b', expect.any(Number), '9']);
    await handlerOf().finish(runOf(operation));
    expect(await topics()).toEqual(['t:ACTIVE', 'versions--g2:FENCED']);
  });

  it('computed anew the stream is still without them, although the source tells of them', async () => {
    await world.write('t', ...changes);
    await versioned();
    const erasure = await planned({ name: 'versions', keys: ['b'] });
    await drive(handlerOf(), erasure, { until: 'SWITCHED' });
    await handlerOf().finish(runOf(erasure));
    await world.write('t', { key: 'b', value: 9, timestamp: 30 });
    await world.settle('versions', 7);
    const expected = [
      ['a', 1, '1'],
      ['a', 2, '3'],
      ['c', 1, '5'],
      ['b', 1, '9'],
    ];
    expect(await numbers('versions--g2')).toEqual(expected);
    const rebuild = new RebuildHandler(tools());
    const operation = newOperation('op-2', await rebuild.plan({ name: 'versions' }));
    await drive(rebuild, operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', mismatches: 0 });
    expect(await numbers('versions--g3')).toEqual(expected);
    await world.settle('versions', 7);
    expect((await world.describe('versions')).progress?.counts).toMatchObject({ read: 7, erased: 3, written: 4 });
    // An erasure after that adds to what was erased before.
    await rebuild.finish(runOf(operation));
    const another = await planned({ name: 'versions', keys: ['c'] }, 'op-3');
    await drive(handlerOf(), another, { until: 'SWITCHED' });
    await handlerOf().finish(runOf(another));
    const again = newOperation('op-4', await rebuild.plan({ name: 'versions' }));
    await drive(rebuild, again, { until: 'SWITCHED' });
    expect((await numbers('versions--g5')).map((one) => (one as unknown[])[0])).toEqual(['a', 'a', 'b']);
  });

  it('erases from a latest stream, and a look-up knows them no more', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, LATEST, 'test');
    expect(await world.settled('latest', changes.length)).toEqual({ a: 3, b: 6, c: 5 });
    const operation = await planned({ name: 'latest', keys: ['a'] });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    expect(await world.settled('latest')).toEqual({ b: 6, c: 5 });
    expect((await world.engine.describeTopic('latest--g2')).config).toMatchObject({ 'cleanup.policy': 'compact' });
    await handlerOf().finish(runOf(operation));
    expect(await world.settled('latest')).toEqual({ b: 6, c: 5 });
  });

  it('readers go on behind what they have read: nothing again, nothing left out', async () => {
    await world.write('t', ...changes);
    await versioned();
    await world.derivations.create(undefined, { ...VERSIONED, name: 'again', source: 'versions' }, 'test');
    await world.settle('again', changes.length);
    await world.engine.commitPositions('group', [{ topic: 'versions', partition: 0, offset: 3 }]);
    const operation = await planned({ name: 'versions', keys: ['b'] });
    expect(operation.plan.risks).toContainEqual(expect.stringContaining('derivation again keeps what it has read'));
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    await world.write('t', { key: 'c', value: 10, timestamp: 40 });
    await world.settle('again', changes.length + 1);
    expect(operation.notes['groups']).toEqual([
      { group: 'group', translation: 'exact', duplicatesExpected: 0, positions: ['2'], state: 'translated' },
    ]);
    const { positions } = await world.engine.describeGroup('group');
    expect(positions).toContainEqual(expect.objectContaining({ topic: 'versions--g2', partition: 0, offset: 2 }));
    await expect.poll(async () => (await world.describe('again')).progress?.position.generation, SOON).toBe(2);
    await handlerOf().finish(runOf(operation));
  });

  it('goes back while nothing was finished: the keys are there again, with what was said of them since', async () => {
    await world.write('t', ...changes);
    await versioned();
    const operation = await planned({ name: 'versions', keys: ['b'] });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    await world.write('t', { key: 'b', value: 9, timestamp: 30 }, { key: 'a', value: 10, timestamp: 31 });
    await world.settle('versions', 8);
    for (const step of ['erasure:closed-back', 'erasure:caught-up-back', 'erasure:moved-back']) {
      operation.phase = 'ROLLING_BACK';
      await expect(drive(handlerOf(dyingAt(step)), operation, { until: 'ROLLED_BACK' })).rejects.toThrow('killed at');
    }
    await drive(handlerOf(), operation, { until: 'ROLLED_BACK' });
    await world.settle('versions', 8);
    const records = await numbers('versions');
    expect(records).toHaveLength(8);
    expect(records.slice(-2)).toEqual([
      ['b', 4, '9'],
      ['a', 3, '10'],
    ]);
    expect(await topics()).toEqual(['t:ACTIVE', 'versions:FENCED']);
    await world.write('t', { key: 'a', value: 11, timestamp: 32 });
    await world.settle('versions', 9);
    expect((await planned({ name: 'versions', keys: ['b'] })).plan.impact['to']).toBe('versions--g3');
  });

  it('killed at any of its steps goes on as if nothing had happened', async () => {
    await world.write('t', ...changes);
    for (const step of STEPS) {
      const name = `versions-${world.fresh()}`;
      await versioned(name);
      await world.engine.commitPositions('group', [{ topic: name, partition: 0, offset: 4 }]);
      const operation = await planned({ name, keys: ['b'] }, `op-${name}`);
      await expect(drive(handlerOf(dyingAt(step)), operation, { until: 'SWITCHED' })).rejects.toThrow('killed at');
      await world.stop();
      await world.restart();
      await drive(handlerOf(), operation, { until: 'SWITCHED' });
      await world.settle(name, changes.length);
      await handlerOf().finish(runOf(operation));
      expect(await numbers(`${name}--g2`), step).toEqual([
        ['a', 1, '1'],
        ['a', 2, '3'],
        ['c', 1, '5'],
      ]);
      const { positions } = await world.engine.describeGroup('group');
      const there = positions.find((one) => one.topic === `${name}--g2`);
      expect(there?.offset, step).toBe(2);
      await world.derivations.delete(undefined, name);
    }
    expect(await topics()).toEqual(['t:ACTIVE']);
  });

  for (const step of STEPS.slice(STEPS.indexOf('erasure:begun'))) {
    for (const ended of ['switched', 'undone'] as const) {
      it(`leaves one world when a second worker takes over at ${step} (${ended}), whenever the first one wakes up`, async () => {
        await world.write('t', ...changes);
        await versioned();
        const operation = await planned({ name: 'versions', keys: ['b'] });
        const [reached, wake] = [deferred<void>(), deferred<void>()];
        const sleeping = new ErasureHandler({
          ...tools(),
          failPoint: async (passed) => {
            if (passed !== step) return;
            reached.resolve();
            await wake.promise;
          },
        });
        await drive(handlerOf(), operation, { until: 'CUTTING_OVER' });
        // What the store holds when the second one takes it up.
        const taken = { ...operation, events: [] };
        const first = drive(sleeping, operation, { until: 'SWITCHED' }).then(
          () => 'done',
          (error: unknown) => (error as { code?: string }).code ?? String(error),
        );
        await reached.promise;
        const isUndone = ended === 'undone' && step !== 'erasure:moved';
        if (isUndone) await drive(handlerOf(), taken, { until: 'READY', cutoverCancelled: true });
        else await drive(handlerOf(), taken, { until: 'SWITCHED' });
        // Read again they would show: the second is not what the first was.
        await world.write('t', { key: 'a', value: 20, timestamp: 40 }, { key: 'a', value: 21, timestamp: 41 });
        await world.settle('versions', changes.length + 2);
        wake.resolve();
        expect(await first).toMatch(/^(done|name-moved|writer-fenced|.*session.*)$/);
        await world.write('t', { key: 'a', value: 30, timestamp: 50 });
        await world.settle('versions', changes.length + 3);
        const { physical } = await world.directories.of().resolve('versions');
        const found = (await numbers(physical)).filter((one) => (one as unknown[])[0] !== 'b');
        expect(found).toEqual([
          ['a', 1, '1'],
          ['a', 2, '3'],
          ['c', 1, '5'],
          ['a', 3, '20'],
          ['a', 4, '21'],
          ['a', 5, '30'],
        ]);
        expect((await numbers(physical)).length - found.length).toBe(isUndone ? 3 : 0);
      });
    }
  }

  it('is undone or cancelled without a trace before the name has moved, and the derivation goes on', async () => {
    await world.write('t', ...changes);
    for (const [i, step] of ['erasure:closed', 'erasure:given', 'erasure:switch:closed'].entries()) {
      const name = `versions-${i}`;
      await versioned(name, changes.length + i);
      const operation = await planned({ name, keys: ['b'] }, `op-${name}`);
      await expect(drive(handlerOf(dyingAt(step)), operation, { until: 'SWITCHED' })).rejects.toThrow('killed at');
      await drive(handlerOf(), operation, { until: 'READY', cutoverCancelled: true });
      await world.write('t', { key: 'z', value: i, timestamp: 50 });
      await world.settle(name, changes.length + 1 + i);
      await handlerOf().cancel(runOf(operation));
      expect(await topics()).toEqual(['t:ACTIVE', `${name}:FENCED`]);
      await world.engine.commitPositions('group', [{ topic: name, partition: 0, offset: 1 }]);
      await world.derivations.delete(undefined, name);
    }
  });

  it.each([
    ['a record of an erased key', 'verification-failed'],
    ['that records went from the new side', 'offset-out-of-range'],
  ])('finds %s, and switches nothing then', async (fault, code) => {
    await world.write('t', ...changes);
    await versioned();
    const operation = await planned({ name: 'versions', keys: ['b'] });
    await drive(handlerOf(), operation, { until: 'VERIFYING' });
    const survivor = { key: Buffer.from('b'), value: Buffer.from('1'), headers: [], timestamp: -1 };
    const at = { topic: 'versions--g2', partition: 0 };
    if (code === 'verification-failed') await world.engine.append(at, encodeBatch([survivor]), { intoFenced: true });
    else expect(await world.engine.deleteRecords([{ ...at, offset: 1 }])).toMatchObject([{ startOffset: 1 }]);
    await expect(drive(handlerOf(), operation, { until: 'SWITCHED' }), fault).rejects.toMatchObject({ code });
    expect(operation.notes['verification']).not.toMatchObject({ state: 'passed' });
    await handlerOf().cancel(runOf(operation));
    expect(await topics()).toEqual(['t:ACTIVE', 'versions:FENCED']);
  });

  it('refuses what is no list of keys of a derivation, saying where', async () => {
    await expect(planned({ name: 'none', keys: ['a'] })).rejects.toMatchObject({ code: 'derivation-not-found' });
    for (const [request, path] of [
      [{ keys: ['a'] }, 'name'],
      [{ name: 'x', keys: [] }, 'keys'],
      [{ name: 'x', keys: ['base64:?'] }, 'keys[0]'],
      [{ name: 'x', keys: ['a'], cutover: { mode: 'never' } }, 'cutover.mode'],
    ] as const) {
      await expect(planned(request as unknown as JsonObject)).rejects.toMatchObject({
        code: 'invalid-erasure-request',
        items: [{ path }],
      });
    }
  });
});
