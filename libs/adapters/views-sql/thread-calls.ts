import { AppError, isAppError, type AppErrorOptions } from '#libs/core/kernel';

/** What is asked of a connection in a thread, by number; all of it plain data. */
export interface ThreadRequest {
  readonly number: number;
  readonly call: string;
  readonly given: readonly unknown[];
}

/** Something given whose memory goes with it, instead of being copied: whoever gives it has it no more. */
export interface HandedOn {
  readonly memory: readonly ArrayBuffer[];
}

export type ThreadReply =
  { readonly number: number; readonly value: unknown } | { readonly number: number; readonly failure: ThreadFailure };

/** A failure as data: an {@link AppError}, or the words of anything else. */
type ThreadFailure = Omit<AppErrorOptions, 'cause'> | { readonly defect: string };

/** A connection to a file. Each of its calls blocks the thread it is made in. */
export interface Connection {
  close(): void;
}

/** The calls of a connection. */
type Calls<Of extends Connection> = {
  readonly [Name in Exclude<keyof Of, 'close'>]: Of[Name] extends (...given: infer Given) => infer Answer
    ? { readonly given: Given; readonly answer: Answer }
    : never;
};

/** Asks a connection, wherever it is. Calls are answered in their order. */
export interface Asking<Of extends Connection> {
  ask<Name extends Exclude<keyof Of, 'close'>>(
    call: Name,
    ...given: Calls<Of>[Name]['given']
  ): Promise<Calls<Of>[Name]['answer']>;
  close(): Promise<void>;
}

/** Asks in the calling thread. */
export class AskingHere<Of extends Connection> implements Asking<Of> {
  constructor(private readonly connection: Of) {}

  async ask<Name extends Exclude<keyof Of, 'close'>>(
    call: Name,
    ...given: Calls<Of>[Name]['given']
  ): Promise<Calls<Of>[Name]['answer']> {
    return answerOf(this.connection, String(call), given) as Calls<Of>[Name]['answer'];
  }

  async close(): Promise<void> {
    this.connection.close();
  }
}

/** What a thread does with a request. */
export function replyOf(connection: Connection, { number, call, given }: ThreadRequest): ThreadReply {
  try {
    return { number, value: answerOf(connection, call, given) };
  } catch (error) {
    return { number, failure: failureOf(error) };
  }
}

function answerOf(connection: Connection, call: string, given: readonly unknown[]): unknown {
  const calls = connection as unknown as Readonly<Record<string, (...values: readonly unknown[]) => unknown>>;
  return calls[call]!(...given);
}

function failureOf(error: unknown): ThreadFailure {
  if (!isAppError(error)) return { defect: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const { kind, code, message, hint, details, retryable } = error;
  return { kind, code, message, hint, details, retryable };
}

/** The failure as an error again. */
export function errorOf(failure: ThreadFailure): Error {
  return 'defect' in failure ? new Error(failure.defect) : new AppError(failure);
}
