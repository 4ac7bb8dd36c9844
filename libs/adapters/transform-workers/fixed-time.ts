/** What a clock and chance would answer in a thread that has neither: always this. */
const FIXED_MS = 0;

/**
 * Takes clock and chance from the present thread: the time stands still at the epoch and nothing is random, so that an expression that finds a way to ask gets the same
 * answer each time. Dates made from something work as ever.
 */
export function fixTime(): void {
  const present = globalThis.Date;
  class FixedDate extends present {
    constructor(...given: unknown[]) {
      if (given.length === 0) super(FIXED_MS);
      else super(...(given as [number]));
    }

    static override now(): number {
      return FIXED_MS;
    }
  }
  globalThis.Date = FixedDate as DateConstructor;
  Math.random = () => 0;
}
