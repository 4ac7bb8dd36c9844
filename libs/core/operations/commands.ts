import type { JsonObject } from '#libs/core/kernel';
import { askedByHand, takenBack } from './cutover-retry.js';
import { notPossible, wrongState } from './errors.js';
import type { Command, Phase, PlanControls, ThrottleLimits } from './operation.js';
import { isTerminal, type NewEvent, type OperationRecord } from './operation-record.js';
import { COMMAND_RULES, isAllowed } from './transitions.js';

/** What a command is decided on, beside the operation itself. */
export interface CommandContext {
  readonly now: number;
  readonly principal: string;
  /** Why, in the words of the principal. */
  readonly reason?: string | undefined;
  readonly controls: PlanControls;
  /** Phases the kind has a function for. */
  readonly phases: readonly Phase[];
  /** Engine-wide defaults of the controls. */
  readonly holdMs: number;
  readonly rollbackWindowMs: number;
}

/** The new state and the events that tell of it, to be written together. */
export interface Change {
  readonly next: Partial<OperationRecord>;
  readonly events: readonly NewEvent[];
}

/** Where a command leads in the end: an operation that is there has what was asked for. */
const END_OF: Partial<Record<Command, Phase>> = { finish: 'FINISHED', cancel: 'CANCELLED', rollback: 'ROLLED_BACK' };

/**
 * Decides a command. Null when there is nothing to do because the same was asked before, or the operation has ended so: commands may be repeated without harm.
 * @throws `wrong-state`, `approval-by-author`, `approval-not-needed`, `hold-time`, `rollback-window-over`, `not-offered`: nothing changes.
 */
export function decideCommand(
  operation: OperationRecord,
  command: Command,
  context: CommandContext,
  limits?: ThrottleLimits,
): Change | null {
  if (operation.phase === END_OF[command]) return null;
  if (!isAllowed(command, operation)) throw refusal(operation, command);
  const by: JsonObject = {
    by: context.principal,
    ...(context.reason === undefined ? {} : { reason: context.reason }),
  };
  switch (command) {
    case 'approve':
      return approve(operation, context, by);
    case 'pause':
      if (operation.hold === 'PAUSED') return null;
      return { next: { hold: 'PAUSED', reason: null }, events: [{ type: 'paused', data: by }] };
    case 'resume':
      if (operation.hold === null) return null;
      return {
        next: { hold: null, reason: null, failures: 0 },
        events: [{ type: 'resumed', data: { ...by, from: operation.hold } }],
      };
    case 'throttle':
      if (limits === undefined) return null;
      return {
        next: { limits },
        events: [{ type: 'throttle-changed', data: { ...by, limits: { ...limits } } }],
      };
    case 'verify':
      return verify(operation, context, by);
    case 'cutover':
      if (operation.cutover.requestedAt !== null) return null;
      if (operation.phase === 'CUTTING_OVER') return null;
      return {
        next: { cutover: askedByHand(operation.cutover, context.now, context.principal) },
        events: [{ type: 'cutover-requested', data: by }],
      };
    case 'cancel-cutover':
      return cancelCutover(operation, context, by);
    case 'rollback':
      return rollback(operation, context, by);
    case 'finish':
      return finish(operation, context, by);
    case 'cancel':
      if (operation.intent === 'cancel' && operation.hold === null) return null;
      return {
        next: { intent: 'cancel', hold: null, reason: null, failures: 0 },
        events: [{ type: 'cancel-requested', data: by }],
      };
  }
}

/** When `finish` becomes possible and `rollback` stops being possible; null before the switch. */
export function windowsOf(
  operation: Pick<OperationRecord, 'switchedAt'>,
  context: Pick<CommandContext, 'controls' | 'holdMs' | 'rollbackWindowMs'>,
): { readonly finishFrom: number | null; readonly rollbackUntil: number | null } {
  if (operation.switchedAt === null) return { finishFrom: null, rollbackUntil: null };
  return {
    finishFrom: operation.switchedAt + (context.controls.holdMs ?? context.holdMs),
    rollbackUntil: operation.switchedAt + (context.controls.rollbackWindowMs ?? context.rollbackWindowMs),
  };
}

function approve(operation: OperationRecord, context: CommandContext, by: JsonObject): Change | null {
  if (!operation.approval.required) {
    throw notPossible(operation.id, 'approve', 'it needs no approval', 'It starts by itself.', 'approval-not-needed');
  }
  if (operation.approval.by !== null) return null;
  if (context.principal === operation.createdBy) {
    throw notPossible(
      operation.id,
      'approve',
      `it was started by ${context.principal}, and who starts an operation cannot approve it`,
      'Ask somebody else with the right to operate.',
      'approval-by-author',
    );
  }
  return {
    next: { approval: { required: true, by: context.principal, at: context.now } },
    events: [{ type: 'approved', data: by }],
  };
}

