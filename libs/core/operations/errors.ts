import { AppError } from '#libs/core/kernel';
import type { Difference } from './differences.js';

/** Every refusal of the operation engine, on one page. Codes are public. */

export const kindUnknown = (kind: string, known: readonly string[]): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'operation-kind-unknown',
    message: `There is no operation of kind '${kind}' here.`,
    hint: `Kinds: ${known.join(', ')}.`,
    details: { kind, known },
  });

export const planNotFound = (hash: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'plan-not-found',
    message: `There is no plan '${hash}'.`,
    hint: 'Plans are kept for some days; make it again, look at it and use its hash.',
    details: { planHash: hash },
  });

export const operationNotFound = (id: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'operation-not-found',
    message: `There is no operation '${id}'.`,
    hint: 'Look for it with GET /v1/operations; ids are those that a start has answered.',
    details: { operation: id },
  });

export const planStale = (hash: string, moved: readonly Difference[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'plan-stale',
    message: `What the plan relied on has changed: ${moved.map((one) => describe(one)).join('; ')}.`,
    hint: 'Make the plan again, look at it and start the new one.',
    details: { planHash: hash, differences: moved },
    items: moved.map((one) => ({ path: one.path, message: `was ${show(one.planned)}, is ${show(one.now)}` })),
  });

export const planBlocked = (hash: string, blockers: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'plan-blocked',
    message: `The plan cannot be started: ${blockers.join('; ')}.`,
    hint: 'Remove what blocks it and make the plan again.',
    details: { planHash: hash, blockers },
    items: blockers.map((blocker, i) => ({ path: `/blockers/${i}`, message: blocker })),
  });

export const subjectBusy = (subject: string, other: { id: string; kind: string; state: string }): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'subject-busy',
    message: `Operation ${other.id} (${other.kind}, ${other.state}) works on ${subject}; one operation at a time changes it.`,
    hint: `Wait for it, finish it or cancel it: /v1/operations/${other.id}.`,
    details: { subject, operation: other.id, kind: other.kind, state: other.state },
  });

export const idempotencyKeyReused = (operation: string): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'idempotency-key-reused',
    message: `This idempotency key was used with another body; it started operation ${operation}.`,
    hint: 'Use a fresh key for another request.',
    details: { operation },
  });

export const wrongState = (
  operation: string,
  command: string,
  state: string,
  possible: string,
  hint: string,
): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'wrong-state',
    message: `Operation ${operation} is ${state}; '${command}' is possible ${possible}.`,
    hint,
    details: { operation, command, state },
  });

export const notPossible = (operation: string, command: string, why: string, hint: string, code: string): AppError =>
  new AppError({
    kind: 'conflict',
    code,
    message: `'${command}' is not possible for operation ${operation}: ${why}.`,
    hint,
    details: { operation, command },
  });

export const operationContended = (operation: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'operation-contended',
    message: `Operation ${operation} changed too quickly to be commanded.`,
    hint: 'Look at it again, and ask again if that is still wanted.',
    retryable: true,
    retryAfterMs: 200,
    details: { operation },
  });

/** Thrown by a handler when nothing but a person can help. The operation becomes BLOCKED, the message is its reason; `resume` tries again. */
export const operationBlocked = (reason: string, hint?: string): AppError =>
  new AppError({ kind: 'conflict', code: 'operation-blocked', message: reason, hint });

function describe(one: Difference): string {
  return `${one.path === '' ? 'everything' : one.path.slice(1)} was ${show(one.planned)}, is ${show(one.now)}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
