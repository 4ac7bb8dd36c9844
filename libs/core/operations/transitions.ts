import type { Command, HoldState, Phase } from './operation.js';

/**
 * Where the work itself may go from a phase (`PhaseResult.next`). FINISHED without the command is for kinds that leave nothing to destroy. SWITCHED is
 * reached through CUTTING_OVER alone, so that no name moves outside a cutover that can be undone.
 */
export const WORK_TRANSITIONS: Readonly<Record<Phase, readonly Phase[]>> = {
  PLANNED: ['PREPARING'],
  PREPARING: ['COPYING', 'CATCHING_UP', 'READY', 'VERIFYING', 'CUTTING_OVER', 'FINISHED'],
  COPYING: ['CATCHING_UP', 'READY', 'VERIFYING', 'CUTTING_OVER', 'FINISHED'],
  CATCHING_UP: ['READY', 'VERIFYING', 'CUTTING_OVER', 'FINISHED'],
  READY: ['CATCHING_UP', 'VERIFYING', 'CUTTING_OVER', 'FINISHED'],
  VERIFYING: ['CATCHING_UP', 'READY', 'CUTTING_OVER', 'FINISHED'],
  CUTTING_OVER: ['SWITCHED', 'READY', 'CATCHING_UP', 'FINISHED'],
  SWITCHED: ['FINISHED'],
  FINISHED: [],
  ROLLING_BACK: ['ROLLED_BACK', 'SWITCHED'],
  ROLLED_BACK: [],
  CANCELLED: [],
};

/** The way on for a phase the handler has no function for. READY and SWITCHED wait for people; ROLLING_BACK needs a function. */
export const DEFAULT_NEXT: Partial<Record<Phase, Phase>> = {
  PLANNED: 'PREPARING',
  PREPARING: 'COPYING',
  COPYING: 'CATCHING_UP',
  CATCHING_UP: 'READY',
  READY: 'VERIFYING',
  VERIFYING: 'CUTTING_OVER',
  CUTTING_OVER: 'SWITCHED',
};

/** Phases that move data or compute: they need one of the few places for work. The others wait, tail or are short. */
export const HEAVY_PHASES: readonly Phase[] = ['PLANNED', 'PREPARING', 'COPYING', 'CATCHING_UP', 'VERIFYING'];

type Hold = HoldState | 'NONE';

export interface CommandRule {
  readonly phases: readonly Phase[];
  /** `NONE` stands for an operation that is not held. */
  readonly holds: readonly Hold[];
  /** Whether it is refused once `finish` or `cancel` has been asked for and is not done yet. */
  readonly refusedOnceEnding: boolean;
}

const BEFORE_CUTOVER: readonly Phase[] = ['PLANNED', 'PREPARING', 'COPYING', 'CATCHING_UP', 'READY', 'VERIFYING'];
const LIVE: readonly Phase[] = [...BEFORE_CUTOVER, 'CUTTING_OVER', 'SWITCHED', 'ROLLING_BACK'];
const ANY_HOLD: readonly Hold[] = ['NONE', 'PAUSED', 'BLOCKED', 'FAILED'];

/** When each command is possible. Beyond this table a command may ask for more (an approval still missing, a window still open): see commands.ts. */
export const COMMAND_RULES: Readonly<Record<Command, CommandRule>> = {
  approve: { phases: ['PLANNED'], holds: ANY_HOLD, refusedOnceEnding: true },
  // Not in CUTTING_OVER and ROLLING_BACK: writers are held there, and a pause would hold them without end.
  pause: { phases: [...BEFORE_CUTOVER, 'SWITCHED'], holds: ['NONE', 'PAUSED'], refusedOnceEnding: true },
  resume: { phases: LIVE, holds: ANY_HOLD, refusedOnceEnding: false },
  throttle: { phases: LIVE, holds: ANY_HOLD, refusedOnceEnding: false },
  verify: { phases: ['READY', 'VERIFYING'], holds: ['NONE'], refusedOnceEnding: true },
  // Before READY it means: as soon as it is ready.
  cutover: { phases: [...BEFORE_CUTOVER, 'CUTTING_OVER'], holds: ['NONE'], refusedOnceEnding: true },
  'cancel-cutover': { phases: [...BEFORE_CUTOVER, 'CUTTING_OVER'], holds: ANY_HOLD, refusedOnceEnding: true },
  rollback: { phases: ['SWITCHED', 'ROLLING_BACK'], holds: ANY_HOLD, refusedOnceEnding: true },
  finish: { phases: ['SWITCHED'], holds: ANY_HOLD, refusedOnceEnding: false },
  cancel: { phases: BEFORE_CUTOVER, holds: ANY_HOLD, refusedOnceEnding: false },
};

/** Whether the table allows the command. */
export function isAllowed(
  command: Command,
  operation: { readonly phase: Phase; readonly hold: HoldState | null; readonly intent: string | null },
): boolean {
  const rule = COMMAND_RULES[command];
  return (
    rule.phases.includes(operation.phase) &&
    rule.holds.includes(operation.hold ?? 'NONE') &&
    !(rule.refusedOnceEnding && operation.intent !== null)
  );
}
