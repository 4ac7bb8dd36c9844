import { isAppError, type AppError } from '#libs/core/kernel';
import type { SchemaSource } from './engine.js';

/** One part (key or value) of a record, as its writer left it. */
export interface TrialRecord {
  /** Which of the trial's writers wrote it. */
  readonly writer: number;
  readonly bytes: Uint8Array;
  /** Where what stands behind the schema's name begins. */
  readonly payloadAt: number;
  /** Protobuf's message indexes, where they came apart from the payload; null: the payload begins with them. */
  readonly indexes: Uint8Array | null;
}

/** A schema tried on what others wrote. Plain data. */
export interface ReadingTrial {
  readonly candidate: SchemaSource;
  readonly writers: readonly SchemaSource[];
  readonly records: readonly TrialRecord[];
}

/** Why one record is not read. */
export interface TrialFailure {
  /** Its place among the records of the trial. */
  readonly record: number;
  /** `writer`: the bytes are not what the schema that they name wrote. `candidate`: they are, and the candidate cannot read them, or would read something else. */
  readonly by: 'writer' | 'candidate';
  /** The place as a JSON pointer into the candidate's value; `*` stands for keys of maps, which are contents. */
  readonly path: string;
  /** One sentence part, without a full stop. Quotes no contents. */
  readonly reason: string;
}

/** A failure of the record at hand. */
export type ReadingFailure = Omit<TrialFailure, 'record'>;

/** Reads records of one writer with the candidate. Safe to keep. */
export abstract class TrialReader {
  /** Why the record is not read; undefined when it is. Never throws for what is in the bytes. */
  abstract failure(record: TrialRecord): ReadingFailure | undefined;
}

/** What bytes are found to be wrong with, as a failure. @throws what says nothing of the record. */
export function recordFault(error: unknown): ReadingFailure {
  if (isAppError(error, 'value-not-readable')) {
    return { by: 'candidate', path: textIn(error, 'path') ?? '', reason: textIn(error, 'reason') ?? error.message };
  }
  if (isAppError(error, 'payload-does-not-decode') || isAppError(error, 'envelope-invalid')) {
    return { by: 'writer', path: '', reason: textIn(error, 'reason') ?? error.message };
  }
  throw error;
}

function textIn({ details }: AppError, member: string): string | undefined {
  const text = details[member];
  return typeof text === 'string' ? text : undefined;
}
