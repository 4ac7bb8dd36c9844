import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Followed } from './follow.js';
import type { OperationEngine } from './operation-engine.js';
import { EngineWorld, settle, TestHandler, untilAborted } from './testing/engine-world.js';

let world: EngineWorld;
beforeEach(() => {
  world = new EngineWorld();
});
afterEach(() => world.close());

const by = { principal: 'bob' };

/** Collects what a follower is shown until the stream ends. */
function following(engine: OperationEngine, id: string, after: number, signal = new AbortController().signal) {
  const shown: Followed[] = [];
  const ended = (async () => {
    for await (const one of engine.follow(id, after, signal)) shown.push(one);
  })();
  ended.catch(() => undefined);
  const sequences = () => shown.flatMap((one) => (one.type === 'event' ? [one.event.sequence] : []));
  return { shown, ended, sequences };
}

describe('following an operation', () => {
  it('shows every event once, in order, from the one asked for, and ends with the operation', async () => {
    const handler = new TestHandler({ COPYING: (run) => untilAborted(run.signal) });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    const early = following(engine, id, 0);
    await world.pass(2_000);
    const late = following(engine, id, 2);
    await engine.command(id, 'cancel', by);
    await world.of(Promise.all([early.ended, late.ended]));
    const last = (await world.store.operation(id))!.lastSequence;
    expect(early.sequences()).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(late.sequences()).toEqual(early.sequences().slice(2));
    const final = late.shown.at(-1);
    expect(final?.type === 'status' && final.status.state).toBe('CANCELLED');
    const afterwards = following(engine, id, last);
    await world.of(afterwards.ended);
    expect(afterwards.sequences()).toEqual([]);
  });

  it('sees what another instance did, within a look', async () => {
    const handler = () => new TestHandler({ COPYING: (run) => untilAborted(run.signal) });
    const [one, two] = [world.engine(handler()), world.engine(handler())];
    const id = await world.start(one);
    const there = following(two, id, 0);
    await world.until(async () => (await one.status(id)).state === 'COPYING');
    await world.pass(2_000);
    expect(there.sequences()).toEqual((await two.events(id, 0, 100)).map((event) => event.sequence));
    await one.command(id, 'cancel', by);
    await world.of(there.ended);
  });

  it('shows progress between events, and nothing when nothing changed', async () => {
    let step = () => {};
    const handler = new TestHandler({
      COPYING: (run) => {
        let done = 0;
        step = () =>
          run.report({ recordsDone: ++done, recordsTotal: 9, totalIsEstimate: false, bytesDone: 0, partitions: [] });
        return untilAborted(run.signal);
      },
    });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    await world.until(async () => (await engine.status(id)).state === 'COPYING');
    await settle();
    const follower = following(engine, id, 0);
    await world.pass(5_000);
    const quiet = follower.shown.length;
    await world.pass(10_000);
    expect(follower.shown.length).toBe(quiet);
    step();
    await world.pass(2_000);
    const last = follower.shown.at(-1);
    expect(last?.type === 'status' && last.status.progress?.records.done).toBe(1);
  });

  it('ends when its reader leaves, and knows no operation that is not there', async () => {
    const engine = world.engine(new TestHandler({ COPYING: (run) => untilAborted(run.signal) }));
    const id = await world.start(engine);
    const leaving = new AbortController();
    const follower = following(engine, id, 0, leaving.signal);
    await world.pass(1_000);
    leaving.abort();
    await world.of(follower.ended);
    await expect(following(engine, 'op_x', 0).ended).rejects.toMatchObject({ code: 'operation-not-found' });
  });
});

describe('waiting a little', () => {
  it('answers as soon as somebody is needed, or when the time is over', async () => {
    const handler = new TestHandler({ COPYING: (run) => run.cutoverRequested().then(() => ({ next: 'READY' })) });
    const engine = world.engine(handler);
    const id = await world.start(engine);
    const { signal } = new AbortController();
    const began = world.clock.monotonic();
    expect((await world.of(engine.awaitRest(id, 5_000, signal))).state).toBe('COPYING');
    expect(world.clock.monotonic() - began).toBeGreaterThanOrEqual(5_000);
    const waiting = engine.awaitRest(id, 60_000, signal);
    await engine.command(id, 'cutover', by);
    expect((await world.of(waiting)).state).toBe('SWITCHED');
  });
});
