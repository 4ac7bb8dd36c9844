import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import type { JsonObject } from '#libs/core/kernel';
import { drive, newOperation, runOf, type StoredOperation } from '../testing/operation-driver.js';
import { type Change, DerivationWorld, LATEST, SOON, VERSIONED } from '../testing/derivation-world.js';
import { RebuildHandler } from './rebuild-handler.js';
import { versionHeaders } from './versioned-stream.js';

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

describe('rebuilding a derived stream', () => {
  let world: DerivationWorld;

  beforeEach(async () => {
    world = await DerivationWorld.open();
  });

  afterEach(() => world.close());

  const handlerOf = (failPoint?: (name: string) => void): RebuildHandler =>
    new RebuildHandler({
      store: world.store,
      directories: world.directories,
      names: world.names,
      workers: world.derivations.workers,
      clock: world.clock,
      readersMs: 0,
      readersOn: (...where) => world.derivations.readersOn(...where),
      failPoint,
    });

  const planned = async (request: JsonObject): Promise<StoredOperation> =>
    newOperation('op-1', await handlerOf().plan(request));

  const topics = async (): Promise<string[]> =>
    (await world.engine.listTopics()).map((one) => `${one.name}:${one.state}`);

  const changes: readonly Change[] = [
    { key: 'a', value: 1, timestamp: 10 },
    { key: 'b', value: 2, timestamp: 11 },
    { key: 'a', value: 3, timestamp: 12 },
    { key: 'b', value: undefined, timestamp: 13 },
    { key: 'b', value: 4, timestamp: 14 },
  ];
  const numbers = async (topic: string): Promise<unknown[]> =>
    (await world.recordsOf(topic)).map((record) => [
      text(record.key),
      versionHeaders(record).number,
      text(record.value),
    ]);

  it('computes it anew beside the present one, compares them at one position, and gives it the name', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 5);
    const operation = await planned({ name: 'versions' });
    expect(operation.plan).toMatchObject({ blockers: [], risks: [], impact: { regenerable: true } });
    await drive(handlerOf(), operation, { until: 'VERIFYING' });
    await world.write('t', { key: 'a', value: 5, timestamp: 20 });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', mismatches: 0, checked: 2 });
    await world.write('t', { key: 'c', value: 6, timestamp: 21 });
    await world.settle('versions', 7);
    const rebuilt = await numbers('versions--g2');
    expect(rebuilt.slice(0, 6)).toEqual((await numbers('versions')).slice(0, 6));
    expect(rebuilt.at(-1)).toEqual(['c', 1, '6']);
    const history = await world.derivations.lookups.history(undefined, 'versions');
    expect((await history.versions('a', 0, 10)).map(({ place }) => place.number)).toEqual([1, 2, 3]);
    await handlerOf().finish(runOf(operation));
    expect(await topics()).toEqual(['t:ACTIVE', 'versions--g2:FENCED']);
  });

  it('finds what is not as it would be computed, switches only when told to, and says which keys', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, LATEST, 'test');
    await world.settle('latest', 5);
    const foreign = { key: Buffer.from('ghost'), value: Buffer.from('1'), headers: [], timestamp: -1 };
    await world.engine.append({ topic: 'latest', partition: 0 }, encodeBatch([foreign]), { intoFenced: true });
    const stopped = await planned({ name: 'latest' });
    await expect(drive(handlerOf(), stopped, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'rebuild-differs',
      details: { different: 1, keys: ['ghost'] },
    });
    await handlerOf().cancel(runOf(stopped));
    expect(await topics()).toEqual(['latest:FENCED', 't:ACTIVE']);
    const operation = await planned({ name: 'latest', onDifference: 'switch' });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    expect(await world.settled('latest')).toEqual({ a: 3, b: 4 });
  });

  it('goes back while nothing was finished, to a stream that has caught up with its source', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 5);
    const operation = await planned({ name: 'versions' });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    await world.write('t', { key: 'c', value: 6, timestamp: 21 });
    await world.settle('versions', 6);
    operation.phase = 'ROLLING_BACK';
    await drive(handlerOf(), operation, { until: 'ROLLED_BACK' });
    await world.settle('versions', 6);
    expect((await numbers('versions')).at(-1)).toEqual(['c', 1, '6']);
    expect(await topics()).toEqual(['t:ACTIVE', 'versions:FENCED']);
    const again = await planned({ name: 'versions' });
    expect(again.plan.impact['to']).toBe('versions--g3');
  });

  it('is blocked where the source has lost what the stream was made of, unless that is accepted', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 5);
    await world.engine.deleteRecords([{ topic: 't', partition: 0, offset: 2 }]);
    const { plan } = await planned({ name: 'versions' });
    expect(plan.blockers).toEqual([expect.stringContaining('before offset 2 of partition 0')]);
    const accepted = await planned({ name: 'versions', acceptLoss: true });
    expect(accepted.plan).toMatchObject({ blockers: [], risks: [expect.stringContaining('before offset 2')] });
    await world.derivations.setState(undefined, 'versions', 'PAUSED');
    const paused = await planned({ name: 'versions', acceptLoss: true });
    expect(paused.plan.blockers).toEqual([expect.stringContaining('PAUSED')]);
    await expect(planned({ name: 'none' })).rejects.toMatchObject({ code: 'derivation-not-found' });
    await expect(planned({ name: 'versions', onDifference: 'maybe' })).rejects.toMatchObject({
      code: 'invalid-rebuild-request',
    });
  });

  it('is cancelled when the derivation was deleted meanwhile, leaving alone a later one of its name', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 5);
    const operation = await planned({ name: 'versions' });
    await drive(handlerOf(), operation, { until: 'READY' });
    await world.derivations.delete(undefined, 'versions');
    await expect(drive(handlerOf(), operation, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'derivation-not-found',
    });
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.settle('versions', 5);
    const later = newOperation('op-2', await handlerOf().plan({ name: 'versions' }));
    await drive(handlerOf(), later, { until: 'READY' });
    await handlerOf().cancel(runOf(operation));
    expect(await topics()).toEqual(['t:ACTIVE', 'versions:FENCED', 'versions--g2:FENCED']);
    await handlerOf().cancel(runOf(later));
    expect(await topics()).toEqual(['t:ACTIVE', 'versions:FENCED']);
  });

  it('killed at any of its steps goes on as if nothing had happened', async () => {
    const steps = ['created', 'copied', 'verified', 'closed', 'caught-up', 'moved'].map((one) => `rebuild:${one}`);
    await world.write('t', ...changes);
    for (const step of steps) {
      const name = `versions-${world.fresh()}`;
      await world.derivations.create(undefined, { ...VERSIONED, name }, 'test');
      await world.settle(name, 5);
      const operation = await planned({ name });
      let isAlive = true;
      const dying = (passed: string): void => {
        if (!isAlive || passed !== step) return;
        isAlive = false;
        throw new Error(`killed at ${step}`);
      };
      await expect(drive(handlerOf(dying), operation, { until: 'SWITCHED' })).rejects.toThrow(`killed at ${step}`);
      await world.stop();
      await world.restart();
      await drive(handlerOf(), operation, { until: 'SWITCHED' });
      await world.settle(name, 5);
      await handlerOf().finish(runOf(operation));
      expect(await numbers(`${name}--g2`)).toEqual([
        ['a', 1, '1'],
        ['b', 1, '2'],
        ['a', 2, '3'],
        ['b', 2, null],
        ['b', 3, '4'],
      ]);
      await world.derivations.delete(undefined, name);
    }
    expect(await topics()).toEqual(['t:ACTIVE']);
  });

  it('a stream made of it reads the new generation from its beginning, and is as it was', async () => {
    await world.write('t', ...changes);
    await world.derivations.create(undefined, VERSIONED, 'test');
    await world.derivations.create(undefined, { ...LATEST, source: 'versions' }, 'test');
    await world.settle('latest', 5);
    const operation = await planned({ name: 'versions' });
    await drive(handlerOf(), operation, { until: 'SWITCHED' });
    await expect.poll(async () => (await world.describe('latest')).progress?.position.generation, SOON).toBe(2);
    expect(await world.settled('latest', 10)).toEqual({ a: 3, b: 4 });
    await handlerOf().finish(runOf(operation));
  });
});
