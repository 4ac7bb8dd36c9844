import { deferred, type AppError, type Clock, type Deferred } from '#libs/core/kernel';

/** One thread, as the pool sees it. */
export interface Thread {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): unknown;
}

export interface WorkerPoolOptions {
  readonly threads: number;
  readonly start: () => Thread;
  readonly clock: Clock;
  /** Time a thread may take for one job, what it waits for from this side not counted. */
  readonly deadlineMs: number;
  /** Jobs that wait, in bytes. */
  readonly queueBytes: number;
  readonly failures: PoolFailures;
}

/** What jobs fail with, in the words of those whose work it is. */
export interface PoolFailures {
  /** Ended at its deadline. */
  readonly tooSlow: () => AppError;
  /** Its thread ran out of memory. */
  readonly tooHeavy: () => AppError;
  /** The pool was closed. */
  readonly closed: () => AppError;
  /** @param measured bytes that would wait */
  readonly busy: (limit: number, measured: number) => AppError;
  /** Its thread ended for another reason. */
  readonly crashed: (cause: unknown) => AppError;
}

export interface Job {
  readonly request: unknown;
  /** Memory it holds while it waits. */
  readonly bytes: number;
  /** Answers what the thread asks in between. */
  readonly supply: (question: unknown) => Promise<unknown>;
  /** The outcome a message carries; undefined for a question. */
  readonly outcomeOf: (message: unknown) => { readonly value: unknown } | undefined;
}

interface WaitingJob extends Job {
  readonly done: Deferred<unknown>;
}

/** What a pool has been doing since it was made. */
export interface PoolCounts {
  done: number;
  tooSlow: number;
  tooHeavy: number;
  crashed: number;
  overloaded: number;
}

/**
 * Threads that do one job each at a time. A thread that takes too long, takes too much memory or dies is replaced, and only its job fails. Threads are started when
 * they are needed, and stay.
 */
export class WorkerPool {
  readonly counts: PoolCounts = { done: 0, tooSlow: 0, tooHeavy: 0, crashed: 0, overloaded: 0 };
  readonly #idle: Seat[] = [];
  readonly #busy = new Set<Seat>();
  readonly #waiting: WaitingJob[] = [];
  #waitingBytes = 0;
  #closed = false;

  constructor(private readonly options: WorkerPoolOptions) {}

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get busy(): number {
    return this.#busy.size;
  }

  /** @throws `busy` when too much waits already; what the job fails with, see {@link PoolFailures}. */
  run(job: Job): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.options.failures.closed());
    const waits = this.#idle.length === 0 && this.#busy.size >= this.options.threads;
    if (waits && this.#waitingBytes + job.bytes > this.options.queueBytes && this.#waiting.length > 0) {
      this.counts.overloaded++;
      return Promise.reject(this.options.failures.busy(this.options.queueBytes, this.#waitingBytes + job.bytes));
    }
    const waiting: WaitingJob = { ...job, done: deferred() };
    this.#waiting.push(waiting);
    this.#waitingBytes += job.bytes;
    this.#next();
    return waiting.done.promise;
  }

  /** Ends all threads; jobs under way and waiting fail. May be repeated. */
  close(): void {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.done.reject(this.options.failures.closed());
    this.#waitingBytes = 0;
    for (const seat of this.#busy) seat.fail(this.options.failures.closed());
    for (const seat of this.#idle.splice(0)) seat.end();
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const seat = this.#idle.pop() ?? (this.#busy.size < this.options.threads ? this.#seat() : undefined);
      if (seat === undefined) return;
      const job = this.#waiting.shift()!;
      this.#waitingBytes -= job.bytes;
      this.#busy.add(seat);
      seat.begin(job);
    }
  }

  #seat(): Seat {
    return new Seat(this.options, this.counts, (seat, alive) => {
      const wasBusy = this.#busy.delete(seat);
      const index = this.#idle.indexOf(seat);
      if (!alive && index >= 0) this.#idle.splice(index, 1);
      if (this.#closed) seat.end();
      else if (alive && wasBusy) this.#idle.push(seat);
      this.#next();
    });
  }
}

/** A thread with the job it is at. */
class Seat {
  readonly #thread: Thread;
  #job: WaitingJob | undefined;
  /** A thread speaks first when it has loaded what it needs; that time is no job's. */
  #ready = false;
  #timer: AbortController | undefined;
  #leftMs = 0;
  #since = 0;

  constructor(
    private readonly options: WorkerPoolOptions,
    private readonly counts: PoolCounts,
    /** Told when the seat is free again, or gone. */
    private readonly onFree: (seat: Seat, alive: boolean) => void,
  ) {
    this.#thread = options.start();
    this.#thread.on('message', (message) => void this.#message(message));
    this.#thread.on('error', (error) => {
      const memory = (error as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
      this.counts[memory ? 'tooHeavy' : 'crashed']++;
      this.fail(memory ? this.options.failures.tooHeavy() : this.options.failures.crashed(error));
    });
    this.#thread.on('exit', () => {
      if (this.#job !== undefined) this.counts.crashed++;
      this.fail(this.options.failures.crashed(new Error('the thread ended')));
    });
  }

  begin(job: WaitingJob): void {
    this.#job = job;
    this.#leftMs = this.options.deadlineMs;
    if (this.#ready) this.#send(job.request);
  }

  /** Fails the job, if there is one, and gives the thread up. */
  fail(error: AppError): void {
    const job = this.#job;
    this.#job = undefined;
    this.#timer?.abort();
    this.end();
    job?.done.reject(error);
    this.onFree(this, false);
  }

  end(): void {
    void this.#thread.terminate();
  }

  async #message(message: unknown): Promise<void> {
    const job = this.#job;
    if (!this.#ready) {
      this.#ready = true;
      if (job !== undefined) this.#send(job.request);
      return;
    }
    // A thread that was given up may still have said something.
    if (job === undefined) return;
    this.#pause();
    const outcome = job.outcomeOf(message);
    if (outcome !== undefined) {
      this.#job = undefined;
      this.counts.done++;
      job.done.resolve(outcome.value);
      this.onFree(this, true);
      return;
    }
    let answer: unknown;
    try {
      answer = await job.supply(message);
    } catch (error) {
      // The thread is in the middle of a job that cannot go on.
      if (this.#job === job) {
        this.#job = undefined;
        job.done.reject(error);
        this.end();
        this.onFree(this, false);
      }
      return;
    }
    if (this.#job === job) this.#send(answer);
  }

  #send(message: unknown): void {
    this.#watch();
    this.#thread.postMessage(message);
  }

  #watch(): void {
    const timer = new AbortController();
    this.#timer = timer;
    this.#since = this.options.clock.monotonic();
    this.options.clock.sleep(this.#leftMs, timer.signal).then(
      () => {
        this.counts.tooSlow++;
        this.fail(this.options.failures.tooSlow());
      },
      () => undefined,
    );
  }

  #pause(): void {
    this.#timer?.abort();
    this.#leftMs -= this.options.clock.monotonic() - this.#since;
  }
}
