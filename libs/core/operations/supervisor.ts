import { AppError, linkSignals, type Clock } from '#libs/core/kernel';
import { describeFailure, type Failure } from './failure.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeaseStore } from './lease-store.js';

/** What a supervised loop is told beside its signal. */
export interface SupervisedRun {
  /** Rises with every start of the loop under this name; over all instances when it runs under a lease. For fencing writes. */
  readonly epoch: number;
  /** Says that the loop does its work, e.g. after a committed step: a failing loop counts as running again from here. Cheap. */
  healthy(): void;
}

/** Work without an end. Returns only when the signal aborts (then soon), or for good when there is nothing left to do for ever. */
export type SupervisedLoop = (signal: AbortSignal, run: SupervisedRun) => Promise<void>;

export interface SupervisedOptions {
  /** Run on one instance at a time, through a lease of the same name. Default true when the supervisor was given leases. */
  readonly leased?: boolean;
}

export interface SupervisedStatus {
  readonly name: string;
  /**
   * `waiting`: another instance holds the lease. `failing`: the last run ended with an error and none has done well since; it is started again
   * after a pause. `ended`: the loop returned by itself. `stopped`: on request.
   */
  readonly state: 'waiting' | 'running' | 'failing' | 'ended' | 'stopped';
  /** When it came into this state, wall time in ms. */
  readonly since: number;
  /** Starts after a failure or a lost lease. */
  readonly restarts: number;
  /** Kept after recovery, for the record. */
  readonly lastError: Failure | null;
}

export interface SupervisorOptions {
  readonly clock: Clock;
  /** Unique to this process. */
  readonly owner: string;
  readonly leases?: LeaseStore;
  /** How long a lease outlives its holder. Default 15 s. */
  readonly leaseMs?: number;
  /** First pause after a failure, doubled each time up to `maxBackoffMs`. Default 250 ms and 30 s. */
  readonly backoffMs?: number;
  readonly maxBackoffMs?: number;
  /** A run that lasted this long has done well even if it never said so. Default 10 s. */
  readonly healthyAfterMs?: number;
  /** Told of each failure, with the error as it was. For logs. */
  readonly onFailure?: (name: string, error: unknown, restarts: number) => void;
}

