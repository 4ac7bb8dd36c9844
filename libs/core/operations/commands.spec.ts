import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { decideCommand, type CommandContext } from './commands.js';
import { COMMANDS, PHASES, UNTHROTTLED } from './operation.js';
import type { OperationRecord } from './operation-record.js';
import { operationRecord } from './testing/records.js';
import { isAllowed } from './transitions.js';
import { applyChange } from './workflow.js';

const CONTEXT: CommandContext = {
  now: 5_000,
  principal: 'bob',
  controls: {},
  phases: PHASES,
  holdMs: 0,
  rollbackWindowMs: 1_000_000,
};
const LIMITS = { ...UNTHROTTLED, recordsPerSecond: 10 };

const decide = (record: OperationRecord, command: (typeof COMMANDS)[number], more: Partial<CommandContext> = {}) =>
  decideCommand(record, command, { ...CONTEXT, ...more }, LIMITS);

function refusal(task: () => unknown): AppError {
  try {
    task();
  } catch (error) {
    return error as AppError;
  }
  throw new Error('it was not refused');
}

/** What is named in the hint is possible now, and to wait is told only where something happens by itself. */
function expectUseful(record: OperationRecord, command: string, hint: string): void {
  const why = `${command} in ${record.hold ?? ''} ${record.phase}, ${record.intent ?? 'going on'}: ${hint}`;
  const named = [...hint.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name as (typeof COMMANDS)[number]);
  for (const one of named) expect(isAllowed(one, record), why).toBe(true);
  const isOver = ['FINISHED', 'ROLLED_BACK', 'CANCELLED'].includes(record.phase);
  if (isOver) expect(hint, why).toContain('make a new plan');
  else if (hint.includes('Wait')) {
    expect(record.hold, why).toBeNull();
    if (record.phase === 'PLANNED' && record.intent === null)
      expect(record.approval.by ?? !record.approval.required, why).toBeTruthy();
  } else if (!/^It has begun/.test(hint)) expect(named, why).not.toEqual([]);
  if (hint === "Use 'resume' first.") expect(isAllowed(command as 'cancel', { ...record, hold: null }), why).toBe(true);
}

const ENDS = ['finish FINISHED', 'cancel CANCELLED', 'rollback ROLLED_BACK'];

describe('every command in every state', () => {
  it('changes, does nothing because it was asked before, or refuses with what is possible and what to do', () => {
    for (const phase of PHASES) {
      for (const hold of [null, 'PAUSED', 'BLOCKED', 'FAILED'] as const) {
        for (const intent of [null, 'cancel', 'finish'] as const) {
          for (const [command, required] of COMMANDS.flatMap((one) => [[one, true] as const, [one, false] as const])) {
            const record = operationRecord({ phase, hold, intent, approval: { required, by: null, at: null } });
            if (command === 'approve' && !required) continue;
            // Where the command leads in the end: it has been obeyed.
            if (ENDS.includes(`${command} ${phase}`)) {
              expect(decide(record, command)).toBeNull();
              continue;
            }
            if (isAllowed(command, record)) {
              const change = decide(record, command);
              if (change !== null) expect(change.events.length, command).toBeGreaterThan(0);
              continue;
            }
            const error = refusal(() => decide(record, command));
            expect(error).toMatchObject({ kind: 'conflict', code: 'wrong-state' });
            expect(error.message).toContain(record.id);
            expect(error.message).toContain(phase);
            expectUseful(record, command, error.hint ?? '');
          }
        }
      }
    }
  });

  it('given twice does nothing the second time', () => {
    const starts: [string, OperationRecord][] = [
      ['approve', operationRecord({ approval: { required: true, by: null, at: null } })],
      ['pause', operationRecord({ phase: 'COPYING' })],
      ['resume', operationRecord({ phase: 'COPYING', hold: 'FAILED' })],
      ['verify', operationRecord({ phase: 'READY' })],
      ['cutover', operationRecord({ phase: 'COPYING' })],
      ['cancel-cutover', operationRecord({ phase: 'CUTTING_OVER' })],
      ['cancel-cutover', operationRecord({ phase: 'READY', cutover: asked(1) })],
      ['rollback', operationRecord({ phase: 'SWITCHED', switchedAt: 1 })],
      ['finish', operationRecord({ phase: 'SWITCHED', switchedAt: 1 })],
      ['cancel', operationRecord({ phase: 'COPYING' })],
    ];
    for (const [command, record] of starts) {
      const first = decide(record, command as 'cancel');
      expect(first, command).not.toBeNull();
      const next = applyChange(record, first!, 5_000);
      expect(next.revision).toBe(record.revision + 1);
      expect(next.lastSequence).toBe(record.lastSequence + first!.events.length);
      expect(decide(next, command as 'cancel'), `${command} again`).toBeNull();
    }
  });
});

