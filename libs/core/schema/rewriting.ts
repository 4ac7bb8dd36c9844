import type { SchemaSource } from './engine.js';
import type { ReadingFailure, TrialRecord } from './trial.js';

/**
 * What others wrote, to be written anew with one schema, as a reader with that schema has it: by Avro's resolution, by the numbers of Protobuf's fields, and in JSON
 * Schema as the text is, if it fits. Plain data.
 */
export interface PayloadRewriting {
  readonly reader: SchemaSource;
  readonly writers: readonly SchemaSource[];
  readonly records: readonly TrialRecord[];
}

/** A payload as the reader's schema writes it. */
export interface RewrittenPayload {
  /** What stands between the schema's name and the payload: Protobuf's message indexes, nothing in other languages. */
  readonly indexes: Uint8Array;
  readonly payload: Uint8Array;
}

/** What becomes of a record: written anew, or why not. */
export type Rewritten = RewrittenPayload | ReadingFailure;

/** Writes the records of one writer anew with the reader's schema. Safe to keep. */
export abstract class PayloadRewriter {
  /** Never throws for what is in the bytes. */
  abstract rewritten(record: TrialRecord): Rewritten;
}
