import { AppError, type ErrorKind } from '#libs/core/kernel';
import { ConfluentErrorMapper, STATUS_OF_KIND, type ConfluentError } from '#libs/platform/http';

const REFUSAL = 'rest-proxy-refusal';

const KINDS: ReadonlyMap<number, ErrorKind> = new Map([
  [400, 'invalid'],
  [403, 'forbidden'],
  [404, 'not-found'],
  [406, 'invalid'],
  [408, 'timeout'],
  [409, 'conflict'],
  [413, 'too-large'],
  [422, 'unprocessable'],
  [429, 'exhausted'],
]);

/**
 * A refusal with a code of the contract (its section 2). The status is the code or its first three digits, unless given: one code is answered under another.
 */
export function refusal(errorCode: number, message: string, status = statusOf(errorCode)): AppError {
  const kind = KINDS.get(status) ?? 'unavailable';
  return new AppError({ kind, code: REFUSAL, message, details: { errorCode, status } });
}

/** No such thing under a name that can be read, or a number in a path that cannot. */
export function nothingHere(): AppError {
  return refusal(404, 'HTTP 404 Not Found');
}

/** What the reference answers where it has not thought of a case, and its clients have met. */
export function unhandled(): AppError {
  return refusal(500, 'Internal Server Error');
}

export function badRequest(why: string): AppError {
  return refusal(400, why);
}

export function unknownTopic(): AppError {
  return refusal(40_403, UNKNOWN_TOPIC);
}

export function partitionMissing(): AppError {
  return refusal(40_402, 'Partition not found.');
}

const UNKNOWN_TOPIC = 'This server does not host this topic-partition.';

function statusOf(errorCode: number): number {
  return errorCode < 1_000 ? errorCode : Math.floor(errorCode / 100);
}

/** Codes of the contract by codes of ours: what the broker refuses is 40002, whoever the broker is. */
const CODES: ReadonlyMap<string, number> = new Map([
  ['topic-not-found', 40_403],
  ['partition-not-found', 40_402],
  ...[
    'access-rules-not-kept',
    'invalid-access-rule',
    'invalid-broker-config',
    'invalid-partition-count',
    'invalid-replication',
    'invalid-topic-config',
    'invalid-topic-name',
    'too-many-partitions',
    'topic-exists',
  ].map((code) => [code, 40_002] as const),
  ['unauthenticated', 40_101],
  ['forbidden', 40_301],
  // What the contract has for a proxy that cannot take more just now.
  ['too-many-bytes-in-flight', 429],
]);

/** What the code of an error's kind is where the error has none of its own. */
const KIND_CODES: Readonly<Partial<Record<ErrorKind, number>>> = {
  unauthenticated: 40_101,
  forbidden: 40_301,
  // The broker will not have it now: a protected topic, an operation under way.
  conflict: 40_002,
  precondition: 40_002,
  gone: 50_002,
  'storage-full': 50_002,
  unavailable: 50_003,
  timeout: 50_003,
};

/** The code of the contract for any error of ours. */
export function errorCodeOf(error: AppError): number {
  if (error.code === REFUSAL) return error.details['errorCode'] as number;
  return CODES.get(error.code) ?? KIND_CODES[error.kind] ?? STATUS_OF_KIND[error.kind].status;
}

/** The message as clients of the contract know it, ours where they match codes only. */
export function messageOf(error: AppError): string {
  const { details } = error;
  switch (error.code) {
    case 'topic-not-found':
      return UNKNOWN_TOPIC;
    case 'partition-not-found':
      return 'Partition not found.';
    case 'topic-exists':
      return `Topic '${String(details['topic'])}' already exists.`;
    default:
      return error.kind === 'internal' ? 'Internal Server Error' : error.message;
  }
}

/** Errors in the words of the REST Proxy. */
export class RestProxyErrors extends ConfluentErrorMapper {
  map(error: AppError): ConfluentError {
    const errorCode = errorCodeOf(error);
    const status = error.code === REFUSAL ? (error.details['status'] as number) : statusOf(errorCode);
    return { status, errorCode, message: messageOf(error) };
  }
}
