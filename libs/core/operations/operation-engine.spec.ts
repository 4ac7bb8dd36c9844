import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, deferred } from '#libs/core/kernel';
import type { OperationRun, PhaseResult } from './handler.js';
import { UNTHROTTLED } from './operation.js';
import type { OperationEngine } from './operation-engine.js';
import { EngineWorld, settle, TestHandler, untilAborted, type PhaseFunctions } from './testing/engine-world.js';
import { planDraft } from './testing/records.js';

let world: EngineWorld;
beforeEach(() => {
  world = new EngineWorld();
});
afterEach(() => world.close());

const by = { principal: 'bob' };
const stateIs = (engine: OperationEngine, id: string, state: string) => async () =>
  (await engine.status(id)).state === state;
const eventsOf = async (engine: OperationEngine, id: string) =>
  (await engine.events(id, 0, 1_000)).map((one) =>
    one.type === 'phase' ? `${String(one.data['from'])}>${String(one.data['to'])}` : one.type,
  );
const refusal = async (promise: Promise<unknown>): Promise<AppError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError;
};
const unavailable = () =>
  new AppError({ kind: 'unavailable', code: 'broker-away', message: 'the broker is away', retryable: true });

describe('planning and starting', () => {
  it('a plan changes nothing, and the same plan twice is one', async () => {
    const engine = world.engine(new TestHandler());
    const [one, two] = [await engine.plan('test', {}, 'ann'), await engine.plan('test', {}, 'bob')];
    expect(one.hash).toBe(two.hash);
    expect(await engine.planOf(one.hash)).toEqual(one);
    expect(await engine.list({}, 10)).toEqual([]);
    expect((await refusal(engine.plan('other', {}, 'ann'))).code).toBe('operation-kind-unknown');
    expect((await refusal(engine.planOf('x'))).code).toBe('plan-not-found');
    expect((await refusal(engine.start({ planHash: 'x', principal: 'ann' }))).code).toBe('plan-not-found');
  });

  it('a finished plan answers its operation, and is run again when nothing is left of what it was for', async () => {
    let spent = false;
    const phases = { PREPARING: () => Promise.resolve({ next: 'FINISHED' as const }) };
    const handler = Object.assign(new TestHandler(phases), { isSpent: () => spent });
    const engine = world.engine(handler);
    const first = await world.start(engine);
    await world.until(async () => (await engine.status(first)).state === 'FINISHED');
    const { planHash } = await engine.status(first);
    const again = () => engine.start({ planHash, principal: 'ann' });
    expect(await again()).toMatchObject({ created: false, operation: { id: first } });
    spent = true;
    const anew = await again();
    expect(anew).toMatchObject({ created: true, operation: { planHash } });
    expect(anew.operation.id).not.toBe(first);
    expect((await again()).operation.id).toBe(anew.operation.id);
  });

  it('a plan whose ground has moved is refused, and says what moved', async () => {
    const handler = new TestHandler();
    const engine = world.engine(handler);
    const plan = await engine.plan('test', {}, 'ann');
    handler.moved = { partitions: 7, end: '1000' };
    const error = await refusal(engine.start({ planHash: plan.hash, principal: 'ann' }));
    expect(error).toMatchObject({ kind: 'conflict', code: 'plan-stale' });
    expect(error.message).toContain('partitions was 6, is 7');
    expect(error.details['differences']).toEqual([{ path: '/partitions', planned: 6, now: 7 }]);
    expect(await engine.list({}, 10)).toEqual([]);
  });

  it('a plan with blockers is refused, and names them', async () => {
    const handler = new TestHandler();
    handler.draft = planDraft({ blockers: ['record of 2 MiB is over the limit'] });
    const engine = world.engine(handler);
    const plan = await engine.plan('test', {}, 'ann');
    const error = await refusal(engine.start({ planHash: plan.hash, principal: 'ann' }));
    expect(error.code).toBe('plan-blocked');
    expect(error.message).toContain('2 MiB');
  });

  it('what was blocked is started once nothing is in its way any more, planned again', async () => {
    const handler = new TestHandler();
    const engine = world.engine(handler);
    const free = handler.draft;
    handler.draft = { ...free, blockers: ['no room'] };
    const blocked = await engine.plan('test', {}, 'ann');
    handler.draft = free;
    const { hash } = await engine.plan('test', {}, 'ann');
    expect((await engine.start({ planHash: hash, principal: 'ann' })).created).toBe(true);
    expect((await refusal(engine.start({ planHash: blocked.hash, principal: 'ann' }))).code).toBe('plan-blocked');
  });

  it('one operation at a time changes a subject; the refusal names the other one', async () => {
    const handler = new TestHandler({ COPYING: (run) => untilAborted(run.signal) });
    const engine = world.engine(handler);
    const first = await world.start(engine);
    handler.draft = planDraft({ parameters: { topic: 'orders', partitions: 12 } });
    const error = await refusal(world.start(engine));
    expect(error).toMatchObject({ code: 'subject-busy', details: { operation: first } });
    await engine.command(first, 'cancel', by);
    await world.until(stateIs(engine, first, 'CANCELLED'));
    await world.start(engine);
  });

  it('starting a plan again answers its operation, live or finished; a cancelled one starts anew', async () => {
    const handler = new TestHandler({ COPYING: (run) => untilAborted(run.signal) });
    const engine = world.engine(handler);
    const { hash } = await engine.plan('test', {}, 'ann');
    const request = { planHash: hash, principal: 'ann' };
    const first = await engine.start(request);
    expect(first.created).toBe(true);
    const again = await engine.start({ ...request, principal: 'bob' });
    expect(again).toMatchObject({ created: false, operation: { id: first.operation.id } });
    await engine.command(first.operation.id, 'cancel', by);
    await world.until(stateIs(engine, first.operation.id, 'CANCELLED'));
    const anew = await engine.start(request);
    expect(anew.created).toBe(true);
    expect(anew.operation.id).not.toBe(first.operation.id);
  });

  it('one idempotency key starts one operation; with another body it is refused', async () => {
    const engine = world.engine(new TestHandler({ COPYING: (run) => untilAborted(run.signal) }));
    const { hash } = await engine.plan('test', {}, 'ann');
    const request = { planHash: hash, principal: 'ann', key: 'k' };
    const started = await Promise.all([1, 2, 3, 4].map(() => engine.start(request)));
    expect(started.filter((one) => one.created)).toHaveLength(1);
    expect(new Set(started.map((one) => one.operation.id)).size).toBe(1);
    const other = await refusal(engine.start({ ...request, limits: { ...UNTHROTTLED, recordsPerSecond: 1 } }));
    expect(other).toMatchObject({ kind: 'unprocessable', code: 'idempotency-key-reused' });
    // A key is the principal's own.
    expect((await engine.start({ ...request, principal: 'bob' })).created).toBe(false);
  });

  it('a plan that went stale between start and work blocks before anything is done', async () => {
    const handler = new TestHandler({ PREPARING: () => Promise.resolve({ next: 'COPYING' }) });
    const engine = world.engine(handler, { requiresApproval: () => true });
    const id = await world.start(engine);
    await world.pass(3_000);
    expect((await engine.status(id)).nextAction).toBe('approve');
    expect(handler.calls).toEqual([]);
    handler.moved = { partitions: 7, end: '1000' };
    expect((await refusal(engine.command(id, 'approve', { principal: 'ann' }))).code).toBe('approval-by-author');
    await engine.command(id, 'approve', by);
    await world.until(stateIs(engine, id, 'BLOCKED'));
    expect((await engine.status(id)).reason).toContain('partitions was 6, is 7');
    expect(handler.calls).toEqual([]);
  });
});

