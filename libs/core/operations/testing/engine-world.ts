import { ManualClock } from '#libs/core/kernel/testing';
import type { OperationHandler, OperationRun, PhaseResult } from '../handler.js';
import type { LeaseStore } from '../lease-store.js';
import type { Phase, PlanDraft } from '../operation.js';
import { OperationEngine, type OperationEngineOptions } from '../operation-engine.js';
import type { OperationStore } from '../operation-store.js';
import { MemoryLeaseStore } from './memory-lease-store.js';
import { MemoryOperationStore } from './memory-operation-store.js';
import { planDraft } from './records.js';

export type PhaseFunctions = Partial<Record<Phase, (run: OperationRun) => Promise<PhaseResult>>>;

/** A kind `test` for engine tests: the phases that are given, everything else does nothing. */
export class TestHandler implements OperationHandler {
  readonly kind: string;
  readonly phases: PhaseFunctions;
  draft: PlanDraft = planDraft();
  /** What `fingerprint` answers; the planned one unless a test moves something. */
  moved: PlanDraft['fingerprint'] | undefined;
  readonly calls: string[] = [];

  constructor(phases: PhaseFunctions = {}, kind = 'test') {
    this.kind = kind;
    this.phases = Object.fromEntries(
      Object.entries(phases).map(([phase, work]) => [
        phase,
        (run: OperationRun) => {
          this.calls.push(phase);
          return work(run);
        },
      ]),
    );
  }

  plan(request: Record<string, unknown>): Promise<PlanDraft> {
    const subject = typeof request['subject'] === 'string' ? request['subject'] : this.draft.subject;
    return Promise.resolve({ ...this.draft, subject });
  }

  fingerprint(): Promise<PlanDraft['fingerprint']> {
    return Promise.resolve(this.moved ?? this.draft.fingerprint);
  }

  cancel(_run: OperationRun): Promise<void> {
    this.calls.push('cancel');
    return Promise.resolve();
  }

  finish(_run: OperationRun): Promise<void> {
    this.calls.push('finish');
    return Promise.resolve();
  }
}

/** Resolves never; rejects when the signal aborts. For phases that work on until they are told to stop. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** Engines over one store and one clock that moves only here. */
export class EngineWorld {
  readonly clock = new ManualClock();
  readonly store: OperationStore;
  readonly leases: LeaseStore;
  readonly troubles: unknown[] = [];
  readonly #engines: OperationEngine[] = [];
  #ids = 0;

  constructor(store: OperationStore = new MemoryOperationStore(), leases?: LeaseStore) {
    this.store = store;
    this.leases = leases ?? new MemoryLeaseStore(this.clock);
  }

  /** An opened engine; more of them are more instances. */
  engine(handler: OperationHandler, options: Partial<OperationEngineOptions> = {}): OperationEngine {
    const engine = new OperationEngine({
      store: this.store,
      leases: this.leases,
      clock: this.clock,
      owner: `instance-${this.#engines.length + 1}`,
      random: (bytes) => new Uint8Array(bytes).fill(0).map((_, i) => (i === bytes - 1 ? ++this.#ids : 0)),
      handlers: [handler],
      observer: { troubled: (_, error) => this.troubles.push(error) },
      ...options,
    });
    this.#engines.push(engine);
    engine.open();
    return engine;
  }

  /** Plans and starts; answers the id. */
  async start(engine: OperationEngine, subject?: string): Promise<string> {
    const plan = await engine.plan('test', subject === undefined ? {} : { subject }, 'ann');
    const { operation } = await engine.start({ planHash: plan.hash, principal: 'ann' });
    return operation.id;
  }

  /** Lets time pass in small steps, and everything that can happen in each of them happen. */
  async pass(ms: number, step = 50): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await settle();
      this.clock.advance(Math.min(step, ms - passed));
    }
    await settle();
  }

  /** Lets time pass until the condition holds. @throws when it does not within `limitMs` of the manual clock. */
  async until(condition: () => Promise<boolean> | boolean, limitMs = 120_000): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 50) {
      await settle();
      if (await condition()) return;
      this.clock.advance(50);
    }
    throw new Error(`it did not come to pass within ${limitMs} ms: ${condition.toString()}`);
  }

  /** Waits for something that needs time to pass. */
  async of<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const done = () => (over = true);
    promise.then(done, done);
    await this.until(() => over);
    return promise;
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await this.of(engine.close());
  }
}

/** Everything that waits for no clock gets its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
