import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { drive, newOperation, runOf, type StoredOperation } from '#libs/core/streams/testing';
import { SOON, ViewWorld, type ViewInstance } from './testing/view-world.js';

const COUNTS: JsonObject = {
  source: { topic: 't', mode: 'events' },
  key: { tag: 'value.tag' },
  columns: { all: { aggregate: 'count' }, total: { aggregate: 'sum', of: 'value.n' } },
};
const MOST: JsonObject = {
  ...COUNTS,
  columns: { total: { aggregate: 'sum', of: 'value.n' }, most: { aggregate: 'max', of: 'value.n' } },
};

describe('a version of a view as an operation', () => {
  let world: ViewWorld;
  let one: ViewInstance;

  beforeEach(async () => {
    world = await ViewWorld.open();
    one = world.instance();
    await world.write('t', 0, ['k', { tag: 'a', n: 1 }], ['k', { tag: 'b', n: 2 }]);
    await world.write('t', 1, ['k', { tag: 'a', n: 5 }]);
    await one.views.declare('v', undefined, COUNTS);
    await world.settled(one, 'v');
  });

  afterEach(() => world.close());

  const planned = async (request: JsonObject = {}): Promise<StoredOperation> =>
    newOperation('op-1', await one.version().plan({ name: 'v', ...request }));
  const versions = async (): Promise<string[]> =>
    (await one.views.versions.list('v')).map(({ stored }) => `${stored.version} ${stored.role} ${stored.state}`);

  it('fills it beside the present one, compares both at equal positions, and lets queries see it', async () => {
    const operation = await planned({ declaration: MOST });
    expect(operation.plan).toMatchObject({
      subject: 'view:v',
      blockers: [],
      estimates: { records: 3 },
      impact: { from: 1, to: 2, columnsAdded: ['most'], columnsGone: ['all'], regenerable: true },
    });
    await drive(one.version(), operation, { until: 'READY' });
    expect(operation.progress).toMatchObject({ recordsDone: 3, recordsTotal: 3 });
    expect(await versions()).toEqual(['1 ACTIVE RUNNING', '2 DRAFT PAUSED']);
    await world.write('t', 0, ['k', { tag: 'c', n: 7 }]);
    await drive(one.version(), operation, { until: 'SWITCHED' });
    expect(operation.notes['verification']).toMatchObject({
      level: 'digests',
      state: 'passed',
      checked: 3,
      mismatches: 0,
    });
    expect(await versions()).toEqual(['1 PREVIOUS RUNNING', '2 ACTIVE RUNNING']);
    await world.write('t', 1, ['k', { tag: 'b', n: 9 }]);
    expect(await world.settled(one, 'v')).toEqual([
      { tag: 'a', total: 6, most: 5 },
      { tag: 'b', total: 11, most: 9 },
      { tag: 'c', total: 7, most: 7 },
    ]);
    await one.version().finish(runOf(operation));
    await one.version().finish(runOf(operation));
    expect(await versions()).toEqual(['2 ACTIVE RUNNING']);
    expect(await world.tables.list()).toHaveLength(1);
  });

  it('verifies at equal positions while writers go on', async () => {
    const operation = await planned();
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        await world.write('t', n % 2, ['k', { tag: 'a', n }]);
        await turn();
      }
    })();
    await drive(one.version(), operation, { until: 'CUTTING_OVER' });
    writing = false;
    await writer;
    expect(operation.notes['verification']).toMatchObject({ state: 'passed', mismatches: 0 });
  });

  it('goes back to the version before, which was kept current, and leaves nothing of the new one', async () => {
    const operation = await planned({ declaration: MOST });
    await drive(one.version(), operation, { until: 'SWITCHED' });
    await world.write('t', 0, ['k', { tag: 'a', n: 100 }]);
    operation.phase = 'ROLLING_BACK';
    await drive(one.version(), operation, { until: 'ROLLED_BACK' });
    expect((await world.settled(one, 'v'))[0]).toEqual({ tag: 'a', all: 3, total: 106 });
    expect(await versions()).toEqual(['1 ACTIVE RUNNING']);
    expect(await world.tables.list()).toHaveLength(1);
  });

  it('leaves nothing when it is cancelled, wherever it was', async () => {
    for (const until of ['COPYING', 'READY', 'CUTTING_OVER'] as const) {
      const operation = await planned();
      await drive(one.version(), operation, { until });
      await one.version().cancel(runOf(operation));
      await one.version().cancel(runOf(operation));
      expect(await versions()).toEqual(['1 ACTIVE RUNNING']);
      expect(await world.tables.list()).toHaveLength(1);
    }
  });

  /** Takes a row away that should be there. */
  async function spoil(): Promise<void> {
    const [{ stored, definition }] = (await one.views.versions.list('v')) as [never];
    await one.views.setState('v', 'PAUSED');
    const { epoch, positions } = await world.tables.claim((stored as { id: string }).id, definition);
    const changes = [{ table: 0, puts: [], deletes: ['["a"]'] }];
    await world.tables.apply((stored as { id: string }).id, definition, epoch, {
      commit: positions.commit,
      changes,
      refused: [],
    });
    await one.views.setState('v', 'RUNNING');
  }

  it('stops where the same declaration gives other rows, and activates them when that is what is asked', async () => {
    await spoil();
    const stopped = await planned();
    await expect(drive(one.version(), stopped, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'view-versions-differ',
    });
    expect(stopped.notes['verification']).toMatchObject({ state: 'failed', mismatches: 1 });
    await one.version().cancel(runOf(stopped));
    const switched = await planned({ onDifference: 'switch' });
    await drive(one.version(), switched, { until: 'SWITCHED' });
    expect(await world.settled(one, 'v')).toHaveLength(2);
  });

  it('is not planned, activated or finished where rows could not be made again, unless that is accepted', async () => {
    await one.views.versions.draft('v', undefined);
    expect((await planned()).plan.blockers).toEqual(['version 2 is a draft already; activate it or retire it first']);
    await one.views.versions.retire('v', 2, { incomplete: false });
    const begun = await planned();
    await drive(one.version(), begun, { until: 'READY' });
    await world.engine.deleteRecords([{ topic: 't', partition: 0, offset: 1 }]);
    await expect(drive(one.version(), begun, { until: 'SWITCHED' })).rejects.toMatchObject({
      code: 'operation-blocked',
    });
    await one.version().cancel(runOf(begun));
    expect((await planned()).plan).toMatchObject({
      impact: { regenerable: false },
      blockers: [expect.stringMatching(/older records of t are gone/)],
    });
    const accepted = await planned({ incomplete: true });
    expect(accepted.plan).toMatchObject({
      blockers: [],
      risks: [expect.stringMatching(/older records of t are gone/)],
    });
    await drive(one.version(), accepted, { until: 'SWITCHED' });
    await one.version().finish(runOf(accepted));
    expect(await versions()).toHaveLength(1);
  });

  it('keeps the version before where its rows were lost to the topic meanwhile, until somebody says that they may go', async () => {
    const operation = await planned({ declaration: MOST });
    await drive(one.version(), operation, { until: 'SWITCHED' });
    await world.engine.deleteRecords([{ topic: 't', partition: 0, offset: 1 }]);
    await expect(one.version().finish(runOf(operation))).rejects.toMatchObject({ code: 'operation-blocked' });
    await expect(one.views.versions.retire('v', 1, { incomplete: false })).rejects.toMatchObject({
      code: 'view-not-regenerable',
      details: { topics: ['t'] },
    });
    await one.views.versions.retire('v', 1, { incomplete: true });
    await one.version().finish(runOf(operation));
    expect(await versions()).toEqual(['2 ACTIVE RUNNING']);
  });

  it('is activated by its operation alone, and blocked when another version was activated meanwhile', async () => {
    const operation = await planned({ declaration: MOST });
    await drive(one.version(), operation, { until: 'READY' });
    await expect(one.views.versions.activate('v', 2, { incomplete: true })).rejects.toMatchObject({
      code: 'view-version-operated',
    });
    await expect(one.views.versions.draft('v', undefined)).rejects.toMatchObject({ code: 'view-draft-exists' });
    await drive(one.version(), operation, { until: 'SWITCHED' });
    await one.views.versions.rollback('v');
    await expect(one.version().fingerprint(operation.plan.parameters)).resolves.toMatchObject({ draft: null });
    await one.version().finish(runOf(operation));
    expect(await versions()).toEqual(['1 ACTIVE RUNNING', '2 PREVIOUS RUNNING']);
  });

  it('killed at any of its steps goes on as if nothing had happened', async () => {
    const steps = ['tables-made', 'prepared', 'filled', 'verified', 'caught-up', 'activated'];
    for (const [number, step] of steps.entries()) {
      const operation = await planned({ declaration: number % 2 === 0 ? MOST : COUNTS });
      let isAlive = true;
      const dying = (passed: string): void => {
        if (!isAlive || passed !== `view-version:${step}`) return;
        isAlive = false;
        throw new Error(`killed at ${step}`);
      };
      await expect(drive(one.version(dying), operation, { until: 'SWITCHED' })).rejects.toThrow(`killed at ${step}`);
      await one.stop();
      one = world.instance();
      await one.views.start();
      await drive(one.version(), operation, { until: 'SWITCHED' });
      const first = (await world.settled(one, 'v'))[0];
      expect(first).toEqual(number % 2 === 0 ? { tag: 'a', total: 6, most: 5 } : { tag: 'a', all: 2, total: 6 });
      await one.version().finish(runOf(operation));
      expect(await world.tables.list()).toHaveLength(1);
    }
  });
});