function verify(operation: OperationRecord, context: CommandContext, by: JsonObject): Change | null {
  if (!context.phases.includes('VERIFYING')) throw notOffered(operation, 'verify', 'has nothing to verify');
  if (operation.phase === 'VERIFYING') return null;
  return {
    next: { phase: 'VERIFYING', phaseSince: context.now, reason: null, verifyOnly: true },
    events: [
      { type: 'verify-requested', data: by },
      { type: 'phase', data: { from: operation.phase, to: 'VERIFYING' } },
    ],
  };
}

function cancelCutover(operation: OperationRecord, context: CommandContext, by: JsonObject): Change | null {
  if (operation.phase !== 'CUTTING_OVER') {
    if (operation.cutover.requestedAt === null && operation.cutover.retry === undefined) return null;
    return {
      next: { cutover: takenBack(operation.cutover) },
      events: [{ type: 'cutover-cancelled', data: by }],
    };
  }
  if (operation.cutover.undo !== null && operation.hold === null && operation.cutover.takenBack) return null;
  return {
    next: {
      cutover: {
        ...operation.cutover,
        undo: operation.cutover.undo ?? `cancelled by ${context.principal}`,
        takenBack: true,
      },
      hold: null,
      reason: null,
      failures: 0,
    },
    events: [{ type: 'cutover-cancelled', data: by }],
  };
}

function rollback(operation: OperationRecord, context: CommandContext, by: JsonObject): Change | null {
  if (!context.phases.includes('ROLLING_BACK')) throw notOffered(operation, 'rollback', 'cannot be rolled back');
  if (operation.phase === 'ROLLING_BACK') return null;
  const { rollbackUntil } = windowsOf(operation, context);
  if (rollbackUntil !== null && context.now > rollbackUntil) {
    throw notPossible(
      operation.id,
      'rollback',
      `the time for it ended at ${new Date(rollbackUntil).toISOString()}`,
      'Finish it, and plan the way back as an operation of its own.',
      'rollback-window-over',
    );
  }
  return {
    next: { phase: 'ROLLING_BACK', phaseSince: context.now, hold: null, reason: null, failures: 0 },
    events: [
      { type: 'rollback-requested', data: by },
      { type: 'phase', data: { from: operation.phase, to: 'ROLLING_BACK' } },
    ],
  };
}

function finish(operation: OperationRecord, context: CommandContext, by: JsonObject): Change | null {
  if (operation.intent === 'finish' && operation.hold === null) return null;
  const { finishFrom } = windowsOf(operation, context);
  if (finishFrom !== null && context.now < finishFrom) {
    throw notPossible(
      operation.id,
      'finish',
      `the old side is kept until ${new Date(finishFrom).toISOString()} at least`,
      'Finish it then; until then it can be rolled back.',
      'hold-time',
    );
  }
  return {
    next: { intent: 'finish', hold: null, reason: null, failures: 0 },
    events: [{ type: 'finish-requested', data: by }],
  };
}

function notOffered(operation: OperationRecord, command: Command, why: string) {
  return notPossible(
    operation.id,
    command,
    `an operation of kind '${operation.kind}' ${why}`,
    'See the steps of its plan for what it does.',
    'not-offered',
  );
}

function refusal(operation: OperationRecord, command: Command) {
  const rule = COMMAND_RULES[command];
  const state = operation.hold === null ? operation.phase : `${operation.hold} in ${operation.phase}`;
  if (rule.refusedOnceEnding && operation.intent !== null) {
    const ending = operation.intent === 'cancel' ? 'being cancelled' : 'being finished';
    return wrongState(operation.id, command, `${state} and ${ending}`, 'before that', hintFor(operation, command));
  }
  const holds = rule.holds.length === 4 ? '' : ' while it is not held';
  return wrongState(operation.id, command, state, `in ${rule.phases.join(', ')}${holds}`, hintFor(operation, command));
}

/** What to do instead, from where the operation stands: to wait only for what comes by itself. */
function hintFor(operation: OperationRecord, command: Command): string {
  const { phase, hold, intent, approval } = operation;
  if (isTerminal(phase)) return 'It is over; make a new plan.';
  if (hold !== null) {
    const isFirst = intent === null && COMMAND_RULES[command].phases.includes(phase);
    return isFirst ? "Use 'resume' first." : "It is held: use 'resume' to let it go on.";
  }
  if (intent !== null) return 'Wait until it has ended.';
  if (phase === 'CUTTING_OVER') return "Wait for the cutover, or undo it with 'cancel-cutover'.";
  if (phase === 'SWITCHED') return "Use 'rollback' to go back or 'finish' to end it.";
  if (phase === 'ROLLING_BACK') return 'Wait until it is rolled back.';
  if (command === 'rollback') return "Nothing has been switched yet: use 'cancel'.";
  if (command === 'finish') return "Use 'cutover' first, or 'cancel'.";
  if (command === 'approve') return 'It has begun already, and needs no approval any more.';
  if (phase === 'PLANNED' && approval.required && approval.by === null)
    return "It waits for an approval: somebody else uses 'approve'.";
  return 'Wait until it gets there.';
}
