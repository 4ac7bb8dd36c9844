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

export const usageTooWide = (limit: number, measured: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'usage-too-wide',
    message: `${measured} versions carry the id; the use of ${limit} is told at most.`,
    hint: 'Ask for the use of the versions one by one.',
    details: { limit: 'usageVersions', value: limit, measured },
  });

export const scanNotFound = (id: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'scan-not-found',
    message: `There is no such scan: '${id.slice(0, 100)}'.`,
    hint: 'Give the id of an operation of the right kind that was started and not cancelled.',
    details: { scan: id.slice(0, 100) },
  });

/** @param endedAt epoch ms. */
export const scanExpired = (id: string, endedAt: number, keptMs: number): AppError =>
  new AppError({
    kind: 'gone',
    code: 'scan-expired',
    message: `What scan '${id}' found is no longer kept: it ended at ${new Date(endedAt).toISOString()}.`,
    hint: 'Plan the same again and start it. Results are kept as long as operations.scanRetentionMs says.',
    details: { scan: id, endedAt: new Date(endedAt).toISOString(), keptMs },
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

/** Checks of schemas in operations are few at a time. */
export const schemaChecksBusy = (limit: number, measured: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'schema-checks-busy',
    message: `${measured} checks of schemas are under way; ${limit} may be at a time.`,
    hint: 'Try again when one has ended, or cancel one: GET /v1/operations?kind=schema-check&live=true lists them.',
    details: { limit: 'schemaChecks', value: limit, measured },
    retryable: true,
    retryAfterMs: 2_000,
  });

/** @param found what the records looked at are instead of samples. */
export const topicWithoutSamples = (
  topic: string,
  part: 'key' | 'value',
  found: { readonly records: number; readonly absent: number; readonly undecodable: number },
  failures: readonly { readonly partition: number; readonly offset: number; readonly reason: string }[],
): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'topic-without-samples',
    message:
      found.records === 0
        ? `No record of '${topic}' can be read that would tell its schema.`
        : `None of the newest ${found.records} ${part}s of '${topic}' can be taken as a sample: ${found.absent} are null, ${found.undecodable} cannot be decoded.`,
    hint:
      found.records === 0
        ? 'Write to the topic first, or name other partitions.'
        : 'Look at more records or at the other part. Samples are JSON text, or name a schema that is registered here.',
    details: {
      topic,
      part,
      ...found,
      failures: failures.map(({ offset, ...one }) => ({ ...one, offset: String(offset) })),
    },
  });

/** @param samples those that were decoded by then. */
export const samplesTooComplex = (limitMs: number, samples: number): AppError =>
  new AppError({
    kind: 'unprocessable',
    code: 'samples-too-complex',
    message: `Decoding the records takes more than ${limitMs} ms.`,
    hint: `Look at fewer: ${samples} were decoded by then.`,
    details: { limit: 'decodingMs', value: limitMs, measured: samples },
  });