describe('views on several instances', () => {
  let world: ViewWorld;

  beforeEach(async () => {
    world = await ViewWorld.open();
    await world.write('t', 0, ['k', { tag: 'a', n: 1 }]);
  });
  afterEach(() => world.close());

  const TOTALS = {
    source: { topic: 't', mode: 'events' },
    key: { tag: 'value.tag' },
    columns: { total: { aggregate: 'sum', of: 'value.n' } },
  };

  it('are taken up, paused and taken over whichever instance was asked', async () => {
    const [one, other] = [world.instance({ leased: true }), world.instance({ leased: true })];
    await one.views.declare('v', undefined, TOTALS);
    await world.settled(one, 'v');
    await other.views.workers.reconcile();
    await expect.poll(async () => (await other.views.describe('v')).worker, SOON).toBe('waiting');
    expect(await other.views.describe('v')).toMatchObject({ lag: 0 });
    await other.views.setState('v', 'PAUSED');
    await one.views.workers.reconcile();
    expect((await one.views.describe('v')).worker).toBe('absent');
    await one.views.setState('v', 'RUNNING');
    await other.views.workers.reconcile();
    await one.stop();
    await world.write('t', 0, ['k', { tag: 'a', n: 10 }]);
    expect(await world.settled(other, 'v')).toEqual([{ tag: 'a', total: 11 }]);
  });

  it('take in what was set aside and are activated from an instance that does not write them', async () => {
    const [one, other] = [world.instance({ leased: true }), world.instance({ leased: true })];
    await world.write('t', 0, ['k', { tag: 'a', n: 'many' }], ['k', { tag: 'a', n: 2 }]);
    await one.views.declare('v', undefined, TOTALS);
    await world.settled(one, 'v');
    expect(await other.views.redrive('v', 10)).toEqual({ taken: 0, refused: 1, gone: 0 });
    await one.views.versions.draft('v', undefined);
    await expect.poll(async () => (await other.views.versions.list('v'))[1]?.lag, SOON).toBe(0);
    await other.views.versions.activate('v', 2, { incomplete: false });
    await world.write('t', 0, ['k', { tag: 'a', n: 4 }]);
    await expect.poll(async () => (await one.views.describe('v')).stored.version, SOON).toBe(2);
    expect(await world.settled(one, 'v')).toEqual([{ tag: 'a', total: 7 }]);
  });

  /** Two workers that both take a view for theirs, over and over, while records come; one finds what is stored later than the other. */
  async function fought(): Promise<JsonValue[]> {
    const [one, other] = [world.instance(), world.instance()];
    const { tables } = world;
    const rows = tables.rows.bind(tables);
    let asked = 0;
    tables.rows = async (...given) => {
      if (++asked % 2 === 0) await turn();
      return rows(...given);
    };
    await one.views.declare('v', undefined, TOTALS);
    await other.views.start();
    for (let n = 0; n < 300; n++) {
      await world.write('t', n % 2, ['k', { tag: 'a', n: 1 }]);
      await turn();
    }
    return world.settled(one, 'v');
  }

  it('count each record once when two workers write a view at once', async () => {
    expect(await fought()).toEqual([{ tag: 'a', total: 301 }]);
  });

  it('would count some twice if a step were stored whoever claimed the view meanwhile', async () => {
    const { tables } = world;
    const apply = tables.apply.bind(tables);
    let unfenced = 0;
    tables.apply = async (id, view, epoch, step) => {
      try {
        return await apply(id, view, epoch, step);
      } catch (error) {
        if ((error as { code?: string }).code !== 'view-writer-fenced') throw error;
        // What a database does that compares nothing: the last one wins.
        unfenced++;
        const now = await tables.positions(id, view);
        const from = step.move && now.sources[step.move.source];
        const move = step.move && { ...step.move, from: from ?? step.move.from };
        return apply(id, view, now.epoch, { ...step, commit: now.commit, ...(move === undefined ? {} : { move }) });
      }
    };
    const [row] = await fought();
    expect(unfenced).toBeGreaterThan(0);
    expect(row).not.toEqual({ tag: 'a', total: 301 });
  });
});
