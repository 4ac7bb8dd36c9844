import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { AppError, deferred, type Deferred } from '#libs/core/kernel';
import { errorOf, WritingHere, type SqliteWriting, type WriterReply, type WriterRequest } from './sqlite-writing.js';

const SCRIPT = new URL('./sqlite-writer-thread.js', import.meta.url);

/** What writes a file of view tables: a thread of its own; the calling one where the code runs from its sources, as tests do, which no thread can begin with. */
export function sqliteWriting(path: string): SqliteWriting {
  return existsSync(SCRIPT) ? new WritingInThread(path) : new WritingHere(path);
}

/** A thread, as it is spoken to. */
export interface WriterThread {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
}

/**
 * Writes in a thread of its own, so that steps of views and indexes keep nothing else waiting, and the next step is computed while one is stored. Requests are done one after the other, in their order. A thread that
 * ends fails what it was asked, whose outcome is unknown then (steps are compare-and-set), and the next request gets a new one.
 */
export class WritingInThread implements SqliteWriting {
  readonly #waiting = new Map<number, Deferred<unknown>>();
  #thread: WriterThread | undefined;
  #ended: Deferred<void> | undefined;
  #number = 0;
  #closed = false;

  constructor(
    path: string,
    private readonly start: () => WriterThread = () => new Worker(SCRIPT, { env: {}, workerData: path }),
  ) {}

  ask: SqliteWriting['ask'] = (call, ...given) => {
    if (this.#closed) return Promise.reject(writerAway());
    this.#thread ??= this.#begin();
    const request: WriterRequest = { number: ++this.#number, call, given };
    const waiting = deferred<never>();
    this.#waiting.set(request.number, waiting as Deferred<unknown>);
    this.#thread.postMessage(request);
    return waiting.promise;
  };

  /** After what was asked before. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#thread?.postMessage('close');
    await this.#ended?.promise;
  }

  #begin(): WriterThread {
    const thread = this.start();
    const ended = deferred<void>();
    this.#ended = ended;
    let cause: unknown;
    thread.on('message', (message) => this.#answer(message as WriterReply));
    thread.on('error', (error) => (cause = error));
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const waiting of this.#waiting.values()) waiting.reject(writerAway(cause));
      this.#waiting.clear();
      ended.resolve();
    });
    return thread;
  }

  #answer(reply: WriterReply): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    if ('failure' in reply) waiting?.reject(errorOf(reply.failure));
    else waiting?.resolve(reply.value);
  }
}

function writerAway(cause?: unknown): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'views-unavailable',
    message: 'The thread that writes the view tables has ended.',
    hint: 'The views go on by themselves.',
    retryable: true,
    cause,
  });
}
