/** A promise with its two ends in the open. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Runs tasks one after another, in the order they were given. A failing task rejects its own promise and no other. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when every task given so far has ended. */
  idle(): Promise<void> {
    return this.#tail.then(() => undefined);
  }
}

/** A counter of free places. `acquire` waits in line for `weight` of them; `release` gives them back. */
export class Semaphore {
  #free: number;
  readonly #waiting: { weight: number; grant: () => void }[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  async acquire(weight = 1): Promise<void> {
    if (this.#waiting.length === 0 && this.#free >= weight) {
      this.#free -= weight;
      return;
    }
    const gate = deferred<void>();
    this.#waiting.push({ weight, grant: () => gate.resolve() });
    await gate.promise;
  }

  release(weight = 1): void {
    this.#free += weight;
    for (let head = this.#waiting[0]; head !== undefined && this.#free >= head.weight; head = this.#waiting[0]) {
      this.#free -= head.weight;
      this.#waiting.shift();
      head.grant();
    }
  }
}
