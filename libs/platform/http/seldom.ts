/**
 * What would be said again and again is said once in a while, with how often it was left out meanwhile: under an overload each request is refused for the same reason, and a line for each would fill the
 * disk and take the time that answers need.
 */
export class Seldom {
  readonly #said = new Map<string, { at: number; leftOut: number }>();

  /** @param now in milliseconds, rising. */
  constructor(
    private readonly everyMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @returns undefined when it was said a moment ago; else how often it was not said since. */
  due(what: string): number | undefined {
    const at = this.now();
    const last = this.#said.get(what);
    if (last !== undefined && at - last.at < this.everyMs) {
      last.leftOut++;
      return undefined;
    }
    this.#said.set(what, { at, leftOut: 0 });
    return last?.leftOut ?? 0;
  }
}
