import { AppError } from '#libs/core/kernel';

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
