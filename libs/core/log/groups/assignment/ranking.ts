/** What is ranked: by `size`, and of equals by `order`, which nobody shares. */
export interface Ranked {
  size: number;
  readonly order: number;
}

/**
 * Some of those who are ranked, the first one at hand: the least or the largest, of equals the earlier one. A heap that knows each one's place, so that whoever's size
 * changed takes its new place in a few steps; whoever changes a size says so by {@link changed}.
 */
export class Ranking<T extends Ranked> {
  readonly #heap: T[];
  readonly #places = new Map<T, number>();
  readonly #sign: 1 | -1;

  constructor(first: 'least' | 'largest', members: readonly T[]) {
    this.#sign = first === 'least' ? 1 : -1;
    this.#heap = [...members];
    this.#heap.forEach((one, place) => this.#places.set(one, place));
    for (let place = (this.#heap.length >> 1) - 1; place >= 0; place--) this.#down(place);
  }

  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Ranks one anew whose size changed, or that was not ranked here. */
  changed(one: T): void {
    let place = this.#places.get(one);
    if (place === undefined) {
      place = this.#heap.push(one) - 1;
      this.#places.set(one, place);
    }
    this.#down(this.#up(place));
  }

  removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined) return;
    const [first] = this.#heap;
    this.#places.delete(first ?? last);
    if (first === undefined) return;
    this.#put(last, 0);
    this.#down(0);
  }

  #up(from: number): number {
    let place = from;
    const one = this.#heap[place]!;
    for (let above = (place - 1) >> 1; place > 0 && this.#before(one, this.#heap[above]!); above = (place - 1) >> 1) {
      this.#put(this.#heap[above]!, place);
      place = above;
    }
    this.#put(one, place);
    return place;
  }

  #down(from: number): void {
    let place = from;
    const one = this.#heap[place]!;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= this.#heap.length) break;
      if (below + 1 < this.#heap.length && this.#before(this.#heap[below + 1]!, this.#heap[below]!)) below++;
      if (!this.#before(this.#heap[below]!, one)) break;
      this.#put(this.#heap[below]!, place);
      place = below;
    }
    this.#put(one, place);
  }

  #put(one: T, place: number): void {
    this.#heap[place] = one;
    this.#places.set(one, place);
  }

  #before(a: T, b: T): boolean {
    return a.size === b.size ? a.order < b.order : this.#sign * (a.size - b.size) < 0;
  }
}
