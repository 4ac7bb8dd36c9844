import { Worker } from 'node:worker_threads';
import { deferred, type Deferred } from '#libs/core/kernel';
import { type CompactedRun, type CompactionOrder, CompactionWork } from './compaction-work.js';

/** What a thread is asked; it answers each in its turn. */
export type CompactionRequest =
  | { readonly do: 'begin'; readonly order: CompactionOrder }
  | { readonly do: 'note'; readonly batches: Uint8Array }
  | { readonly do: 'known' }
  | { readonly do: 'compact'; readonly batches: Uint8Array; readonly keepLast: boolean }
  | { readonly do: 'end' };

export type CompactionAnswer = { readonly value: unknown } | { readonly failure: string };

/** The worker's heap beside the table of keys. */
const HEAP_MIB = 64;
const MIB = 1024 * 1024;
/** An answer takes milliseconds; a thread that is silent for so long will not give one. */
const ANSWER_MS = 60_000;

export interface CompactionThreadOptions {
  /** Where the thread begins; `compaction-worker.js` beside this file unless given. */
  readonly script?: URL;
  /** How long an answer may take before the thread counts as dead, in milliseconds. */
  readonly answerMs?: number;
}

/**
 * Compaction in a worker thread of its own, which starts with the first pass and stays until the log is closed. Bytes go over without being copied. A thread that dies or
 * falls silent fails the pass it was at, saying why, and that pass's files are removed; the next pass starts another.
 */
export class CompactionThread extends CompactionWork {
  #worker: Worker | undefined;
  #waiting: Deferred<unknown> | undefined;
  readonly #script: URL;
  readonly #answerMs: number;

  constructor({ script, answerMs = ANSWER_MS }: CompactionThreadOptions = {}) {
    super();
    // Written out here, so that what packs the service finds it.
    this.#script = script ?? new URL('./compaction-worker.js', import.meta.url);
    this.#answerMs = answerMs;
  }

  async begin(order: CompactionOrder): Promise<void> {
    this.#worker ??= this.start(order.mapBytes);
    await this.ask({ do: 'begin', order });
  }

  async note(batches: Uint8Array): Promise<boolean> {
    return (await this.ask({ do: 'note', batches }, batches)) as boolean;
  }

  async known(): Promise<number> {
    return (await this.ask({ do: 'known' })) as number;
  }

  async compact(batches: Uint8Array, keepLast: boolean): Promise<CompactedRun> {
    return (await this.ask({ do: 'compact', batches, keepLast }, batches)) as CompactedRun;
  }

  async end(): Promise<void> {
    if (this.#worker !== undefined) await this.ask({ do: 'end' });
  }

  /** A pass that is under way fails. */
  async close(): Promise<void> {
    const [worker, waiting] = [this.#worker, this.#waiting];
    this.#worker = this.#waiting = undefined;
    waiting?.reject(new Error('the compaction thread was closed'));
    await worker?.terminate();
  }

  private start(mapBytes: number): Worker {
    const worker = new Worker(this.#script, {
      env: {},
      // Texts and entries of the table take more than is counted for them while it grows.
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB + Math.ceil((3 * mapBytes) / MIB) },
    });
    worker.on('message', (answer: CompactionAnswer) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if ('failure' in answer) waiting?.reject(new Error(answer.failure));
      else waiting?.resolve(answer.value);
    });
    const gone = (why: string): void => {
      // A later thread is not concerned.
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#waiting?.reject(new Error(`the compaction thread ended: ${why}`));
      this.#waiting = undefined;
    };
    worker.on('error', (error: unknown) => gone(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (code) => gone(`it left with code ${code}`));
    worker.unref();
    return worker;
  }

  /** One question at a time: a pass is a sequence. */
  private async ask(request: CompactionRequest, given?: Uint8Array): Promise<unknown> {
    if (this.#worker === undefined) throw new Error('the compaction thread ended');
    const waiting = deferred<unknown>();
    this.#waiting = waiting;
    const worker = this.#worker;
    worker.postMessage(request, given === undefined ? [] : [given.buffer as ArrayBuffer]);
    const silent = setTimeout(() => {
      if (this.#waiting !== waiting) return;
      this.#worker = this.#waiting = undefined;
      waiting.reject(new Error(`the compaction thread gave no answer for ${this.#answerMs} ms and was ended`));
      void worker.terminate();
    }, this.#answerMs);
    silent.unref();
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(silent);
    }
  }
}
