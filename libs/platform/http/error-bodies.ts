import type { ConfluentErrorMapper } from './confluent-api.js';
import type { ErrorAnswer } from './error-answer.js';

/** RFC 9457, with members of our own: a stable code, the request's id, each problem, and what to do. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly request_id: string;
  readonly errors?: readonly { readonly path: string; readonly message: string; readonly code?: string }[];
  readonly hint?: string;
  /** Facts as data: names, limits, measured values. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export function problemBody(answer: ErrorAnswer, path: string, requestId: string): ProblemBody {
  return {
    type: `urn:weir:problem:${answer.code}`,
    title: answer.title,
    status: answer.status,
    detail: answer.detail,
    instance: path,
    code: answer.code,
    request_id: requestId,
    ...(answer.items.length === 0 ? {} : { errors: answer.items }),
    ...(answer.hint === undefined ? {} : { hint: answer.hint }),
    ...(answer.details === undefined || Object.keys(answer.details).length === 0 ? {} : { details: answer.details }),
  };
}

/** What the reference sends for statuses of the protocol itself; clients match some of it. */
const CONFLUENT_MESSAGES: ReadonlyMap<string, string> = new Map([
  ['route-not-found', 'HTTP 404 Not Found'],
  ['method-not-allowed', 'HTTP 405 Method Not Allowed'],
  ['not-acceptable', 'HTTP 406 Not Acceptable'],
  ['unsupported-media-type', 'HTTP 415 Unsupported Media Type'],
  ['internal', 'Internal Server Error'],
]);

/** Exactly two members: older clients refuse more. */
export interface ConfluentBody {
  readonly error_code: number;
  readonly message: string;
}

export function confluentBody(
  answer: ErrorAnswer,
  mapper: ConfluentErrorMapper | undefined,
): { readonly status: number; readonly body: ConfluentBody } {
  const mapped = answer.appError === undefined || answer.defect ? undefined : mapper?.map(answer.appError);
  if (mapped !== undefined) {
    return { status: mapped.status, body: { error_code: mapped.errorCode, message: mapped.message } };
  }
  const message = CONFLUENT_MESSAGES.get(answer.code) ?? answer.detail;
  return { status: answer.status, body: { error_code: answer.status, message } };
}
