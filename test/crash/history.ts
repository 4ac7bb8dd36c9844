/** What a client knows of a record it sent. `unknown`: no answer came, so it may be there or not. */
export type Outcome = 'acknowledged' | 'unknown';

/** A record found in the log. */
export interface Found {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly number: number;
}

/** What the producers of one topic sent, by key: numbers rise, no number is sent twice. */
export class ProducerHistory {
  readonly #sent = new Map<string, Map<number, Outcome>>();

  note(key: string, number: number, outcome: Outcome): void {
    let numbers = this.#sent.get(key);
    if (numbers === undefined) this.#sent.set(key, (numbers = new Map()));
    numbers.set(number, outcome);
  }

  get acknowledged(): number {
    return [...this.#sent.values()].reduce(
      (sum, numbers) => sum + [...numbers.values()].filter((one) => one === 'acknowledged').length,
      0,
    );
  }

  /**
   * Everything in which the log contradicts the clients: acknowledged records that are gone, records that are there twice or were never sent, and
   * records of a key out of order or in two partitions. Empty when all is well.
   */
  contradictions(found: readonly Found[]): string[] {
    const problems: string[] = [];
    const seen = new Map<string, { last: number; partition: number; numbers: Set<number> }>();
    for (const { partition, offset, key, number } of found) {
      const outcome = this.#sent.get(key)?.get(number);
      const at = `${key}#${number} at ${partition}/${offset}`;
      if (outcome === undefined) problems.push(`never sent: ${at}`);
      let state = seen.get(key);
      if (state === undefined) seen.set(key, (state = { last: -1, partition, numbers: new Set() }));
      if (state.numbers.has(number)) problems.push(`twice: ${at}`);
      else if (number < state.last) problems.push(`out of order: ${at} after #${state.last}`);
      if (state.partition !== partition) problems.push(`in two partitions: ${at} and ${state.partition}`);
      state.numbers.add(number);
      state.last = Math.max(state.last, number);
    }
    for (const [key, numbers] of this.#sent) {
      for (const [number, outcome] of numbers) {
        if (outcome === 'acknowledged' && seen.get(key)?.numbers.has(number) !== true)
          problems.push(`lost: ${key}#${number}`);
      }
    }
    return problems;
  }
}