/**
 * Keeps continuous work (derivations, views, tails) going: starts it again after a failure with a growing, capped pause, runs it on one instance at
 * a time when leases are given, and knows how it fares. One loop per name. Nothing here is durable: who starts the service says what runs.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, Supervised>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts the loop and keeps it going until {@link stop} or {@link close}. @throws `already-supervised` when the name is in use. */
  run(name: string, loop: SupervisedLoop, options: SupervisedOptions = {}): void {
    const known = this.#running.get(name);
    if (known !== undefined && !known.over) {
      throw new AppError({
        kind: 'conflict',
        code: 'already-supervised',
        message: `'${name}' is running already.`,
        hint: 'Stop it first.',
        details: { name },
      });
    }
    const leases = (options.leased ?? true) ? this.#options.leases : undefined;
    this.#running.set(name, new Supervised(name, loop, leases, this.#options));
  }

  /** Aborts the loop's signal and resolves when it has returned and its lease is free. Harmless for unknown names. The status stays. */
  async stop(name: string): Promise<void> {
    await this.#running.get(name)?.stop();
  }

  /** Stops the loop and forgets its status. */
  async forget(name: string): Promise<void> {
    await this.stop(name);
    this.#running.delete(name);
  }

  status(name: string): SupervisedStatus | undefined {
    return this.#running.get(name)?.status();
  }

  statuses(): readonly SupervisedStatus[] {
    return [...this.#running.values()].map((one) => one.status());
  }

  /** Stops everything. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((one) => one.stop()));
  }
}

/** One name under supervision. */
class Supervised {
  readonly #name: string;
  readonly #loop: SupervisedLoop;
  readonly #leases: LeaseStore | undefined;
  readonly #options: SupervisorOptions;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;
  #state: SupervisedStatus['state'];
  #since: number;
  #restarts = 0;
  #epoch = 0;
  #failuresInARow = 0;
  #lastError: Failure | null = null;

  constructor(name: string, loop: SupervisedLoop, leases: LeaseStore | undefined, options: SupervisorOptions) {
    this.#name = name;
    this.#loop = loop;
    this.#leases = leases;
    this.#options = options;
    this.#state = leases === undefined ? 'running' : 'waiting';
    this.#since = options.clock.now();
    this.#ended = this.#keepGoing();
  }

  get over(): boolean {
    return this.#state === 'ended' || this.#state === 'stopped';
  }

  status(): SupervisedStatus {
    return {
      name: this.#name,
      state: this.#state,
      since: this.#since,
      restarts: this.#restarts,
      lastError: this.#lastError,
    };
  }

  async stop(): Promise<void> {
    this.#abort.abort(new DOMException('stopped', 'AbortError'));
    await this.#ended;
    if (!this.over) this.#enter('stopped');
  }

  async #keepGoing(): Promise<void> {
    const { clock, backoffMs = 250, maxBackoffMs = 30_000 } = this.#options;
    // The first start waits one turn, so that run() returns before the loop can do anything.
    await Promise.resolve();
    for (let first = true; !this.#abort.signal.aborted; first = false) {
      if (!first) this.#restarts++;
      try {
        if (await this.#once()) return this.#enter('ended');
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.#failed(error);
      }
      const pause = Math.min(maxBackoffMs, backoffMs * 2 ** Math.max(0, this.#failuresInARow - 1));
      await clock.sleep(pause, this.#abort.signal).catch(() => undefined);
    }
  }

  /** One run under one lease. True when the loop returned by itself, false when it has to be started again. */
  async #once(): Promise<boolean> {
    const keeper = await this.#becomeHolder();
    if (this.#leases !== undefined && keeper === undefined) return false;
    this.#epoch = keeper?.lease.epoch ?? this.#epoch + 1;
    if (this.#state === 'waiting') this.#enter('running');
    const ends = keeper === undefined ? [this.#abort.signal] : [this.#abort.signal, keeper.lost];
    const { signal, unlink } = linkSignals(...ends);
    const over = new AbortController();
    void this.#options.clock
      .sleep(this.#options.healthyAfterMs ?? 10_000, over.signal)
      .then(() => this.#didWell(signal))
      .catch(() => undefined);
    try {
      await this.#loop(signal, { epoch: this.#epoch, healthy: () => this.#didWell(signal) });
      if (!signal.aborted) return true;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      over.abort();
      unlink();
      await keeper?.release();
    }
    if (!this.#abort.signal.aborted) this.#enter('waiting');
    return false;
  }

  async #becomeHolder(): Promise<LeaseKeeper | undefined> {
    if (this.#leases === undefined) return undefined;
    const { clock, owner, leaseMs = 15_000 } = this.#options;
    for (;;) {
      const keeper = await LeaseKeeper.acquire(this.#leases, clock, this.#name, owner, leaseMs);
      if (keeper !== undefined || this.#abort.signal.aborted) return keeper;
      if (this.#state !== 'failing' && this.#state !== 'waiting') this.#enter('waiting');
      await clock.sleep(Math.min(1_000, leaseMs / 3), this.#abort.signal).catch(() => undefined);
      if (this.#abort.signal.aborted) return undefined;
    }
  }

  #didWell(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#failuresInARow = 0;
    if (this.#state === 'failing') this.#enter('running');
  }

  #failed(error: unknown): void {
    this.#failuresInARow++;
    this.#lastError = describeFailure(error, this.#options.clock.now());
    if (this.#state !== 'failing') this.#enter('failing');
    this.#options.onFailure?.(this.#name, error, this.#restarts);
  }

  #enter(state: SupervisedStatus['state']): void {
    this.#state = state;
    this.#since = this.#options.clock.now();
  }
}
