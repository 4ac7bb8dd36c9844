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

/** What names a lease that is not held any more: its records may be in other hands. */
export const leaseLost = (why: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'lease-lost',
    message: `The lease is not held any more: ${why}.`,
    hint: 'Acquire another. What was not acknowledged comes again.',
  });

export const invalidLeaseId = (): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-lease',
    message: 'This is not the id of a lease.',
    hint: 'Pass the id exactly as the answer to its acquisition returned it.',
  });

export const partitionNotLeased = (place: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'partition-not-leased',
    message: `${place} does not belong to the lease; nothing was changed.`,
  });

export const notHandedOut = (place: string, offset: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'not-handed-out',
    message: `The record at offset ${offset} of ${place} was not handed out yet; nothing was changed.`,
    details: { place, offset: String(offset) },
  });

export const tooManyLeases = (limit: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'too-many-leases',
    message: `The group has ${limit} leases, which is the limit.`,
    hint: 'Release leases that are done with, or take several partitions with one.',
    details: { limit, measured: limit },
    retryable: true,
    retryAfterMs: 1_000,
  });

/** Another instance works on the leases of the same group in the same moment, again and again. */
export const leasesContended = (group: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'leases-contended',
    message: `The leases of group '${group}' are being changed by other instances; nothing was changed.`,
    hint: 'Try again, or send the requests of one group to one instance.',
    details: { group },
    retryable: true,
    retryAfterMs: 100,
  });

export const groupLeased = (group: string, leases: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'group-leased',
    message: `Group '${group}' is worked on under ${leases} ${leases === 1 ? 'lease' : 'leases'}; nothing was changed.`,
    hint: 'Wait until they are released or expire, or reset the group with "evict": true.',
    details: { group, leases },
  });
