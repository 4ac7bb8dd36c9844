import { encodeBatch, type LogEngine, type PartitionRef, type ProducerIdentity } from '#libs/core/log';
import type { HistoryWrite } from '#libs/core/log/testing';
import type { Outcome } from './register.js';
import type { SeededRandom } from './seeded-random.js';

/** What the producer needs of the simulation it lives in. */
export interface ProducerWorld {
  readonly random: SeededRandom;
  /** A value nothing else has. */
  value(): string;
  nowMs(): number;
  outcome(call: () => Promise<unknown>): Promise<Outcome>;
  breach(what: string): void;
}

interface Sent extends HistoryWrite {
  readonly batch: Uint8Array;
  acknowledged?: { readonly offset: number };
}

/** As many as a client may have under way. */
const WINDOW = 5;

/**
 * A client with a producer of its own. It sends several batches at once, repeats each whose outcome it does not know, in the next life of the log too, and at times one
 * it was answered for: that answer must always be the same.
 */
export class RepeatingProducer {
  readonly #sent: Sent[] = [];
  #identity: ProducerIdentity | undefined;
  /** What was sent before belongs to a former epoch, is settled, and cannot be repeated. */
  #from = 0;

  constructor(
    private readonly place: PartitionRef,
    /** Opened anew under this name in each life of the log; undefined: one identity for all of them. */
    private readonly name: string | undefined,
    private readonly world: ProducerWorld,
  ) {}

  /** Everything it sent. What is not acknowledged may yet be repeated. */
  get writes(): readonly HistoryWrite[] {
    return this.#sent;
  }

  async work(log: LogEngine, rounds: number): Promise<void> {
    const { random } = this.world;
    if (!(await this.repeat(log))) return;
    if (this.name !== undefined) this.#identity = undefined;
    if (this.#identity === undefined) {
      this.#from = this.#sent.length;
      await this.world.outcome(async () => (this.#identity = await log.openProducer(this.name)));
    }
    for (let round = 0; round < rounds && this.#identity !== undefined; round++) {
      const fresh = Array.from({ length: random.between(1, WINDOW) }, () => this.make());
      const again = random.chance(0.3) ? this.repeatable() : [];
      const outcomes = await Promise.all([...fresh, ...again].map((one) => this.send(log, one)));
      if (outcomes.some((one) => one !== 'done')) return;
    }
  }

  /** Sends again, in order, what can still be repeated. False when the log ended meanwhile. */
  async repeat(log: LogEngine): Promise<boolean> {
    for (const one of this.repeatable()) if ((await this.send(log, one)) !== 'done') return false;
    return true;
  }

  private repeatable(): readonly Sent[] {
    return this.#sent.slice(Math.max(this.#from, this.#sent.length - WINDOW));
  }

  private make(): Sent {
    const { producerId: id, epoch } = this.#identity!;
    const baseSequence = this.#sent.length - this.#from;
    const value = this.world.value();
    const key = Buffer.alloc(this.world.random.pick([0, 30, 300]));
    const record = { key, value: Buffer.from(value), headers: [], timestamp: this.world.nowMs() };
    const batch = encodeBatch([record], { producer: { id, epoch, baseSequence } });
    const sent = { ...this.place, producer: `r-${id}`, sequence: this.#sent.length, value, batch };
    this.#sent.push(sent);
    return sent;
  }

  private async send(log: LogEngine, one: Sent): Promise<Outcome> {
    return await this.world.outcome(async () => {
      const { baseOffset: offset } = await log.append(this.place, one.batch);
      const { acknowledged, value } = one;
      if (acknowledged !== undefined && acknowledged.offset !== offset) {
        this.world.breach(`'${value}' was acknowledged at ${acknowledged.offset} and then at ${offset}`);
      }
      one.acknowledged = { offset };
    });
  }
}
