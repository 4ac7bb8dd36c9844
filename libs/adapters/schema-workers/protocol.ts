import { AppError, isAppError, type AppErrorOptions } from '#libs/core/kernel';
import type {
  CompatibilityLevel,
  CompatibilityPolicy,
  ReadOptions,
  SchemaReading,
  SchemaSource,
  TagEdit,
} from '#libs/core/schema';

/** What one thread asks of another; everything here is plain data. */

/** The first message of a job. */
export type SchemaJob =
  | { readonly kind: 'read'; readonly source: SchemaSource; readonly options: ReadOptions | undefined }
  | { readonly kind: 'formatted'; readonly source: SchemaSource; readonly format: string }
  | { readonly kind: 'taggedParts'; readonly source: SchemaSource }
  | { readonly kind: 'retagged'; readonly source: SchemaSource; readonly edits: readonly TagEdit[] }
  | {
      /** The earlier versions are asked for as they are needed. */
      readonly kind: 'judge' | 'warnings';
      readonly level: CompatibilityLevel;
      readonly candidate: SchemaSource;
      readonly normalize: boolean;
      readonly policy: CompatibilityPolicy;
    };

/** What a worker asks while it is at a job. */
export type WorkerQuestion =
  /** The next earlier versions, by name only; none when there are no more. */
  | { readonly ask: 'versions' }
  /** The texts of versions of the last answer, by their place in it: as many as are sent at once, the first of them at least. */
  | { readonly ask: 'texts'; readonly of: readonly number[] };

/** An earlier version by the name it is kept under, without its texts. */
export interface NamedVersion {
  readonly version: number | null;
  readonly source: SchemaSource;
}

/** A reading with its refusal as data. */
export type WireReading = Omit<SchemaReading, 'refusal'> & { readonly refusal: WireError | null };

/** How a job ends. */
export type WorkerOutcome = { readonly answer: unknown } | { readonly failure: WireError };

/** A failure as data. `defect` for what is no {@link AppError}. */
export interface WireError extends Omit<AppErrorOptions, 'cause'> {
  readonly defect?: string;
}

export function toWireError(error: unknown): WireError {
  if (!isAppError(error)) {
    const defect = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: 'internal', code: 'schema-worker-defect', message: 'Working on a schema failed.', defect };
  }
  const { kind, code, message, hint, details, items, retryable, retryAfterMs } = error;
  return { kind, code, message, hint, details, items, retryable, retryAfterMs };
}

export function fromWireError({ defect, ...options }: WireError): AppError {
  return new AppError(defect === undefined ? options : { ...options, cause: new Error(defect) });
}
