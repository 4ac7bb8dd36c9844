import { AppError } from '#libs/core/kernel';

/** Every failure of scans, on one page. Codes are public. */

/** @param reason one sentence part, without a full stop. */
export const scanInvalid = (reason: string, hint?: string): AppError =>
  new AppError({ kind: 'invalid', code: 'scan-invalid', message: `The scan cannot be planned: ${reason}.`, hint });

export const scanTooWide = (limit: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'scan-too-wide',
    message: `A scan reads ${limit} partitions at most; here there are ${measured}.`,
    hint: 'Name topics, in several scans.',
    details: { limit: 'scanPartitions', value: limit, measured },
  });

export const scanNotFound = (id: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'scan-not-found',
    message: `There is no such scan: '${id.slice(0, 100)}'.`,
    hint: 'Give the id of an operation of the right kind that was started and not cancelled.',
    details: { scan: id.slice(0, 100) },
  });

/** Readings of the log within requests are few at a time. */
export const scansBusy = (limit: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'scans-busy',
    message: `${limit} requests are reading records; there are no more at a time.`,
    hint: 'Try again shortly, or start a scan as an operation and name it.',
    details: { limit: 'scansInRequests', value: limit, measured: limit },
    retryable: true,
    retryAfterMs: 1_000,
  });
