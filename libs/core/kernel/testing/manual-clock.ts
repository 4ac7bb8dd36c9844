import { Clock } from '../clock.js';

/** A clock that moves only when told to. `sleep` resolves when {@link advance} passes its deadline. */
export class ManualClock extends Clock {
  #now: number;
  #elapsed = 0;
  #sleepers: { at: number; wake: () => void }[] = [];

  constructor(startMs = 1_700_000_000_000) {
    super();
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const giveUp = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal?.reason as Error);
      };
      const wake = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const sleeper = { at: this.#elapsed + ms, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Moves both clocks forward and wakes the sleepers whose time has come. */
  advance(ms: number): void {
    this.#now += ms;
    this.#elapsed += ms;
    const due = this.#sleepers.filter((one) => one.at <= this.#elapsed);
    this.#sleepers = this.#sleepers.filter((one) => one.at > this.#elapsed);
    for (const one of due) one.wake();
  }

  /** Moves the wall clock alone, as an administrator or a time service would. */
  jump(ms: number): void {
    this.#now += ms;
  }
}
