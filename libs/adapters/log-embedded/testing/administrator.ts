import type { LogEngine, TopicDescription, TopicState } from '#libs/core/log';
import type { EmbeddedLog } from '../embedded-log.js';
import { type Outcome, Register } from './register.js';
import type { SeededRandom } from './seeded-random.js';

/** What the administrator needs of the simulation it lives in. */
export interface AdministratedWorld {
  readonly random: SeededRandom;
  batch(value: string): Uint8Array;
  outcome(call: () => Promise<unknown>): Promise<Outcome>;
  over(log: LogEngine): boolean;
  pause(): Promise<void>;
  breach(what: string): void;
}

const STATES: readonly TopicState[] = ['ACTIVE', 'FENCED', 'ACTIVE', 'RETIRED', 'ACTIVE'];

/** A client that changes topics under the others: states and settings, topics that come, are written to and go, and checkpoints. */
export class Administrator {
  private readonly beta = new Register<TopicState>('ACTIVE');
  private readonly scratch = new Register(0);
  private readonly limit = new Register('none');

  constructor(private readonly world: AdministratedWorld) {}

  async work(log: EmbeddedLog, rounds: number): Promise<void> {
    const { random, outcome: outcomeOf } = this.world;
    for (let round = 0; round < rounds && !this.world.over(log); round++) {
      const name = `scratch-${this.scratch.value}`;
      const action = random.below(6);
      let outcome: Outcome = 'done';
      if (action === 0) {
        const state = random.pick(STATES);
        outcome = await this.beta.set(state, () => outcomeOf(() => log.setTopicState('beta', state)));
      } else if (action === 1) {
        const next = this.scratch.value + 1;
        const create = { name: `scratch-${next}`, partitions: 2 };
        outcome = await this.scratch.set(next, () => outcomeOf(() => log.createTopic(create)));
        if (outcome === 'done') await this.fillAndDelete(log, create.name, name);
      } else if (action === 2) {
        const bytes = String(random.between(5_000, 9_000));
        const changes = { 'max.message.bytes': bytes };
        outcome = await this.limit.set(bytes, () => outcomeOf(() => log.alterTopicConfig('alpha', changes)));
      } else if (action === 3) await outcomeOf(() => log.checkpoint());
      if (outcome === 'unknown') return;
      await this.world.pause();
    }
  }

  /** Compares the topics there are with what it knows of them. */
  check(topics: ReadonlyMap<string, TopicDescription>): void {
    const beta = topics.get('beta');
    if (beta !== undefined) this.settle('state of beta', this.beta, beta.state);
    const alpha = topics.get('alpha');
    if (alpha !== undefined) this.settle('limit of alpha', this.limit, alpha.config['max.message.bytes'] ?? 'none');
    const scratch = [...topics.keys()].filter((name) => name.startsWith('scratch-'));
    const newest = Math.max(0, ...scratch.map((name) => Number(name.slice(8))));
    if (newest > 0 || this.scratch.value > 0) this.settle('newest scratch topic', this.scratch, newest);
  }

  /** Appends to the new scratch topic and deletes the old one: its records need not be there, its files must go. */
  private async fillAndDelete(log: LogEngine, created: string, old: string): Promise<void> {
    const batch = this.world.batch('scratch');
    await this.world.outcome(() => log.append({ topic: created, partition: 1 }, batch));
    await this.world.outcome(() => log.deleteTopic(old));
  }

  private settle<T>(what: string, register: Register<T>, actual: T): void {
    const breach = register.settled(what, actual);
    if (breach !== undefined) this.world.breach(breach);
  }
}
