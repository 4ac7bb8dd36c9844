import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chance } from './testing/mortal-process.js';
import { LatencyGovernor, LEAST_SHARE, LEAST_STEP, restOf, stepOf } from './latency-governor.js';

/** Writes that arrive evenly beside work that is governed: each takes what it takes by itself, and meets a step of the work now and then. */
interface Beside {
  readonly seed: number;
  readonly writesPerSecond: number;
  /** What the 99th percentile of writes is without the work, ms. */
  readonly idleMs: number;
  /** How long a whole step holds a write at most. */
  readonly stepMs: number;
}

interface Governing {
  share(now: number): number;
  wrote(exceeded: boolean, now: number): void;
}

/** Writes whose 99th percentile somebody looks at. */
const STRETCH = 750;

/** The part of the writes that took longer than `allowedMs`, the mean share, and the 99th percentiles of stretches as parts of what is allowed, in the second half of so many writes. */
function ran(governor: Governing, beside: Beside, allowedMs: number, writes = 20_000) {
  const random = chance(beside.seed);
  let [exceeding, shares] = [0, 0];
  const stretches: number[] = [];
  let times: number[] = [];
  for (let n = 0; n < writes; n++) {
    const now = (n * 1_000) / beside.writesPerSecond;
    const share = governor.share(now);
    // An exponential distribution with that percentile.
    const alone = (-Math.log(1 - random()) / Math.log(100)) * beside.idleMs;
    const worksNow = random() < Math.min(1, share / LEAST_STEP);
    const ms = alone + (worksNow ? random() * beside.stepMs * stepOf(share) : 0);
    const exceeded = ms > allowedMs;
    governor.wrote(exceeded, now);
    if (n < writes / 2) continue;
    exceeding += exceeded ? 1 : 0;
    shares += share;
    times.push(ms / allowedMs);
    if (times.length < STRETCH) continue;
    stretches.push(times.sort((a, b) => a - b)[Math.ceil(0.99 * STRETCH) - 1]!);
    times = [];
  }
  return { exceeding: exceeding / (writes / 2), share: shares / (writes / 2), stretches };
}

/** A disk that stands still for a while after so much was moved: all writes of that time wait for one flush. */
interface Stalling {
  readonly seed: number;
  readonly stallMs: number;
  /** Whole steps, one a millisecond, from one stall to the next. */
  readonly every: number;
}

/** The 99th percentiles of stretches as parts of what is allowed, of writes that come every 3 ms. */
function ranWithStalls(governor: Governing, { seed, stallMs, every }: Stalling, allowedMs: number): number[] {
  const random = chance(seed);
  const stretches: number[] = [];
  let times: number[] = [];
  let [moved, stalledUntil] = [0, 0];
  let waiting: number[] = [];
  for (let now = 0; now < 300_000; now += 3) {
    moved += 3 * governor.share(now);
    if (moved > every) {
      moved = 0;
      stalledUntil = now + stallMs * (0.5 + random());
    }
    waiting.push(now);
    if (now < stalledUntil) continue;
    const done = now + (-Math.log(1 - random()) / Math.log(100)) * (allowedMs / 2);
    for (const at of waiting) {
      governor.wrote(done - at > allowedMs, done);
      if (now > 30_000) times.push((done - at) / allowedMs);
    }
    waiting = [];
    if (times.length < STRETCH) continue;
    stretches.push(times.sort((a, b) => a - b)[Math.ceil(0.99 * times.length) - 1]!);
    times = [];
  }
  return stretches;
}

const worlds = fc.record({
  seed: fc.integer(),
  writesPerSecond: fc.integer({ min: 5, max: 2_000 }),
  idleMs: fc.double({ min: 0.2, max: 20, noNaN: true }),
  stepMs: fc.double({ min: 0, max: 100, noNaN: true }),
});

describe('work that is held to what producers may wait', () => {
  it('lets no more than one write in a hundred take longer, whatever a step of it costs them, or does as little as it ever does', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const allowed = Math.max(2 * world.idleMs, world.idleMs + 2);
        const { exceeding, share } = ran(new LatencyGovernor(), world, allowed);
        // Aimed at is a quarter of that.
        expect(exceeding < 0.01 || share < 2 * LEAST_SHARE).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps the 99th percentile of each stretch of some hundred writes below what is allowed, and eight tenths of the pace that would just exceed it', () => {
    for (const [idleMs, stepMs] of [
      [2, 20],
      [5, 60],
      [10, 60],
    ] as const) {
      const world = { seed: 3, writesPerSecond: 300, idleMs, stepMs };
      const { stretches, share } = ran(new LatencyGovernor(), world, Math.max(2 * idleMs, idleMs + 2), 60_000);
      expect(stretches.length).toBeGreaterThan(30);
      expect(Math.max(...stretches)).toBeLessThan(1);
      const bold = ran(new LatencyGovernor(0.01), world, Math.max(2 * idleMs, idleMs + 2), 60_000);
      expect(share).toBeGreaterThan(0.75 * bold.share);
      // Negative control: aimed at what is held, stretches lie beyond it.
      expect(bold.stretches.filter((one) => one > 1).length).toBeGreaterThan(bold.stretches.length / 4);
    }
  });

  it('keeps most stretches below it also where writes exceed it together', () => {
    for (const [stallMs, every] of [
      [30, 100],
      [30, 1_000],
      [60, 1_000],
    ] as const) {
      const beyond = (governor: Governing): number => {
        const stretches = ranWithStalls(governor, { seed: 5, stallMs, every }, 8);
        expect(stretches.length).toBeGreaterThan(80);
        return stretches.filter((one) => one > 1).length / stretches.length;
      };
      expect(beyond(new LatencyGovernor())).toBeLessThan(0.4);
      // Negative control: aimed at what is held, most lie beyond it.
      expect(beyond(new LatencyGovernor(0.01))).toBeGreaterThan(0.5);
    }
  });

  it('negative control: work that takes no notice is found out', () => {
    const careless: Governing = { share: () => 1, wrote: () => undefined };
    const { exceeding } = ran(careless, { seed: 1, writesPerSecond: 300, idleMs: 3, stepMs: 20 }, 6);
    expect(exceeding).toBeGreaterThan(0.5);
  });

  it('goes at its full pace where that costs producers nothing they would notice', () => {
    const { share } = ran(new LatencyGovernor(), { seed: 2, writesPerSecond: 300, idleMs: 3, stepMs: 1 }, 6);
    expect(share).toBeGreaterThan(0.9);
  });

  it('never stands still, and goes on as it likes a second after nobody writes any more', () => {
    const governor = new LatencyGovernor();
    for (let n = 0; n < 1_000; n++) governor.wrote(true, n);
    expect(governor.share(1_000)).toBe(LEAST_SHARE);
    expect(restOf(LEAST_SHARE, 5)).toBe(15);
    expect(governor.share(2_001)).toBe(1);
  });

  it('makes its steps smaller first, and rests between the smallest', () => {
    expect([1, 0.5, LEAST_STEP].map((share) => [stepOf(share), restOf(share, 8)])).toEqual([
      [1, 0],
      [0.5, 0],
      [LEAST_STEP, 0],
    ]);
    expect([stepOf(LEAST_STEP / 2), restOf(LEAST_STEP / 2, 8)]).toEqual([LEAST_STEP, 8]);
  });
});
