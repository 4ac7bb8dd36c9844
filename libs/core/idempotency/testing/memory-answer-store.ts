import { AnswerStore, type KeptRequest } from '../answer-store.js';

/** {@link AnswerStore} in memory, for tests. */
export class MemoryAnswerStore extends AnswerStore {
  readonly #kept = new Map<string, KeptRequest>();

  async add(kept: KeptRequest): Promise<boolean> {
    if (this.#kept.has(kept.id)) return false;
    this.#kept.set(kept.id, structuredClone(kept));
    return true;
  }

  async find(id: string): Promise<KeptRequest | undefined> {
    return structuredClone(this.#kept.get(id));
  }

  async replace(kept: KeptRequest, before: string): Promise<boolean> {
    if (this.#kept.get(kept.id)?.attempt !== before) return false;
    this.#kept.set(kept.id, structuredClone(kept));
    return true;
  }

  async remove(id: string, attempt: string): Promise<void> {
    if (this.#kept.get(id)?.attempt === attempt) this.#kept.delete(id);
  }

  async prune(before: number): Promise<void> {
    for (const [id, { at }] of this.#kept) if (at < before) this.#kept.delete(id);
  }
}
