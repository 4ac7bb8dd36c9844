import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { operationBlocked } from './errors.js';
import { operationRecord } from './testing/records.js';
import { activityOf, afterEnding, afterFailure, afterPhase, DEFAULT_RETRY, keyOf } from './workflow.js';

const unavailable = (retryAfterMs?: number) =>
  new AppError({ kind: 'unavailable', code: 'store-unavailable', message: 'gone', retryable: true, retryAfterMs });

describe('what a worker has to do', () => {
  it('is read off the durable state: an intent comes before the phase, a hold before both', () => {
    const copying = operationRecord({ phase: 'COPYING' });
    expect(keyOf(activityOf(copying))).toBe('COPYING');
    expect(keyOf(activityOf({ ...copying, intent: 'cancel' }))).toBe('cancel');
    expect(keyOf(activityOf({ ...copying, intent: 'cancel', hold: 'FAILED' }))).toBe('none:held');
    expect(keyOf(activityOf({ ...copying, phase: 'CANCELLED' }))).toBe('none:ended');
    const approval = { required: true, by: null, at: null };
    expect(keyOf(activityOf(operationRecord({ approval })))).toBe('none:awaiting-approval');
    // Cancelled before anybody approved it.
    expect(keyOf(activityOf(operationRecord({ approval, intent: 'cancel' })))).toBe('cancel');
  });

  it('undoing a cutover is another activity than making it', () => {
    const cutover = { requestedAt: 1, requestedBy: 'ann', undo: 'too slow', lastAttempt: null };
    expect(keyOf(activityOf(operationRecord({ phase: 'CUTTING_OVER', cutover })))).toBe('CUTTING_OVER:undo');
    expect(keyOf(activityOf(operationRecord({ phase: 'READY', cutover })))).toBe('READY');
  });
});

