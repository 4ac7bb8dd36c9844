import { schemaTooComplex } from './errors.js';

/**
 * Steps that work on schemas may still take. One step is a microsecond at most: comparing one pair of types, looking at a few names, reading one character. Counting
 * instead of timing makes the outcome the same on every machine and every day.
 */
export class StepBudget {
  #left: number;

  /**
   * @param total the limit that a refusal names.
   * @param outer a larger piece of work that this one is part of: it pays, too.
   */
  constructor(
    readonly total: number,
    private readonly outer?: StepBudget,
  ) {
    this.#left = total;
  }

  get left(): number {
    return this.#left;
  }

  /** @throws `schema-too-complex` when there are not as many left. */
  spend(steps = 1): void {
    this.outer?.spend(steps);
    this.#left -= steps;
    if (this.#left < 0) throw schemaTooComplex(this.total);
  }
}
