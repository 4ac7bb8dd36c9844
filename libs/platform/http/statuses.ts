import type { ErrorKind } from '#libs/core/kernel';

/** The HTTP status of each kind of error, and what people call it. The compiler sees to it that none is left out. */
export const STATUS_OF_KIND: Readonly<Record<ErrorKind, { readonly status: number; readonly title: string }>> = {
  invalid: { status: 400, title: 'Invalid request' },
  unauthenticated: { status: 401, title: 'Not authenticated' },
  forbidden: { status: 403, title: 'Not allowed' },
  'not-found': { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'Conflict' },
  gone: { status: 410, title: 'Gone' },
  precondition: { status: 412, title: 'Precondition failed' },
  'too-large': { status: 413, title: 'Too large' },
  unprocessable: { status: 422, title: 'Cannot be processed' },
  exhausted: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Temporarily not available' },
  timeout: { status: 504, title: 'Timed out' },
  'storage-full': { status: 507, title: 'Storage full' },
};
