import { linkSignals, Serial, type Clock } from '#libs/core/kernel';
import type { Change } from './commands.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { OperationObserver } from './observer.js';
import type { OperationRecord } from './operation-record.js';
import type { OperationStore } from './operation-store.js';
import { applyChange } from './workflow.js';

/** Called before and after each durable transition, with `operation:<kind>:<phase>:before|after`. For crash tests; does nothing in service. */
export type FailPoint = (name: string) => void | Promise<void>;

export interface WriterOptions {
  readonly store: OperationStore;
  readonly clock: Clock;
  readonly observer: OperationObserver;
  readonly failPoint: FailPoint;
  /** Told of each write made here, for followers in the process. */
  readonly written: (operation: OperationRecord, from: OperationRecord) => void;
}

/** What to write on top of a state; null for nothing. Called again when the state has moved, so without effects of its own. */
export type Decide = (record: OperationRecord) => Change | null;

/** The right to work is gone: another worker has the operation, the lease is lost, or the service stops while the store fails. */
export class Deposed extends Error {
  override readonly name = 'Deposed';
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** The newest known state of an operation and the writes of the one worker that holds its lease, one after another. */
export class OperationWriter {
  readonly #options: WriterOptions;
  readonly #keeper: LeaseKeeper;
  readonly #stop: AbortSignal;
  readonly #changed: () => void;
  readonly #line = new Serial();
  #record: OperationRecord;

  /** `changed` is called whenever a newer state becomes known, whoever wrote it. */
  constructor(
    options: WriterOptions,
    keeper: LeaseKeeper,
    record: OperationRecord,
    stop: AbortSignal,
    changed: () => void,
  ) {
    this.#options = options;
    this.#keeper = keeper;
    this.#record = record;
    this.#stop = stop;
    this.#changed = changed;
  }

  get record(): OperationRecord {
    return this.#record;
  }

  /** Whether a later worker has claimed the operation. */
  get deposed(): boolean {
    return this.#record.epoch > this.#keeper.lease.epoch;
  }

  /** Takes note of a state that somebody wrote. */
  seen(record: OperationRecord): void {
    if (record.revision <= this.#record.revision) return;
    this.#record = record;
    this.#changed();
  }

  /** The first write of a worker, which moves the epoch. @throws Deposed. */
  claim(decide: Decide): Promise<void> {
    return this.#line.run(() => this.#write(decide, true));
  }

  /**
   * Decides on the newest state and writes, again and again until the write is taken or there is nothing to write. A store that fails is asked again until
   * the lease is lost; the decision is then made anew, so a write that took place without an answer is not made twice.
   * @throws Deposed, and what `decide` throws.
   */
  write(decide: Decide): Promise<void> {
    return this.#line.run(() => this.#write(decide, false));
  }

  async #write(decide: Decide, claiming: boolean): Promise<void> {
    const { store, observer } = this.#options;
    const { epoch } = this.#keeper.lease;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const unclaimed = this.#record.epoch < epoch && !claiming;
      if (!this.#keeper.valid || this.deposed || unclaimed) throw new Deposed();
      const change = decide(this.#record);
      if (change === null) return;
      try {
        if (await this.#attempt(change)) return;
      } catch (error) {
        observer.troubled?.(`operation ${this.#record.id} could not be written`, error);
        if (this.#stop.aborted) throw new Deposed();
        await this.#rest(pause);
      }
      const fresh = await store.operation(this.#record.id).catch(() => undefined);
      if (fresh !== undefined) this.seen(fresh);
    }
  }

  async #attempt(change: Change): Promise<boolean> {
    const { store, clock, failPoint, written } = this.#options;
    const from = this.#record;
    const next = applyChange(from, change, clock.now());
    const name = next.phase === from.phase ? undefined : `operation:${from.kind}:${next.phase}`;
    if (name !== undefined) await failPoint(`${name}:before`);
    if (!(await store.write(next, change.events))) return false;
    if (name !== undefined) await failPoint(`${name}:after`);
    this.seen(next);
    written(next, from);
    return true;
  }

  async #rest(ms: number): Promise<void> {
    const linked = linkSignals(this.#keeper.lost, this.#stop);
    await this.#options.clock.sleep(ms, linked.signal).catch(() => undefined);
    linked.unlink();
  }
}
