import { AppError } from '#libs/core/kernel';

/** An error as it is kept and shown: never a stack, never record contents. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Wall time in ms. */
  readonly at: number;
}

/**
 * What may be shown of an error. An {@link AppError} speaks for itself; anything else is a defect whose text may hold data, so only its name is
 * kept and the log has the rest.
 */
export function describeFailure(error: unknown, at: number): Failure {
  if (error instanceof AppError) {
    return { code: error.code, message: error.message, hint: error.hint ?? null, at };
  }
  const name = error instanceof Error ? error.name : typeof error;
  return {
    code: 'internal-error',
    message: `An unexpected error (${name}) stopped the work.`,
    hint: 'The service log has the details.',
    at,
  };
}
