import { AppError, isAppError, type AppErrorOptions } from '#libs/core/kernel';
import type {
  AvroForm,
  CompatibilityLevel,
  CompatibilityPolicy,
  PayloadRewriting,
  ReadingTrial,
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
  | { readonly kind: 'fields'; readonly source: SchemaSource }
  | { readonly kind: 'tried'; readonly trial: ReadingTrial }
  | { readonly kind: 'rewritten'; readonly rewriting: PayloadRewriting }
  | {
      /** Makes the codec, to tell whether one can be made. As with every job of messages, the source is named, and asked for where it is not known. */
      readonly kind: 'codec';
      readonly source: SchemaSource;
      readonly form: AvroForm | undefined;
    }
  | {
      /** Tells of the encoder of a message: {@link EncoderFacts}. */
      readonly kind: 'encoder';
      readonly source: SchemaSource;
      readonly form: AvroForm | undefined;
      readonly message: string | undefined;
    }
  | {
      /** A value, as JSON text, to a payload. */
      readonly kind: 'encode';
      readonly source: SchemaSource;
      readonly form: AvroForm | undefined;
      readonly message: string | undefined;
      readonly value: string;
    }
  | {
      /** A payload to {@link DecodedText}. */
      readonly kind: 'decode';
      readonly source: SchemaSource;
      readonly form: AvroForm | undefined;
      readonly payload: Uint8Array;
      /** Null where the payload begins with them. */
      readonly indexes: Uint8Array | null;
    }
  | {
      /** The earlier versions are asked for as they are needed. */
      readonly kind: 'judge' | 'warnings';
      readonly level: CompatibilityLevel;
      readonly candidate: SchemaSource;
      readonly normalize: boolean;
      readonly policy: CompatibilityPolicy;
      readonly proofs: boolean;
    };

/** What a worker asks while it is at a job. */
export type WorkerQuestion =
  /** The next earlier versions, by name only; none when there are no more. */
  | { readonly ask: 'versions' }
  /** The texts of versions of the last answer, by their place in it: as many as are sent at once, the first of them at least. */
  | { readonly ask: 'texts'; readonly of: readonly number[] }
  /** The source of the job, with its texts. */
  | { readonly ask: 'source' };

/** What is told of an encoder; it stays where it is. */
export interface EncoderFacts {
  readonly message: string | null;
  readonly indexes: Uint8Array;
}

/** A decoded payload. The value is JSON text, which is quicker to take in than a clone. */
export interface DecodedText {
  readonly message: string | null;
  readonly value: string;
}

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
