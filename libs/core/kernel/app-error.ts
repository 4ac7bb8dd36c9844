/**
 * The nature of a failure, independent of any protocol. `libs/platform/http` maps each to a status in one exhaustive table;
 * callers branch on `kind` or `code`, never on message text.
 */
export type ErrorKind =
  /** The request is malformed or breaks a rule that needs no state to see. */
  | 'invalid'
  /** Well formed, but its content cannot be processed (a schema that does not parse, a value that does not fit). */
  | 'unprocessable'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  /** The state of the object forbids it now: exists already, wrong state, stale plan, incompatible. */
  | 'conflict'
  /** A precondition the caller named (revision, ETag) no longer holds. */
  | 'precondition'
  /** A limit on size or count; details name limit, value and measured value. */
  | 'too-large'
  | 'gone'
  /** Too many requests; retry later. */
  | 'exhausted'
  /** A dependency or the object is temporarily not available; safe to retry. */
  | 'unavailable'
  | 'timeout'
  | 'storage-full'
  | 'internal';

/** One problem inside a request or document, for errors that report several at once. */
export interface ErrorItem {
  /** JSON pointer, field name or option name of the offending part. */
  readonly path: string;
  readonly message: string;
  readonly code?: string;
}

export interface AppErrorOptions {
  readonly kind: ErrorKind;
  /** Stable, kebab-case, public: clients and docs cite it. */
  readonly code: string;
  /** What happened, naming the object. One sentence, no record contents, no secrets. */
  readonly message: string;
  /** What to do next, where there is something to do. */
  readonly hint?: string;
  /** Plain JSON facts about the failure (names, limits, measured values). */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly items?: readonly ErrorItem[];
  /** True when the same call may succeed later and repeating it does no harm. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error class of the domain. Anything else that reaches an edge is a defect and becomes an opaque 500. */
export class AppError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly items: readonly ErrorItem[];
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.kind = options.kind;
    this.code = options.code;
    this.hint = options.hint;
    this.details = options.details ?? {};
    this.items = options.items ?? [];
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether `error` is an {@link AppError}, optionally with the given code. */
export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** Throws for a state that cannot be; the values that made it so go into the message of the resulting 500's log line. */
export function impossible(what: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw new AppError({ kind: 'internal', code: 'impossible-state', message: `impossible state: ${what}`, details });
}
