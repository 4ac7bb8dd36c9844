import { describe, expect, it } from 'vitest';
import { PHASES } from './operation.js';
import type { OperationRecord } from './operation-record.js';
import { decideRedrive, demandRedrivable } from './redrive.js';
import { operationRecord } from './testing/index.js';

const at = (more: Partial<OperationRecord>): OperationRecord => ({ ...operationRecord(), ...more });
const asked = { redrive: { pass: 1 }, revisions: [] };

describe('a redrive of what an operation has set aside', () => {
  it('is possible while the copy is at work, and refused with what to do everywhere else', () => {
    for (const phase of PHASES) {
      const ask = () => decideRedrive(at({ phase }), asked, 'olga', 5);
      if (['COPYING', 'CATCHING_UP', 'READY'].includes(phase)) expect(ask).not.toThrow();
      else
        expect(ask, phase).toThrow(
          expect.objectContaining({ code: 'wrong-state', hint: expect.any(String) as string }),
        );
    }
    expect(() => demandRedrivable(at({ phase: 'READY', hold: 'PAUSED' }), true)).toThrow('PAUSED in READY');
    expect(() => demandRedrivable(at({ phase: 'READY', intent: 'cancel' }), true)).toThrow('READY and ending');
    expect(() => demandRedrivable(at({ phase: 'READY' }), false)).toThrow('sets nothing aside');
  });

  it('goes back to catching up from READY and from a copy that stopped, and keeps what is noted otherwise', () => {
    const notes = { errors: { parked: 1 } };
    for (const more of [{ phase: 'READY' }, { phase: 'COPYING', hold: 'FAILED' }] as const) {
      expect(decideRedrive(at({ ...more, notes }), asked, 'olga', 5)).toMatchObject({
        next: { phase: 'CATCHING_UP', phaseSince: 5, hold: null, notes: { ...notes, ...asked } },
        events: [{ type: 'redrive-requested', data: { by: 'olga' } }, { type: 'phase' }],
      });
    }
    for (const phase of ['COPYING', 'CATCHING_UP'] as const) {
      const { next, events } = decideRedrive(at({ phase }), asked, 'olga', 5);
      expect(next).not.toHaveProperty('phase');
      expect(events).toHaveLength(1);
    }
  });

  it('waits for the one before', () => {
    const before = at({ phase: 'CATCHING_UP', notes: { redrive: { pass: 1 } } });
    expect(() => decideRedrive(before, asked, 'olga', 5)).toThrow('asked for and not done yet');
    expect(() => decideRedrive(at({ phase: 'READY', notes: { redrive: null } }), asked, 'olga', 5)).not.toThrow();
  });
});
