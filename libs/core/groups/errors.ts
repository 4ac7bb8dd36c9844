import { AppError, type ErrorItem } from '#libs/core/kernel';

/** Every failure of working with groups, on one page. Codes are public. */

/** Problems listed in one refusal; the rest is counted. */
const MAX_ITEMS = 20;

/** @param problems what is wrong, one for each partition. */
export const positionOutOfRange = (problems: readonly ErrorItem[]): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'position-out-of-range',
    message: `${problems.length} of the positions asked for lie outside what their partitions retain; nothing was changed.`,
    hint: 'Name offsets between startOffset and endOffset of each partition; `earliest` and `latest` are its ends.',
    items: problems.slice(0, MAX_ITEMS),
    details: { problems: problems.length },
  });

export const noPosition = (group: string, problems: readonly ErrorItem[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'no-position',
    message: `Group '${group}' has no position in ${problems.length} of the partitions, so there is nothing to shift.`,
    hint: 'Name the partitions it has positions in, or reset to another target first.',
    items: problems.slice(0, MAX_ITEMS),
  });

export const duplicatePosition = (place: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'duplicate-position',
    message: `${place} is named twice; nothing was changed.`,
  });

export const nothingToReset = (group: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'group-not-found',
    message: `Group '${group}' has no positions in any topic that can be read.`,
    hint: 'Name the topics to give it positions in them.',
    details: { group },
  });

export const tooManyPositions = (asked: number, limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'too-many-positions',
    message: `A reset of ${asked} partitions is more than the limit of ${limit}; nothing was changed.`,
    hint: 'Name fewer topics or partitions.',
    details: { limit, measured: asked },
  });

export const stalePlan = (group: string, shown: string, present: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'plan-stale',
    message: `The reset of group '${group}' would no longer do what was shown; nothing was changed.`,
    hint: 'Look at a new dry run. The `apply` of its answer names the offsets, so that records that come meanwhile do not matter.',
    details: { group, shown, present },
  });

export const planNeeded = (group: string): AppError =>
  new AppError({
    kind: 'precondition',
    code: 'plan-needed',
    message: `A reset of group '${group}' names the plan that was looked at; nothing was changed.`,
    hint: 'Ask with "dryRun": true, look at the answer, and send its `apply`.',
    details: { group },
  });
