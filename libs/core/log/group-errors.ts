import { AppError } from '#libs/core/kernel';
import type { PartitionRef } from './topic.js';

/** Every failure of groups and their members. Codes are public. */

export const invalidGroup = (group: string, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-group',
    message: `'${group.slice(0, 249)}' cannot be the name of a group: ${rule}.`,
  });

export const groupNotFound = (group: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'group-not-found',
    message: `Group '${group}' has no positions.`,
    details: { group },
  });

export const groupActive = (group: string, members: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'group-active',
    message: `Group '${group}' has ${members} live members.`,
    hint: 'Stop its readers first.',
    details: { group, members },
  });

/** Everything a member may be told when it wants to join. */
const JOIN_REFUSALS = {
  'group-full': {
    kind: 'exhausted',
    code: 'group-full',
    why: 'it has as many members as it may have, or their lists of topics are too long together',
    hint: 'More members than partitions read nothing; wait until one leaves, or let each read fewer topics.',
  },
  'inconsistent-protocol': {
    kind: 'conflict',
    code: 'group-protocol-mismatch',
    why: 'its members share no strategy with this one',
    hint: 'Describe the group, and join with a strategy all its members have.',
  },
  'invalid-session-timeout': {
    kind: 'invalid',
    code: 'invalid-session-timeout',
    why: 'the session timeout is outside what its coordinator allows, 6 seconds to 30 minutes unless configured otherwise',
    hint: undefined,
  },
} as const;

export const joinRefused = (group: string, reason: keyof typeof JOIN_REFUSALS): AppError => {
  const { kind, code, why, hint } = JOIN_REFUSALS[reason];
  return new AppError({
    kind,
    code,
    message: `Group '${group}' cannot be joined: ${why}.`,
    hint,
    details: { group },
    ...(kind === 'exhausted' ? { retryable: true, retryAfterMs: 5_000 } : {}),
  });
};

export const invalidGroupMember = (group: string, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-group-member',
    message: `A member cannot join group '${group.slice(0, 249)}' like this: ${rule}.`,
  });

export const tooManyTopicsRead = (group: string, asked: number, limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'too-many-topics-read',
    message: `A member of group '${group}' would read ${asked} topics, more than the limit of ${limit}.`,
    details: { group, limit, measured: asked },
  });

export const tooManyGroups = (limit: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'too-many-groups',
    message: `There are ${limit} groups with members, as many as may be.`,
    hint: 'Wait until one has none any more, or use fewer groups.',
    details: { limit, measured: limit },
    retryable: true,
    retryAfterMs: 5_000,
  });

export const staleGeneration = (group: string, generation: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'stale-generation',
    message: `Group '${group}' went on without this member of generation ${generation}; no position was stored.`,
    hint: 'Poll to join again, and read on from the positions of the new assignment.',
    details: { group, generation },
  });

export const groupRebalancing = (group: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'group-rebalancing',
    message: `Group '${group}' is sharing out its partitions; no position was stored.`,
    hint: 'Poll, and commit again what is still assigned.',
    details: { group },
    retryable: true,
    retryAfterMs: 100,
  });

export const partitionNotAssigned = (group: string, { topic, partition }: PartitionRef): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'partition-not-assigned',
    message: `${topic}/${partition} is not assigned to this member of group '${group}'; no position was stored.`,
    details: { group, topic, partition },
  });

export const memberFenced = (group: string, instanceId: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'member-fenced',
    message: `Another member came into group '${group}' as instance '${instanceId}', which ended this one.`,
    hint: 'Give each running instance an id of its own.',
    details: { group, instanceId },
  });

export const groupMemberClosed = (group: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'group-member-closed',
    message: `This member has left group '${group}'.`,
    hint: 'Join again.',
    details: { group },
  });

export const positionsClosed = (topic: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'positions-closed',
    message: `Topic '${topic}' is being handed over to another generation, or was; no position in it was stored.`,
    hint: 'Go on from the positions of the group in the present generation; while the cutover is under way, try again shortly.',
    details: { topic },
    retryable: true,
    retryAfterMs: 500,
  });

export const handOverNotKept = (): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'hand-over-not-kept',
    message: 'Groups and producers of this cluster are kept by its brokers, which hand them over to no other topic.',
  });
