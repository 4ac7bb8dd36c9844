import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '#libs/core/kernel';
import { OperationEngine, type OperationRun } from '#libs/core/operations';
import { MortalProcess, TestHandler } from '#libs/core/operations/testing';
import { SqlLeaseStore } from '../operation-store-leases.js';
import { SqlOperationStore } from '../operation-store.js';
import type { SqlStore } from '../sql-store.js';
import type { FreshStore } from './fresh-store.js';

class RealClock extends Clock {
  now = () => Date.now();
  monotonic = () => performance.now();
  sleep = (ms: number, signal?: AbortSignal) => delay(ms, undefined, { signal });
}

const LEASE_MS = 600;
const STEPS = 30;

/** Engines on a real database, several at once, with processes that freeze and die. `another` opens the database as one more instance would. */
export function operationEngineSuite(
  name: string,
  fresh: () => Promise<FreshStore>,
  another: (fresh: FreshStore) => Promise<SqlStore>,
): void {
  describe(`OperationEngine on ${name}`, () => {
    let opened: FreshStore;
    let stores: SqlStore[];
    let engines: OperationEngine[];
    let steps: { by: string; epoch: number }[];
    beforeEach(async () => {
      opened = await fresh();
      [stores, engines, steps] = [[], [], []];
    });
    afterEach(async () => {
      await Promise.all(engines.map((one) => one.close()));
      for (const store of stores) if (store !== opened.store) await store.close();
      await opened.dispose();
    });

    /** One instance whose copy takes many small steps. */
    const instance = async () => {
      const store = await another(opened);
      stores.push(store);
      const process = new MortalProcess(`${name}-${engines.length}`, () => 0.5);
      const clock = process.clock(new RealClock());
      let epoch = 0;
      const handler = new TestHandler({
        COPYING: async (run: OperationRun) => {
          epoch++;
          for (let step = Number(run.notes['step'] ?? 0); step < STEPS; step++) {
            await clock.sleep(15, run.signal);
            steps.push({ by: process.name, epoch });
            await run.note({ step: step + 1 });
          }
          return { next: 'READY' };
        },
      });
      const engine = new OperationEngine({
        store: process.wrap(new SqlOperationStore(store)),
        leases: process.wrap(new SqlLeaseStore(store)),
        clock,
        owner: process.name,
        random: randomBytes,
        handlers: [handler],
        leaseMs: LEASE_MS,
        scanMs: 100,
        settleMs: 200,
      });
      engine.open();
      engines.push(engine);
      return { engine, process };
    };
    const until = async (condition: () => Promise<boolean> | boolean, limitMs = 15_000) => {
      for (const end = Date.now() + limitMs; Date.now() < end; await delay(20)) if (await condition()) return;
      throw new Error(`it did not come to pass: ${condition.toString()}`);
    };
    const start = async (engine: OperationEngine) => {
      const plan = await engine.plan('test', {}, 'ann');
      return (await engine.start({ planHash: plan.hash, principal: 'ann' })).operation.id;
    };
    const truth = () => new SqlOperationStore(opened.store);

    it('takes an operation from start to ready, and events, notes and state agree', async () => {
      const { engine } = await instance();
      const id = await start(engine);
      await until(async () => (await engine.status(id)).state === 'READY');
      expect(steps).toHaveLength(STEPS);
      const record = (await truth().operation(id))!;
      expect(record.notes).toEqual({ step: STEPS });
      const events = await truth().events(id, 0, 100);
      expect(events.map((one) => one.sequence)).toEqual(events.map((_, i) => i + 1));
      expect(events.at(-1)?.data).toMatchObject({ to: 'READY' });
    });

    it('is taken over when its worker freezes past the lease; the one that wakes up writes nothing any more', async () => {
      const [one, two] = [await instance(), await instance()];
      const id = await start(one.engine);
      await until(async () => steps.length > 3);
      const first = [one, two].find(({ process }) => process.name === steps[0]!.by)!;
      const second = first === one ? two : one;
      first.process.freeze();
      await until(() => steps.some(({ by }) => by === second.process.name));
      const claimed = (await truth().operation(id))!;
      expect(claimed).toMatchObject({ worker: second.process.name, restarts: 1 });
      first.process.thaw();
      await until(async () => (await truth().operation(id))?.phase === 'READY');
      const record = (await truth().operation(id))!;
      expect(record.epoch).toBe(claimed.epoch);
      expect(record.worker).toBe(second.process.name);
      expect(record.notes).toEqual({ step: STEPS });
      const events = await truth().events(id, 0, 1_000);
      expect(events.map((event) => event.sequence)).toEqual(events.map((_, i) => i + 1));
      expect(events.filter((event) => event.type === 'taken-over')).toHaveLength(1);
      // Whatever the frozen one did after it woke was one step at most: its next write was refused.
      const takeover = steps.findIndex(({ by }) => by === second.process.name);
      expect(steps.slice(takeover).filter(({ by }) => by === first.process.name).length).toBeLessThanOrEqual(1);
    });

    it('goes on after the worker died, from what is stored', async () => {
      const one = await instance();
      const id = await start(one.engine);
      await until(() => steps.length > 5);
      one.process.kill();
      const before = steps.length;
      const two = await instance();
      await until(async () => (await two.engine.status(id)).state === 'READY');
      expect(steps.length - before).toBeGreaterThan(10);
      expect((await truth().operation(id))?.restarts).toBe(1);
      // A dead engine cannot be closed.
      engines = [two.engine];
    });

    it('goes on at once when the store belongs to one process and the dead one’s leases are ended', async () => {
      const one = await instance();
      const id = await start(one.engine);
      await until(() => steps.length > 2);
      one.process.kill();
      engines = [];
      await new SqlLeaseStore(opened.store).expireAll();
      const began = Date.now();
      const two = await instance();
      await until(async () => (await truth().operation(id))?.worker === two.process.name);
      expect(Date.now() - began).toBeLessThan(LEASE_MS);
    });

    it('obeys a pause given to another instance', async () => {
      const [one, two] = [await instance(), await instance()];
      const id = await start(one.engine);
      await until(() => steps.length > 2);
      const other = steps[0]!.by === one.process.name ? two : one;
      await other.engine.command(id, 'pause', { principal: 'bob' });
      await until(async () => (await truth().operation(id))?.worker === null);
      const before = steps.length;
      await delay(300);
      expect(steps.length).toBe(before);
      await other.engine.command(id, 'resume', { principal: 'bob' });
      await until(async () => (await other.engine.status(id)).state === 'READY');
    });
  });
}
