import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { AppError, deferred, type Deferred } from '#libs/core/kernel';
import {
  errorOf,
  type Asking,
  type HandedOn,
  type Connection,
  type ThreadReply,
  type ThreadRequest,
} from './thread-calls.js';

const SCRIPT = new URL('./sqlite-thread.js', import.meta.url);

/** What a thread begins with. */
export interface SqliteThreadData {
  readonly path: string;
  readonly writes: boolean;
}

/** Begins a thread on a file of view tables; undefined where the code runs from its sources, as tests do, which no thread can begin with. */
export const startSqliteThread: StartThread | undefined = existsSync(SCRIPT)
  ? (workerData) => new Worker(SCRIPT, { env: {}, workerData })
  : undefined;

export type StartThread = (data: SqliteThreadData) => CallThread;

/** A thread, as it is spoken to. */
export interface CallThread {
  /** @param moved memory in the message that passes to the thread instead of being copied */
  postMessage(message: unknown, moved?: readonly ArrayBuffer[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
}

/**
 * Asks a connection in a thread of its own, so that what it does keeps nothing else waiting. Requests are done one after the other, in their order. A thread that
 * ends fails what it was asked, whose outcome is unknown then (steps are compare-and-set), and the next request gets a new one.
 */
export class AskingInThread<Of extends Connection> implements Asking<Of> {
  readonly #waiting = new Map<number, Deferred<unknown>>();
  #thread: CallThread | undefined;
  #ended: Deferred<void> | undefined;
  #number = 0;
  #closed = false;

  constructor(private readonly start: () => CallThread) {}

  /** How many requests have no answer yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  ask: Asking<Of>['ask'] = (call, ...given) => {
    if (this.#closed) return Promise.reject(threadAway());
    this.#thread ??= this.#begin();
    const request: ThreadRequest = { number: ++this.#number, call: String(call), given };
    const waiting = deferred<never>();
    this.#waiting.set(request.number, waiting as Deferred<unknown>);
    this.#thread.postMessage(request, given.flatMap(movedWith));
    return waiting.promise;
  };

  /** After what was asked before. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#thread?.postMessage('close');
    await this.#ended?.promise;
  }

  #begin(): CallThread {
    const thread = this.start();
    const ended = deferred<void>();
    this.#ended = ended;
    let cause: unknown;
    thread.on('message', (message) => this.#answer(message as ThreadReply));
    thread.on('error', (error) => (cause = error));
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const waiting of this.#waiting.values()) waiting.reject(threadAway(cause));
      this.#waiting.clear();
      ended.resolve();
    });
    return thread;
  }

  #answer(reply: ThreadReply): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    if ('failure' in reply) waiting?.reject(errorOf(reply.failure));
    else waiting?.resolve(reply.value);
  }
}

/** What is given, if it says so, hands its memory on. */
function movedWith(given: unknown): readonly ArrayBuffer[] {
  return typeof given === 'object' && given !== null && 'memory' in given ? (given as HandedOn).memory : NOTHING;
}

const NOTHING: readonly never[] = [];

/** Asks one of several threads: that which has the least to do, and one that has not begun only when all others have something. */
export class AskingThreads<Of extends Connection> implements Asking<Of> {
  readonly #threads: readonly AskingInThread<Of>[];

  constructor(count: number, start: () => CallThread) {
    this.#threads = Array.from({ length: count }, () => new AskingInThread<Of>(start));
  }

  ask: Asking<Of>['ask'] = (call, ...given) =>
    this.#threads.reduce((best, one) => (one.waiting < best.waiting ? one : best)).ask(call, ...given);

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((one) => one.close()));
  }
}

function threadAway(cause?: unknown): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'views-unavailable',
    message: 'The thread of the view tables has ended.',
    hint: 'The views go on by themselves; ask again.',
    retryable: true,
    cause,
  });
}