describe('the way of an operation', () => {
  it('goes through its phases one after another and tells of each, then waits for people where it must', async () => {
    const order: string[] = [];
    const phase = (name: string, next: 'COPYING' | 'CATCHING_UP' | 'READY') => async (run: OperationRun) => {
      order.push(`${name} begins`);
      await run.note({ [name]: true });
      await settle();
      order.push(`${name} ends`);
      return { next };
    };
    const handler = new TestHandler({
      PREPARING: phase('prepare', 'COPYING'),
      COPYING: phase('copy', 'CATCHING_UP'),
      CATCHING_UP: phase('catch up', 'READY'),
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'READY'));
    expect(order).toEqual(['prepare', 'copy', 'catch up'].flatMap((name) => [`${name} begins`, `${name} ends`]));
    const ready = await engine.status(id);
    expect(ready).toMatchObject({ nextAction: 'cutover', cutover: { ready: true } });
    expect(ready.commands).toEqual(['pause', 'throttle', 'cutover', 'cancel']);
    await engine.command(id, 'cutover', by);
    await world.until(stateIs(engine, id, 'SWITCHED'));
    expect((await engine.status(id)).cutover.lastAttempt).toMatchObject({ outcome: 'switched' });
    await engine.command(id, 'finish', by);
    await world.until(stateIs(engine, id, 'FINISHED'));
    expect(await eventsOf(engine, id)).toEqual([
      'created',
      'PLANNED>PREPARING',
      'PREPARING>COPYING',
      'COPYING>CATCHING_UP',
      'CATCHING_UP>READY',
      'cutover-requested',
      'READY>VERIFYING',
      'VERIFYING>CUTTING_OVER',
      'CUTTING_OVER>SWITCHED',
      'finish-requested',
      'SWITCHED>FINISHED',
    ]);
    expect(handler.calls).toEqual(['PREPARING', 'COPYING', 'CATCHING_UP', 'finish']);
    expect((await world.store.operation(id))?.notes).toEqual({ prepare: true, copy: true, 'catch up': true });
    expect(world.troubles).toEqual([]);
  });

  it('in automatic mode cuts over when it is ready, and again by itself when that was undone, saying when, why and how often', async () => {
    let attempts = 0;
    const handler = new TestHandler({
      CUTTING_OVER: () =>
        Promise.resolve(
          ++attempts <= 3 ? { next: 'READY', reason: 'group billing did not drain' } : { next: 'SWITCHED' },
        ),
    });
    handler.draft = planDraft({ controls: { cutover: 'automatic' } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    const at: number[] = [];
    for (let n = 1; n <= 3; n++) {
      await world.until(async () => (await engine.status(id)).cutover.undone === n);
      at.push(world.clock.now());
      const undone = await engine.status(id);
      expect(undone).toMatchObject({ state: 'READY', reason: 'group billing did not drain', nextAction: null });
      expect(undone.cutover.lastAttempt).toMatchObject({ outcome: 'undone', reason: 'group billing did not drain' });
      expect(undone.cutover.nextAttemptAt! - world.clock.now()).toBeCloseTo(5_000 * 2 ** (n - 1), -2);
    }
    await world.until(stateIs(engine, id, 'SWITCHED'));
    at.push(world.clock.now());
    const pauses = at.slice(1).map((time, i) => Math.round((time - at[i]!) / 1_000));
    expect(pauses).toEqual([5, 10, 20]);
    expect((await engine.status(id)).cutover).toMatchObject({ undone: 0, nextAttemptAt: null });
    const requested = (await engine.events(id, 0, 100)).filter(({ type }) => type === 'cutover-requested');
    expect(requested.map(({ data }) => data)).toEqual([2, 3, 4].map((attempt) => ({ by: 'ann', attempt })));
  });

  it('in manual mode tries no undone cutover again', async () => {
    const handler = new TestHandler({ CUTTING_OVER: () => Promise.resolve({ next: 'READY', reason: 'no' }) });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await engine.command(id, 'cutover', by);
    await world.until(async () => (await engine.status(id)).cutover.lastAttempt !== null);
    await world.pass(3_600_000, 30_000);
    expect(handler.calls).toEqual(['CUTTING_OVER']);
    expect(await engine.status(id)).toMatchObject({
      nextAction: 'cutover',
      cutover: { undone: 0, nextAttemptAt: null },
    });
  });

  it('remembers over a restart when it tries a cutover again and how often one was undone', async () => {
    let undoes = true;
    const handler = new TestHandler({
      CUTTING_OVER: () => Promise.resolve(undoes ? { next: 'READY', reason: 'no' } : { next: 'SWITCHED' }),
    });
    handler.draft = planDraft({ controls: { cutover: 'automatic' } });
    const first = world.engine(handler);
    const id = await world.start(first);
    await world.until(async () => (await first.status(id)).cutover.undone === 2);
    const { nextAttemptAt } = (await first.status(id)).cutover;
    await world.of(first.close());
    undoes = false;
    const second = world.engine(handler);
    expect((await second.status(id)).cutover).toMatchObject({ undone: 2, nextAttemptAt });
    await world.until(stateIs(second, id, 'SWITCHED'));
    expect(world.clock.now()).toBeGreaterThanOrEqual(nextAttemptAt!);
    expect(world.clock.now()).toBeLessThan(nextAttemptAt! + 2_000);
  });

  it('tries nothing again while it is paused, nor once somebody took the cutover back; asked for by hand it is tried at once', async () => {
    let attempts = 0;
    let undoes = true;
    const handler = new TestHandler({
      CUTTING_OVER: () => {
        attempts++;
        return Promise.resolve(undoes ? { next: 'READY', reason: 'no' } : { next: 'SWITCHED' });
      },
    });
    handler.draft = planDraft({ controls: { cutover: 'automatic' } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    const undone = async (): Promise<number> => (await engine.status(id)).cutover.undone;
    await world.until(async () => (await undone()) === 1);
    const paused = await world.of(engine.command(id, 'pause', by));
    expect(paused.cutover.nextAttemptAt).toBeNull();
    await world.pass(600_000, 10_000);
    expect(attempts).toBe(1);
    await engine.command(id, 'resume', by);
    await world.until(async () => (await undone()) === 2);
    const status = await engine.command(id, 'cancel-cutover', by);
    expect(status).toMatchObject({ nextAction: 'cutover', cutover: { undone: 0, nextAttemptAt: null } });
    expect(status.commands).not.toContain('cancel-cutover');
    await world.pass(3_600_000, 30_000);
    expect(attempts).toBe(2);
    await engine.command(id, 'cutover', by);
    await world.until(async () => (await undone()) === 1);
    undoes = false;
    const asked = world.clock.now();
    await engine.command(id, 'cutover', by);
    await world.until(stateIs(engine, id, 'SWITCHED'));
    expect(world.clock.now() - asked).toBeLessThan(3_000);
  });

  it('a cutover asked for early happens as soon as it is ready, unless it is taken back', async () => {
    const go = deferred<void>();
    const handler = new TestHandler({ COPYING: () => go.promise.then(() => ({ next: 'READY' })) });
    const engine = world.engine(handler);
    const [one, two] = [await world.start(engine, 's1'), await world.start(engine, 's2')];
    for (const id of [one, two]) await engine.command(id, 'cutover', by);
    await engine.command(two, 'cancel-cutover', by);
    go.resolve();
    await world.until(stateIs(engine, one, 'SWITCHED'));
    await world.pass(5_000);
    expect((await engine.status(two)).state).toBe('READY');
  });

  it('a rollback goes the whole way back, and a finished rollback is the end', async () => {
    const handler = new TestHandler({
      SWITCHED: (run) => untilAborted(run.signal),
      ROLLING_BACK: () => Promise.resolve({ next: 'ROLLED_BACK' }),
    });
    handler.draft = planDraft({ controls: { cutover: 'automatic' } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'SWITCHED'));
    expect((await engine.status(id)).rollback.available).toBe(true);
    await engine.command(id, 'rollback', by);
    await world.until(stateIs(engine, id, 'ROLLED_BACK'));
    expect(handler.calls).toEqual(['SWITCHED', 'ROLLING_BACK']);
    const error = await refusal(engine.command(id, 'resume', by));
    expect(error).toMatchObject({ code: 'wrong-state', hint: 'It is over; make a new plan.' });
  });

  it('cancel ends the running function first, then undoes, then is over', async () => {
    const log: string[] = [];
    const handler = new TestHandler({
      COPYING: (run) => untilAborted(run.signal).finally(() => log.push('copy ended')),
    });
    handler.cancel = async () => {
      log.push('undone');
    };
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'COPYING'));
    await settle();
    await engine.command(id, 'cancel', by);
    await world.until(stateIs(engine, id, 'CANCELLED'));
    expect(log).toEqual(['copy ended', 'undone']);
  });

  it('a check asked for in READY runs and comes back', async () => {
    const handler = new TestHandler({
      READY: (run) => run.cutoverRequested().then(() => ({ next: 'VERIFYING' })),
      VERIFYING: () => Promise.resolve({ next: 'CUTTING_OVER', notes: { verification: { state: 'passed' } } }),
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'READY'));
    await engine.command(id, 'verify', by);
    await world.until(async () => (await engine.status(id)).verification !== null);
    expect((await engine.status(id)).state).toBe('READY');
    await engine.command(id, 'cutover', by);
    await world.until(stateIs(engine, id, 'SWITCHED'));
  });
});

describe('pausing', () => {
  it('has ended the running function when it answers, keeps the state, and resumes in the same phase', async () => {
    const gone = deferred<void>();
    let running = 0;
    const handler = new TestHandler({
      COPYING: async (run) => {
        running++;
        await untilAborted(run.signal).catch(() => undefined);
        // Slow to end: one step is still being written.
        await gone.promise;
        running--;
        throw run.signal.reason;
      },
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(() => running === 1);
    let answered = false;
    const paused = engine.command(id, 'pause', by).then((status) => {
      answered = true;
      return status;
    });
    await world.pass(5_000);
    expect(answered).toBe(false);
    gone.resolve();
    expect(await world.of(paused)).toMatchObject({ state: 'PAUSED', phase: 'COPYING', worker: null });
    expect(running).toBe(0);
    await world.pass(20_000);
    expect(handler.calls).toEqual(['COPYING']);
    await engine.command(id, 'resume', by);
    await world.until(() => running === 1);
    expect((await engine.status(id)).restarts).toBe(0);
    expect(await eventsOf(engine, id)).not.toContain('failed');
  });

  it('a phase that ends while it is being paused has ended: its transition is kept, the next one waits', async () => {
    const gate = deferred<void>();
    const handler = new TestHandler({
      COPYING: () => gate.promise.then(() => ({ next: 'READY', notes: { end: '7' } })),
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'COPYING'));
    await settle();
    const paused = engine.command(id, 'pause', by);
    await settle();
    gate.resolve();
    expect(await world.of(paused)).toMatchObject({ state: 'PAUSED', phase: 'READY' });
    expect((await world.store.operation(id))?.notes).toEqual({ end: '7' });
  });

  it('throttle limits change while it runs and while it is paused', async () => {
    let moved = 0;
    const handler = new TestHandler({
      COPYING: async (run) => {
        for (;;) {
          await run.pace(10, 1_000);
          moved += 10;
          run.report({ recordsDone: moved, recordsTotal: 1e6, totalIsEstimate: false, bytesDone: 0, partitions: [] });
        }
      },
    });
    const engine = world.engine(handler, { defaultLimits: { ...UNTHROTTLED, recordsPerSecond: 100 } });
    const id = await world.start(engine);
    await world.pass(10_000);
    expect(moved).toBeGreaterThan(900);
    expect(moved).toBeLessThan(1_200);
    expect((await engine.status(id)).throttle).toMatchObject({ active: true, reason: 'rate limit 100 records/s' });
    await engine.command(id, 'throttle', { ...by, limits: { ...UNTHROTTLED, recordsPerSecond: 1_000 } });
    await world.pass(10_000);
    expect(moved).toBeGreaterThan(10_000);
    await world.of(engine.command(id, 'pause', by));
    const before = moved;
    const paused = await engine.command(id, 'throttle', { ...by, limits: { ...UNTHROTTLED, recordsPerSecond: 1 } });
    expect(paused).toMatchObject({ state: 'PAUSED', throttle: { active: false, limits: { recordsPerSecond: 1 } } });
    await world.pass(5_000);
    expect(moved).toBe(before);
  });
});

describe('failures', () => {
  it('that may pass are tried again with growing pauses; then it is FAILED until somebody resumes it', async () => {
    const at: number[] = [];
    let works = false;
    const handler = new TestHandler({
      COPYING: () => {
        at.push(world.clock.monotonic());
        return works ? Promise.resolve({ next: 'READY' }) : Promise.reject(unavailable());
      },
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'FAILED'));
    const pauses = at.slice(1).map((time, i) => time - at[i]!);
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
    const failed = await engine.status(id);
    expect(failed).toMatchObject({ reason: 'the broker is away', lastError: { code: 'broker-away' }, worker: null });
    await world.pass(60_000);
    expect(at).toHaveLength(6);
    works = true;
    await engine.command(id, 'resume', by);
    await world.until(stateIs(engine, id, 'READY'));
  });

  it('of a person’s making block with the reason, and resume tries again', async () => {
    let blocked = true;
    const handler = new TestHandler({
      PREPARING: () => {
        if (blocked) throw new AppError({ kind: 'conflict', code: 'operation-blocked', message: 'Group g is live.' });
        return Promise.resolve({ next: 'READY' });
      },
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'BLOCKED'));
    expect((await engine.status(id)).reason).toBe('Group g is live.');
    blocked = false;
    await engine.command(id, 'resume', by);
    await world.until(stateIs(engine, id, 'READY'));
  });

  it('a pause of the retry is cut short by cancel', async () => {
    const handler = new TestHandler({ COPYING: () => Promise.reject(unavailable()) });
    const engine = world.engine(handler, {
      retry: { attempts: 5, firstDelayMs: 1e9, maxDelayMs: 1e9, repeatableCodes: [] },
    });
    const id = await world.start(engine);
    await world.until(() => handler.calls.length === 1);
    await settle();
    await engine.command(id, 'cancel', by);
    await world.until(stateIs(engine, id, 'CANCELLED'));
  });

  it('a handler that goes where the table does not lead fails, and the error tells from where to where', async () => {
    const failures: unknown[] = [];
    const handler = new TestHandler({ COPYING: () => Promise.resolve({ next: 'SWITCHED' }) });
    const engine = world.engine(handler, { observer: { failed: (_, error) => failures.push(error) } });
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'FAILED'));
    expect((await engine.status(id)).phase).toBe('COPYING');
    expect(String(failures[0])).toContain('COPYING to SWITCHED');
  });
});

describe('a cutover', () => {
  const undoing: PhaseFunctions = {
    CUTTING_OVER: async (run) => {
      if (run.cutoverCancelled === true) return { next: 'READY', notes: { released: true } };
      return untilAborted(run.signal);
    },
  };

  it('that takes longer than the pause allowed is undone, with the reason', async () => {
    const handler = new TestHandler(undoing);
    handler.draft = planDraft({ controls: { cutover: 'automatic', maxPauseMs: 2_000 } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'CUTTING_OVER'));
    const began = world.clock.now();
    await world.until(stateIs(engine, id, 'READY'));
    expect(world.clock.now() - began).toBeLessThanOrEqual(2_300);
    const { cutover, reason } = await engine.status(id);
    expect(reason).toBe('the cutover took longer than 2000 ms');
    expect(cutover.lastAttempt).toMatchObject({ outcome: 'undone', reason });
    expect(cutover.requestedAt).toBeNull();
  });

  it('is undone when somebody cancels it, and by nothing else', async () => {
    const handler = new TestHandler(undoing);
    handler.draft = planDraft({ controls: { cutover: 'automatic' } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'CUTTING_OVER'));
    await world.pass(60_000);
    expect((await refusal(engine.command(id, 'cancel', by))).hint).toContain('cancel-cutover');
    expect((await refusal(engine.command(id, 'pause', by))).code).toBe('wrong-state');
    await engine.command(id, 'cancel-cutover', by);
    await world.until(stateIs(engine, id, 'READY'));
    expect((await world.store.operation(id))?.notes).toEqual({ released: true });
    // What somebody gave up is not begun again by itself.
    await world.pass(600_000, 10_000);
    expect(await engine.status(id)).toMatchObject({ state: 'READY', nextAction: 'cutover' });
  });

  it('that fails is undone before it is anything else', async () => {
    const handler = new TestHandler({
      CUTTING_OVER: (run) =>
        run.cutoverCancelled === true
          ? Promise.resolve({ next: 'READY' })
          : Promise.reject(new AppError({ kind: 'internal', code: 'mismatch', message: '3 records differ' })),
    });
    handler.draft = planDraft({ controls: { cutover: 'automatic' } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(async () => (await engine.status(id)).cutover.lastAttempt !== null);
    expect(await engine.status(id)).toMatchObject({
      state: 'READY',
      reason: '3 records differ',
      lastError: { code: 'mismatch' },
    });
  });

  it('whose name has moved already is completed instead of undone', async () => {
    const handler = new TestHandler({
      CUTTING_OVER: (run) =>
        run.cutoverCancelled === true ? Promise.resolve({ next: 'SWITCHED' }) : untilAborted(run.signal),
    });
    handler.draft = planDraft({ controls: { cutover: 'automatic', maxPauseMs: 100 } });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(stateIs(engine, id, 'SWITCHED'));
    expect((await engine.status(id)).cutover.lastAttempt).toMatchObject({ outcome: 'switched' });
  });
});

describe('several instances', () => {
  it('one works on an operation, and any of them takes commands', async () => {
    let running = 0;
    let most = 0;
    const work: PhaseFunctions = {
      COPYING: async (run) => {
        most = Math.max(most, ++running);
        try {
          return await untilAborted(run.signal);
        } finally {
          running--;
        }
      },
    };
    const [one, two] = [world.engine(new TestHandler(work)), world.engine(new TestHandler(work))];
    const id = await world.start(one);
    await world.until(() => running === 1);
    await world.pass(60_000);
    expect(most).toBe(1);
    // Whichever does not run it.
    const other = (await one.status(id)).worker === 'instance-1' ? two : one;
    expect(await world.of(other.command(id, 'pause', by))).toMatchObject({ state: 'PAUSED', worker: null });
    expect(running).toBe(0);
    await other.command(id, 'resume', by);
    await world.until(() => running === 1);
    await other.command(id, 'cancel', by);
    await world.until(stateIs(one, id, 'CANCELLED'));
    expect(most).toBe(1);
  });

  it('a graceful stop hands the work on at once and counts as no restart', async () => {
    const handler = () => new TestHandler({ COPYING: (run) => untilAborted(run.signal) });
    const one = world.engine(handler());
    const id = await world.start(one);
    await world.until(
      async () => (await one.status(id)).worker === 'instance-1' && (await one.status(id)).state === 'COPYING',
    );
    await world.of(one.close());
    const two = world.engine(handler());
    await world.until(async () => (await two.status(id)).worker === 'instance-2', 3_000);
    expect(await two.status(id)).toMatchObject({ state: 'COPYING', restarts: 0 });
  });

  it('an instance without the kind, or without the log, leaves the work and says what it waits for', async () => {
    const other = new TestHandler({}, 'other');
    const starter = new TestHandler();
    const accepting = Object.assign(starter, { accepts: () => false });
    const engine = world.engine(accepting);
    const id = await world.start(engine);
    await world.pass(3_000);
    expect((await engine.status(id)).reason).toContain('its log');
    const unaware = world.engine(other);
    await world.pass(3_000);
    expect((await unaware.status(id)).reason).toContain("kind 'test'");
    expect((await engine.status(id)).state).toBe('PLANNED');
  });

  it('only so many move data at once; the next begins when a place is free, and waiting takes no place', async () => {
    const release = new Map<string, () => void>();
    const handler = new TestHandler({
      COPYING: (run) => new Promise((resolve) => release.set(run.operationId, () => resolve({ next: 'READY' }))),
    });
    const engine = world.engine(handler, { maxConcurrent: 2 });
    const ids = [];
    for (const subject of ['a', 'b', 'c']) ids.push(await world.start(engine, subject));
    await world.until(() => release.size === 2);
    await world.pass(5_000);
    expect(release.size).toBe(2);
    expect((await engine.status(ids[2]!)).reason).toContain('waits for a free place');
    release.get(ids[0]!)!();
    await world.until(() => release.size === 3);
    expect((await engine.status(ids[0]!)).state).toBe('READY');
    for (const go of release.values()) go();
    await world.until(stateIs(engine, ids[2]!, 'READY'));
  });

  it('light work takes none of these places, and waits for none', async () => {
    const release = new Map<string, () => void>();
    const copying = {
      COPYING: (run: OperationRun) =>
        new Promise<PhaseResult>((resolve) => release.set(run.operationId, () => resolve({ next: 'READY' }))),
    };
    const engine = world.engine(new TestHandler(copying), { maxConcurrent: 1 });
    engine.register(Object.assign(new TestHandler(copying, 'light'), { isLight: true }));
    const light = async (subject: string) => {
      const { hash } = await engine.plan('light', { subject }, 'ann');
      return (await engine.start({ planHash: hash, principal: 'ann' })).operation.id;
    };
    const ids = [await light('a'), await light('b'), await world.start(engine, 'c'), await light('d')];
    await world.until(() => release.size === 4);
    expect([...release.keys()].sort()).toEqual([...ids].sort());
    const heavy = await world.start(engine, 'e');
    await world.pass(5_000);
    expect((await engine.status(heavy)).reason).toContain('waits for a free place: 1 operations');
    for (const go of release.values()) go();
    await world.until(() => release.size === 5);
    release.get(heavy)!();
    await world.until(stateIs(engine, heavy, 'READY'));
  });
});
