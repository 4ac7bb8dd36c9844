import { describe, expect, it } from 'vitest';
import { PHASES, type HoldState } from './operation.js';
import type { OperationRecord } from './operation-record.js';
import { statusOf, type StatusContext } from './status.js';
import { operationRecord } from './testing/records.js';

const CONTEXT: StatusContext = {
  now: 5_000,
  controls: { cutover: 'automatic', maxPauseMs: 2_000 },
  phases: PHASES,
  holdMs: 1_000,
  rollbackWindowMs: 10_000,
  plannedPauseMs: 150,
  waiting: null,
};
const show = (changes: Partial<OperationRecord>, context: Partial<StatusContext> = {}) =>
  statusOf(operationRecord(changes), { ...CONTEXT, ...context });

describe('what a person is shown', () => {
  it('says who has to do what next', () => {
    const next = (changes: Partial<OperationRecord>) => show(changes).nextAction;
    expect(next({ phase: 'COPYING' })).toBeNull();
    expect(next({ phase: 'READY' })).toBe('cutover');
    const cutover = { requestedAt: 1, requestedBy: 'ann', undo: null, lastAttempt: null };
    expect(next({ phase: 'READY', cutover })).toBeNull();
    expect(next({ approval: { required: true, by: null, at: null } })).toBe('approve');
    expect(next({ phase: 'COPYING', hold: 'PAUSED' })).toBe('resume');
    expect(next({ phase: 'COPYING', hold: 'FAILED' })).toContain('resume');
    expect(next({ phase: 'COPYING', hold: 'BLOCKED' })).toContain('blocks');
    expect(next({ phase: 'SWITCHED', switchedAt: 1_000 })).toBe('finish or rollback');
    expect(next({ phase: 'SWITCHED', switchedAt: 4_500 })).toContain('1970-01-01T00:00:05.500Z');
    const closed = show({ phase: 'SWITCHED', switchedAt: 1_000 }, { now: 11_001 });
    expect([closed.nextAction, closed.commands.includes('rollback')]).toEqual(['finish', false]);
    expect(next({ phase: 'SWITCHED', switchedAt: 1_000, intent: 'finish' })).toBeNull();
    expect(next({ phase: 'FINISHED', endedAt: 1 })).toBeNull();
  });

  it('shows how long the way back is open, and when destruction may begin', () => {
    const open = show({ phase: 'SWITCHED', switchedAt: 1_000, notes: { rollback: { dataLoss: 'none' } } });
    expect(open.rollback).toEqual({ available: true, until: 11_000, dataLoss: 'none' });
    expect(open.finishFrom).toBe(2_000);
    expect(show({ phase: 'SWITCHED', switchedAt: 1_000 }, { now: 11_001 }).rollback.available).toBe(false);
    const without = show({ phase: 'SWITCHED', switchedAt: 1_000 }, { phases: ['COPYING'] });
    expect(without.rollback).toMatchObject({ available: false, until: null });
  });

  it('takes what only the kind knows from its notes, and shows nothing of a wrong shape', () => {
    const notes = {
      generation: 2,
      errors: { poison: 3 },
      verification: { level: 'readback', state: 'passed', checked: 9, total: 9, mismatches: 0 },
      groups: [{ group: 'billing', state: 'live', translation: 'exact', duplicatesExpected: 0 }],
      retention: { holds: ['orders'] },
      cutover: { blockers: ['group billing is live'], estimatedPauseMs: 80 },
    };
    const status = show({ phase: 'READY', notes });
    expect(status).toMatchObject({
      generation: 2,
      errors: { poison: 3, parked: 0, dlq: 0, byClass: {} },
      verification: notes.verification,
      groups: notes.groups,
      retention: { sourceRisk: null, holds: ['orders'] },
      cutover: {
        ready: true,
        mode: 'automatic',
        blockers: ['group billing is live'],
        estimatedPauseMs: 80,
        maxPauseMs: 2_000,
      },
    });
    const odd = show({
      phase: 'READY',
      notes: { errors: 7, verification: [1], groups: 'x', cutover: null, retention: true },
    });
    expect(odd).toMatchObject({
      errors: { poison: 0 },
      verification: null,
      groups: [],
      retention: { holds: [] },
      cutover: { blockers: [], estimatedPauseMs: 150 },
    });
  });

  it('shows progress, lag in records and time, and the throttle with its reason', () => {
    const partition = { partition: 3, position: '700', end: '1000', lag: 300 };
    const progress = {
      progress: { recordsDone: 700, recordsTotal: 1_000, totalIsEstimate: true, bytesDone: 7, partitions: [partition] },
      at: 4_000,
      activeMs: 40_000,
      rate: 200,
      bytesRate: 2,
      writerRate: 100,
      partitionRates: { '3': 200 },
      throttled: { reason: 'group billing lag 6.2s > 5s', since: 3_000 },
    };
    const status = show({ phase: 'COPYING', progress });
    expect(status.progress).toEqual({
      records: { done: 700, total: 1_000, totalIsEstimate: true },
      bytes: 7,
      percent: 70,
      rate: 200,
      bytesRate: 2,
      writerRate: 100,
      lag: { records: 300, ms: 3_000 },
      etaSeconds: 3,
      etaBasis: 'current rate',
      partitions: [{ source: 3, position: '700', end: '1000', lag: 300, rate: 200 }],
      measuredAt: 4_000,
    });
    expect(status.throttle).toMatchObject({ active: true, reason: 'group billing lag 6.2s > 5s', since: 3_000 });
    expect(show({ phase: 'COPYING', hold: 'PAUSED', progress }).throttle.active).toBe(false);
  });

  it('names only commands that would not be refused', () => {
    const holds: (HoldState | null)[] = [null, 'PAUSED', 'FAILED'];
    expect(show({ phase: 'READY' }).commands).toEqual(['pause', 'throttle', 'verify', 'cutover', 'cancel']);
    expect(show({ phase: 'CUTTING_OVER' }).commands).toEqual(['throttle', 'cancel-cutover']);
    expect(show({ phase: 'SWITCHED', switchedAt: 4_500 }).commands).toEqual(['pause', 'throttle', 'rollback']);
    expect(show({ phase: 'SWITCHED', switchedAt: 1_000 }).commands).toContain('finish');
    for (const hold of holds) expect(show({ phase: 'CANCELLED', hold, endedAt: 1 }).commands).toEqual([]);
  });

  it('says why nobody works on it although somebody could', () => {
    expect(show({}, { waiting: 'waits for a free place' }).reason).toBe('waits for a free place');
    expect(show({ reason: 'broke' }, { waiting: 'waits for a free place' }).reason).toBe('broke');
  });
});
