import { AppError, isAppError, type AppErrorOptions } from '#libs/core/kernel';
import type { TransformInput, TransformOutcome, TransformProgram } from '#libs/core/streams';

/** What the service asks of a thread; everything here is plain data. */
export type TransformJob =
  | { readonly kind: 'check'; readonly program: TransformProgram }
  | { readonly kind: 'apply'; readonly program: TransformProgram; readonly inputs: readonly TransformInput[] };

/** How a job ends. */
export type TransformReply =
  | { readonly outcomes: readonly TransformOutcome[] }
  | { readonly failure: Omit<AppErrorOptions, 'cause'> & { readonly defect?: string } };

/** A failure as data. */
export function replyOf(error: unknown): TransformReply {
  if (isAppError(error)) {
    const { kind, code, message, hint, details } = error;
    return { failure: { kind, code, message, hint, details } };
  }
  const defect = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    failure: { kind: 'internal', code: 'transform-worker-defect', message: 'Transforming records failed.', defect },
  };
}

/** The failure as an error again. */
export function errorOf({ defect, ...options }: Extract<TransformReply, { failure: unknown }>['failure']): AppError {
  return new AppError(defect === undefined ? options : { ...options, cause: new Error(defect) });
}
