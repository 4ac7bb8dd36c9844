/** Time as a dependency, so that tests steer it. Core code never reads the real clock. */
export abstract class Clock {
  /** Wall time in milliseconds since the epoch. May jump in either direction. */
  abstract now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations, rates and deadlines. */
  abstract monotonic(): number;
  /** Resolves after at least `ms` milliseconds, or rejects with the signal's reason when it aborts first. */
  abstract sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
