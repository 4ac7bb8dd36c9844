import type { OperationHandler } from './handler.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { LeaseStore } from './lease-store.js';
import { isTerminal, type OperationRecord } from './operation-record.js';
import { OperationRunner, type RunnerOptions } from './operation-runner.js';
import type { Plan } from './plan.js';
import type { ProgressSnapshot } from './progress-meter.js';
import { HEAVY_PHASES } from './transitions.js';
import { activityOf } from './workflow.js';

export interface WorkersOptions extends RunnerOptions {
  readonly leases: LeaseStore;
  readonly leaseMs: number;
  readonly maxConcurrent: number;
  readonly handler: (kind: string) => OperationHandler | undefined;
  readonly plan: (hash: string) => Promise<Plan | undefined>;
}

/** Live operations looked at in one turn. */
const SCAN_LIMIT = 1_000;

/** The lease under which an operation is worked on. */
export function leaseName(operationId: string): string {
  return `operation:${operationId}`;
}

/**
 * The workers of this instance: looks for operations that have something to do and no worker, takes up those it can, oldest first, and remembers of the
 * others what they wait for.
 */
export class OperationWorkers {
  readonly #options: WorkersOptions;
  readonly #running = new Map<string, { readonly runner: OperationRunner; readonly ended: Promise<void> }>();
  readonly #stop = new AbortController();
  #waiting = new Map<string, string>();
  #wake = new AbortController();
  #scanning: Promise<void> | undefined;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  open(): void {
    this.#scanning ??= this.#scan();
  }

  /** Resolves when no function of a handler runs any more and no lease is held. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    const running = [...this.#running.values()];
    for (const { runner } of running) runner.stop();
    await Promise.all([this.#scanning, ...running.map((one) => one.ended)]);
  }

  /** Looks for work now instead of at the next turn. */
  look(): void {
    this.#wake.abort();
  }

  /** Tells the worker of the operation, if it is here, what somebody wrote. */
  seen(operation: OperationRecord): void {
    this.#running.get(operation.id)?.runner.seen(operation);
  }

  /** Progress as of now when the operation is worked on here. */
  progressOf(id: string): ProgressSnapshot | null {
    return this.#running.get(id)?.runner.snapshot() ?? null;
  }

  /** What keeps this instance from working on the operation; null when nothing does. */
  waitingFor(id: string): string | null {
    return this.#waiting.get(id) ?? null;
  }

  /** Resolves when no worker of this instance is on the operation. */
  async ended(id: string): Promise<void> {
    await this.#running.get(id)?.ended;
  }

  async #scan(): Promise<void> {
    const { clock, store, observer, watchMs } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      const waiting = new Map<string, string>();
      try {
        const live = await store.list({ live: true }, SCAN_LIMIT);
        // Oldest first: a place that becomes free goes to who waited longest.
        for (const operation of [...live].reverse()) {
          const reason = await this.#consider(operation).catch((error: unknown) => {
            observer.troubled?.(`operation ${operation.id} could not be taken up`, error);
          });
          if (typeof reason === 'string') waiting.set(operation.id, reason);
        }
        this.#waiting = waiting;
      } catch (error) {
        observer.troubled?.('looking for operations to work on failed', error);
      }
      await clock.sleep(watchMs, this.#wake.signal).catch(() => undefined);
    }
  }

  #takesPlace({ kind, phase }: Pick<OperationRecord, 'kind' | 'phase'>): boolean {
    return HEAVY_PHASES.includes(phase) && this.#options.handler(kind)?.isLight !== true;
  }

  /** Takes the operation up if there is something to do and nobody does it. Answers what it waits for when it could be worked on but not here and now. */
  async #consider(operation: OperationRecord): Promise<string | undefined> {
    const { id, kind } = operation;
    if (this.#stop.signal.aborted || this.#running.has(id) || activityOf(operation).type === 'none') return undefined;
    const { leases, clock, store, owner, maxConcurrent, leaseMs } = this.#options;
    const handler = this.#options.handler(kind);
    if (handler === undefined) return `waits for an instance that knows operations of kind '${kind}'`;
    const busy = [...this.#running.values()].filter(({ runner }) => this.#takesPlace(runner.record)).length;
    if (this.#takesPlace(operation) && busy >= maxConcurrent) {
      return `waits for a free place: ${busy} operations are at work`;
    }
    const plan = await this.#options.plan(operation.planHash);
    if (plan === undefined) return `its plan ${operation.planHash} is missing from the store`;
    if (handler.accepts?.(plan.parameters, plan.fingerprint) === false)
      return 'is for an instance that has its log or its source';
    const keeper = await LeaseKeeper.acquire(leases, clock, leaseName(id), owner, leaseMs);
    if (keeper === undefined) return undefined;
    // Read under the lease: the state may have changed since the list was made.
    const record = await store.operation(id).catch(() => undefined);
    if (record === undefined || isTerminal(record.phase) || this.#stop.signal.aborted) {
      await keeper.release();
      return undefined;
    }
    const runner = new OperationRunner(this.#options, keeper, record, plan, handler);
    const ended = runner.run().finally(() => {
      this.#running.delete(id);
      this.look();
    });
    this.#running.set(id, { runner, ended });
    return undefined;
  }
}
