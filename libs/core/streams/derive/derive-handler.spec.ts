import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { drive, newOperation, runOf, type StoredOperation } from '../testing/operation-driver.js';
import { type Change, DerivationWorld, LATEST, VERSIONED } from '../testing/derivation-world.js';
import { DeriveHandler, type DerivePlanRequest } from './derive-handler.js';
import type { DerivationRequest } from './derivations.js';

const CHANGES: readonly Change[] = [
  { key: 'a', value: 1 },
  { key: 'b', value: 2 },
  { key: 'a', value: 3 },
  { key: null, value: 4 },
];
const STEPS = [
  'derive:held',
  'derivation-kept',
  'derivation-topic-made',
  'derive:prepared',
  'derivation-step-folded',
  'derivation-step-stored',
  'derive:filled',
  'derive:running',
];

describe('deriving a stream as an operation', () => {
  let world: DerivationWorld;
  /** Where the process dies next. */
  let dieAt: string | undefined;

  beforeEach(async () => {
    dieAt = undefined;
    world = await DerivationWorld.open({ failPoint: pass });
    await world.write('t', ...CHANGES);
  });
  afterEach(() => world.close());

  function pass(step: string): void {
    if (step !== dieAt) return;
    dieAt = undefined;
    throw new Error(`killed at ${step}`);
  }

  const handler = (): DeriveHandler =>
    new DeriveHandler({
      store: world.store,
      directories: world.directories,
      derivations: world.derivations,
      newId: () => `made-${world.fresh()}`,
      failPoint: pass,
    });
  const planned = async (derivation: DerivationRequest, id = 'op-1'): Promise<StoredOperation> => {
    const request: DerivePlanRequest = { createdBy: 'somebody', derivation };
    return newOperation(id, await handler().plan(request as unknown as JsonObject));
  };
  const topics = async (): Promise<string[]> =>
    (await world.engine.listTopics()).map((one) => `${one.name}:${one.state}`);
  const holds = async (): Promise<string[]> => (await world.engine.listRetentionHolds()).map((one) => one.id);

  it('fills it with what the source has, holding that meanwhile, and leaves it to its worker', async () => {
    const operation = await planned({ ...LATEST, nullKeys: 'dlq' });
    expect(operation.plan).toMatchObject({
      subject: 'topic:local/latest',
      blockers: [],
      risks: [],
      impact: { topics: ['latest', 'latest.dlq'], partitions: 1 },
      estimates: { records: 4 },
    });
    await drive(handler(), operation, { until: 'COPYING' });
    expect(await holds()).toEqual(['derive-op-1']);
    expect(await world.describe('latest')).toMatchObject({
      stored: { state: 'PAUSED', definition: { createdBy: 'somebody' } },
      worker: 'absent',
    });
    await drive(handler(), operation, { until: 'FINISHED' });
    expect(operation.progress).toMatchObject({ recordsDone: 4, recordsTotal: 4 });
    expect(await holds()).toEqual([]);
    expect(await topics()).toEqual(['latest:FENCED', 'latest.dlq:ACTIVE', 't:ACTIVE']);
    await world.write('t', { key: 'c', value: 5 });
    expect(await world.settled('latest', 5)).toEqual({ a: 3, b: 2, c: 5 });
  });

  it('killed at any of its steps goes on as if nothing had happened', async () => {
    const untouched = { ...VERSIONED, name: 'untouched' };
    await drive(handler(), await planned(untouched), { until: 'FINISHED' });
    const expected = (await world.recordsOf('untouched')).map(({ key, value, headers }) => ({ key, value, headers }));
    for (const step of STEPS) {
      const name = `versions-${world.fresh()}`;
      const operation = await planned({ ...VERSIONED, name }, `op-${name}`);
      dieAt = step;
      await expect(drive(handler(), operation, { until: 'FINISHED' })).rejects.toThrow(`killed at ${step}`);
      await world.stop();
      await world.restart();
      await drive(handler(), operation, { until: 'FINISHED' });
      await world.settle(name, CHANGES.length);
      const made = (await world.recordsOf(name)).map(({ key, value, headers }) => ({ key, value, headers }));
      expect(made, step).toEqual(expected);
      expect(await holds(), step).toEqual([]);
    }
  });

  it('cancelled after any of its steps leaves nothing', async () => {
    for (const step of STEPS.slice(0, -1)) {
      const operation = await planned(LATEST, `op-${world.fresh()}`);
      dieAt = step;
      await expect(drive(handler(), operation, { until: 'FINISHED' })).rejects.toThrow(`killed at ${step}`);
      await world.stop();
      await world.restart();
      await handler().cancel(runOf(operation));
      await handler().cancel(runOf(operation));
      expect(await topics(), step).toEqual(['t:ACTIVE']);
      expect(await holds(), step).toEqual([]);
      expect([...world.engine.storage.writers.keys()], step).toEqual([]);
      expect(await world.derivations.list(undefined), step).toEqual([]);
    }
  });

  it('leaves alone what others made under its name, when it fails and when it is cancelled', async () => {
    const operation = await planned(LATEST);
    dieAt = 'derivation-kept';
    await expect(drive(handler(), operation, { until: 'FINISHED' })).rejects.toThrow('killed');
    await world.engine.createTopic({ name: 'latest', partitions: 1 });
    await expect(drive(handler(), operation, { until: 'FINISHED' })).rejects.toMatchObject({ code: 'topic-exists' });
    await handler().cancel(runOf(operation));
    expect(await topics()).toEqual(['latest:ACTIVE', 't:ACTIVE']);
    expect(await world.derivations.list(undefined)).toEqual([]);

    const first = await planned(VERSIONED, 'op-2');
    await world.derivations.create(undefined, VERSIONED, 'test');
    await expect(drive(handler(), first, { until: 'FINISHED' })).rejects.toMatchObject({ code: 'derivation-exists' });
    await handler().cancel(runOf(first));
    expect(await world.settled('versions', 4)).toEqual({ a: 3, b: 2 });
  });

  it('goes on by itself when somebody resumed it by hand, and not at all when somebody deleted it', async () => {
    const resumed = await planned(LATEST);
    await drive(handler(), resumed, { until: 'COPYING' });
    await world.derivations.setState(undefined, 'latest', 'RUNNING');
    await drive(handler(), resumed, { until: 'FINISHED' });
    expect(await world.settled('latest', 4)).toEqual({ a: 3, b: 2 });

    const deleted = await planned(VERSIONED, 'op-2');
    await drive(handler(), deleted, { until: 'COPYING' });
    await world.derivations.delete(undefined, 'versions');
    await expect(drive(handler(), deleted, { until: 'FINISHED' })).rejects.toMatchObject({
      code: 'derivation-not-found',
    });
    await handler().cancel(runOf(deleted));
    expect(await holds()).toEqual([]);
  });

  it('is blocked by name where the name is taken, and says what the stream will lack', async () => {
    const { plan } = await planned(VERSIONED);
    await world.engine.createTopic({ name: 'versions', partitions: 1 });
    expect((await planned(VERSIONED)).plan.blockers).toEqual([expect.stringContaining("'versions' exists already")]);
    expect(await handler().fingerprint(plan.parameters)).not.toEqual(plan.fingerprint);
    await world.engine.deleteRecords([{ topic: 't', partition: 0, offset: 1 }]);
    expect((await planned(LATEST)).plan.risks).toEqual([expect.stringContaining('before offset 1 of partition 0')]);
    await expect(planned({ ...LATEST, source: 'none' })).rejects.toMatchObject({ code: 'topic-not-found' });
    await expect(planned({ ...LATEST, name: 't' })).rejects.toMatchObject({ code: 'derivation-of-itself' });
    await expect(planned({ ...VERSIONED, name: 'x', merge: { nulls: 'keep' } })).rejects.toMatchObject({
      code: 'invalid-derivation',
    });
  });

  it('a plan is for one derivation: one of its name that is gone is not taken for it', async () => {
    const first = await planned(LATEST);
    await drive(handler(), first, { until: 'FINISHED' });
    await world.derivations.delete(undefined, 'latest');
    const second = await planned(LATEST, 'op-2');
    expect(second.plan.parameters['derivationId']).not.toBe(first.plan.parameters['derivationId']);
    await drive(handler(), second, { until: 'FINISHED' });
    expect(await world.settled('latest', 4)).toEqual({ a: 3, b: 2 });
  });
});
