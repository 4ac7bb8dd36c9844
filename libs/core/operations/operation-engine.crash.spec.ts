import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import type { OperationRun } from './handler.js';
import { OperationEngine } from './operation-engine.js';
import { settle, TestHandler } from './testing/engine-world.js';
import { MemoryLeaseStore } from './testing/memory-lease-store.js';
import { MemoryOperationStore } from './testing/memory-operation-store.js';
import { chance, MortalProcess } from './testing/mortal-process.js';

const SOURCE = Array.from({ length: 12 }, (_, i) => `record ${i}`);

/** A log that outlives processes: a target, and the position reached in the source, moved together or (negative control) apart. */
class Log {
  readonly target: string[] = [];
  position = 0;
  switched = false;
  destroyed = false;
}

function copying(process: MortalProcess, log: Log, together: boolean): TestHandler {
  const copy = async (run: OperationRun, until: number) => {
    while (log.position < until) {
      await run.pace(1, 10);
      await process.turn();
      run.signal.throwIfAborted();
      log.target.push(SOURCE[log.position]!);
      if (!together) await process.turn();
      log.position++;
    }
  };
  const handler = new TestHandler({
    PREPARING: async () => {
      await process.turn();
      log.target.length = 0;
      log.position = 0;
      return { next: 'COPYING' };
    },
    COPYING: async (run) => {
      await copy(run, 8);
      return { next: 'CATCHING_UP', notes: { end: String(log.position) } };
    },
    CATCHING_UP: async (run) => {
      await copy(run, SOURCE.length);
      return { next: 'READY' };
    },
    VERIFYING: async () => {
      await process.turn();
      return { next: 'CUTTING_OVER', notes: { verification: { checked: log.target.length } } };
    },
    CUTTING_OVER: async () => {
      await process.turn();
      log.switched = true;
      return { next: 'SWITCHED' };
    },
  });
  handler.draft = { ...handler.draft, controls: { cutover: 'automatic' } };
  handler.finish = async () => {
    await process.turn();
    log.destroyed = true;
  };
  return handler;
}

/**
 * Runs one operation from plan to finish; the process that reaches `killAt` dies there, or dies after its n-th turn, and another one goes on.
 * Answers what the world looks like in the end, and the fail points passed.
 */
async function run(kill: { at?: string; turn?: number }, together = true) {
  const clock = new ManualClock();
  const [store, leases, log] = [new MemoryOperationStore(), new MemoryLeaseStore(clock), new Log()];
  const points: string[] = [];
  let turns = 0;
  let killed = false;
  const boot = (n: number): OperationEngine => {
    const process = new MortalProcess(`process-${n}`, chance(n));
    const turn = process.turn.bind(process);
    process.turn = () => {
      if (!killed && ++turns === kill.turn) process.kill();
      killed ||= !process.alive;
      return turn();
    };
    const engine = new OperationEngine({
      store: process.wrap(store),
      leases: process.wrap(leases),
      clock: process.clock(clock),
      owner: process.name,
      random: (bytes) => new Uint8Array(bytes),
      handlers: [copying(process, log, together)],
      failPoint: async (name) => {
        points.push(name);
        if (!killed && name === kill.at) process.kill();
        await process.turn();
      },
    });
    engine.open();
    return engine;
  };
  const outcome = async <T>(promise: Promise<T>): Promise<T | undefined> => {
    let result: T | undefined;
    let over = false;
    promise.then(
      (value) => ((over = true), (result = value)),
      () => (over = true),
    );
    for (let i = 0; !over && i < 100; i++) {
      await settle();
      clock.advance(250);
    }
    return result;
  };

  const [one, two] = [boot(1), boot(2)];
  const plan = (await outcome(one.plan('test', {}, 'ann'))) ?? (await outcome(two.plan('test', {}, 'ann')))!;
  const request = { planHash: plan.hash, principal: 'ann', key: 'k' };
  const started = (await outcome(one.start(request))) ?? (await outcome(two.start(request)))!;
  const id = started.operation.id;
  for (let i = 0; i < 400; i++) {
    await settle();
    clock.advance(250);
    const record = await store.operation(id);
    if (record?.phase === 'SWITCHED' && record.intent === null) {
      for (const engine of [one, two]) await outcome(engine.command(id, 'finish', { principal: 'ann' }));
    }
    if (record !== undefined && record.endedAt !== null) break;
  }
  const phases = (await store.events(id, 0, 1_000)).filter((event) => event.type === 'phase');
  return {
    points,
    turns,
    world: {
      phase: (await store.operation(id))?.phase,
      notes: (await store.operation(id))?.notes,
      operations: (await store.list({}, 10)).length,
      way: phases.map((event) => `${String(event.data['from'])}>${String(event.data['to'])}`),
      target: log.target,
      switched: log.switched,
      destroyed: log.destroyed,
    },
  };
}

describe('a process that is killed in the middle of an operation', () => {
  it('at any transition, before or after it is stored: the one that goes on ends in the same world', async () => {
    const whole = await run({});
    expect(whole.world).toMatchObject({ phase: 'FINISHED', target: SOURCE, switched: true, destroyed: true });
    const points = [...new Set(whole.points)];
    for (const phase of [
      'PREPARING',
      'COPYING',
      'CATCHING_UP',
      'READY',
      'VERIFYING',
      'CUTTING_OVER',
      'SWITCHED',
      'FINISHED',
    ]) {
      for (const side of ['before', 'after']) expect(points).toContain(`operation:test:${phase}:${side}`);
    }
    for (const at of points) expect((await run({ at })).world, at).toEqual(whole.world);
  });

  it('at any single step between them: the same', async () => {
    const whole = await run({});
    expect(whole.turns).toBeGreaterThan(100);
    for (let turn = 1; turn <= whole.turns; turn += 3) {
      expect((await run({ turn })).world, `turn ${turn}`).toEqual(whole.world);
    }
  }, 60_000);

  it('a copy that stores its position apart from its data is found out by the same comparison', async () => {
    const whole = await run({}, false);
    let differs = 0;
    for (let turn = 1; turn <= whole.turns && differs === 0; turn++) {
      const { world } = await run({ turn }, false);
      if (JSON.stringify(world) !== JSON.stringify(whole.world)) differs++;
    }
    expect(differs).toBe(1);
  }, 60_000);
});
