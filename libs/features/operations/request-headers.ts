import { AppError } from '#libs/core/kernel';

const LONGEST_WAIT_SECONDS = 25;

/** The client's idempotency key, if it sent one. @throws `invalid-idempotency-key` for an empty, long or unprintable one. */
export function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x21-\x7e]{1,200}$/.test(header)) return header;
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-idempotency-key',
    message: 'An idempotency key has 1 to 200 printable ASCII characters without blanks.',
    hint: 'A random UUID serves well.',
  });
}

/** How long the client would rather wait than ask again: `Prefer: wait=N` of RFC 7240, capped, 0 without one. Other preferences are not ours to refuse. */
export function waitMsOf(prefer: string | undefined): number {
  const wait = /(?:^|[,;\s])wait=(\d{1,5})(?:$|[,;\s])/.exec(prefer ?? '');
  return wait === null ? 0 : Math.min(LONGEST_WAIT_SECONDS, Number(wait[1])) * 1_000;
}
