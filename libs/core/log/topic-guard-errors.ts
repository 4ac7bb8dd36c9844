import { AppError } from '#libs/core/kernel';
import type { TopicDeletion } from './topic-guard.js';

/** A topic that was deleted is missing for everybody; whoever may see it is told what can still be done. */
export const topicDeleted = (topic: string, deletion: TopicDeletion): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'topic-not-found',
    message: `Topic '${topic}' does not exist: it was deleted on ${isoOf(deletion.atMs)}.`,
    hint:
      deletion.phase === 'PURGING'
        ? 'It is being deleted for good.'
        : `It is kept until ${isoOf(deletion.purgeAtMs)}: restore it with POST /v1/topics/${topic}:restore.`,
    details: { topic },
  });

export const topicNameKept = (topic: string, deletion: TopicDeletion): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-name-kept',
    message: `The name '${topic}' belongs to a topic that was deleted on ${isoOf(deletion.atMs)} and is kept until ${isoOf(deletion.purgeAtMs)}.`,
    hint: `Restore it with POST /v1/topics/${topic}:restore, or delete it for good with DELETE /v1/topics/${topic}?permanent=true.`,
    details: { topic, purgeAt: isoOf(deletion.purgeAtMs) },
  });

export const topicProtected = (topic: string, what: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-protected',
    message: `Topic '${topic}' is protected; ${what}.`,
    hint: `Take the protection back first: POST /v1/topics/${topic}:unprotect.`,
    details: { topic },
  });

export const topicFrozen = (topic: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-frozen',
    message: `Topic '${topic}' is frozen and takes no records; nothing was written.`,
    hint: `Whoever may alter it lets writers go on with POST /v1/topics/${topic}:unfreeze.`,
    details: { topic },
  });

export const topicNotActive = (topic: string, state: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-not-active',
    message: `Topic '${topic}' is ${state} and cannot be frozen: its writers are held already, by a derivation that fills it or by an operation.`,
    hint: 'Pause the derivation, or wait for the operation.',
    details: { topic, state },
  });

export const topicNotDeleted = (topic: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-not-deleted',
    message: `Topic '${topic}' is not deleted.`,
    details: { topic },
  });

export const topicBeingPurged = (topic: string): AppError =>
  new AppError({
    kind: 'gone',
    code: 'topic-being-purged',
    message: `Topic '${topic}' is being deleted for good and cannot be restored any more.`,
    details: { topic },
  });

export const topicInOperation = (topic: string, what: string, operation: { id: string; kind: string }): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-in-operation',
    message: `Topic '${topic}' cannot be ${what}: operation ${operation.id} (${operation.kind}) works on it.`,
    hint: `Cancel or finish it first: POST /v1/operations/${operation.id}:cancel.`,
    details: { topic, operation: operation.id },
  });

export const topicInUse = (topic: string, users: readonly { kind: string; name: string }[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-in-use',
    message: `Topic '${topic}' cannot be deleted: ${users.map((one) => `${one.kind} '${one.name}'`).join(', ')} would be left without it.`,
    hint: 'Delete them first, or delete the topic with ?force=true; they fail then until it is restored.',
    details: { topic, users: users.map((one) => ({ kind: one.kind, name: one.name })) },
  });

export const topicGuardChanged = (topic: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-guard-changed',
    message: `Topic '${topic}' was changed by someone else at the same moment; nothing was done.`,
    details: { topic },
    retryable: true,
  });

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
