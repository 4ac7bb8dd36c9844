import { encodeBatch, type LogEngine, type PartitionRef, recordsFrom } from '#libs/core/log';
import type { Outcome } from './register.js';
import type { SeededRandom } from './seeded-random.js';

/** What the clients need of the simulation they live in. */
export interface WeakerWorld {
  readonly random: SeededRandom;
  value(): string;
  nowMs(): number;
  outcome(call: () => Promise<unknown>): Promise<Outcome>;
  breach(what: string): void;
}

const LEVELS = ['buffered', 'none'] as const;
const GROUP = 'follower';

/** The topic of a level. */
function placeOf(level: (typeof LEVELS)[number]): PartitionRef {
  return { topic: `weak-${level}`, partition: 0 };
}

interface Acknowledged {
  readonly value: string;
  readonly bytes: number;
}

/**
 * Clients of topics whose acknowledgements promise less, and a group that follows them. After a kill everything acknowledged is there; after a power cut an end of the
 * log may be gone, at level `buffered` not more than the window; and never something that a durable fact, as the position of the group, came after.
 */
export class WeakerTopics {
  /** By level and offset, what is known to have been there. */
  readonly #known = new Map(LEVELS.map((level) => [level, new Map<number, Acknowledged>()]));

  constructor(
    private readonly world: WeakerWorld,
    private readonly windowBytes: number,
  ) {}

  async work(log: LogEngine, rounds: number): Promise<void> {
    const topics = (await log.listTopics().catch(() => [])).map((one) => one.name);
    for (const level of LEVELS) {
      const { topic: name } = placeOf(level);
      if (topics.includes(name)) continue;
      const config = { 'weir.durability': level };
      if ((await this.world.outcome(() => log.createTopic({ name, partitions: 1, config }))) !== 'done') return;
    }
    await Promise.all([...LEVELS.map((level) => this.produce(log, level, rounds)), this.follow(log, rounds)]);
  }

  private async produce(log: LogEngine, level: (typeof LEVELS)[number], rounds: number): Promise<void> {
    const { random } = this.world;
    for (let round = 0; round < rounds; round++) {
      const burst = Array.from({ length: random.between(1, 4) }, () => this.append(log, level));
      if ((await Promise.all(burst)).some((one) => one !== 'done')) return;
      if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private async append(log: LogEngine, level: (typeof LEVELS)[number]): Promise<Outcome> {
    const value = this.world.value();
    const key = Buffer.alloc(this.world.random.pick([0, 100, 800]));
    const batch = encodeBatch([{ key, value: Buffer.from(value), headers: [], timestamp: this.world.nowMs() }]);
    return await this.world.outcome(async () => {
      const { baseOffset, durability } = await log.append(placeOf(level), batch);
      if (durability !== level) this.world.breach(`an append to the ${level} topic was acknowledged as ${durability}`);
      this.#known.get(level)!.set(baseOffset, { value, bytes: batch.length });
    });
  }

  /** Reads how far the topics go and stores that durably as the position of a group. */
  private async follow(log: LogEngine, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const level = this.world.random.pick(LEVELS);
      const outcome = await this.world.outcome(async () => {
        const [partition] = (await log.describeTopic(placeOf(level).topic)).partitions;
        await log.commitPositions(GROUP, [{ ...placeOf(level), offset: partition!.endOffset }]);
      });
      if (outcome !== 'done') return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Compares what is known with what the log holds; `cut`: its last life ended in a power cut. */
  async check(log: LogEngine, cut: boolean): Promise<void> {
    const topics = (await log.listTopics()).map((one) => one.name);
    const { positions } = await log.describeGroup(GROUP);
    for (const level of LEVELS) {
      const place = placeOf(level);
      if (!topics.includes(place.topic)) continue;
      const { values, end } = await this.readAll(log, place);
      const position = positions.find((one) => one.topic === place.topic)?.offset ?? 0;
      if (position > end) this.world.breach(`the group stands at ${position} of ${place.topic}, which ends at ${end}`);
      const known = this.#known.get(level)!;
      let lostBytes = 0;
      for (const [offset, { value, bytes }] of [...known]) {
        if (offset < end) {
          if (values.get(offset) !== value) this.world.breach(`'${value}' is not at ${place.topic}@${offset}`);
          continue;
        }
        lostBytes += bytes;
        known.delete(offset);
      }
      if (lostBytes > 0 && !cut) this.world.breach(`${lostBytes} bytes of ${place.topic} are gone without a power cut`);
      if (level === 'buffered' && lostBytes > this.windowBytes) {
        this.world.breach(`${lostBytes} bytes of ${place.topic} are gone, more than the window of ${this.windowBytes}`);
      }
    }
  }

  private async readAll(log: LogEngine, place: PartitionRef): Promise<{ values: Map<number, string>; end: number }> {
    const values = new Map<number, string>();
    for (let offset = 0; ;) {
      const [fetched] = await log.fetch({ positions: [{ ...place, offset }], maxBytes: 5_000 });
      for (const one of recordsFrom(fetched!, offset)) values.set(one.offset, Buffer.from(one.value ?? []).toString());
      if (fetched!.nextOffset === offset) return { values, end: fetched!.endOffset };
      offset = fetched!.nextOffset;
    }
  }
}
