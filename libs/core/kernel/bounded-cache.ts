interface Kept<V> {
  readonly value: V;
  readonly weight: number;
  /** Asked for since it was set, or since it was last passed over. */
  used: boolean;
}

/**
 * Values by key, bounded by their weights together. Where room is needed, the oldest goes, except that one which was asked for meanwhile is passed over
 * once (F. J. Corbató, "A Paging Experiment with the Multics System", 1968): nearly the least recently used, and asking moves nothing.
 */
export class BoundedCache<V> {
  readonly #entries = new Map<string, Kept<V>>();
  #weight = 0;

  constructor(private readonly maxWeight: number) {}

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  /** An entry heavier than the whole bound is not kept. */
  set(key: string, value: V, weight: number): void {
    this.delete(key);
    if (weight > this.maxWeight) return;
    this.#makeRoom(weight);
    this.#entries.set(key, { value, weight, used: false });
    this.#weight += weight;
  }

  #makeRoom(weight: number): void {
    // One that is passed over comes to the end, where this walk meets it again, unused.
    for (const [key, entry] of this.#entries) {
      if (this.#weight + weight <= this.maxWeight) return;
      this.#entries.delete(key);
      if (entry.used) {
        entry.used = false;
        this.#entries.set(key, entry);
      } else {
        this.#weight -= entry.weight;
      }
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
  }

  clear(): void {
    this.#entries.clear();
    this.#weight = 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  get weight(): number {
    return this.#weight;
  }
}
