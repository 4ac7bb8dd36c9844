import { tooManyOpen, type ChangeRequest, type SubmittedPlan } from '../change-request.js';
import { ChangeRequestStore, endOf, type RequestQuery } from '../change-request-store.js';

/** {@link ChangeRequestStore} in memory, for tests. */
export class MemoryChangeRequestStore extends ChangeRequestStore {
  readonly #kept = new Map<string, SubmittedPlan>();

  async add(submitted: SubmittedPlan, mostOpen: number): Promise<void> {
    const open = [...this.#kept.values()].filter(({ request }) => endOf(request) === null).length;
    if (open >= mostOpen) throw tooManyOpen(mostOpen);
    this.#kept.set(submitted.request.id, structuredClone(submitted));
  }

  async find(id: string): Promise<SubmittedPlan | undefined> {
    return structuredClone(this.#kept.get(id));
  }

  async list({ state, before, limit }: RequestQuery): Promise<readonly ChangeRequest[]> {
    return [...this.#kept.values()]
      .map(({ request }) => request)
      .filter((one) => (state === undefined || one.state === state) && (before === undefined || one.id < before))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  }

  async replace(request: ChangeRequest): Promise<boolean> {
    const kept = this.#kept.get(request.id);
    if (kept?.request.revision !== request.revision - 1) return false;
    this.#kept.set(request.id, { ...kept, request });
    return true;
  }

  async prune(endedBefore: number): Promise<void> {
    for (const [id, { request }] of this.#kept) {
      const end = endOf(request);
      if (end !== null && end < endedBefore) this.#kept.delete(id);
    }
  }
}
