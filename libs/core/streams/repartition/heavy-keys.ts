/** A key that may be heavy: its true count lies between `count` and `count + error`. */
export interface HeavyKey {
  readonly key: Uint8Array;
  readonly count: number;
  readonly error: number;
}

/**
 * Counts the frequent keys of a stream in bounded memory (Misra and Gries, 1982): every key that makes up more than 1/(capacity + 1) of all is
 * among the answers, each counted too low by at most the stated error.
 */
export class HeavyKeys {
  readonly #counts = new Map<string, number>();
  #error = 0;
  #seen = 0;

  constructor(private readonly capacity = 1_000) {}

  /** Keys seen. */
  get seen(): number {
    return this.#seen;
  }

  /** Distinct keys, exact as long as they fit; undefined beyond. */
  get distinct(): number | undefined {
    return this.#error === 0 ? this.#counts.size : undefined;
  }

  /** Counts a key: all of `bytes`, or where it lies in them. */
  add(bytes: Uint8Array, at = 0, length = bytes.length): void {
    this.#seen++;
    // Views of batches are buffers already: another one for each key would take longer than counting it.
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const text = buffer.toString('latin1', at, at + length);
    const count = this.#counts.get(text);
    if (count !== undefined) this.#counts.set(text, count + 1);
    else if (this.#counts.size < this.capacity) this.#counts.set(text, 1);
    else {
      this.#error++;
      for (const [other, n] of this.#counts) {
        if (n === 1) this.#counts.delete(other);
        else this.#counts.set(other, n - 1);
      }
    }
  }

  /** The heaviest keys, heaviest first. */
  top(n: number): HeavyKey[] {
    return [...this.#counts]
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .slice(0, n)
      .map(([text, count]) => ({ key: Buffer.from(text, 'latin1'), count, error: this.#error }));
  }
}