describe('the end of a phase', () => {
  it('keeps notes by key, clears failures and tells where from and where to', () => {
    const record = operationRecord({ phase: 'COPYING', notes: { a: 1, b: 1 }, failures: 3 });
    const change = afterPhase(record, { next: 'CATCHING_UP', notes: { b: 2 }, reason: 'copied' }, 7);
    expect(change.next).toMatchObject({ phase: 'CATCHING_UP', phaseSince: 7, notes: { a: 1, b: 2 }, failures: 0 });
    expect(change.events).toEqual([{ type: 'phase', data: { from: 'COPYING', to: 'CATCHING_UP', reason: 'copied' } }]);
  });

  it('a transition that the table does not allow is a defect, named with both phases', () => {
    const record = operationRecord({ phase: 'COPYING' });
    expect(() => afterPhase(record, { next: 'SWITCHED' }, 7)).toThrow(/COPYING to SWITCHED/);
    expect(() => afterPhase(record, { next: 'COPYING' }, 7)).toThrow(/COPYING to COPYING/);
  });

  it('a switch records when and how long writers may have waited', () => {
    const cutover = { requestedAt: 1, requestedBy: 'ann', undo: null, lastAttempt: null };
    const record = operationRecord({ phase: 'CUTTING_OVER', phaseSince: 100, cutover });
    const change = afterPhase(record, { next: 'SWITCHED' }, 350);
    expect(change.next.switchedAt).toBe(350);
    expect(change.next.cutover).toEqual({
      ...cutover,
      lastAttempt: { at: 100, outcome: 'switched', reason: null, pausedMs: 250 },
    });
  });

  it('an undone cutover keeps the reason and waits to be asked again', () => {
    const cutover = { requestedAt: 1, requestedBy: 'ann', undo: 'took too long', lastAttempt: null };
    const record = operationRecord({ phase: 'CUTTING_OVER', phaseSince: 100, cutover });
    const change = afterPhase(record, { next: 'READY' }, 350);
    expect(change.next).toMatchObject({ phase: 'READY', reason: 'took too long' });
    expect(change.next.cutover).toEqual({
      requestedAt: null,
      requestedBy: null,
      undo: null,
      lastAttempt: { at: 100, outcome: 'undone', reason: 'took too long', pausedMs: 250 },
    });
  });

  it('an undone automatic cutover is tried again after pauses that grow up to a bound, and are never short beside the time writers were held', () => {
    const policy = { firstDelayMs: 1_000, maxDelayMs: 8_000, pauses: 10 };
    let record = operationRecord({ phase: 'CUTTING_OVER', phaseSince: 100 });
    const delays: number[] = [];
    for (let undone = 1; undone <= 6; undone++) {
      const change = afterPhase(record, { next: 'READY', reason: 'group billing is live' }, 150, policy);
      const { retry } = change.next.cutover!;
      expect(retry!.undone).toBe(undone);
      expect(change.events.at(-1)).toEqual({ type: 'cutover-postponed', data: { undone, inMs: retry!.nextAt - 150 } });
      delays.push(retry!.nextAt - 150);
      record = { ...record, cutover: { ...change.next.cutover!, requestedAt: 140 } };
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    const slow = afterPhase({ ...record, phaseSince: -3_000 }, { next: 'READY' }, 150, policy);
    expect(slow.next.cutover!.retry!.nextAt - 150).toBe(31_500);
    expect(afterPhase(record, { next: 'SWITCHED' }, 150, policy).next.cutover!.retry).toBeUndefined();
  });

  it('an undone cutover that somebody took back, or that is not automatic, is not tried again', () => {
    const policy = { firstDelayMs: 1_000, maxDelayMs: 8_000, pauses: 10 };
    const record = operationRecord({ phase: 'CUTTING_OVER' });
    expect(afterPhase(record, { next: 'READY' }, 150).next.cutover!.retry).toBeUndefined();
    const back = { ...record, cutover: { ...record.cutover, takenBack: true as const } };
    expect(afterPhase(back, { next: 'READY' }, 150, policy).next.cutover!.retry).toBeUndefined();
  });

  it('a check leads back to READY, unless a cutover was asked for meanwhile', () => {
    const checking = operationRecord({ phase: 'VERIFYING', verifyOnly: true });
    expect(afterPhase(checking, { next: 'CUTTING_OVER' }, 1).next).toMatchObject({ phase: 'READY', verifyOnly: false });
    const cutover = { ...checking.cutover, requestedAt: 1 };
    expect(afterPhase({ ...checking, cutover }, { next: 'CUTTING_OVER' }, 1).next.phase).toBe('CUTTING_OVER');
  });

  it('cancel and finish end it', () => {
    const record = operationRecord({ phase: 'COPYING', intent: 'cancel', worker: 'w' });
    expect(afterEnding(record, 'cancel', 9).next).toMatchObject({
      phase: 'CANCELLED',
      endedAt: 9,
      intent: null,
      worker: null,
    });
    expect(afterEnding(operationRecord({ phase: 'SWITCHED' }), 'finish', 9).next.phase).toBe('FINISHED');
  });
});

describe('a failure', () => {
  it('that may pass is met with growing, capped pauses, then FAILED', () => {
    const pauses: (number | null)[] = [];
    let record = operationRecord({ phase: 'COPYING' });
    for (let i = 0; i < DEFAULT_RETRY.attempts; i++) {
      const after = afterFailure(record, unavailable(), false, 1, DEFAULT_RETRY);
      pauses.push(after.retryInMs);
      record = { ...record, ...after.next };
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, null]);
    expect(record).toMatchObject({ hold: 'FAILED', reason: 'gone', lastError: { code: 'store-unavailable' } });
    const late = afterFailure(operationRecord({ failures: 50 }), unavailable(), false, 1, {
      ...DEFAULT_RETRY,
      attempts: 99,
    });
    expect(late.retryInMs).toBe(30_000);
  });

  it('after progress counts from one again, and waits as long as it was told to', () => {
    const after = afterFailure(operationRecord({ failures: 5 }), unavailable(7_000), true, 1, DEFAULT_RETRY);
    expect(after.next.failures).toBe(1);
    expect(after.retryInMs).toBe(7_000);
  });

  it('that will not pass holds at once; a defect shows nothing of its text', () => {
    const after = afterFailure(
      operationRecord({ phase: 'COPYING' }),
      new TypeError('key "secret" is bad'),
      false,
      1,
      DEFAULT_RETRY,
    );
    expect(after.next).toMatchObject({ hold: 'FAILED', lastError: { code: 'internal-error' } });
    expect(JSON.stringify(after)).not.toContain('secret');
  });

  it('of a dead writer session or an unknown outcome is worth another run', () => {
    for (const code of ['writer-fenced', 'outcome-unknown']) {
      const error = new AppError({ kind: 'conflict', code, message: 'x' });
      expect(afterFailure(operationRecord(), error, false, 1, DEFAULT_RETRY).retryInMs).toBe(500);
    }
  });

  it('that only a person can help blocks, with what to do', () => {
    const after = afterFailure(
      operationRecord(),
      operationBlocked('Group g is live.', 'Stop it.'),
      false,
      1,
      DEFAULT_RETRY,
    );
    expect(after.next).toMatchObject({ hold: 'BLOCKED', reason: 'Group g is live. Stop it.' });
  });

  it('of a cutover leads to its undoing first, and to FAILED only when that fails too', () => {
    const record = operationRecord({ phase: 'CUTTING_OVER' });
    const error = new AppError({ kind: 'internal', code: 'broken', message: 'it broke' });
    const first = afterFailure(record, error, false, 1, DEFAULT_RETRY);
    expect(first.next).toMatchObject({ cutover: { undo: 'it broke' } });
    expect(first.next.hold).toBeUndefined();
    const second = afterFailure({ ...record, ...first.next }, error, false, 1, DEFAULT_RETRY);
    expect(second.next.hold).toBe('FAILED');
  });
});
