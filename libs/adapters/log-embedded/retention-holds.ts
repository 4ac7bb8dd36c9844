import { type HeldFrom, lowestHold } from '#libs/core/log';
import type { StoredPosition } from './commands.js';

/** The holds as the state snapshot keeps them. */
export type RetentionHoldsImage = readonly (readonly [string, readonly StoredPosition[]])[];

/** What running operations have still to read, by the name of the hold. */
export class RetentionHolds {
  readonly #holds = new Map<string, readonly StoredPosition[]>();

  set(id: string, positions: readonly StoredPosition[] | null): void {
    if (positions === null) this.#holds.delete(id);
    else this.#holds.set(id, positions);
  }

  /** A topic is gone, with what was held of it. */
  forgetTopic(topic: number): void {
    for (const [id, positions] of this.#holds) {
      const left = positions.filter((one) => one.topic !== topic);
      if (left.length < positions.length) this.#holds.set(id, left);
    }
  }

  /** From where on a partition is held. */
  on(topic: number, partition: number): HeldFrom {
    return lowestHold(this.#of(topic, partition));
  }

  image(): RetentionHoldsImage {
    return [...this.#holds];
  }

  *#of(topic: number, partition: number): Generator<{ id: string; offset: number }> {
    for (const [id, positions] of this.#holds) {
      for (const one of positions) if (one.topic === topic && one.partition === partition) yield { id, ...one };
    }
  }
}
