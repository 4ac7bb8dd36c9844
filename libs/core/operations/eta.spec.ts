import { describe, expect, it } from 'vitest';
import { etaOf, percentOf } from './eta.js';
import type { OperationProgress } from './operation.js';
import { ProgressMeter } from './progress-meter.js';

/** Reports twice a second for `seconds`: `rate` records/s copied while writers add `written`/s to a log of `backlog`. */
function measured(options: { seconds: number; rate: number; written: number; backlog: number }) {
  const meter = new ProgressMeter();
  for (let half = 0; half <= options.seconds * 2; half++) {
    const done = (options.rate * half) / 2;
    const end = options.backlog + (options.written * half) / 2;
    meter.report(progress(done, end, end - done, options.backlog), half * 500, 1_000 + half * 500);
  }
  return meter.snapshot();
}

function progress(done: number, end: number, lag: number, total: number | null): OperationProgress {
  const partition = { partition: 0, position: String(done), end: String(end), lag };
  return {
    recordsDone: done,
    recordsTotal: total,
    totalIsEstimate: true,
    bytesDone: done * 100,
    partitions: [partition],
  };
}

describe('the time that remains', () => {
  it('is not told before 1 % is done or 30 s were measured', () => {
    const early = measured({ seconds: 5, rate: 10, written: 0, backlog: 100_000 });
    expect(etaOf('COPYING', early)).toEqual({ etaSeconds: null, etaBasis: 'measuring' });
    expect(etaOf('COPYING', null)).toEqual({ etaSeconds: null, etaBasis: 'measuring' });
    const onePercent = measured({ seconds: 5, rate: 200, written: 0, backlog: 100_000 });
    expect(etaOf('COPYING', onePercent)).toEqual({ etaSeconds: 495, etaBasis: 'current rate' });
    const halfMinute = measured({ seconds: 30, rate: 10, written: 0, backlog: 100_000 });
    expect(etaOf('COPYING', halfMinute)).toEqual({ etaSeconds: 9_970, etaBasis: 'current rate' });
  });

  it('counts what writers add meanwhile', () => {
    const snapshot = measured({ seconds: 40, rate: 1_000, written: 500, backlog: 100_000 });
    // 80,000 behind after 40 s, gaining 500 a second.
    expect(etaOf('CATCHING_UP', snapshot)).toEqual({ etaSeconds: 160, etaBasis: 'current rate' });
  });

  it('is never when writers are as quick as the copy', () => {
    const slower = measured({ seconds: 40, rate: 500, written: 600, backlog: 1_000 });
    expect(etaOf('COPYING', slower)).toEqual({ etaSeconds: null, etaBasis: 'never at current rates' });
    const equal = measured({ seconds: 40, rate: 500, written: 500, backlog: 50_000 });
    expect(etaOf('COPYING', equal).etaBasis).toBe('never at current rates');
  });

  it('is due when only the cutover remains, and not told when nothing runs', () => {
    const snapshot = measured({ seconds: 40, rate: 500, written: 0, backlog: 50_000 });
    expect(etaOf('READY', snapshot)).toEqual({ etaSeconds: 0, etaBasis: 'due' });
    for (const state of ['PAUSED', 'FAILED', 'BLOCKED', 'SWITCHED', 'FINISHED'] as const) {
      expect(etaOf(state, snapshot)).toEqual({ etaSeconds: null, etaBasis: 'not running' });
    }
  });

  it('follows a changed rate within seconds and does not jump at one odd window', () => {
    const meter = new ProgressMeter();
    let done = 0;
    const step = (from: number, to: number, perHalf: number) => {
      for (let half = from; half < to; half++)
        meter.report(progress((done += perHalf), 1e6, 1e6 - done, 1e6), half * 500, 0);
    };
    step(0, 80, 500);
    const before = meter.snapshot()!.rate!;
    expect(before).toBeCloseTo(1_000, 0);
    step(80, 81, 5_000);
    expect(meter.snapshot()!.rate!).toBeLessThan(1_600);
    step(81, 161, 100);
    expect(meter.snapshot()!.rate!).toBeLessThan(250);
  });

  it('leaves pauses out of the rate and survives a change of worker', () => {
    const meter = new ProgressMeter();
    for (let half = 0; half <= 20; half++) meter.report(progress(half * 500, 1e6, 1e6, 1e6), half * 500, 0);
    meter.rest();
    meter.report(progress(10_000, 1e6, 1e6, 1e6), 10_000_000, 0);
    meter.report(progress(10_500, 1e6, 1e6, 1e6), 10_000_500, 0);
    expect(meter.snapshot()!.rate).toBeCloseTo(1_000, 0);
    expect(meter.snapshot()!.activeMs).toBe(10_500);
    const next = new ProgressMeter(JSON.parse(JSON.stringify(meter.snapshot())));
    expect(next.snapshot()).toEqual(meter.snapshot());
  });
});

describe('the part done', () => {
  it('is against what is known now, not against a total that was outgrown', () => {
    const snapshot = measured({ seconds: 40, rate: 100, written: 100, backlog: 4_000 });
    // 4,000 copied, 4,000 remain.
    expect(percentOf(snapshot!)).toBe(50);
  });

  it('is unknown without a total and whole for nothing at all', () => {
    const meter = new ProgressMeter();
    meter.report({ ...progress(5, 5, 0, null) }, 0, 0);
    expect(percentOf(meter.snapshot()!)).toBeNull();
    meter.report({ ...progress(0, 0, 0, 0) }, 0, 0);
    expect(percentOf(meter.snapshot()!)).toBe(100);
  });
});
