import { describe, expect, it } from 'vitest';
import type { Io } from './io.js';
import { endOf, progressLine, reminder, type OperationStatus } from './operations/operation.js';
import { ProgressDisplay } from './operations/progress.js';

const status = (changes: Partial<OperationStatus> = {}): OperationStatus => ({
  id: 'op_1',
  kind: 'repartition',
  subject: 'topic:local/orders',
  state: 'COPYING',
  phase: 'COPYING',
  reason: null,
  nextAction: null,
  commands: ['pause'],
  createdBy: 'me',
  createdAt: '2026-01-31T12:00:00Z',
  startReason: null,
  planHash: 'ab12',
  endedAt: null,
  progress: {
    records: { done: 4_600_000, total: 7_500_000, totalIsEstimate: false },
    bytes: 2 * 1024 ** 3,
    percent: 61.2,
    rate: 38_000,
    lag: { records: 120, ms: 400 },
    etaSeconds: 79,
    etaBasis: 'rate',
  },
  throttle: { active: false, reason: null, since: null },
  cutover: { ready: false, mode: 'auto', blockers: [] },
  rollback: { available: false, until: null },
  lastError: null,
  ...changes,
});

describe('the line of progress', () => {
  it('tells phase, percent, records, bytes, tail, rate, state and ETA', () => {
    expect(progressLine(status())).toBe(
      'copy 61.2%  4.6M/7.5M rec  2.0 GiB · tail 120 rec 0.4s · 38k rec/s · running · ETA 1m19s',
    );
  });

  it('tells how much of the bytes that were planned, unless there are more by now', () => {
    expect(progressLine(status(), 3.4 * 1024 ** 3)).toContain('rec  2.0/3.4 GiB ·');
    expect(progressLine(status(), 5 * 1024 ** 4)).toContain('rec  2.0 GiB/5.0 TiB ·');
    expect(progressLine(status(), 1024)).toContain('rec  2.0 GiB ·');
  });

  it('names what throttles, who is waited for, and no ETA that is a guess', () => {
    expect(
      progressLine(status({ throttle: { active: true, reason: 'group billing lag 6.2s > 5s', since: null } })),
    ).toContain('· throttled: group billing lag 6.2s > 5s · ETA');
    const ready = { state: 'READY', phase: 'READY', cutover: { ready: true, mode: 'manual', blockers: [] } };
    expect(progressLine(status({ ...ready, nextAction: 'cutover' }))).toBe(
      'cutover ready · waiting for you: weir op cutover op_1',
    );
    // One that happens by itself, or was asked for already, waits for nobody.
    expect(progressLine(status(ready))).toBe('cutover ready · asked for, nobody is waited for');
    const undone = {
      ...{ ready: true, mode: 'automatic', blockers: [], undone: 2, nextAttemptAt: '2026-02-01T12:00:35.000Z' },
      lastAttempt: { outcome: 'undone', reason: "Group 'billing' has 1 live members." },
    };
    expect(progressLine(status({ state: 'READY', phase: 'READY', cutover: undone }))).toBe(
      "cutover undone 2 times: Group 'billing' has 1 live members · tried again at 12:00:35 UTC",
    );
    expect(progressLine(status({ progress: { ...status().progress!, percent: 0.4 } }))).not.toContain('ETA');
    expect(reminder(status({ rollback: { available: true, until: '2026-02-01T12:00:00Z' } }))).toContain(
      'the way back is open until 2026-02-01T12:00:00Z: weir op rollback op_1',
    );
  });

  it('says of one that is over that it is, and not that it runs', () => {
    for (const state of ['FINISHED', 'FAILED', 'CANCELLED', 'ROLLED_BACK', 'SWITCHED'])
      expect(progressLine(status({ state, phase: state }))).not.toContain('running');
  });

  it('ends well where it was told to end, and nowhere else', () => {
    const ends = (goal: 'FINISHED' | 'ROLLED_BACK' | 'CANCELLED') =>
      ['SWITCHED', 'FINISHED', 'ROLLED_BACK', 'CANCELLED', 'FAILED'].map((state) => endOf(status({ state }), goal));
    const no = 'operation-failed';
    expect([ends('FINISHED'), ends('ROLLED_BACK'), ends('CANCELLED')]).toEqual([
      [undefined, 'done', no, no, no],
      [undefined, no, 'done', no, no],
      [undefined, no, no, 'done', no],
    ]);
  });

  it('ends well at SWITCHED and FINISHED only', () => {
    expect(
      ['SWITCHED', 'FINISHED', 'FAILED', 'CANCELLED', 'ROLLED_BACK', 'BLOCKED', 'READY'].map((state) =>
        endOf(status({ state })),
      ),
    ).toEqual(['done', 'done', 'operation-failed', 'operation-failed', 'operation-failed', undefined, undefined]);
  });
});

describe('progress', () => {
  const shown = (terminal: boolean, steps: readonly [ms: number, state: string][]): string => {
    let [out, now] = ['', 0];
    const io = { stderrIsTerminal: terminal, columns: 200, err: (text: string) => void (out += text) } as unknown as Io;
    const display = new ProgressDisplay(io, false, () => now);
    for (const [ms, state] of steps) {
      now = ms;
      display.show(status({ state, phase: state }));
    }
    display.end();
    return out;
  };

  it('repaints one line of a terminal at most four times a second', () => {
    const out = shown(
      true,
      Array.from({ length: 100 }, (_, n) => [n * 20, 'COPYING']),
    );
    expect([out.split('\r').length - 1, out.split('\n').length]).toEqual([8, 2]);
  });

  it('writes a line at each change of state and every ten seconds elsewhere, and reminds every ten minutes', () => {
    expect(
      shown(false, [
        [0, 'COPYING'],
        [9_999, 'COPYING'],
        [10_000, 'COPYING'],
        [10_001, 'READY'],
      ])
        .trimEnd()
        .split('\n'),
    ).toHaveLength(3);
    expect(
      shown(false, [
        [0, 'COPYING'],
        [600_000, 'COPYING'],
      ]),
    ).toContain('started by me');
  });
});
