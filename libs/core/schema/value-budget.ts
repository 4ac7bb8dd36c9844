import { payloadInvalid } from './errors.js';
import type { StepBudget } from './step-budget.js';

/**
 * Values that one payload may be shown with: items, entries, fields and messages, those that take no bytes included. A few bytes can stand for any number of values, and a byte
 * for a name of any length, so that neither the length of a payload bounds what becomes of it.
 */
export const PAYLOAD_VALUES = 250_000;

/** What may still become of one payload: as many values as the limit says, and no more than the caller has steps for. */
export class ValueBudget {
  readonly #given: number;
  #left: number;

  constructor(
    private readonly limit: number,
    private readonly steps?: StepBudget,
  ) {
    this.#given = steps === undefined ? limit : Math.min(limit, steps.left);
    this.#left = this.#given;
  }

  /** @throws `payload-does-not-decode` beyond the limit, `schema-too-complex` where the caller's steps end before it. */
  spend(values: number): void {
    this.#left -= values;
    if (this.#left >= 0) return;
    if (this.#given < this.limit) this.steps?.spend(this.#given + 1);
    throw payloadInvalid(`they hold more than ${this.limit} values`);
  }

  /** Takes from the caller's steps what was spent. Once, at the end. */
  settle(): void {
    this.steps?.spend(this.#given - this.#left);
  }
}

/** What a name that is written out with a value counts besides it. */
export function nameWeight(name: string): number {
  return name.length >> 3;
}
