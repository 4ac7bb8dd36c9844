/**
 * What a client knows of one value it sets: the last one acknowledged, and those set since whose outcome it does not know. After a crash
 * the log may hold any of them and nothing else.
 */
export class Register<T> {
  #maybe: T[] = [];

  constructor(private known: T) {}

  get value(): T {
    return this.known;
  }

  /** Runs a call that sets the value; the answer says how it ended. */
  async set(value: T, call: () => Promise<Outcome>): Promise<Outcome> {
    this.#maybe.push(value);
    const outcome = await call();
    if (outcome === 'done') {
      this.known = value;
      this.#maybe = [];
    }
    if (outcome === 'refused') this.#maybe.pop();
    return outcome;
  }

  /** Whether the log may hold this value; from then on it is the known one. */
  settle(actual: T): boolean {
    const possible = actual === this.known || this.#maybe.includes(actual);
    this.known = actual;
    this.#maybe = [];
    return possible;
  }

  /** The same, with the breach in words where it may not. */
  settled(what: string, actual: T): string | undefined {
    const expected = this.describe();
    return this.settle(actual) ? undefined : `${what} is ${String(actual)}, not ${expected}`;
  }

  describe(): string {
    return `${String(this.known)}${this.#maybe.map((one) => ` or ${String(one)}`).join('')}`;
  }
}

/** How a call ended for its caller. A call ends `unknown` when nobody can tell. */
export type Outcome = 'done' | 'refused' | 'unknown';
