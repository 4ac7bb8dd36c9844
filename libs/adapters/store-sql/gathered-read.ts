import { setImmediate as turn } from 'node:timers/promises';
import { deferred, isAppError, type Deferred } from '#libs/core/kernel';

interface Waiting<K, R> {
  readonly keys: readonly K[];
  readonly answer: Deferred<Gathered<R>>;
}

/** What was read for several callers at once. */
export interface Gathered<R> {
  readonly result: R;
  /** Where the caller's keys begin among all that were read. */
  readonly from: number;
}

/**
 * Reads by key on behalf of many callers: what is asked for in one turn of the event loop, or while a read is under way, is read together, in the order of
 * asking. A caller's read begins after it asked, so it sees everything acknowledged before. Where keys cannot be asked for (an error of the kind `invalid`),
 * every caller of the read is read for alone, so that the error goes to whoever brought them; any other error goes to everyone whose keys were in the read.
 */
export class GatheredRead<K, R> {
  readonly #waiting: Waiting<K, R>[] = [];
  #reading = false;

  /** @param most keys in one read, unless a single caller asks for more. */
  constructor(
    private readonly read: (keys: readonly K[]) => Promise<R>,
    private readonly most: number,
  ) {}

  of(keys: readonly K[]): Promise<Gathered<R>> {
    const answer = deferred<Gathered<R>>();
    this.#waiting.push({ keys, answer });
    if (!this.#reading) void this.#readAll();
    return answer.promise;
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    // SQLite answers before the next request is looked at; all that has arrived shall have asked by then.
    await turn();
    while (this.#waiting.length > 0) {
      await this.#readFor(this.#waiting.splice(0, this.#fitting()));
    }
    this.#reading = false;
  }

  async #readFor(group: readonly Waiting<K, R>[]): Promise<void> {
    try {
      const result = await this.read(group.flatMap(({ keys }) => keys));
      let from = 0;
      for (const { keys, answer } of group) {
        answer.resolve({ result, from });
        from += keys.length;
      }
    } catch (error) {
      if (group.length > 1 && isAppError(error) && error.kind === 'invalid') {
        for (const one of group) await this.#readFor([one]);
      } else {
        for (const { answer } of group) answer.reject(error);
      }
    }
  }

  /** How many of those who wait fit into one read. */
  #fitting(): number {
    let keys = 0;
    const over = this.#waiting.findIndex((one) => (keys += one.keys.length) > this.most);
    return over < 0 ? this.#waiting.length : Math.max(over, 1);
  }
}
