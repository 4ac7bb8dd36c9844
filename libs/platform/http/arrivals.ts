/** A place among {@link Arrivals}, for taking what stands there out. */
export interface Arrival<T> {
  readonly what: T | null;
}

interface Place<T> extends Arrival<T> {
  what: T | null;
  before: Place<T> | null;
  behind: Place<T> | null;
}

/**
 * What has arrived and has not gone, oldest first. For what comes and goes with every request: places that were left point at nothing, so that a collection of young objects
 * frees all that stood there. A `Set` makes a table anew every few requests; those it leaves behind grow old, point at one another and at what stood in them, and hold whole
 * requests until the next collection of the old ones (2.8 KB a request, and a collection of young objects took seven times as long).
 */
export class Arrivals<T> {
  #first: Place<T> | null = null;
  #last: Place<T> | null = null;

  /** Oldest first. The one in hand may go meanwhile; where the one behind it goes as well, it ends early. */
  *[Symbol.iterator](): IterableIterator<T> {
    let place = this.#first;
    while (place !== null) {
      const { what, behind } = place;
      if (what !== null) yield what;
      place = place.what === null ? behind : place.behind;
    }
  }

  /** It is behind all others. */
  add(what: T): Arrival<T> {
    const place: Place<T> = { what, before: this.#last, behind: null };
    if (this.#last === null) this.#first = place;
    else this.#last.behind = place;
    this.#last = place;
    return place;
  }

  /** It stands here no more. Harmless to repeat. */
  remove(arrival: Arrival<T>): void {
    const place = arrival as Place<T>;
    if (place.what === null) return;
    const { before, behind } = place;
    if (before === null) this.#first = behind;
    else before.behind = behind;
    if (behind === null) this.#last = before;
    else behind.before = before;
    place.what = null;
    place.before = null;
    place.behind = null;
  }
}
