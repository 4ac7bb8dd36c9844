import { AppError, Clock, deferred, type Deferred } from '#libs/core/kernel';

/** A source of chance that a seed repeats (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NEVER = new Promise<never>(() => undefined);

/**
 * Stands for one process of the service inside a test: it can be killed (nothing it waits for ever comes, nothing it does has an effect) and frozen (nothing
 * happens until it is thawed, and then it does not know). What the process uses is wrapped, so that calls take a while, may be cut by death before or after they took
 * effect, and now and then fail with or without having taken effect.
 */
export class MortalProcess {
  /** Has been frozen at some time: what it held then may have been given to others. */
  wasFrozen = false;
  #alive = true;
  #frozen: Deferred<void> | undefined;

  /** `failures`: how often a call of a wrapped store fails, 0 to 1. */
  constructor(
    readonly name: string,
    private readonly random: () => number,
    private readonly failures = 0,
  ) {}

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#frozen !== undefined;
  }

  kill(): void {
    this.#alive = false;
  }

  freeze(): void {
    if (this.#alive) this.#frozen ??= deferred();
    this.wasFrozen = true;
  }

  thaw(): void {
    this.#frozen?.resolve();
    this.#frozen = undefined;
  }

  /** Passes after a while of its own, in a process that is alive and not frozen; otherwise later or never. */
  async turn(): Promise<void> {
    for (let turns = Math.floor(this.random() * 4); turns > 0; turns--) await Promise.resolve();
    while (this.#frozen !== undefined) await this.#frozen.promise;
    if (!this.#alive) await NEVER;
  }

  /** The same port, seen from inside this process. */
  wrap<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          await this.turn();
          if (this.random() < this.failures / 2) throw away();
          const result: unknown = await (value as (...given: unknown[]) => unknown).apply(target, given);
          await this.turn();
          if (this.random() < this.failures / 2) throw away();
          return result;
        };
      },
    });
  }

  /** The clock of this process: time goes on while it is frozen, it just does not notice. */
  clock(clock: Clock): Clock {
    return new ProcessClock(clock, this);
  }
}

class ProcessClock extends Clock {
  constructor(
    private readonly clock: Clock,
    private readonly process: MortalProcess,
  ) {
    super();
  }

  now(): number {
    return this.clock.now();
  }

  monotonic(): number {
    return this.clock.monotonic();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    try {
      await this.clock.sleep(ms, signal);
    } finally {
      await this.process.turn();
    }
  }
}

function away(): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'store-unavailable',
    message: 'the store is away',
    retryable: true,
  });
}
