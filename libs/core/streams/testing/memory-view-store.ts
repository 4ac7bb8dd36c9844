import { type StoredView, viewExists, type ViewState, ViewStore } from '../index.js';

/** {@link ViewStore} in memory. */
export class MemoryViewStore extends ViewStore {
  readonly #views = new Map<string, StoredView>();

  async create(view: StoredView): Promise<void> {
    for (const one of this.#views.values()) {
      const taken = one.version === view.version || (one.role === 'ACTIVE' && view.role === 'ACTIVE');
      if (one.name === view.name && taken) throw viewExists(view.name);
    }
    this.#views.set(view.id, view);
  }

  async find(name: string): Promise<StoredView | undefined> {
    return [...this.#views.values()].find((view) => view.name === name && view.role === 'ACTIVE');
  }

  async list(): Promise<readonly StoredView[]> {
    return [...this.#views.values()].sort((a, b) =>
      a.name === b.name ? a.version - b.version : a.name < b.name ? -1 : 1,
    );
  }

  async activate(id: string, active: string): Promise<boolean> {
    const [next, present] = [this.#views.get(id), this.#views.get(active)];
    if (next === undefined || next.state === 'DELETING' || next.role === 'ACTIVE') return false;
    if (present?.role !== 'ACTIVE' || present.name !== next.name) return false;
    this.#views.set(id, { ...next, role: 'ACTIVE' });
    this.#views.set(active, { ...present, role: 'PREVIOUS' });
    return true;
  }

  async evolve(id: string, to: Pick<StoredView, 'declaration' | 'types' | 'evolution'>): Promise<boolean> {
    const view = this.#views.get(id);
    if (view === undefined || view.evolution.revision >= to.evolution.revision) return false;
    this.#views.set(id, { ...view, ...to });
    return true;
  }

  async setState(id: string, state: ViewState): Promise<boolean> {
    const view = this.#views.get(id);
    if (view === undefined || (view.state === 'DELETING' && state !== 'DELETING')) return false;
    this.#views.set(id, { ...view, state });
    return true;
  }

  async remove(id: string): Promise<void> {
    this.#views.delete(id);
  }
}
