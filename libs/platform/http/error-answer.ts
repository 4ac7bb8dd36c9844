import { HttpException } from '@nestjs/common';
import { AppError, type ErrorItem } from '#libs/core/kernel';
import { HttpFault } from './http-fault.js';
import { STATUS_OF_KIND } from './statuses.js';

/** An error as HTTP tells it, before it takes the form of one protocol. */
export interface ErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly hint?: string;
  readonly items: readonly ErrorItem[];
  readonly details?: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The domain error behind it, for protocols with codes of their own. */
  readonly appError?: AppError;
  /** A defect of ours: logged with its stack, told to nobody. */
  readonly defect: boolean;
}

/** Turns whatever was thrown into an answer. What is no known refusal is an opaque 500. */
export function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof AppError) return fromAppError(error);
  if (error instanceof HttpFault) {
    return plain(error.status, error.code, error.message, error.more.hint, error.more.headers);
  }
  const cause = error instanceof HttpException ? (error.cause ?? error) : error;
  if (cause instanceof AppError || cause instanceof HttpFault) return answerOf(cause);
  const known = FRAMEWORK_ERRORS.get(codeOf(cause));
  if (known !== undefined) return plain(known.status, known.code, known.message, known.hint);
  if (error instanceof HttpException && error.getStatus() < 500)
    return plain(error.getStatus(), 'refused', error.message);
  return INTERNAL;
}

function fromAppError(error: AppError): ErrorAnswer {
  const { status, title } = STATUS_OF_KIND[error.kind];
  // The message of an internal error names things that are nobody's business but the log's.
  if (error.kind === 'internal') return { ...INTERNAL, appError: error };
  return {
    status,
    title,
    code: error.code,
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    items: error.items,
    details: error.details,
    headers:
      error.retryAfterMs === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterMs / 1_000))) },
    appError: error,
    defect: false,
  };
}

const TITLES: ReadonlyMap<number, string> = new Map([
  ...Object.values(STATUS_OF_KIND).map(({ status, title }) => [status, title] as const),
  [405, 'Method not allowed'],
  [406, 'Not acceptable'],
  [408, 'Request timed out'],
  [414, 'Path too long'],
  [415, 'Unsupported media type'],
  [431, 'Headers too large'],
]);

function plain(
  status: number,
  code: string,
  detail: string,
  hint?: string,
  headers: Readonly<Record<string, string>> = {},
): ErrorAnswer {
  return {
    status,
    code,
    title: TITLES.get(status) ?? 'Refused',
    detail,
    ...(hint === undefined ? {} : { hint }),
    items: [],
    headers,
    defect: false,
  };
}

const INTERNAL: ErrorAnswer = {
  ...plain(
    500,
    'internal',
    'Something went wrong inside the service.',
    'The log has the details under the request id.',
  ),
  defect: true,
};

/** Fastify's own refusals, by its codes. */
const FRAMEWORK_ERRORS: ReadonlyMap<string, { status: number; code: string; message: string; hint?: string }> = new Map(
  [
    [
      'FST_ERR_CTP_BODY_TOO_LARGE',
      { status: 413, code: 'body-too-large', message: 'The body is larger than this route takes.' },
    ],
    [
      'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
      { status: 400, code: 'body-cut-short', message: 'The body is not as long as Content-Length says.' },
    ],
    [
      'FST_ERR_CTP_INVALID_MEDIA_TYPE',
      {
        status: 415,
        code: 'unsupported-media-type',
        message: 'Bodies of this media type are not taken here.',
        hint: 'Send application/json.',
      },
    ],
    [
      'FST_ERR_ROUTE_MISSING_CONTENT_TYPE',
      { status: 415, code: 'unsupported-media-type', message: 'The body has no media type.' },
    ],
    [
      'FST_ERR_BAD_URL',
      { status: 400, code: 'path-not-readable', message: 'The path holds a percent sign that is no escape.' },
    ],
    [
      'FST_ERR_MAX_PARAM_LENGTH',
      { status: 414, code: 'path-too-long', message: 'A part of the path is longer than 1024 characters.' },
    ],
    [
      'ERR_STREAM_PREMATURE_CLOSE',
      { status: 400, code: 'body-cut-short', message: 'The connection ended before the body did.' },
    ],
    ['ECONNRESET', { status: 400, code: 'body-cut-short', message: 'The connection ended before the body did.' }],
  ],
);

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}
