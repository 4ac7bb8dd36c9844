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

/**
 * Compaction in a worker thread of its own, which starts with the first pass and stays until the log is closed. Bytes go over without being copied. A thread that dies
 * fails the pass it was at, whose files are removed; the next pass starts another.
 */
export class CompactionThread extends CompactionWork {
  #worker: Worker | undefined;
  #waiting: Deferred<unknown> | undefined;

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

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  private start(mapBytes: number): Worker {
    const worker = new Worker(new URL('./compaction-worker.js', import.meta.url), {
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
    const gone = (error: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#waiting?.reject(new Error('the compaction thread ended', { cause: error }));
      this.#waiting = undefined;
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    worker.unref();
    return worker;
  }

  /** One question at a time: a pass is a sequence. */
  private async ask(request: CompactionRequest, given?: Uint8Array): Promise<unknown> {
    if (this.#worker === undefined) throw new Error('the compaction thread ended');
    const waiting = deferred<unknown>();
    this.#waiting = waiting;
    this.#worker.postMessage(request, given === undefined ? [] : [given.buffer as ArrayBuffer]);
    return await waiting.promise;
  }
}