describe('the commands one by one', () => {
  it('approval is asked of somebody else than who started it', () => {
    const record = operationRecord({ createdBy: 'bob', approval: { required: true, by: null, at: null } });
    expect(refusal(() => decide(record, 'approve')).code).toBe('approval-by-author');
    expect(refusal(() => decide(operationRecord(), 'approve')).code).toBe('approval-not-needed');
  });

  it('a check asked for by a person does not lead into a cutover nobody asked for', () => {
    expect(decide(operationRecord({ phase: 'READY' }), 'verify')?.next).toMatchObject({
      phase: 'VERIFYING',
      verifyOnly: true,
    });
  });

  it('cancelling a cutover that has begun asks for its undoing instead of forgetting it', () => {
    const change = decide(operationRecord({ phase: 'CUTTING_OVER', cutover: asked(1) }), 'cancel-cutover');
    expect(change?.next.cutover).toMatchObject({ undo: 'cancelled by bob', requestedAt: 1 });
    const before = decide(operationRecord({ phase: 'COPYING', cutover: asked(1) }), 'cancel-cutover');
    expect(before?.next.cutover).toMatchObject({ undo: null, requestedAt: null });
  });

  it('destruction waits for the hold time, and rollback ends with its window', () => {
    const switched = operationRecord({ phase: 'SWITCHED', switchedAt: 1_000 });
    const early = refusal(() => decide(switched, 'finish', { holdMs: 4_001 }));
    expect(early.code).toBe('hold-time');
    expect(early.message).toContain('1970-01-01T00:00:05.001Z');
    expect(decide(switched, 'finish', { holdMs: 4_000 })).not.toBeNull();
    // The plan's own time wins over the service's.
    expect(decide(switched, 'finish', { holdMs: 9_999, controls: { holdMs: 0 } })).not.toBeNull();
    expect(refusal(() => decide(switched, 'rollback', { rollbackWindowMs: 3_999 })).code).toBe('rollback-window-over');
    expect(decide(switched, 'rollback', { rollbackWindowMs: 4_000 })?.next.phase).toBe('ROLLING_BACK');
  });

  it('once finish was asked for there is no way back', () => {
    const finishing = operationRecord({ phase: 'SWITCHED', switchedAt: 1_000, intent: 'finish' });
    expect(refusal(() => decide(finishing, 'rollback')).message).toContain('being finished');
    const failed = { ...finishing, hold: 'FAILED' as const };
    expect(refusal(() => decide(failed, 'rollback')).code).toBe('wrong-state');
    expect(decide(failed, 'finish')?.next.hold).toBeNull();
  });

  it('a kind without the phase does not offer the command', () => {
    const phases = ['COPYING' as const];
    expect(refusal(() => decide(operationRecord({ phase: 'READY' }), 'verify', { phases })).code).toBe('not-offered');
    const switched = operationRecord({ phase: 'SWITCHED', switchedAt: 1 });
    expect(refusal(() => decide(switched, 'rollback', { phases })).code).toBe('not-offered');
  });

  it('throttle takes the limits in every live state', () => {
    const change = decide(operationRecord({ phase: 'COPYING', hold: 'PAUSED' }), 'throttle');
    expect(change).toEqual({
      next: { limits: LIMITS },
      events: [{ type: 'throttle-changed', data: { by: 'bob', limits: LIMITS } }],
    });
  });
});

function asked(at: number): OperationRecord['cutover'] {
  return { requestedAt: at, requestedBy: 'ann', undo: null, lastAttempt: null };
}
