import { AppError, type JsonObject } from '#libs/core/kernel';
import type { Change } from './commands.js';
import { notPossible, wrongState } from './errors.js';
import type { Phase } from './operation.js';
import { stateOf, type OperationRecord } from './operation-record.js';

/** Where what was set aside can be redriven: the copy is at work, and nothing was switched. */
const PHASES: readonly Phase[] = ['COPYING', 'CATCHING_UP', 'READY'];

/**
 * Whether a redrive can be asked for now.
 * @throws `not-offered`, `wrong-state`, `redrive-under-way`.
 */
export function demandRedrivable(operation: OperationRecord, isOffered: boolean): void {
  const { id, kind, phase, hold, intent, notes } = operation;
  if (!isOffered) {
    const why = `an operation of kind '${kind}' sets nothing aside`;
    throw notPossible(id, 'redrive', why, 'See the steps of its plan for what it does.', 'not-offered');
  }
  const possible = `in ${PHASES.join(', ')}`;
  if (!PHASES.includes(phase)) throw wrongState(id, 'redrive', stateOf(operation), possible, hintFor(phase));
  if (intent !== null)
    throw wrongState(id, 'redrive', `${phase} and ending`, 'before that', 'It ends; make a new plan.');
  if (hold === 'PAUSED') {
    throw wrongState(id, 'redrive', `PAUSED in ${phase}`, `${possible} while it is not paused`, 'Resume it first.');
  }
  if (notes['redrive'] === undefined || notes['redrive'] === null) return;
  throw new AppError({
    kind: 'conflict',
    code: 'redrive-under-way',
    message: `A redrive of operation ${id} is asked for and not done yet.`,
    hint: 'Wait for it: the event redriven tells of its end.',
    details: { operation: id },
  });
}

/**
 * Asks for a redrive. What holds the operation is let go: a redrive by another transform may be what it was held for. In COPYING and while it catches up it is done when that is through.
 * @throws what {@link demandRedrivable} does.
 */
export function decideRedrive(operation: OperationRecord, notes: JsonObject, by: string, now: number): Change {
  demandRedrivable(operation, true);
  const { phase, hold } = operation;
  const goesBack = phase === 'READY' || (hold !== null && phase === 'COPYING');
  return {
    next: {
      notes: { ...operation.notes, ...notes },
      hold: null,
      reason: null,
      failures: 0,
      ...(goesBack ? { phase: 'CATCHING_UP' as const, phaseSince: now } : {}),
    },
    events: [
      { type: 'redrive-requested', data: { by, redrive: notes['redrive'] ?? null } },
      ...(goesBack ? [{ type: 'phase', data: { from: phase, to: 'CATCHING_UP' } }] : []),
    ],
  };
}

function hintFor(phase: Phase): string {
  if (phase === 'PLANNED' || phase === 'PREPARING') return 'Wait until it copies.';
  if (phase === 'VERIFYING' || phase === 'CUTTING_OVER')
    return "Wait for the cutover, or take it back with 'cancel-cutover'.";
  if (phase === 'SWITCHED' || phase === 'ROLLING_BACK') {
    return 'Records written since would be overtaken. Read what is parked, and write it to the topic yourself.';
  }
  return 'It is over; make a new plan.';
}
