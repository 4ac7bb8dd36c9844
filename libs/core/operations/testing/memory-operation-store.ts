import type { OperationEvent, NewEvent, OperationRecord } from '../operation-record.js';
import { isTerminal, stateOf, subjectsOf } from '../operation-record.js';
import {
  OperationStore,
  type CreateOutcome,
  type OperationCount,
  type OperationFilter,
  type StartedBefore,
  type StartKey,
} from '../operation-store.js';
import type { Plan } from '../plan.js';
import type { ProgressSnapshot } from '../progress-meter.js';

/**
 * Operations in memory, with every promise of the port but durability. Values are copied on the way in and out, as a database would. Several engines
 * of a test share one.
 */
export class MemoryOperationStore extends OperationStore {
  readonly #plans = new Map<string, Plan>();
  readonly #operations = new Map<string, OperationRecord>();
  readonly #events = new Map<string, OperationEvent[]>();
  readonly #keys = new Map<string, StartedBefore & { at: number }>();

  /** `guarded: false` gives a store that replaces without comparing revisions: the negative control of whatever rests on them. */
  constructor(private readonly options: { readonly guarded: boolean } = { guarded: true }) {
    super();
  }

  async savePlan(plan: Plan): Promise<void> {
    if (!this.#plans.has(plan.hash)) this.#plans.set(plan.hash, structuredClone(plan));
  }

  async plan(hash: string): Promise<Plan | undefined> {
    return structuredClone(this.#plans.get(hash));
  }

  async prunePlans(createdBefore: number): Promise<number> {
    const used = new Set([...this.#operations.values()].map((one) => one.planHash));
    const old = [...this.#plans.values()].filter((one) => one.createdAt < createdBefore && !used.has(one.hash));
    for (const one of old) this.#plans.delete(one.hash);
    return old.length;
  }

  async create(operation: OperationRecord, events: readonly NewEvent[], key?: StartKey): Promise<CreateOutcome> {
    const before = key === undefined ? undefined : this.#keys.get(key.key);
    if (before !== undefined) {
      return { outcome: 'key-used', before: { requestHash: before.requestHash, operationId: before.operationId } };
    }
    for (const subject of subjectsOf(operation)) {
      const holder = this.#holder(subject);
      if (holder !== undefined) return { outcome: 'subject-busy', holder };
    }
    this.#operations.set(operation.id, structuredClone({ ...operation, progress: null }));
    this.#append(operation, events);
    if (key !== undefined) {
      this.#keys.set(key.key, { requestHash: key.requestHash, operationId: operation.id, at: operation.createdAt });
    }
    return { outcome: 'created' };
  }

  async startedBefore(key: string): Promise<StartedBefore | undefined> {
    const found = this.#keys.get(key);
    return found && { requestHash: found.requestHash, operationId: found.operationId };
  }

  async pruneStartKeys(usedBefore: number): Promise<void> {
    for (const [key, used] of this.#keys) if (used.at < usedBefore) this.#keys.delete(key);
  }

  async operation(id: string): Promise<OperationRecord | undefined> {
    return structuredClone(this.#operations.get(id));
  }

  async liveOn(subject: string): Promise<OperationRecord | undefined> {
    return this.#holder(subject);
  }

  async list(filter: OperationFilter, limit: number, before?: string): Promise<readonly OperationRecord[]> {
    const matches = (one: OperationRecord) =>
      (before === undefined || one.id < before) &&
      (filter.kind === undefined || one.kind === filter.kind) &&
      (filter.subject === undefined || subjectsOf(one).includes(filter.subject)) &&
      (filter.planHash === undefined || one.planHash === filter.planHash) &&
      (filter.state === undefined || stateOf(one) === filter.state) &&
      (filter.live === undefined || (one.endedAt === null) === filter.live);
    const found = [...this.#operations.values()].filter(matches).sort((a, b) => (a.id < b.id ? 1 : -1));
    return structuredClone(found.slice(0, limit));
  }

  async counts(): Promise<readonly OperationCount[]> {
    const counts = new Map<string, OperationCount>();
    for (const { kind, phase, hold } of this.#operations.values()) {
      const key = JSON.stringify([kind, phase, hold]);
      counts.set(key, { kind, phase, hold, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  async write(next: OperationRecord, events: readonly NewEvent[]): Promise<boolean> {
    const stored = this.#operations.get(next.id);
    if (stored === undefined) return false;
    if (this.options.guarded && (stored.revision !== next.revision - 1 || stored.epoch > next.epoch)) return false;
    this.#operations.set(next.id, structuredClone({ ...next, progress: stored.progress }));
    this.#append(next, events);
    return true;
  }

  async saveProgress(id: string, epoch: number, progress: ProgressSnapshot): Promise<boolean> {
    const stored = this.#operations.get(id);
    if (stored?.epoch !== epoch) return false;
    this.#operations.set(id, { ...stored, progress: structuredClone(progress) });
    return true;
  }

  async events(id: string, after: number, limit: number): Promise<readonly OperationEvent[]> {
    const all = this.#events.get(id) ?? [];
    return structuredClone(all.filter((one) => one.sequence > after).slice(0, limit));
  }

  #holder(subject: string): OperationRecord | undefined {
    const live = [...this.#operations.values()].filter((one) => one.endedAt === null);
    return structuredClone(live.find((one) => subjectsOf(one).includes(subject)));
  }

  #append(operation: OperationRecord, events: readonly NewEvent[]): void {
    const kept = this.#events.get(operation.id) ?? [];
    const first = operation.lastSequence - events.length + 1;
    events.forEach((event, i) =>
      kept.push({
        operationId: operation.id,
        sequence: first + i,
        at: operation.updatedAt,
        type: event.type,
        data: structuredClone(event.data),
      }),
    );
    this.#events.set(operation.id, kept);
    if (isTerminal(operation.phase) && operation.endedAt === null) {
      throw new Error(`operation ${operation.id} is ${operation.phase} without an end`);
    }
  }
}
