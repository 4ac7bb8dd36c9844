import { describe, expect, it } from 'vitest';
import { COMMANDS, PHASES, TERMINAL_PHASES, type Command, type HoldState, type Phase } from './operation.js';
import { isAllowed, WORK_TRANSITIONS } from './transitions.js';

const HOLDS: (HoldState | null)[] = [null, 'PAUSED', 'BLOCKED', 'FAILED'];

/**
 * The whole table once more, written by hand from the lifecycle and not from the code: per phase the commands possible while the work runs (`r`), is
 * paused (`p`), or is blocked or failed (`f`).
 */
const EXPECTED: Record<Phase, Partial<Record<Command, string>>> = {
  PLANNED: before({ approve: 'rpf' }),
  PREPARING: before(),
  COPYING: before(),
  CATCHING_UP: before(),
  READY: before({ verify: 'r' }),
  VERIFYING: before({ verify: 'r' }),
  CUTTING_OVER: { resume: 'rpf', throttle: 'rpf', cutover: 'r', 'cancel-cutover': 'rpf' },
  SWITCHED: { pause: 'rp', resume: 'rpf', throttle: 'rpf', rollback: 'rpf', finish: 'rpf' },
  FINISHED: {},
  ROLLING_BACK: { resume: 'rpf', throttle: 'rpf', rollback: 'rpf' },
  ROLLED_BACK: {},
  CANCELLED: {},
};

function before(more: Partial<Record<Command, string>> = {}): Partial<Record<Command, string>> {
  const common = { pause: 'rp', resume: 'rpf', throttle: 'rpf', cutover: 'r', 'cancel-cutover': 'rpf', cancel: 'rpf' };
  return { ...common, ...more };
}

const LETTER = { none: 'r', PAUSED: 'p', BLOCKED: 'f', FAILED: 'f' } as const;
/** Commands that are still taken once cancel or finish was asked for. */
const WHILE_ENDING: Command[] = ['resume', 'throttle', 'finish', 'cancel'];

describe('which command is possible when', () => {
  for (const phase of PHASES) {
    it(`${phase}: every command in every hold, ending or not`, () => {
      for (const command of COMMANDS) {
        for (const hold of HOLDS) {
          const running = (EXPECTED[phase][command] ?? '').includes(LETTER[hold ?? 'none']);
          const at = `${command} in ${phase}/${hold}`;
          expect(isAllowed(command, { phase, hold, intent: null }), at).toBe(running);
          const ending = running && WHILE_ENDING.includes(command);
          expect(isAllowed(command, { phase, hold, intent: 'cancel' }), `${at} while ending`).toBe(ending);
        }
      }
    });
  }
});

describe('where work may go', () => {
  it('nothing leads out of a terminal phase', () => {
    for (const phase of TERMINAL_PHASES) expect(WORK_TRANSITIONS[phase]).toEqual([]);
  });

  it('a name moves only inside a cutover or back again', () => {
    const into = PHASES.filter((phase) => WORK_TRANSITIONS[phase].includes('SWITCHED'));
    expect(into).toEqual(['CUTTING_OVER', 'ROLLING_BACK']);
  });

  it('cancelling and beginning a rollback are decisions of people, never of the work', () => {
    const all = PHASES.flatMap((phase) => WORK_TRANSITIONS[phase]);
    expect(all).not.toContain('CANCELLED');
    expect(all).not.toContain('ROLLING_BACK');
    expect(all).not.toContain('PLANNED');
  });

  it('every live phase leads to an end', () => {
    for (const phase of PHASES) {
      const reached = new Set<Phase>([phase]);
      for (const one of reached) for (const next of WORK_TRANSITIONS[one]) reached.add(next);
      expect(
        [...reached].some((one) => TERMINAL_PHASES.includes(one)),
        phase,
      ).toBe(true);
    }
  });

  it('no phase leads to itself', () => {
    for (const phase of PHASES) expect(WORK_TRANSITIONS[phase]).not.toContain(phase);
  });
});
