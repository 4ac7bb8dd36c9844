import { AppError, type JsonObject } from '#libs/core/kernel';

/** Where a request stands. `applied`, `rejected` and `withdrawn` are ends. */
export const REQUEST_STATES = ['pending', 'approved', 'applied', 'rejected', 'withdrawn'] as const;
export type RequestState = (typeof REQUEST_STATES)[number];

/** What people do with a request. */
export const REQUEST_COMMANDS = ['approve', 'reject', 'withdraw', 'close'] as const;
export type RequestCommand = (typeof REQUEST_COMMANDS)[number];

/** Who did something, when, and what was said about it. Times are ms since 1970. */
export interface RequestStep {
  readonly by: string;
  readonly at: number;
  readonly note: string | null;
}

/** A plan that somebody asks others to agree to, without the plan. */
export interface ChangeRequest {
  /** Begins with the time it was made: ids in order are requests in order. */
  readonly id: string;
  /** Rises with each change. */
  readonly revision: number;
  readonly state: RequestState;
  readonly title: string;
  readonly submitted: RequestStep;
  /** The approval, rejection or withdrawal; null while nobody has decided. */
  readonly decided: RequestStep | null;
  readonly applied: RequestStep | null;
  /** Qualified names of the subjects that the plan changes, each once. */
  readonly subjects: readonly string[];
  /** Names of the topics that the plan declares, each once. */
  readonly topics: readonly string[];
}

/** A request with the plan, as it was sent. */
export interface SubmittedPlan {
  readonly request: ChangeRequest;
  readonly plan: JsonObject;
}

/** Whoever does something with a request. */
export interface RequestActor {
  readonly id: string;
  /** Whether the service knows who asks. Without that nobody is somebody else, and the rule that authors do not approve cannot be kept. */
  readonly isKnown: boolean;
}

const POSSIBLE: Readonly<
  Record<RequestCommand, { readonly from: readonly RequestState[]; readonly to: RequestState }>
> = {
  approve: { from: ['pending'], to: 'approved' },
  reject: { from: ['pending', 'approved'], to: 'rejected' },
  withdraw: { from: ['pending', 'approved'], to: 'withdrawn' },
  close: { from: ['approved'], to: 'applied' },
};

/**
 * The request after a command; the same one where it stands there already, by whoever it was. Pure.
 * @throws `wrong-state`, `approval-by-author`, `withdrawal-by-another`.
 */
export function decided(
  request: ChangeRequest,
  command: RequestCommand,
  actor: RequestActor,
  now: number,
  note: string | null,
): ChangeRequest {
  const { from, to } = POSSIBLE[command];
  if (request.state === to) return request;
  if (!from.includes(request.state)) throw wrongState(request, command);
  const isAuthor = actor.isKnown && actor.id === request.submitted.by;
  if (command === 'approve' && isAuthor) throw approvalByAuthor(request);
  if (command === 'withdraw' && actor.isKnown && !isAuthor) throw withdrawalByAnother(request);
  const step: RequestStep = { by: actor.id, at: now, note };
  return {
    ...request,
    revision: request.revision + 1,
    state: to,
    ...(command === 'close' ? { applied: step } : { decided: step }),
  };
}

export const requestNotFound = (id: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'change-request-not-found',
    message: `There is no change request '${id}', or it may not be read.`,
    hint: 'GET /v1/change-requests lists them; closed ones are kept for 90 days.',
    details: { request: id },
  });

export const tooManyOpen = (limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'too-many-open-requests',
    message: `There are ${limit} open change requests already.`,
    hint: 'Apply, reject or withdraw some first.',
    details: { limit: 'open change requests', value: limit, measured: limit + 1 },
  });

export const requestMoved = (id: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'change-request-moved',
    message: `Somebody else has just done something with change request '${id}'.`,
    hint: 'Look at it again.',
    details: { request: id },
    retryable: true,
  });

function wrongState({ id, state }: ChangeRequest, command: RequestCommand): AppError {
  const words: Readonly<Record<RequestCommand, string>> = {
    approve: 'approved',
    reject: 'rejected',
    withdraw: 'withdrawn',
    close: 'applied',
  };
  return new AppError({
    kind: 'conflict',
    code: 'wrong-state',
    message: `Change request '${id}' is ${state} and cannot be ${words[command]}.`,
    hint:
      command === 'close' && state === 'pending'
        ? `It waits for an approval by somebody else than its author: POST /v1/change-requests/${id}:approve.`
        : 'Submit the plan anew.',
    details: { request: id, state },
  });
}

function approvalByAuthor({ id, submitted }: ChangeRequest): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'approval-by-author',
    message: `Change request '${id}' was submitted by ${submitted.by}, and who submits one cannot approve it.`,
    hint: 'Ask somebody else with the right to govern.',
    details: { request: id },
  });
}

function withdrawalByAnother({ id, submitted }: ChangeRequest): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'withdrawal-by-another',
    message: `Change request '${id}' was submitted by ${submitted.by}; others reject it.`,
    hint: `POST /v1/change-requests/${id}:reject.`,
    details: { request: id },
  });
}
