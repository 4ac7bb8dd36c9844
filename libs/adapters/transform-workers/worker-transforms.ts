import { isolatedThread, WorkerPool, type Thread } from '#libs/adapters/worker-threads';
import { AppError, isAppError, type Clock } from '#libs/core/kernel';
import { Transforms, type TransformInput, type TransformOutcome, type TransformProgram } from '#libs/core/streams';
import { errorOf, type TransformJob, type TransformReply } from './protocol.js';

export interface WorkerTransformsOptions {
  readonly clock: Clock;
  readonly threads: number;
  /** For the records of one call, and again for each of them alone where they took too long together. */
  readonly deadlineMs: number;
  readonly heapBytes: number;
  readonly queueBytes: number;
  /** A thread; the real one by default. */
  readonly start?: () => Thread;
}

/** Failures that one of the records is to blame for. */
const BLAMED: readonly string[] = ['transform-too-slow', 'transform-too-heavy', 'transform-worker-crashed'];

/** Evaluates transforms in threads of their own, each call within a deadline and a heap. */
export class WorkerTransforms extends Transforms {
  readonly #pool: WorkerPool;

  constructor(options: WorkerTransformsOptions) {
    super();
    const { heapBytes, deadlineMs } = options;
    const script = new URL('./transform-thread.js', import.meta.url);
    this.#pool = new WorkerPool({
      ...options,
      start: options.start ?? (() => isolatedThread(script, { heapBytes, workerData: null })),
      failures: {
        tooSlow: () => stopped('transform-too-slow', `it took longer than ${deadlineMs} ms`),
        tooHeavy: () => stopped('transform-too-heavy', `it took more than ${heapBytes} bytes of memory`),
        crashed: (cause) => stopped('transform-worker-crashed', 'its thread ended', cause),
        closed,
        busy,
      },
    });
  }

  async check(program: TransformProgram): Promise<void> {
    await this.#run({ kind: 'check', program }, 0);
  }

  async apply(program: TransformProgram, inputs: readonly TransformInput[]): Promise<readonly TransformOutcome[]> {
    const sent = inputs.map(cloneable);
    try {
      return await this.#run({ kind: 'apply', program, inputs: sent }, bytesOf(sent));
    } catch (error) {
      if (!isAppError(error) || !BLAMED.includes(error.code)) throw error;
      if (sent.length === 1) return [{ kind: 'failed', failure: 'transform-limit', message: error.message }];
    }
    // One of them is to blame, the others are not to suffer for it.
    const outcomes: TransformOutcome[] = [];
    for (const input of inputs) outcomes.push(...(await this.apply(program, [input])));
    return outcomes;
  }

  /** Ends the threads; what is under way fails. May be repeated. */
  close(): void {
    this.#pool.close();
  }

  async #run(job: TransformJob, bytes: number): Promise<readonly TransformOutcome[]> {
    const reply = (await this.#pool.run({
      request: job,
      bytes,
      supply: () => Promise.resolve(undefined),
      outcomeOf: (message) => ({ value: message }),
    })) as TransformReply;
    if ('failure' in reply) throw errorOf(reply.failure);
    return reply.outcomes;
  }
}

/** Cloning a part of a buffer clones all of it. */
function cloneable(input: TransformInput): TransformInput {
  if (input.headers.length === 0) return input;
  const headers = input.headers.map(({ key, value }) => ({ key, value: value && new Uint8Array(value) }));
  return { ...input, headers };
}

function bytesOf(inputs: readonly TransformInput[]): number {
  return inputs.reduce((sum, one) => sum + (one.value.length + one.key.length) * 2, 0);
}

function stopped(code: string, why: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'unprocessable',
    code,
    message: `The transform was stopped: ${why}.`,
    hint: 'Simplify the expression, or filter the records that are too large for it.',
    cause,
  });
}

const closed = (): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'transform-workers-closed',
    message: 'The service is stopping.',
    retryable: true,
  });

const busy = (limit: number, measured: number): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'transform-workers-busy',
    message: `More than ${limit} bytes of records are waiting to be transformed.`,
    hint: 'Retry a little later.',
    details: { value: limit, measured },
    retryable: true,
    retryAfterMs: 1_000,
  });
