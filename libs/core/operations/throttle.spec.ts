import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { UNTHROTTLED } from './operation.js';
import { Throttle, type ThrottleCause } from './throttle.js';
import { WriteLatency } from './write-latency.js';
import { TokenBucket } from './token-bucket.js';

const OPERATION = { id: 'op_1', kind: 'test', subject: 'topic:local/orders' };

/** Lets everything that can go on without the clock go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function pacing(limits: Partial<typeof UNTHROTTLED>, causes: ThrottleCause[] = []) {
  const clock = new ManualClock();
  const throttle = new Throttle(clock, OPERATION, { ...UNTHROTTLED, ...limits }, causes);
  const abort = new AbortController();
  let steps = 0;
  const worker = (async () => {
    for (;;) {
      await throttle.pace(100, 1_000, abort.signal);
      steps++;
    }
  })();
  worker.catch(() => undefined);
  const run = async (ms: number) => {
    for (let i = 0; i < ms; i += 10) {
      clock.advance(10);
      await settle();
    }
  };
  return { clock, throttle, abort, worker, run, steps: () => steps };
}

describe('the pace of an operation', () => {
  it('keeps to records per second over time, and says so', async () => {
    const { run, steps, throttle, abort } = pacing({ recordsPerSecond: 1_000 });
    await run(10_000);
    // A little may pass at once, then 1,000 a second.
    expect(steps() * 100).toBeGreaterThanOrEqual(10_000);
    expect(steps() * 100).toBeLessThanOrEqual(10_400);
    expect(throttle.state()).toMatchObject({ active: true, reason: 'rate limit 1000 records/s' });
    abort.abort();
  });

  it('keeps to bytes per second, whichever limit is lower', async () => {
    const { run, steps, throttle, abort } = pacing({ recordsPerSecond: 1_000, bytesPerSecond: 5_000 });
    await run(10_000);
    expect(steps() * 1_000).toBeLessThanOrEqual(56_000);
    expect(throttle.state().reason).toBe('rate limit 5000 bytes/s');
    abort.abort();
  });

  it('under a rate makes steps of about a second, beginning with the smallest, instead of a whole one and a long rest', async () => {
    const clock = new ManualClock();
    const throttle = new Throttle(clock, OPERATION, { ...UNTHROTTLED, recordsPerSecond: 500 });
    const { signal } = new AbortController();
    // A whole step would be half a minute's worth.
    const WHOLE = { records: 16_000, bytes: 1_600_000 };
    const [began, moved]: [number, number[]] = [clock.monotonic(), []];
    for (let n = 0; n < 30; n++) {
      const share = throttle.stepShare;
      moved.push(share * WHOLE.records);
      let over = false;
      const pace = throttle.pace(share * WHOLE.records, share * WHOLE.bytes, signal).then(() => (over = true));
      for (await settle(); !over; await settle()) clock.advance(10);
      await pace;
    }
    expect(moved[0]).toBe(250);
    for (const one of moved.slice(1)) expect(one).toBeCloseTo(500);
    const seconds = (clock.monotonic() - began) / 1_000;
    expect(moved.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(500 * (seconds + 2));
    // What is verified is no step; a small rest at an end makes the next one no larger.
    await Promise.all([throttle.pace(0, 0, signal), settle().then(() => clock.advance(5_000))]);
    throttle.change({ ...UNTHROTTLED, bytesPerSecond: 100_000 });
    expect(throttle.stepShare * WHOLE.bytes).toBeCloseTo(100_000);
    throttle.change({ ...UNTHROTTLED, recordsPerSecond: 1_000_000 });
    expect(throttle.stepShare).toBe(1);
    throttle.change(UNTHROTTLED);
    expect(throttle.stepShare).toBe(1);
  });

  it('feels changed limits while it waits, up and down', async () => {
    const { run, steps, throttle, abort } = pacing({ recordsPerSecond: 1 });
    await run(2_000);
    expect(steps()).toBe(1);
    throttle.change({ ...UNTHROTTLED, recordsPerSecond: 10_000 });
    await run(1_000);
    expect(steps()).toBeGreaterThan(80);
    const before = steps();
    throttle.change({ ...UNTHROTTLED, recordsPerSecond: 100 });
    await run(5_000);
    expect(steps() - before).toBeLessThanOrEqual(7);
    abort.abort();
  });

  it('rests for any single cause, names the first one and since when, and forgets it afterwards', async () => {
    let lag: string | null = null;
    let disk: string | null = null;
    const causes = [
      { name: 'lag', check: () => lag },
      { name: 'disk', check: () => disk },
    ];
    const { clock, run, steps, throttle, abort } = pacing({ recordsPerSecond: 1_000 }, causes);
    await run(3_000);
    disk = 'disk 95 % full';
    await run(500);
    const began = clock.now();
    const before = steps();
    await run(5_000);
    expect(steps()).toBe(before);
    expect(throttle.state().reason).toBe('disk 95 % full');
    lag = 'group billing lag 6.2s > 5s';
    await run(500);
    expect(throttle.state().reason).toBe('group billing lag 6.2s > 5s');
    expect(throttle.state().since).toBeLessThanOrEqual(began);
    lag = disk = null;
    throttle.change(UNTHROTTLED);
    await run(2_000);
    expect(steps()).toBeGreaterThan(before);
    expect(throttle.state()).toEqual({ active: false, reason: null, since: null });
    abort.abort();
  });

  it('makes smaller steps and rests while producers wait longer than they may, says so, and takes it back', async () => {
    const clock = new ManualClock();
    const latency = new WriteLatency(() => clock.monotonic());
    const throttle = new Throttle(clock, OPERATION, { ...UNTHROTTLED, maxProduceMs: 5 }, [], latency);
    const { signal } = new AbortController();
    const write = (ms: number, count: number): void => {
      for (let n = 0; n < count; n++) latency.wrote('log', ms);
    };
    const paced = async (): Promise<number> => {
      const began = clock.monotonic();
      let over = false;
      // What the step took.
      clock.advance(10);
      const pace = throttle.pace(1, 1, signal).then(() => (over = true));
      for (await settle(); !over; await settle()) clock.advance(1);
      await pace;
      return clock.monotonic() - began - 10;
    };
    await paced();
    expect(throttle.stepShare).toBe(1);
    write(20, 2);
    expect(throttle.stepShare).toBeCloseTo(0.55, 1);
    expect(await paced()).toBeLessThanOrEqual(1);
    expect(throttle.state().reason).toBe('producers wait: 55 % of its pace');
    write(20, 20);
    expect(throttle.stepShare).toBe(1 / 16);
    expect(await paced()).toBeGreaterThanOrEqual(30);
    // Taken back while producers still wait.
    throttle.change(UNTHROTTLED);
    write(20, 20);
    expect(throttle.stepShare).toBe(1);
    expect(await paced()).toBeLessThanOrEqual(1);
    throttle.end();
  });

  it('listens to no write any more once it has ended, although its limits still change', () => {
    const latency = new WriteLatency(() => 0);
    const listen = latency.listen.bind(latency);
    let listening = 0;
    latency.listen = (listener) => {
      const stop = listen(listener);
      listening++;
      return () => {
        listening--;
        stop();
      };
    };
    const throttle = new Throttle(new ManualClock(), OPERATION, { ...UNTHROTTLED, maxProduceMs: 5 }, [], latency);
    throttle.change({ ...UNTHROTTLED, maxProduceMs: 6 });
    expect(listening).toBe(1);
    throttle.end();
    // What was asked of the operation in its last moment is still taken in.
    throttle.change({ ...UNTHROTTLED, maxProduceMs: 7 });
    expect(listening).toBe(0);
  });

  it('ends a wait when the signal aborts', async () => {
    const { run, abort, worker } = pacing({ recordsPerSecond: 1 });
    await run(500);
    abort.abort(new Error('paused'));
    await expect(worker).rejects.toThrow('paused');
  });

  it('lets others run now and then although nothing limits it', async () => {
    const clock = new ManualClock();
    const throttle = new Throttle(clock, OPERATION, UNTHROTTLED);
    const { signal } = new AbortController();
    await throttle.pace(1, 1, signal);
    clock.advance(50);
    let passed = false;
    const waiting = throttle.pace(1, 1, signal).then(() => (passed = true));
    await settle();
    expect(passed).toBe(false);
    clock.advance(1);
    await waiting;
  });
});

describe('a bucket of tokens', () => {
  it('never lets more pass than it holds plus rate times time plus one step', () => {
    const steps = fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 3_000 }), amount: fc.integer({ min: 1, max: 500 }) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), steps, (rate, tries) => {
        const bucket = new TokenBucket(rate, 0);
        let now = 0;
        let taken = 0;
        let largest = 0;
        for (const { wait, amount } of tries) {
          now += wait;
          if (bucket.waitMs(now) > 0) continue;
          bucket.take(amount, now);
          taken += amount;
          largest = Math.max(largest, amount);
        }
        expect(taken).toBeLessThanOrEqual(rate / 4 + (rate * now) / 1000 + largest);
      }),
    );
  });

  it('is open again after the wait it names', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 10_000_000 }), (rate, amount) => {
        const bucket = new TokenBucket(rate, 0);
        bucket.take(amount, 0);
        const wait = bucket.waitMs(0);
        expect(bucket.waitMs(wait)).toBe(0);
      }),
    );
  });
});
