import { AppError, isAppError, type AppErrorOptions } from '#libs/core/kernel';
import { SqliteWriter } from './sqlite-writer.js';

type Calls = Omit<SqliteWriter, 'close'>;
export type WriterCall = keyof Calls;

/** What is asked of a writer in a thread, by number; all of it plain data. */
export interface WriterRequest {
  readonly number: number;
  readonly call: WriterCall;
  readonly given: readonly unknown[];
}

export type WriterReply =
  { readonly number: number; readonly value: unknown } | { readonly number: number; readonly failure: WriterFailure };

/** A failure as data: a {@link AppError}, or the message of anything else. */
type WriterFailure = Omit<AppErrorOptions, 'cause'> | { readonly defect: string };

/** Asks the one connection that writes a file. */
export interface SqliteWriting {
  ask<Call extends WriterCall>(call: Call, ...given: Parameters<Calls[Call]>): Promise<ReturnType<Calls[Call]>>;
  close(): Promise<void>;
}

/** Writes in the calling thread. */
export class WritingHere implements SqliteWriting {
  readonly #writer: SqliteWriter;

  constructor(path: string) {
    this.#writer = new SqliteWriter(path);
  }

  async ask<Call extends WriterCall>(call: Call, ...given: Parameters<Calls[Call]>): Promise<ReturnType<Calls[Call]>> {
    return answerOf(this.#writer, call, given) as ReturnType<Calls[Call]>;
  }

  async close(): Promise<void> {
    this.#writer.close();
  }
}

/** What a thread does with a request. */
export function replyOf(writer: SqliteWriter, { number, call, given }: WriterRequest): WriterReply {
  try {
    return { number, value: answerOf(writer, call, given) };
  } catch (error) {
    return { number, failure: failureOf(error) };
  }
}

function answerOf(writer: SqliteWriter, call: WriterCall, given: readonly unknown[]): unknown {
  return (writer[call] as (...values: readonly unknown[]) => unknown).apply(writer, given as unknown[]);
}

function failureOf(error: unknown): WriterFailure {
  if (!isAppError(error)) return { defect: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const { kind, code, message, hint, details, retryable } = error;
  return { kind, code, message, hint, details, retryable };
}

/** The failure as an error again. */
export function errorOf(failure: WriterFailure): Error {
  return 'defect' in failure ? new Error(failure.defect) : new AppError(failure);
}
